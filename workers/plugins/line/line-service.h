/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines, for the plugins that associate something with one. */
#pragma once

#include "workers/kit/wazo-plugin.h"

#include "workers/plugins/line/line-refresh.h"

/*
 * Members: id, tenant_uuid (its context's), name, protocol ("sip", "sccp", "custom" or null), device_id, device_slot,
 * provisioning_extension, context, provisioning_code, position, caller_id_name, caller_id_num, registrar, is_webrtc,
 * application, endpoint_sip {uuid, label, name, auth_section_options}, endpoint_sccp {id}, endpoint_custom {id,
 * interface}, extensions [{id, exten, context}] main one first, users [{id (hidden), uuid, firstname, lastname}] main
 * one first. Hidden: endpoint_sip_uuid, endpoint_sccp_id, endpoint_custom_id, number, application_uuid.
 *
 * A delete takes the line from its users, by user_line with its events, and its endpoint with it; extensions stay.
 */
extern const struct wazo_service line_service;

/* Whether any endpoint is associated. @line: as loaded. */
bool line_has_endpoint(const json_t *line);

/*
 * Rules for associations, whose @data is the name of the side that is the line, "line". They refuse with
 * "Line must be associated with a Endpoint ('line_id': 1)", and "Line is associated with a Device ('line_id': 1,
 * 'device_id': '...')".
 */
int line_rule_endpoint(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair,
                       const void *side);
int line_rule_no_device(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair,
                        const void *side);
