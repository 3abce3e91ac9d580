/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Extensions, for the plugins that make a number ring something. */
#pragma once

#include "workers/kit/wazo-plugin.h"

/*
 * Members: id, tenant_uuid (its context's), exten, context, enabled, commented, conference, parking_lot, group,
 * incall, lines [{id, name}], outcall, queue. Hidden: destination ("user", "group", ...: what it was given to; 'user'
 * is also free) and destination_id (as text; "0": free).
 */
extern const struct wazo_service extension_service;

/*
 * A body for a create or an edit as the resource takes it: fields, defaults, and "commented" turned into "enabled".
 * *ret: what wazo_create() or wazo_edit() of extension_service take.
 */
int extension_validate(struct wazo_context *ctx, const json_t *body, enum wazo_operation operation,
                       json_t **ret) WAZO_MUST_CHECK;
/* The second half of it, for the resource. */
void extension_apply_commented(json_t *object);

/* Refuses with "Extension is associated with a group ('id': 10, 'associated_id': '1')" unless its destination is of
 * this kind. @extension: as loaded. */
int extension_check_kind(struct wazo_context *ctx, const json_t *extension, const char *kind) WAZO_MUST_CHECK;
