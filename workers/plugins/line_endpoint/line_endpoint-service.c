/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/line_endpoint/line_endpoint-service.h"

#include <errno.h>
#include <stdio.h>

#include "lib/util.h"
#include "workers/plugins/endpoint_sip/endpoint_sip-service.h"
#include "workers/plugins/line/line-service.h"

/* ----- endpoints that have no plugin yet ----- */

static const struct wazo_field sccp_fields[] = {
        {"id", WAZO_INTEGER, .column = "id"},
        {"tenant_uuid", WAZO_UUID, .column = "tenant_uuid"},
        {"name", WAZO_STRING, .column = "name"},
        {},
};

static const struct wazo_field custom_fields[] = {
        {"id", WAZO_INTEGER, .column = "id"},
        {"tenant_uuid", WAZO_UUID, .column = "tenant_uuid"},
        {"interface", WAZO_STRING, .column = "interface"},
        {},
};

static const struct wazo_model sccp_model = {
        .name = "SCCPEndpoint", .table = "sccpline", .fields = sccp_fields, .tenant = "sccpline.tenant_uuid"};
static const struct wazo_model custom_model = {
        .name = "CustomEndpoint", .table = "usercustom", .fields = custom_fields, .tenant = "usercustom.tenant_uuid"};

const struct wazo_service endpoint_sccp_lookup = {.model = &sccp_model};
const struct wazo_service endpoint_custom_lookup = {.model = &custom_model};

/* ----- rules ----- */

/* What differs between the three kinds. */
struct kind {
        const char *protocol, *key;       /* of the endpoint: 'endpoint_uuid' */
        const char *other_line, *a_trunk; /* SQL: who else has this endpoint; NULL: no trunk can */
};

static const struct kind sip = {
        .protocol = "sip",
        .key = "uuid",
        .other_line = "SELECT id FROM linefeatures WHERE endpoint_sip_uuid = ? ORDER BY id LIMIT 1",
        .a_trunk = "SELECT id FROM trunkfeatures WHERE endpoint_sip_uuid = ? ORDER BY id LIMIT 1",
};

static const struct kind sccp = {
        .protocol = "sccp",
        .key = "id",
        .other_line = "SELECT id FROM linefeatures WHERE endpoint_sccp_id = ? ORDER BY id LIMIT 1",
};

static const struct kind custom = {
        .protocol = "custom",
        .key = "id",
        .other_line = "SELECT id FROM linefeatures WHERE endpoint_custom_id = ? ORDER BY id LIMIT 1",
        .a_trunk = "SELECT id FROM trunkfeatures WHERE endpoint_custom_id = ? ORDER BY id LIMIT 1",
};

static int rule_line_is_free(struct wazo_context *ctx, const struct wazo_association *association,
                             struct wazo_pair *pair, const void *data) {
        static const char *const holders[] = {"endpoint_sip_uuid", "endpoint_sccp_id", "endpoint_custom_id"};

        for (size_t i = 0; i < ELEMENTSOF(holders); i++) {
                json_t *id = json_object_get(pair->left, holders[i]);

                if (id && !json_is_null(id))
                        return wazo_error_resource(ctx,
                                                   json_pack("{s:O,s:O,s:O}", "line_id",
                                                             json_object_get(pair->left, "id"), "endpoint",
                                                             json_object_get(pair->left, "protocol"), "endpoint_id",
                                                             id),
                                                   "Line is associated with a Endpoint");
        }
        return 0;
}

/* Refuses when the statement finds who has the endpoint. */
static int refuse_holder(struct wazo_context *ctx, const struct kind *kind, const struct wazo_pair *pair,
                         const char *sql, const char *name, const char *key) {
        _wazo_unref_ json_t *row = NULL;
        json_t *id = json_object_get(pair->right, kind->key);
        char endpoint_key[32];
        int r;

        r = wazo_select_row(ctx, &row, sql, "O", id);
        if (r != 0)
                return r < 0 ? r : 0;
        (void) snprintf(endpoint_key, sizeof(endpoint_key), "endpoint_%s", kind->key);
        return wazo_error_resource(ctx,
                                   json_pack("{s:O,s:s,s:O}", key, json_object_get(row, "id"), "endpoint",
                                             kind->protocol, endpoint_key, id),
                                   "%s is associated with a Endpoint", name);
}

static int rule_endpoint_is_free(struct wazo_context *ctx, const struct wazo_association *association,
                                 struct wazo_pair *pair, const void *data) {
        const struct kind *kind = data;
        int r;

        r = refuse_holder(ctx, kind, pair, kind->other_line, "Line", "line_id");
        if (r < 0 || !kind->a_trunk)
                return r;
        return refuse_holder(ctx, kind, pair, kind->a_trunk, "Trunk", "trunk_id");
}

/* The ids of a list of objects, "1,2", as the original joins them. */
static char *joined_ids(const json_t *items) {
        char *text = strdup("");
        const json_t *item;
        size_t i;

        json_array_foreach(items, i, item) {
                char *longer = NULL;

                if (!text ||
                    asprintf(&longer, "%s%s%lld", text, i > 0 ? "," : "", (long long) wazo_integer(item, "id")) < 0)
                        longer = NULL;
                free(text);
                text = longer;
        }
        return text;
}

