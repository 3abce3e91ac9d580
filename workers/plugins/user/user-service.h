/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Users, for the plugins that associate something with them.
 */
#pragma once

#include <stdint.h>

#include "workers/kit/wazo-plugin.h"

/*
 * Members: those of GET /users/{id}, lines with the main one first; and hidden: voicemail_id, voicemail_enabled, agent_id,
 * dnd_enabled, incallfilter_enabled, {busy,noanswer,unconditional}_{enabled,destination}, private_template_id.
 *
 * An edit that changes caller_id, and a delete, refresh what is derived from it at the user's lines (line-refresh.h).
 */
extern const struct wazo_service user_service;

/* What a resource that takes a user's body checks of it as a whole (call_record_enabled); a .schema of wazo_resource. */
int user_schema(struct wazo_context *ctx, const struct wazo_resource *resource, enum wazo_operation operation, json_t *user,
                json_t *messages);

/* A body as the resource takes it: fields, defaults and the above. *ret: what wazo_create() of user_service takes. */
int user_validate(struct wazo_context *ctx, const json_t *body, enum wazo_operation operation, json_t **ret) WAZO_MUST_CHECK;

/* Gives the user this voicemail box, or none: 0. No rules, no event: user_voicemail has them. */
int user_set_voicemail(struct wazo_context *ctx, json_t *user, int64_t voicemail_id) WAZO_MUST_CHECK;
