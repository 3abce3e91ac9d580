/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a call goes: a row of dialaction as the destination object that the API shows. */
#pragma once

#include "workers/kit/wazo-plugin.h"

/* @row: action, actionarg1, actionarg2. *ret: {"type": "user", "user_id": 7, ...}; null for an action that is no destination. */
int user_destination(struct wazo_context *ctx, const json_t *row, json_t **ret) WAZO_MUST_CHECK;
