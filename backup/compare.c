/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/compare.h"

#include <fcntl.h>
#include <limits.h>

#include "backup/report.h"
#include "backup/tree.h"

#define BUFFER_SIZE (32U * 1024)

static bool same_attributes(const struct stat *st, const struct place_attributes *a) {
        return (st->st_mode & 07777) == a->mode && (!a->owned || (st->st_uid == a->uid && st->st_gid == a->gid));
}

/* Reads the member's content to its end: 1 when the file @fd has the same. */
static int compare_content(struct reader *reader, const char *path, int fd, const volatile sig_atomic_t *interrupted) {
        uint8_t buffer[BUFFER_SIZE];
        const void *data;
        int same = 1, r;
        size_t size;

        for (;;) {
                if (*interrupted)
                        return -EINTR;
                r = reader_read(reader, &data, &size);
                if (r < 0)
                        return r;
                if (size == 0)
                        return same;
                progress_step(size, path);
                for (size_t done = 0; same && done < size;) {
                        ssize_t n = read(fd, buffer, MIN(size - done, sizeof(buffer)));

                        same = n > 0 && memcmp(buffer, (const char *) data + done, (size_t) n) == 0;
                        done += n > 0 ? (size_t) n : 0;
                }
        }
}

static int compare_file(struct reader *reader, const struct member *m, int dir, const char *name,
                        const struct stat *st, const char *path, const volatile sig_atomic_t *interrupted) {
        _cleanup_close_ int fd = -1;

        if (!S_ISREG(st->st_mode) || (uint64_t) st->st_size != m->size)
                return 0;
        fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        return fd < 0 ? 0 : compare_content(reader, path, fd, interrupted);
}

static bool same_link(const struct member *m, int dir, const char *name) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

        if (n < 0)
                return false;
        target[n] = 0;
        return streq(target, m->target);
}

int compare_member(struct reader *reader, const struct member *m, int root_fd, const char *path,
                   const struct place_attributes *attributes, const volatile sig_atomic_t *interrupted) {
        _cleanup_close_ int dir = -1;
        const char *name;
        struct stat st;
        int r;

        if (tree_parent(root_fd, path, 0, &dir, &name) < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return COMPARE_NEW;
        switch (m->kind) {
        case 'f':
                r = same_attributes(&st, attributes) ? compare_file(reader, m, dir, name, &st, path, interrupted) : 0;
                break;
        case 'l':
                r = same_link(m, dir, name);
                break;
        case 'd':
                r = same_attributes(&st, attributes) && S_ISDIR(st.st_mode);
                break;
        default:
                r = S_ISREG(st.st_mode);
                break;
        }
        return r < 0 ? r : r > 0 ? COMPARE_SAME : COMPARE_CHANGED;
}
