/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may do what at the control socket, by what the kernel says about the peer.
 */
#pragma once

#include <sys/types.h>

#include "workers/control/methods.h"

struct access_rules {
        uid_t own_uid;       /* of the service's user */
        uid_t socket_owner;  /* of whoever made the listening socket */
        gid_t group;         /* (gid_t) -1: no such group */
        bool owner_commands; /* in --dev the owner of it all is the operator */
};

/* @group: of those who may command, (gid_t) -1 for none; @listener: the listening socket. */
int access_rules_init(struct access_rules *rules, gid_t group, bool owner_commands, int listener) _must_check_;

/* Of the peer of a connected socket. ACCESS_NONE when the kernel does not say who it is. */
enum access access_of_peer(const struct access_rules *rules, int fd);

/* The same, with the peer's identity given. */
enum access access_decide(const struct access_rules *rules, uid_t uid, const gid_t *groups, size_t n_groups);
