/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A worker born of the nursery: the fork, and what exec would have done for it. */
#pragma once

#include "lib/wire.h"

/* What a new worker gets, in this order, as lib/worker.h numbers it: its descriptors of WIRE_FORK. */
enum { BIRTH_CHANNEL, BIRTH_STDERR, BIRTH_LOG, BIRTH_RING, BIRTH_FDS };

struct birth {
        const struct wire_fork *order;
        const int *fds;          /* BIRTH_FDS of them, the caller's */
        int parent_death_signal; /* 0: none */
        int parent;              /* the pid of the supervisor, as getppid() tells it */
};

/*
 * Forks a child of our own parent. In the parent: its pid, and *ret_pidfd (close-on-exec); a negative errno when there is
 * no child: -EINVAL where the parent is the init of a pid namespace. In the child: 0.
 */
int birth_fork(int *ret_pidfd) _must_check_;

/* In the child, first of all: gives it descriptors, signals, limits and a session of its own, and closes whatever else the
 * nursery has open. An error leaves a process that is good for nothing. */
int birth_settle(const struct birth *birth) _must_check_;
