/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/tree.h"

#include <fcntl.h>
#include <stdio.h>

#define LINKS_MAX 40

struct chase {
        int root_fd, fd; /* fd: where we are; -1: at the root */
        unsigned flags, links;
        char rest[PATH_MAX]; /* what is still to go */
};

static int here(const struct chase *c) {
        return c->fd >= 0 ? c->fd : c->root_fd;
}

static void go(struct chase *c, int fd) {
        (void) fd_close(c->fd);
        c->fd = fd;
}

static int go_up(struct chase *c) {
        struct stat top, st;
        int fd;

        if (fstat(c->root_fd, &top) < 0 || fstat(here(c), &st) < 0)
                return -errno;
        if (top.st_dev == st.st_dev && top.st_ino == st.st_ino)
                return 0;
        fd = openat(here(c), "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        go(c, fd);
        return 0;
}

/* The link @fd: its text takes the place of its name in front of what is still to go. */
static int go_link(struct chase *c, int fd, const struct stat *st) {
        char target[PATH_MAX], rest[PATH_MAX];
        ssize_t n;

        if ((c->flags & TREE_TRUSTED) && st->st_uid != 0 && st->st_uid != geteuid())
                return -EPERM;
        if (++c->links > LINKS_MAX)
                return -ELOOP;
        n = readlinkat(fd, "", target, sizeof(target) - 1);
        if (n < 0)
                return -errno;
        target[n] = 0;
        if (snprintf(rest, sizeof(rest), "%s/%s", target, c->rest) >= (int) sizeof(rest))
                return -ENAMETOOLONG;
        (void) strcopy(c->rest, sizeof(c->rest), rest);
        if (target[0] == '/')
                go(c, -1);
        return 0;
}

static int go_into(struct chase *c, const char *name) {
        _cleanup_close_ int fd = -1;
        struct stat st;

        fd = openat(here(c), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT && (c->flags & TREE_CREATE)) {
                if (mkdirat(here(c), name, 0755) < 0 && errno != EEXIST)
                        return -errno;
                fd = openat(here(c), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        }
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (S_ISLNK(st.st_mode))
                return go_link(c, fd, &st);
        if (!S_ISDIR(st.st_mode))
                return -ENOTDIR;
        go(c, fd_steal(&fd));
        return 0;
}

/* Takes the first component off; false when there is none. */
static bool next(struct chase *c, char *ret, size_t size) {
        char *from = c->rest + strspn(c->rest, "/");
        size_t n = strcspn(from, "/");

        if (n == 0 || n >= size)
                return false;
        memcpy(ret, from, n);
        ret[n] = 0;
        memmove(c->rest, from + n, strlen(from + n) + 1);
        return true;
}

int tree_parent(int root_fd, const char *path, unsigned flags, int *ret_fd, const char **ret_name) {
        struct chase c = {.root_fd = root_fd, .fd = -1, .flags = flags};
        const char *last = strrchr(path, '/');
        char name[PATH_MAX];
        int r = 0;

        last = last ? last + 1 : path;
        if (!last[0] || streq(last, ".") || streq(last, ".."))
                return -EINVAL;
        if ((size_t) (last - path) >= sizeof(c.rest) || strlen(last) > NAME_MAX)
                return -ENAMETOOLONG;
        memcpy(c.rest, path, (size_t) (last - path));
        while (r >= 0 && next(&c, name, sizeof(name))) {
                if (streq(name, "."))
                        continue;
                r = streq(name, "..") ? go_up(&c) : go_into(&c, name);
        }
        if (r >= 0 && c.fd < 0) {
                c.fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 3);
                r = c.fd < 0 ? -errno : 0;
        }
        if (r < 0) {
                (void) fd_close(c.fd);
                return r;
        }
        *ret_fd = c.fd;
        *ret_name = last;
        return 0;
}

int tree_stat(int root_fd, const char *path, struct stat *ret) {
        _cleanup_close_ int dir = -1;
        const char *name;
        struct stat st;
        int r;

        r = tree_parent(root_fd, path, 0, &dir, &name);
        if (r < 0)
                return r;
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        *ret = st;
        return 0;
}

int tree_open(int root_fd, const char *path, int flags) {
        _cleanup_close_ int dir = -1;
        const char *name;
        int r;

        r = tree_parent(root_fd, path, 0, &dir, &name);
        if (r < 0)
                return r;
        r = openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
        return r < 0 ? -errno : r;
}

int tree_read(int root_fd, const char *path, size_t max, char **ret) {
        _cleanup_free_ char *text = malloc(max + 2);
        _cleanup_close_ int fd = -1;
        size_t n = 0;

        if (!text)
                return -ENOMEM;
        fd = tree_open(root_fd, path, O_RDONLY);
        if (fd < 0)
                return fd;
        while (n <= max) {
                ssize_t got = read(fd, text + n, max + 1 - n);

                if (got < 0)
                        return -errno;
                if (got == 0)
                        break;
                n += (size_t) got;
        }
        if (n > max)
                return -EFBIG;
        text[n] = 0;
        *ret = STEAL(text);
        return 0;
}
