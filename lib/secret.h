/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Masking values in JSON, for whatever goes to a log, a record or an answer of control. For text see lib/mask.h.
 */
#pragma once

#include <jansson.h>

#include "lib/util.h"

/*
 * Copies a JSON value with the value of each member named in @secrets (NULL-terminated) replaced by "<hidden>", at
 * any depth up to 64; deeper ones become null. In a [key, value] pair of strings whose key is "password" or in
 * @secrets, the value is hidden too: so the SIP auth options are. A new reference, or NULL when out of memory.
 */
json_t *secret_mask_json(const json_t *value, const char *const *secrets);
