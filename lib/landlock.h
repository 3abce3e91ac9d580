/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Landlock: rules by which a process, without any privilege, gives up files, TCP ports, and signals to others for good. What the
 * running kernel knows of it is its ABI: 1-2 files, 3 truncation, 4 TCP ports, 5 device ioctls, 6 signals and abstract sockets.
 */
#pragma once

#include "lib/util.h"

/* The ABI of the running kernel; 0: it has no Landlock, or that is off. */
unsigned landlock_abi(void);

/* What one path is granted for, with everything below it. */
enum landlock_grant {
        LANDLOCK_GRANT_READ = 1 << 0,    /* files and directories */
        LANDLOCK_GRANT_WRITE = 1 << 1,   /* and make, rename, remove files and directories */
        LANDLOCK_GRANT_EXECUTE = 1 << 2,
};

/*
 * A set of rules that refuses everything the kernel's @abi can refuse: all files; TCP ports; with @scoped, signals to processes and
 * abstract sockets outside. Returns a descriptor, close-on-exec.
 */
int landlock_begin(unsigned abi, bool scoped) _must_check_;
/* Grants @path. -ENOENT when there is no such path, -EACCES when it cannot be reached. */
int landlock_grant_path(int ruleset, unsigned abi, const char *path, unsigned grant) _must_check_;
/* Lets TCP sockets connect to @port; 0 where the ABI has no rights of the net, too. */
int landlock_grant_connect(int ruleset, unsigned abi, uint16_t port) _must_check_;
/* From now on, for this thread and whatever it starts. Needs no_new_privs. */
int landlock_enforce(int ruleset) _must_check_;
