/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From root to the service's user, with nothing kept: no capability in any set, no group but the user's, no way back.
 */
#pragma once

#include <sys/types.h>

#include "lib/util.h"

struct identity {
        uid_t uid;
        gid_t gid;
        char name[64];
};

/* Looks up @name. -ESRCH when there is no such user, -EPERM when it is root. */
int privileges_find_user(const char *name, struct identity *ret) _must_check_;

/*
 * Becomes @who for good and proves it by reading back: the four uids and gids, the groups, every capability set, and that
 * becoming root again fails. Anything that does not hold is an error, after which the caller must exit. *ret_step names it.
 */
int privileges_drop(const struct identity *who, const char **ret_step) _must_check_;

/* For a supervisor that was not started as root, and after a drop: no_new_privs, empty ambient set, bounding set as far as
 * it can be dropped. */
int privileges_lock(const char **ret_step) _must_check_;
