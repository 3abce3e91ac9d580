/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/take-over/disk.h"

#include <fcntl.h>
#include <stdio.h>

static int directory_of(const char *path, char dir[DISK_PATH_MAX]) {
        char *slash;

        if (!strcopy(dir, DISK_PATH_MAX, path))
                return -ENAMETOOLONG;
        slash = strrchr(dir, '/');
        if (!slash)
                return -EINVAL;
        slash[slash == dir] = 0;
        return 0;
}

static int sync_directory_of(const char *path) {
        _cleanup_close_ int fd = -1;
        char dir[DISK_PATH_MAX];
        int r = directory_of(path, dir);

        if (r < 0)
                return r;
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int disk_make_directory_of(const char *path) {
        char dir[DISK_PATH_MAX];
        int r = directory_of(path, dir);

        if (r < 0)
                return r;
        if (mkdir(dir, 0755) < 0)
                return errno == EEXIST ? 0 : -errno;
        return sync_directory_of(dir);
}

bool disk_is_there(const char *path) {
        struct stat st;

        return lstat(path, &st) == 0;
}

int disk_read_link(const char *path, char *ret, size_t size) {
        ssize_t n = readlink(path, ret, size - 1);

        if (n < 0)
                return -errno;
        ret[n] = 0;
        return 0;
}

static int temporary(const char *path, char to[DISK_PATH_MAX]) {
        return snprintf(to, DISK_PATH_MAX, "%s.wazo-suite.new", path) < DISK_PATH_MAX ? 0 : -ENAMETOOLONG;
}

int disk_link(const char *path, const char *target) {
        char now[DISK_PATH_MAX], new[DISK_PATH_MAX];
        int r = disk_read_link(path, now, sizeof(now));

        if (r == -EINVAL)
                return -EEXIST;
        if (r < 0 && r != -ENOENT)
                return r;
        if (r == 0 && streq(now, target))
                return 0;
        r = temporary(path, new);
        if (r < 0)
                return r;
        if ((unlink(new) < 0 && errno != ENOENT) || symlink(target, new) < 0)
                return -errno;
        return disk_rename(new, path);
}

int disk_remove(const char *path) {
        if (unlink(path) < 0)
                return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
        return sync_directory_of(path);
}

int disk_rename(const char *from, const char *to) {
        if (rename(from, to) < 0)
                return -errno;
        return sync_directory_of(to);
}

static int copy_bytes(int from, int to) {
        char block[16384];
        ssize_t n;

        while ((n = read(from, block, sizeof(block))) > 0)
                for (ssize_t done = 0, m; done < n; done += m) {
                        m = write(to, block + done, (size_t) (n - done));
                        if (m < 0)
                                return -errno;
                }
        return n < 0 ? -errno : 0;
}

int disk_copy(const char *from, const char *to) {
        _cleanup_close_ int in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), out = -1;
        char new[DISK_PATH_MAX];
        struct stat st;
        int r;

        if (in < 0 || fstat(in, &st) < 0)
                return -errno;
        r = temporary(to, new);
        if (r < 0)
                return r;
        (void) unlink(new);
        out = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (out < 0)
                return -errno;
        r = copy_bytes(in, out);
        if (r >= 0 && (fchown(out, st.st_uid, st.st_gid) < 0 || fchmod(out, st.st_mode & 07777) < 0 || fsync(out) < 0))
                r = -errno;
        if (r < 0) {
                (void) unlink(new);
                return r;
        }
        return disk_rename(new, to);
}
