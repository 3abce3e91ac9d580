/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Other programs, run as the user that should run them, within a limit of time, their words kept for a message.
 */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "lib/util.h"

#define CHILD_ERROR_MAX 512

struct child {
        const char *const *argv; /* argv[0] is looked for in PATH, unless it holds a slash */
        const char *user;        /* whose groups it gets, too; NULL: as numbers below */
        uid_t uid;               /* of who is not root, or when nobody else is meant: geteuid() */
        gid_t gid;
        int in, out;             /* -1: /dev/null; it begins where they stand */
        unsigned seconds;        /* then it is killed; 0: as long as it takes */
        const volatile sig_atomic_t *interrupted; /* or NULL; not 0: it is ended, -EINTR */
        /* What it writes to standard output, as far as it fits, when @out is -1; or NULL. */
        char *text;
        size_t text_size;
        /* Written: the last line of its standard error that says something. */
        char error[CHILD_ERROR_MAX];
};

/*
 * 0: it exited with 0. Above zero: its exit status, or 128 and the signal. -ENOENT when there is no such program,
 * -ETIMEDOUT, and what fork and the like say.
 */
int child_run(struct child *c) _must_check_;
