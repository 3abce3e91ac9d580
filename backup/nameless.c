/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/nameless.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>

#define TRIES 16

int nameless_make_name(const char *stem, char ret[NAME_MAX + 1]) {
        uint64_t number;

        if (getrandom(&number, sizeof(number), 0) != (ssize_t) sizeof(number))
                return -EIO;
        (void) snprintf(ret, NAME_MAX + 1, ".%.200s.%016lx", stem, (unsigned long) number);
        return 0;
}

int nameless_open(int dir_fd, const char *stem, char ret_name[NAME_MAX + 1]) {
        int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

        ret_name[0] = 0;
        if (fd >= 0)
                return fd;
        for (unsigned i = 0; i < TRIES; i++) {
                char name[NAME_MAX + 1];
                int r = nameless_make_name(stem, name);

                if (r < 0)
                        return r;
                fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
                if (fd >= 0)
                        (void) strcopy(ret_name, NAME_MAX + 1, name);
                if (fd >= 0 || errno != EEXIST)
                        return fd < 0 ? -errno : fd;
        }
        return -EEXIST;
}

/* rename() is what puts one file into another's place; it wants a name. */
static int give_name(int dir_fd, int fd, const char *stem, char name[NAME_MAX + 1]) {
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        for (unsigned i = 0; i < TRIES; i++) {
                char made[NAME_MAX + 1];
                int r = nameless_make_name(stem, made);

                if (r < 0)
                        return r;
                if (linkat(AT_FDCWD, path, dir_fd, made, AT_SYMLINK_FOLLOW) == 0) {
                        (void) strcopy(name, NAME_MAX + 1, made);
                        return 0;
                }
                if (errno != EEXIST)
                        return -errno;
        }
        return -EEXIST;
}

int nameless_publish(int dir_fd, int fd, const char *stem, char name[NAME_MAX + 1], const char *to) {
        int r = name[0] ? 0 : give_name(dir_fd, fd, stem, name);

        if (r < 0)
                return r;
        if (renameat(dir_fd, name, dir_fd, to) < 0)
                return -errno;
        name[0] = 0;
        return 0;
}
