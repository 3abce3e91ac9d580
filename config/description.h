/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checking one description.
 */
#pragma once

#include <jansson.h>

#include "lib/util.h"

/*
 * Whether the members of a description are what docs/description.md says. @name is the plugin's. 0; 1: it is well-formed but
 * of another ABI or another plugin; -EINVAL: its routes cannot be relied upon. *reterr says what is wrong for both.
 */
int description_check(const json_t *root, const char *name, char *reterr, size_t size) _must_check_;

/* A route's path with each parameter replaced by {}: two paths of one shape match the same requests. -EINVAL for a path that is
 * none, or -ENAMETOOLONG. */
int description_path_shape(const char *path, char *ret, size_t size) _must_check_;
