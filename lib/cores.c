/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/cores.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MODE 0700

static int make(const char *path) {
        return mkdir(path, MODE) < 0 && errno != EEXIST ? -errno : 0;
}

static int make_both(const char *dir) {
        char above[1024];
        const char *slash = strrchr(dir, '/');
        int r;

        if (!slash || slash == dir || (size_t) (slash - dir) >= sizeof(above))
                return -EINVAL;
        memcpy(above, dir, (size_t) (slash - dir));
        above[slash - dir] = 0;
        r = make(above);
        return r < 0 ? r : make(dir);
}

static bool is_newer(const struct stat *a, const struct stat *b) {
        return a->st_mtim.tv_sec != b->st_mtim.tv_sec ? a->st_mtim.tv_sec > b->st_mtim.tv_sec
                                                      : a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

/* Keeps one name, and unlinks whichever of two is older. */
static void keep_newest(DIR *d, int fd) {
        char kept[NAME_MAX + 1] = "";
        struct stat newest = {0}, st;

        for (struct dirent *e; (e = readdir(d));) {
                if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
                        continue;
                if (kept[0] && !is_newer(&st, &newest)) {
                        (void) unlinkat(fd, e->d_name, 0);
                        continue;
                }
                if (kept[0])
                        (void) unlinkat(fd, kept, 0);
                (void) strcopy(kept, sizeof(kept), e->d_name);
                newest = st;
        }
        /* One of the plain name would be written over. */
        if (streq(kept, "core"))
                (void) renameat(fd, kept, fd, "core.before");
}

int cores_prepare(const char *dir, uint64_t max) {
        struct rlimit limit;
        DIR *d;
        int r, fd;

        r = make_both(dir);
        if (r < 0)
                return r;
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                r = -errno;
                (void) fd_close(fd);
                return r;
        }
        keep_newest(d, fd);
        r = fchdir(fd) < 0 ? -errno : 0;
        (void) closedir(d);
        if (r >= 0 && getrlimit(RLIMIT_CORE, &limit) < 0)
                r = -errno;
        if (r < 0)
                return r;
        if (limit.rlim_max < max)
                return -EPERM; /* whoever started the service allows less */
        limit = (struct rlimit) {max, max};
        return setrlimit(RLIMIT_CORE, &limit) < 0 ? -errno : 0;
}
