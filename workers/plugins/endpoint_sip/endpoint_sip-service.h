/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SIP endpoints and their templates, for the plugins that use them. */
#pragma once

#include "workers/kit/wazo-plugin.h"

/*
 * Members: uuid, tenant_uuid, name, label, asterisk_id, seven lists of options by section (pjsip-options.h), each
 * [["name", "value"], ...], templates [{uuid, label}], transport {uuid}, trunk {id}, line {id}. Hidden:
 * transport_uuid, template.
 */
extern const struct wazo_service endpoint_sip_service;

/* The same table's templates: without trunk and line. They have no resource yet. */
extern const struct wazo_service endpoint_sip_template_service;
/* The same for those that a tenant begins with: nobody is told of them. */
extern const struct wazo_service endpoint_sip_initial_template_service;

/* The pairs of @options with this name: ([["username", "x"], ["password", "y"]], "username") gives [["username",
 * "x"]]. NULL: no memory. */
json_t *endpoint_sip_pick(const json_t *options, const char *name);

/*
 * What holds for endpoints once their templates are merged in: *ret {"<uuid>": {"<member>": {"<option>": "<value>"}}}
 * for each text of @uuids, one value an option: parents in their order, depth first, what comes later wins, the
 * endpoint's own wins over all. @option: only this one, or NULL: all. A few statements for however many endpoints.
 */
int endpoint_sip_merge(struct wazo_context *ctx, const json_t *uuids, const char *option,
                       json_t **ret) WAZO_MUST_CHECK;
