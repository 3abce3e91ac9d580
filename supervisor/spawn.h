/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A new process by exec: with a fresh environment, named descriptors and no others, default signals, a session of its
 * own. Between the clone and the exec the child borrows the supervisor's memory (CLONE_VM | CLONE_VFORK), so that nothing
 * is copied and an exec that fails says why as a plain return value: it cannot be mistaken for a crash.
 */
#pragma once

#include <sys/resource.h>

#include "lib/util.h"

#define SPAWN_FDS_MAX 6

struct spawn {
        int program;              /* an opened binary, or -1: then argv[0] is a path */
        char *const *argv;
        char *const *environment;
        int fds[SPAWN_FDS_MAX];   /* what becomes 0, 1, 2, ...; -1 leaves that number closed */
        size_t n_fds;
        int parent_death_signal;  /* sent to it when the supervisor dies */
        bool stay;                /* in the supervisor's working directory; else it is / */
        rlim_t core, memory, files, processes; /* RLIM_INFINITY: as the supervisor's */
};

/*
 * 0 once the new program runs: *ret_pid, *ret_pidfd (close-on-exec). A negative errno when there is none; *ret_step then
 * names the step that failed ("execute").
 */
int spawn_exec(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd, const char **ret_step) _must_check_;

/* To be called once, before the first child: remembers the limit of open files that children get, and raises our own. */
int spawn_prepare(void) _must_check_;
/* Our own limit is what it was: for a program that we become. */
void spawn_unprepare(void);
