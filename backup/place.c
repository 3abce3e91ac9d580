/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "backup/nameless.h"
#include "backup/tree.h"

#define STEM "wazo-restore"
#define TRIES 16

static const char *const sqlite_companions[] = {"-wal", "-shm", "-journal"};

int place_begin(int root_fd, const char *path, struct place_file *ret) {
        struct place_file f = PLACE_FILE_NULL;
        const char *name;
        int r;

        r = tree_parent(root_fd, path, TREE_CREATE | TREE_TRUSTED, &f.dir_fd, &name);
        if (r < 0)
                return r;
        (void) strcopy(f.name, sizeof(f.name), name);
        f.fd = nameless_open(f.dir_fd, STEM, f.temporary);
        if (f.fd < 0) {
                r = f.fd;
                place_done(&f);
                return r;
        }
        *ret = f;
        return 0;
}

int place_commit(struct place_file *f, const struct place_attributes *a, bool sqlite) {
        const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = a->mtime}};
        int r;

        if (a->owned && fchown(f->fd, a->uid, a->gid) < 0)
                return -errno;
        if (fchmod(f->fd, a->mode) < 0 || futimens(f->fd, times) < 0)
                return -errno;
        r = nameless_publish(f->dir_fd, f->fd, STEM, f->temporary, f->name);
        if (r < 0)
                return r;
        for (unsigned i = 0; sqlite && i < ELEMENTSOF(sqlite_companions); i++) {
                char name[NAME_MAX + 16];

                (void) snprintf(name, sizeof(name), "%s%s", f->name, sqlite_companions[i]);
                if (unlinkat(f->dir_fd, name, 0) < 0 && errno != ENOENT && errno != ENAMETOOLONG)
                        return -errno;
        }
        return 0;
}

void place_done(struct place_file *f) {
        if (f->temporary[0])
                (void) unlinkat(f->dir_fd, f->temporary, 0);
        f->temporary[0] = 0;
        f->fd = fd_close(f->fd);
        f->dir_fd = fd_close(f->dir_fd);
}

/* Something without content: made under a name of its own, then renamed. */
static int make_and_rename(int root_fd, const char *path, int (*make)(int dir_fd, const char *name, const void *what),
                           const void *what) {
        char temporary[NAME_MAX + 1];
        _cleanup_close_ int dir = -1;
        const char *name;
        int r;

        r = tree_parent(root_fd, path, TREE_CREATE | TREE_TRUSTED, &dir, &name);
        for (unsigned i = 0; r >= 0 && i < TRIES; i++) {
                r = nameless_make_name(STEM, temporary);
                if (r < 0)
                        return r;
                r = make(dir, temporary, what);
                if (r == -EEXIST) {
                        r = 0;
                        continue;
                }
                if (r < 0)
                        return r;
                r = renameat(dir, temporary, dir, name) < 0 ? -errno : 0;
                /* Of two names of one file rename() leaves both. */
                (void) unlinkat(dir, temporary, 0);
                return r;
        }
        return r < 0 ? r : -EEXIST;
}

struct new_symlink {
        const char *target;
        const struct place_attributes *attributes;
};

static int make_symlink(int dir_fd, const char *name, const void *what) {
        const struct new_symlink *new = what;

        if (symlinkat(new->target, dir_fd, name) < 0)
                return -errno;
        if (new->attributes->owned && fchownat(dir_fd, name, new->attributes->uid, new->attributes->gid, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return 0;
}

int place_symlink(int root_fd, const char *path, const char *target, const struct place_attributes *attributes) {
        struct new_symlink new = {.target = target, .attributes = attributes};

        return make_and_rename(root_fd, path, make_symlink, &new);
}

struct new_hard_link {
        int dir_fd;
        const char *name;
};

static int make_hard_link(int dir_fd, const char *name, const void *what) {
        const struct new_hard_link *old = what;

        return linkat(old->dir_fd, old->name, dir_fd, name, 0) < 0 ? -errno : 0;
}

int place_hard_link(int root_fd, const char *path, const char *target) {
        struct new_hard_link old = {0};
        _cleanup_close_ int dir = -1;
        int r;

        r = tree_parent(root_fd, target, TREE_TRUSTED, &dir, &old.name);
        if (r < 0)
                return r;
        old.dir_fd = dir;
        return make_and_rename(root_fd, path, make_hard_link, &old);
}

/* The directory at @path, through a link of root's if it is one. */
static int open_directory(int root_fd, const char *path, unsigned flags, int *ret) {
        char inside[PATH_MAX + 2];
        const char *name;

        /* As the way to something in it. */
        if (snprintf(inside, sizeof(inside), "%s/x", path) >= (int) sizeof(inside))
                return -ENAMETOOLONG;
        return tree_parent(root_fd, inside, flags | TREE_TRUSTED, ret, &name);
}

int place_directory(int root_fd, const char *path) {
        _cleanup_close_ int fd = -1;

        return open_directory(root_fd, path, TREE_CREATE, &fd);
}

int place_directory_attributes(int root_fd, const char *path, const struct place_attributes *a) {
        const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = a->mtime}};
        _cleanup_close_ int found = -1, fd = -1;
        int r = open_directory(root_fd, path, 0, &found);

        if (r < 0)
                return r;
        fd = openat(found, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (a->owned && fchown(fd, a->uid, a->gid) < 0)
                return -errno;
        return fchmod(fd, a->mode) < 0 || futimens(fd, times) < 0 ? -errno : 0;
}
