/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Users, for the plugins that associate something with them.
 */
#pragma once

#include "workers/kit/wazo-plugin.h"

/*
 * Members: those of GET /users/{id}, and hidden: voicemail_id and voicemail_enabled, agent_id, dnd_enabled,
 * incallfilter_enabled, {busy,noanswer,unconditional}_{enabled,destination}, private_template_id. An edit of hidden members
 * by another plugin's service writes them as any other, rules and event of the user included.
 *
 * An edit that changes caller_id, and a delete, refresh what is derived from it at the user's lines (line-service.h).
 */
extern const struct wazo_service user_service;

/*
 * A body for a create or an edit as the resource takes it: fields, defaults and the rules between members
 * (call_record_enabled). *ret: what wazo_create() or wazo_edit() of user_service take.
 */
int user_validate(struct wazo_context *ctx, const json_t *body, enum wazo_operation operation, json_t **ret) WAZO_MUST_CHECK;