struct member {
        const char *name, *key, *sentence;
};
static const struct member of_users = {"users", "user_ids", "Line is associated with a User"};
static const struct member of_extensions = {"extensions", "extension_ids", "Line is associated with a Extension"};

static int rule_line_has_no(struct wazo_context *ctx, const struct wazo_association *association,
                            struct wazo_pair *pair, const void *data) {
        const struct member *member = data;
        const json_t *items = json_object_get(pair->left, member->name);
        _cleanup_free_ char *ids = NULL;

        if (json_array_size(items) == 0)
                return 0;
        ids = joined_ids(items);
        if (!ids)
                return -ENOMEM;
        return wazo_error_resource(ctx,
                                   json_pack("{s:O,s:s}", "line_id", json_object_get(pair->left, "id"), member->key,
                                             ids),
                                   "%s", member->sentence);
}

static const struct wazo_pair_rule sip_rules[] = {{rule_line_is_free}, {rule_endpoint_is_free, &sip}, {}};
static const struct wazo_pair_rule sccp_rules[] = {{rule_line_is_free}, {rule_endpoint_is_free, &sccp}, {}};
static const struct wazo_pair_rule custom_rules[] = {{rule_line_is_free}, {rule_endpoint_is_free, &custom}, {}};

static const struct wazo_pair_rule dissociate_rules[] = {
        {rule_line_has_no, &of_users}, {rule_line_has_no, &of_extensions}, {line_rule_no_device, "line"}, {}};

/* ----- after the rows, and events ----- */

/* The line is called after its endpoint. */
static int rename_line(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair) {
        int r;

        r = line_refresh_names(ctx, wazo_integer(pair->left, "id"));
        return r < 0 ? r : wazo_refresh(ctx, &line_service, pair->left);
}

static int fill_sip(struct wazo_context *ctx, const json_t *objects, json_t *data) {
        const json_t *options = wazo_member(objects, "endpoint_sip.auth_section_options");

        return wazo_set(json_object_get(data, "endpoint_sip"), "auth_section_options",
                        endpoint_sip_pick(options, "username"));
}

#define LINE_DATA "line.id line.tenant_uuid line.name "
#define EVENT(kind_name, verb, key, key_verb, its_data, its_fill)                                                   \
        {                                                                                                           \
                .name = "line_endpoint_" kind_name "_" verb,                                                        \
                .routing_key = "config.lines.{line.id}.endpoints." kind_name                                        \
                               ".{endpoint_" kind_name "." key "}." key_verb,                                       \
                .data = LINE_DATA its_data, .fill = its_fill,                                                       \
        }
#define ASSOCIATION(kind_name, key, key_kind, key_type, holder_name, its_service, its_rules, its_reload, its_data,  \
                    its_fill)                                                                                       \
        {                                                                                                           \
                .path = "/lines/{line_id:int}/endpoints/" kind_name "/{endpoint_" key ":" key_type "}",             \
                .acl = "confd.lines.{line_id}.endpoints." kind_name ".{endpoint_" key "}",                          \
                .left = {"line", "line_id", WAZO_KEY_INTEGER, &line_service},                                       \
                .right = {"endpoint_" kind_name, "endpoint_" key, key_kind, its_service},                           \
                .holder = holder_name,                                                                              \
                .associate = its_rules,                                                                             \
                .dissociate = dissociate_rules,                                                                     \
                .inserted = rename_line,                                                                            \
                .deleted = rename_line,                                                                             \
                .associated = EVENT(kind_name, "associated", key, "updated", its_data, its_fill),                   \
                .dissociated = EVENT(kind_name, "dissociated", key, "deleted", its_data, its_fill),                 \
                .reload = its_reload,                                                                               \
        }

const struct wazo_association line_endpoint_sip_association =
        ASSOCIATION("sip", "uuid", WAZO_KEY_UUID, "uuid", "endpoint_sip_uuid", &endpoint_sip_service, sip_rules,
                    "module reload res_pjsip.so",
                    "endpoint_sip.uuid endpoint_sip.tenant_uuid endpoint_sip.label endpoint_sip.name", fill_sip);

const struct wazo_association line_endpoint_sccp_association =
        ASSOCIATION("sccp", "id", WAZO_KEY_INTEGER, "int", "endpoint_sccp_id", &endpoint_sccp_lookup, sccp_rules,
                    "module reload chan_sccp.so", "endpoint_sccp.id endpoint_sccp.tenant_uuid", NULL);

const struct wazo_association line_endpoint_custom_association = ASSOCIATION(
        "custom", "id", WAZO_KEY_INTEGER, "int", "endpoint_custom_id", &endpoint_custom_lookup, custom_rules, NULL,
        "endpoint_custom.id endpoint_custom.tenant_uuid endpoint_custom.interface", NULL);
