/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The local token file: tokens and tenants where there is no wazo-auth (docs/slices.md). A token leaves this module as its
 * SHA-256 only, and no finding repeats anything of the file but the names of keys.
 */
#pragma once

#include <jansson.h>

#include "config/findings.h"

struct tokens {
        json_t *tokens, *tenants; /* the arrays of the gateway's slice */
        char master_tenant[37];   /* "" : unknown */
};

/*
 * @path may be missing unless it is @required. Everything wrong becomes an error finding; an error of the file is no error of
 * the call. The UUIDs come in small letters. -ENOMEM.
 */
int tokens_read(const char *path, bool required, struct findings *findings, struct tokens *ret) _must_check_;
void tokens_done(struct tokens *t);
