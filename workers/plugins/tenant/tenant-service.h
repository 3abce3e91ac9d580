/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tenants, which wazo-auth makes and deletes: here is what telephony keeps of them. */
#pragma once

#include "workers/kit/wazo-plugin.h"

/* Members: uuid, slug (hidden), sip_templates_generated, and the uuids of those templates. Read-only: see below. */
extern const struct wazo_service tenant_service;

/* A tenant is there, maybe since long: its row, its slug unless @slug is NULL, and the SIP templates that a tenant begins with,
 * unless it has them. */
int tenant_added(struct wazo_context *ctx, const char *uuid, const char *slug) WAZO_MUST_CHECK;

/* A tenant is gone, maybe since long: all that is its goes with it, and what lies outside of the database. */
int tenant_deleted(struct wazo_context *ctx, const char *uuid) WAZO_MUST_CHECK;
