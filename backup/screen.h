/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What of an archive is not to be restored: names that lead out of the root, links that do, files behind a link that the archive
 * itself brings, other names of files that it does not have, devices, programs that run as somebody else.
 */
#pragma once

#include <limits.h>

#include "backup/reader.h"

#define SCREEN_MEMBERS_MAX (UINT64_C(1) << 23)

struct screen;

int screen_new(struct screen **ret) _must_check_;
struct screen *screen_free(struct screen *s);
static inline void screen_freep(struct screen **s) {
        *s = screen_free(*s);
}

/*
 * A member's path as it is used: without "./" in front and slashes behind; "" is the root itself. NULL in *ret_why; otherwise the
 * reason why it is none, and @ret is not to be used.
 */
void screen_path(const char *path, char ret[PATH_MAX], const char **ret_why);

/*
 * Judges members one after the other, in their order. 0: it may be restored. 1: it may not, *ret_why says why. -ENOMEM, -E2BIG.
 */
int screen_member(struct screen *s, const struct member *member, const char **ret_why) _must_check_;
