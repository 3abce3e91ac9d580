/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names of users and groups, and their numbers: of this host, or, for another root, of the files passwd and group in it.
 */
#pragma once

#include <sys/types.h>

#include "lib/util.h"

struct owners;

/* @root is "" for this host. A root without a passwd file has no names. */
int owners_new(const char *root, struct owners **ret) _must_check_;
struct owners *owners_free(struct owners *o);
static inline void owners_freep(struct owners **o) {
        *o = owners_free(*o);
}

/* NULL: nobody has that number. Valid as long as @o. */
const char *owners_user(struct owners *o, uid_t uid);
const char *owners_group(struct owners *o, gid_t gid);

/* -ENOENT: there is none of that name. */
int owners_uid(struct owners *o, const char *name, uid_t *ret) _must_check_;
int owners_gid(struct owners *o, const char *name, gid_t *ret) _must_check_;
