/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plugin's description (docs/description.md), made from its descriptors. */
#pragma once

#include "lib/util.h"
#include "workers/kit/wazo-plugin.h"

#pragma GCC visibility push(default)

/*
 * @build_id: of the shared object, 40 hex digits. *ret is JSON text, freed by the caller. -EINVAL, and a sentence in @error, for
 * descriptors that cannot work: another ABI, no name, a path or a relation that is malformed, a field without a type's parts.
 */
int wazo_plugin_describe(const struct wazo_plugin *plugin, const char *build_id, char **ret, char *error,
                         size_t error_size) _must_check_;

#pragma GCC visibility pop
