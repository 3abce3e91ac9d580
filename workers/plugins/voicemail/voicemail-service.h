/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Voicemail boxes, for the plugins that associate or create them.
 */
#pragma once

#include "workers/kit/wazo-plugin.h"

/* Members: those of GET /voicemails/{id}. Create, edit and delete bring their own events, reloads and sysconfd requests. */
extern const struct wazo_service voicemail_service;

/*
 * A body for a create or an edit as the resource takes it: fields, defaults and the rules between members
 * (delete_messages). *ret: what wazo_create() or wazo_edit() of voicemail_service take.
 */
int voicemail_validate(struct wazo_context *ctx, const json_t *body, enum wazo_operation operation, json_t **ret) WAZO_MUST_CHECK;
