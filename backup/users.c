/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/users.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

static bool has_open(int proc_fd, const char *pid, const struct stat *wanted) {
        char path[300];
        bool found = false;
        DIR *dir;
        int fd;

        (void) snprintf(path, sizeof(path), "%s/fd", pid);
        fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        dir = fd < 0 ? NULL : fdopendir(fd);
        if (!dir) {
                (void) fd_close(fd);
                return false;
        }
        for (struct dirent *e = readdir(dir); e && !found; e = readdir(dir)) {
                struct stat st;

                found = e->d_name[0] != '.' && fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && st.st_dev == wanted->st_dev &&
                        st.st_ino == wanted->st_ino;
        }
        (void) closedir(dir);
        return found;
}

static void add_name(int proc_fd, const char *pid, char *ret, size_t size) {
        char path[300], name[32] = "?";
        size_t n = strlen(ret);
        ssize_t got;
        int fd;

        (void) snprintf(path, sizeof(path), "%s/comm", pid);
        fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
        got = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);
        if (got > 0) {
                name[got] = 0;
                name[strcspn(name, "\n")] = 0;
        }
        (void) fd_close(fd);
        (void) snprintf(ret + n, size - n, "%s%s (%s)", n > 0 ? ", " : "", name, pid);
}

int users_of_file(const struct stat *st, char *ret, size_t size) {
        DIR *proc = opendir("/proc");

        if (!proc)
                return -errno;
        ret[0] = 0;
        for (struct dirent *e = readdir(proc); e; e = readdir(proc))
                if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && has_open(dirfd(proc), e->d_name, st))
                        add_name(dirfd(proc), e->d_name, ret, size);
        (void) closedir(proc);
        return ret[0] ? 1 : 0;
}
