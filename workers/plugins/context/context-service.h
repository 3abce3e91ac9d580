/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Contexts, for the plugins whose resources live in one. Link context_service_dep (workers/plugins/context/meson.build).
 */
#pragma once

#include "workers/kit/wazo-plugin.h"

/* Members: id, uuid, tenant_uuid, name, label, type, the five lists of ranges, description, enabled, contexts. */
extern const struct wazo_service context_service;

/*
 * Whether a number lies in the context's ranges of a kind, "user", "group", "queue", "conference_room" or "incall"; patterns
 * (_X...) always do. Refuses with "Extension '1099' is outside of range for context 'c'". @context: as loaded.
 */
int context_check_range(struct wazo_context *ctx, const json_t *context, const char *kind, const char *exten) WAZO_MUST_CHECK;

/* Refuses with "ContextType 'incall' cannot be associated ('id': 8, 'context': '...')" unless the context is of that type. */
int context_check_type(struct wazo_context *ctx, const json_t *context, const char *type) WAZO_MUST_CHECK;

/* A tenant is about to be deleted: takes its contexts out of those that include them. */
int context_tenant_deleted(struct wazo_context *ctx, const char *tenant_uuid) WAZO_MUST_CHECK;
/* *ret: the names of its contexts, an array. */
int context_names(struct wazo_context *ctx, const char *tenant_uuid, json_t **ret) WAZO_MUST_CHECK;

/* Ready-made rule reference: member "context" names a context in the request's tenant tree. */
extern const struct wazo_reference context_reference;
