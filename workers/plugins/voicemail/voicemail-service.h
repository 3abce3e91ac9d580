/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Voicemail boxes, for the plugins that associate or create them.
 */
#pragma once

#include "workers/kit/wazo-plugin.h"

/* Members: those of GET /voicemails/{id}. Create, edit and delete bring their own events, reloads and sysconfd requests. */
extern const struct wazo_service voicemail_service;
extern const struct wazo_field voicemail_fields[];

/* A tenant is about to be deleted: sysconfd removes the messages of all its contexts. The boxes go with their contexts. */
int voicemail_tenant_deleted(struct wazo_context *ctx, const char *tenant_uuid) WAZO_MUST_CHECK;

/* What a resource that takes a voicemail's body checks of it as a whole (delete_messages); a .schema of wazo_resource. */
int voicemail_schema(struct wazo_context *ctx, const struct wazo_resource *resource, enum wazo_operation operation,
                     json_t *voicemail, json_t *messages);

/* A body as the resource takes it: fields, defaults and the above. *ret: what wazo_create() of voicemail_service takes. */
int voicemail_validate(struct wazo_context *ctx, const json_t *body, enum wazo_operation operation, json_t **ret) WAZO_MUST_CHECK;
