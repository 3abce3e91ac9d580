/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/generate/difference.h"

#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* diff reads what should be from its descriptor 0. */
static int run_diff(const char *path, int text) {
        const char *const argv[] = {"diff",    "-u",        "--label", path,
                                    "--label", "generated", "--",      access(path, F_OK) == 0 ? path : "/dev/null",
                                    "-",       NULL};
        posix_spawn_file_actions_t actions;
        int status, r;
        pid_t pid;

        r = -posix_spawn_file_actions_init(&actions);
        if (r < 0)
                return r;
        r = -posix_spawn_file_actions_adddup2(&actions, text, STDIN_FILENO);
        if (r == 0)
                r = -posix_spawnp(&pid, "diff", &actions, NULL, (char *const *) argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        if (r < 0)
                return r;
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) < 2 ? WEXITSTATUS(status) : -EIO;
}

int difference_show(const char *path, const char *text, size_t size) {
        _cleanup_close_ int fd = memfd_create("generated", MFD_CLOEXEC);

        if (fd < 0)
                return -errno;
        for (size_t done = 0; done < size;) {
                ssize_t n = write(fd, text + done, size - done);

                if (n < 0)
                        return -errno;
                done += (size_t) n;
        }
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        if (fflush(stdout) != 0)
                return -errno;
        return run_diff(path, fd);
}
