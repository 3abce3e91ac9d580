/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tree of tenants: which a token may act in, and which are below one.
 */
#pragma once

#include <jansson.h>

#include "lib/util.h"

struct tenant {
        char uuid[37];
        struct tenant *parent; /* NULL: the master tenant, or one that hangs below none */
        const char **family;   /* itself, then all below it */
        size_t n_family;
};

struct tenants {
        struct tenant *tenants;
        size_t n;
        const struct tenant *master;
};

/* From the slice's "tenants" and "master_tenant". A parent that is not there, and a circle, are cut. 0, -EINVAL, -ENOMEM. */
int tenants_load(struct tenants *t, const json_t *array, const char *master) _must_check_;
void tenants_done(struct tenants *t);

/* NULL when it is no uuid, or none that is known. Letters of either case. */
const struct tenant *tenants_find(const struct tenants *t, const char *uuid);

/* Whether @tenant is @root or below it. */
bool tenant_within(const struct tenant *tenant, const struct tenant *root);
