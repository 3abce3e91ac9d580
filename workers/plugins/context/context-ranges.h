/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The numbers of a context, and which of them are free. */
#pragma once

#include "workers/kit/wazo-plugin.h"

/*
 * [{"start", "end"}] of a kind ("user", ...): the ranges as they are configured, or, @available, what is left of them when the
 * numbers of extensions that exist in the context are taken out; in the order of numbers.
 */
int context_list_ranges(struct wazo_context *ctx, const json_t *context, const char *kind, bool available,
                        json_t **ret) WAZO_MUST_CHECK;
