/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/wazo-service/lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define LOOK_NSEC (100 * NSEC_PER_MSEC)

/* What the holder wrote; "somebody" while it has not yet. */
static void read_holder(int fd, char *ret, size_t size) {
        ssize_t n = pread(fd, ret, size - 1, 0);

        ret[MAX(n, (ssize_t) 0)] = 0;
        if (!*ret)
                (void) strcopy(ret, size, "somebody else");
}

static void write_holder(int fd, const char *what) {
        char text[256], since[32];
        time_t now = time(NULL);
        struct tm tm;

        if (!localtime_r(&now, &tm) || strftime(since, sizeof(since), "%H:%M:%S", &tm) == 0)
                *since = 0;
        (void) snprintf(text, sizeof(text), "\"wazo-service %s\" (pid %d, since %s)", what, (int) getpid(), since);
        /* It only helps who waits: without it they wait for "somebody else". */
        if (ftruncate(fd, 0) == 0 && pwrite(fd, text, strlen(text), 0) < 0)
                (void) ftruncate(fd, 0);
}

int lock_take(const char *what, unsigned seconds) {
        _cleanup_close_ int fd = open(LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, LOCK_MODE);
        uint64_t deadline = now_monotonic() + seconds * NSEC_PER_SEC;
        static const struct timespec look = {.tv_nsec = LOOK_NSEC};
        bool told = false;
        char holder[256];

        if (fd < 0) {
                (void) fprintf(stderr, "wazo-service: cannot open %s: %s\n", LOCK_PATH, strerror(errno));
                return -errno;
        }
        /* An earlier one may have made it readable. */
        if (fchmod(fd, LOCK_MODE) < 0)
                return -errno;
        while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK && errno != EINTR)
                        return -errno;
                read_holder(fd, holder, sizeof(holder));
                if (now_monotonic() >= deadline) {
                        (void) fprintf(stderr, "wazo-service: %s has not ended within %u s; nothing was done\n", holder, seconds);
                        return -ETIMEDOUT;
                }
                if (!told)
                        (void) fprintf(stderr, "wazo-service: waiting for %s, at most %u s\n", holder, seconds);
                told = true;
                (void) nanosleep(&look, NULL);
        }
        write_holder(fd, what);
        return fd_steal(&fd);
}
