/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/endpoint_sip/endpoint_sip-service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "workers/plugins/endpoint_sip/pjsip-options.h"
#include "workers/plugins/line/line-refresh.h"

/* ----- model ----- */

static int message(json_t *messages, const char *text) {
        return json_array_append_new(messages, json_string(text)) < 0 ? -ENOMEM : 0;
}

/* The name of a section in pjsip.conf. */
static int check_name(struct wazo_context *ctx, const struct wazo_field *field, json_t **value, json_t *messages) {
        static const char known[] = "-_.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        const char *name = json_string_value(*value);
        size_t length = strlen(name);

        if (length < 1)
                return message(messages, "Shorter than minimum length 1");
        if (length > 79)
                return message(messages, "Longer than maximum length 79");
        if (strspn(name, known) != length)
                return message(messages, "Not a valid Asterisk section name");
        if (streq(name, "global") || streq(name, "system"))
                return message(messages, "Reserved Asterisk section name");
        return 0;
}

/* No control characters: an option becomes a line of a configuration file, and a line end in it would begin another. */
static const struct wazo_field option_text = {
        "text", WAZO_STRING, .length = WAZO_BETWEEN(1, 4092), .pattern = "^[^\001-\037]*$"};
static const struct wazo_field option_pair = {"option", WAZO_LIST, .item = &option_text, .length = WAZO_BETWEEN(2, 2)};

#define SECTION(member, more) {member, WAZO_LIST, more, .length = WAZO_AT_MOST(512), .item = &option_pair, .preset = "[]"}

static const struct wazo_field parent_fields[] = {
        {"uuid", WAZO_UUID, WAZO_REQUIRED, .column = "parent_uuid"},
        {"label", WAZO_STRING, WAZO_READ_ONLY},
        {},
};

static const struct wazo_relation parents = {
        .owner = "uuid",
        .sql = "SELECT endpoint_sip_template.child_uuid AS _owner, endpoint_sip_template.parent_uuid, endpoint_sip.label "
               "FROM endpoint_sip_template JOIN endpoint_sip ON endpoint_sip.uuid = endpoint_sip_template.parent_uuid "
               "WHERE endpoint_sip_template.child_uuid IN (%s) ORDER BY endpoint_sip_template.priority, endpoint_sip.uuid",
        .table = "endpoint_sip_template",
        .owner_column = "child_uuid",
        .order_column = "priority",
};

static const struct wazo_field transport_fields[] = {{"uuid", WAZO_UUID, WAZO_REQUIRED}, {}};

static const struct wazo_relation transport = {
        .owner = "transport_uuid",
        .sql = "SELECT uuid AS _owner, uuid FROM pjsip_transport WHERE uuid IN (%s)",
};

#define USER_FIELDS(rel_name, path)                                                                                \
        (const struct wazo_field[]) {                                                                              \
                {"id", WAZO_INTEGER},                                                                              \
                {"links", WAZO_LINKS, .link = &(const struct wazo_link) {rel_name, path, "id"}},                   \
                {},                                                                                                \
        }
#define USER_RELATION(table)                                                                                       \
        &(const struct wazo_relation) {                                                                            \
                .owner = "uuid",                                                                                   \
                .sql = "SELECT endpoint_sip_uuid AS _owner, id FROM " table " WHERE endpoint_sip_uuid IN (%s) ORDER BY id", \
        }

#define COMMON_FIELDS(link_rel, link_path)                                                                         \
        {"uuid", WAZO_UUID, WAZO_READ_ONLY | WAZO_GENERATED, .column = "uuid"},                                    \
        {"tenant_uuid", WAZO_UUID, WAZO_READ_ONLY, .column = "tenant_uuid"},                                       \
        {"name", WAZO_STRING, .check = check_name, .column = "name", .doc = "Of its sections in pjsip.conf; random when absent"}, \
        {"label", WAZO_STRING, WAZO_NULLABLE, .length = WAZO_AT_MOST(128), .column = "label"},                     \
        SECTION("aor_section_options", 0),                                                                         \
        SECTION("auth_section_options", WAZO_SECRET),                                                              \
        SECTION("endpoint_section_options", 0),                                                                    \
        SECTION("identify_section_options", 0),                                                                    \
        SECTION("registration_section_options", 0),                                                                \
        SECTION("registration_outbound_auth_section_options", WAZO_SECRET),                                        \
        SECTION("outbound_auth_section_options", WAZO_SECRET),                                                     \
        {"templates", WAZO_LIST, .fields = parent_fields, .preset = "[]", .relation = &parents},                   \
        {"transport", WAZO_OBJECT, WAZO_NULLABLE, .fields = transport_fields, .relation = &transport},             \
        {"asterisk_id", WAZO_STRING, WAZO_NULLABLE, .length = WAZO_AT_MOST(1024), .column = "asterisk_id"},        \
        {"links", WAZO_LINKS, .link = &(const struct wazo_link) {link_rel, link_path, "uuid"}},                    \
        {"transport_uuid", WAZO_UUID, WAZO_HIDDEN, .column = "transport_uuid"},                                    \
        {"template", WAZO_BOOLEAN, WAZO_HIDDEN, .column = "template"}

static const struct wazo_field endpoint_fields[] = {
        COMMON_FIELDS("endpoint_sip", "/endpoints/sip/"),
        {"trunk", WAZO_OBJECT, WAZO_READ_ONLY, .fields = USER_FIELDS("trunks", "/trunks/"),
         .relation = USER_RELATION("trunkfeatures")},
        {"line", WAZO_OBJECT, WAZO_READ_ONLY, .fields = USER_FIELDS("lines", "/lines/"),
         .relation = USER_RELATION("linefeatures")},
        {},
};

static const struct wazo_field template_fields[] = {
        COMMON_FIELDS("endpoint_sip_templates", "/endpoints/sip/templates/"),
        {},
};

static const struct wazo_column columns[] = {
        {"name", WAZO_SEARCH},
        {"asterisk_id", WAZO_SEARCH},
        {"label", WAZO_SEARCH},
        {"template", WAZO_SEARCH, .type = WAZO_STRING,
         .expression = "CASE WHEN endpoint_sip.template = true THEN 'true' ELSE 'false' END"},
        {"uuid", WAZO_SPLIT | WAZO_NO_SORT},
        {},
};

#define MODEL(model_name, its_fields, condition)                                                                   \
        {                                                                                                          \
                .name = model_name, .table = "endpoint_sip", .fields = its_fields, .key = "uuid", .where = condition, \
                .tenant = "endpoint_sip.tenant_uuid", .columns = columns, .order = "label",                        \
        }

static const struct wazo_model endpoint_model = MODEL("SIPEndpoint", endpoint_fields, "endpoint_sip.template = false");
static const struct wazo_model template_model = MODEL("SIPEndpointTemplate", template_fields, "endpoint_sip.template = true");

/* ----- validator ----- */

/* Names are sections of one file: those of endpoints, templates and transports, whoever's they are. */
static int check_name_free(struct wazo_context *ctx, const struct wazo_service *service, json_t *endpoint,
                           const json_t *before, const void *data) {
        const char *name = wazo_string(endpoint, "name"), *holder;
        _wazo_unref_ json_t *row = NULL;
        int r;

        if (before && !wazo_differs(endpoint, before, "name"))
                return 0;
        r = wazo_select_row(ctx, &row,
                            "SELECT CASE WHEN template = true THEN 'SIPEndpointTemplate' ELSE 'SIPEndpoint' END AS holder "
                            "FROM endpoint_sip WHERE name = ? AND uuid <> ? "
                            "UNION ALL SELECT 'SIPTransport' AS holder FROM pjsip_transport WHERE name = ?",
                            "sss", name, wazo_string(endpoint, "uuid"), name);
        if (r != 0)
                return r < 0 ? r : 0;
        holder = wazo_string(row, "holder");
        return wazo_error_resource(ctx, json_pack("{s:s}", "name", name), "%s already exists", holder);
}

static int refuse_option(struct wazo_context *ctx, const struct pjsip_section *section, const char *option) {
        _cleanup_free_ char *known = NULL;
        size_t size = 1, at = 0;

        for (const char *const *name = section->options; *name; name++)
                size += strlen(*name) + 2;
        known = malloc(size);
        if (!known)
                return -ENOMEM;
        known[0] = 0;
        for (const char *const *name = section->options; *name; name++)
                at += (size_t) snprintf(known + at, size - at, "%s%s", at > 0 ? ", " : "", *name);
        return wazo_error_input(ctx, NULL, "'%s: invalid variable (%s)' must be one of (%s)", section->member, option,
                                known);
}

static int check_options(struct wazo_context *ctx, const struct wazo_service *service, json_t *endpoint,
                         const json_t *before, const void *data) {
        for (size_t i = 0; i < PJSIP_SECTIONS; i++) {
                const struct pjsip_section *section = &pjsip_sections[i];
                const json_t *pair;
                size_t j;

                if (before && !wazo_differs(endpoint, before, section->member))
                        continue;
                json_array_foreach(json_object_get(endpoint, section->member), j, pair) {
                        const char *option = json_string_value(json_array_get(pair, 0));

                        if (!pjsip_knows(section, option))
                                return refuse_option(ctx, section, option);
                }
        }
        return 0;
}

/* Whether @from is @wanted or inherits from it. @seen: what was looked at. */
static int inherits(struct wazo_context *ctx, const char *from, const char *wanted, json_t *seen) {
        _wazo_unref_ json_t *rows = NULL;
        const json_t *row;
        size_t i;
        int r;

        if (streq(from, wanted))
                return 1;
        if (json_object_get(seen, from))
                return 0;
        if (json_object_set_new(seen, from, json_true()) < 0)
                return -ENOMEM;
        r = wazo_select(ctx, &rows, "SELECT parent_uuid FROM endpoint_sip_template WHERE child_uuid = ?", "s", from);
        json_array_foreach(rows, i, row) {
                if (r != 0)
                        break;
                r = inherits(ctx, wazo_string(row, "parent_uuid"), wanted, seen);
        }
        return r;
}

static int check_template(struct wazo_context *ctx, const json_t *endpoint, const char *uuid) {
        _wazo_unref_ json_t *found = NULL, *seen = json_object();
        const char *own = strempty(wazo_string(endpoint, "uuid"));
        int r;

        if (!seen)
                return -ENOMEM;
        if (streq(uuid, own))
                return wazo_error_resource(ctx, NULL, "Operation not permitted. Cannot use itself as template");
        r = wazo_find(ctx, &endpoint_sip_template_service, &found, "s:s", "uuid", uuid);
        if (r < 0)
                return r;
        /* What the caller may see is not enough: a tenant's endpoints use the tenant's own templates. */
        if (r > 0 || wazo_differs(found, endpoint, "tenant_uuid"))
                return wazo_error_input(ctx, json_pack("{s:o}", "templates", wazo_uuid(uuid)),
                                        "field 'templates': endpoint_sip was not found");
        r = inherits(ctx, uuid, own, seen);
        if (r <= 0)
                return r;
        return wazo_error_resource(ctx, NULL,
                                   "Operation not permitted. SIPEndpointTemplate(%s) already include this template",
                                   uuid);
}

static int check_templates(struct wazo_context *ctx, const struct wazo_service *service, json_t *endpoint,
                           const json_t *before, const void *data) {
        const json_t *templates = json_object_get(endpoint, "templates"), *template;
        size_t i;
        int r;

        if (before && json_equal(templates, json_object_get(before, "templates")))
                return 0;
        json_array_foreach(templates, i, template) {
                for (size_t j = 0; j < i; j++)
                        if (!wazo_differs(template, json_array_get(templates, j), "uuid"))
                                return wazo_error_resource(
                                        ctx, NULL,
                                        "Operation not permitted. Cannot use same template more than once");
                r = check_template(ctx, endpoint, wazo_string(template, "uuid"));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_transport(struct wazo_context *ctx, const struct wazo_service *service, json_t *endpoint,
                           const json_t *before, const void *data) {
        const char *uuid = wazo_string(endpoint, "transport_uuid");
        _wazo_unref_ json_t *row = NULL;
        int r;

        if (!uuid || (before && !wazo_differs(endpoint, before, "transport_uuid")))
                return 0;
        r = wazo_select_row(ctx, &row, "SELECT uuid FROM pjsip_transport WHERE uuid = ?", "s", uuid);
        if (r <= 0)
                return r;
        return wazo_error_input(ctx, json_pack("{s:o}", "uuid", wazo_uuid(uuid)),
                                "field 'transport': SIPTransport was not found");
}

static const struct wazo_rule save_rules[] = {{check_name_free}, {check_options}, {check_templates}, {check_transport}, {}};

static const struct wazo_validator validator = {.create = save_rules, .edit = save_rules};

/* ----- dao ----- */

static const struct pjsip_section *section_of(const char *type) {
        for (size_t i = 0; i < PJSIP_SECTIONS; i++)
                if (type && streq(pjsip_sections[i].type, type))
                        return &pjsip_sections[i];
        return NULL;
}

/* Fills the seven lists of all endpoints of a list by one statement. */
static int load_sections(struct wazo_context *ctx, const struct wazo_service *service, json_t *endpoints) {
        static const struct wazo_field row_fields[] = {
                {"type", WAZO_STRING}, {"key", WAZO_STRING}, {"value", WAZO_STRING}, {}};
        static const struct wazo_relation rows = {
                .owner = "uuid",
                .sql = "SELECT endpoint_sip_section.endpoint_sip_uuid AS _owner, endpoint_sip_section.type, "
                       "endpoint_sip_section_option.key, endpoint_sip_section_option.value FROM endpoint_sip_section "
                       "JOIN endpoint_sip_section_option "
                       "ON endpoint_sip_section_option.endpoint_sip_section_uuid = endpoint_sip_section.uuid "
                       "WHERE endpoint_sip_section.endpoint_sip_uuid IN (%s)",
        };
        static const struct wazo_field wanted[] = {{"options", WAZO_LIST, .fields = row_fields, .relation = &rows}, {}};
        json_t *endpoint;
        size_t i;
        int r;

        r = wazo_load_relations(ctx, wanted, endpoints);
        json_array_foreach(endpoints, i, endpoint) {
                const json_t *option;
                size_t j;

                for (j = 0; j < PJSIP_SECTIONS && r >= 0; j++)
                        r = wazo_set(endpoint, pjsip_sections[j].member, json_array());
                if (r < 0)
                        return r;
                json_array_foreach(json_object_get(endpoint, "options"), j, option) {
                        const struct pjsip_section *section = section_of(wazo_string(option, "type"));

                        if (section && json_array_append_new(json_object_get(endpoint, section->member),
                                                             json_pack("[O,O]", json_object_get(option, "key"),
                                                                       json_object_get(option, "value"))) < 0)
                                return -ENOMEM;
                }
                (void) json_object_del(endpoint, "options");
        }
        return r;
}

static int insert_section(struct wazo_context *ctx, const char *endpoint_uuid, const struct pjsip_section *section,
                          const json_t *options) {
        char section_uuid[WAZO_UUID_SIZE], uuid[WAZO_UUID_SIZE];
        const json_t *pair;
        size_t i;
        int r;

        if (json_array_size(options) == 0)
                return 0;
        wazo_uuid_make(section_uuid);
        r = wazo_execute(ctx, "INSERT INTO endpoint_sip_section (uuid, type, endpoint_sip_uuid) VALUES (?, ?, ?)",
                         "sss", section_uuid, section->type, endpoint_uuid);
        json_array_foreach(options, i, pair) {
                if (r < 0)
                        return r;
                wazo_uuid_make(uuid);
                r = wazo_execute(
                        ctx,
                        "INSERT INTO endpoint_sip_section_option (uuid, key, value, endpoint_sip_section_uuid) VALUES (?, ?, ?, ?)",
                        "sOOs", uuid, json_array_get(pair, 0), json_array_get(pair, 1), section_uuid);
        }
        return r < 0 ? r : 0;
}

/* Follows an insert and an update: a section that changed is replaced whole. */
static int store_sections(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before,
                          json_t *endpoint) {
        const char *uuid = wazo_string(endpoint, "uuid");
        int r = 0;

        for (size_t i = 0; i < PJSIP_SECTIONS && r >= 0; i++) {
                const struct pjsip_section *section = &pjsip_sections[i];

                if (before && !wazo_differs(endpoint, before, section->member))
                        continue;
                if (before)
                        r = wazo_execute(ctx,
                                         "DELETE FROM endpoint_sip_section WHERE endpoint_sip_uuid = ? AND type = ?",
                                         "ss", uuid, section->type);
                if (r >= 0)
                        r = insert_section(ctx, uuid, section, json_object_get(endpoint, section->member));
        }
        if (r < 0 || !before)
                return r;
        return line_refresh_endpoint_sip(ctx, uuid);
}

/* The foreign key takes the endpoint from its line, not its name. */
static int forget_name(struct wazo_context *ctx, const struct wazo_service *service, const json_t *endpoint) {
        int r;

        r = wazo_execute(ctx, "UPDATE linefeatures SET name = NULL WHERE endpoint_sip_uuid = ?", "s",
                         wazo_string(endpoint, "uuid"));
        return r < 0 ? r : 0;
}

static const struct wazo_dao dao = {
        .loaded = load_sections,
        .inserted = store_sections,
        .updated = store_sections,
        .deleting = forget_name,
};

/* ----- notifier ----- */

json_t *endpoint_sip_pick(const json_t *options, const char *name) {
        json_t *picked = json_array();
        json_t *pair;
        size_t i;

        json_array_foreach(options, i, pair)
                if (streq(strempty(json_string_value(json_array_get(pair, 0))), name) &&
                    json_array_append(picked, pair) < 0) {
                        json_decref(picked);
                        return NULL;
                }
        return picked;
}

static json_t *user_id(const json_t *endpoint, const char *member) {
        const json_t *user = json_object_get(endpoint, member);

        return json_is_object(user) ? json_pack("{s:O}", "id", json_object_get(user, "id")) : json_null();
}

static int fill_event(struct wazo_context *ctx, const json_t *endpoint, json_t *data) {
        int r;

        r = wazo_set(data, "auth_section_options",
                     endpoint_sip_pick(json_object_get(endpoint, "auth_section_options"), "username"));
        if (r >= 0)
                r = wazo_set(data, "registration_section_options",
                             endpoint_sip_pick(json_object_get(endpoint, "registration_section_options"),
                                               "client_uri"));
        if (r >= 0)
                r = wazo_set(data, "trunk", user_id(endpoint, "trunk"));
        if (r >= 0)
                r = wazo_set(data, "line", user_id(endpoint, "line"));
        return r;
}

#define EVENT(verb) \
        {.name = "sip_endpoint_" verb, .routing_key = "config.sip_endpoint." verb, .data = "uuid tenant_uuid name label", \
         .fill = fill_event}
#define TEMPLATE_EVENT(verb) \
        {.name = "sip_endpoint_template_" verb, .routing_key = "config.sip_endpoint_template." verb, .data = ""}
#define RELOAD "module reload res_pjsip.so,dialplan reload"

static const struct wazo_notifier endpoint_notifier = {
        .created = EVENT("created"),
        .edited = EVENT("edited"),
        .deleted = EVENT("deleted"),
        .reload_edited = RELOAD,
        .reload_deleted = RELOAD,
};

static const struct wazo_notifier template_notifier = {
        .created = TEMPLATE_EVENT("created"),
        .edited = TEMPLATE_EVENT("edited"),
        .deleted = TEMPLATE_EVENT("deleted"),
        .reload_edited = RELOAD,
        .reload_deleted = RELOAD,
};

/* ----- service ----- */

/* A name when none is given, the transport's key, and on which side of the table the row is. */
static int complete(struct wazo_context *ctx, const struct wazo_service *service, json_t *endpoint,
                    const json_t *before) {
        const char *transport_uuid = json_string_value(wazo_member(endpoint, "transport.uuid"));
        char name[9];
        int r;

        r = wazo_set(endpoint, "transport_uuid", transport_uuid ? json_string(transport_uuid) : json_null());
        if (r >= 0)
                r = wazo_set(endpoint, "template", json_boolean(service->model == &template_model));
        while (r >= 0 && !wazo_string(endpoint, "name")) {
                _wazo_unref_ json_t *taken = NULL;

                wazo_random_text(name, sizeof(name) - 1, "abcdefghijklmnopqrstuvwxyz0123456789");
                r = wazo_select_row(ctx, &taken, "SELECT uuid FROM endpoint_sip WHERE name = ?", "s", name);
                if (r > 0)
                        r = wazo_set(endpoint, "name", json_string(name));
        }
        return r;
}

const struct wazo_service endpoint_sip_service = {
        .model = &endpoint_model,
        .dao = &dao,
        .validator = &validator,
        .notifier = &endpoint_notifier,
        .complete = complete,
};

const struct wazo_service endpoint_sip_template_service = {
        .model = &template_model,
        .dao = &dao,
        .validator = &validator,
        .notifier = &template_notifier,
        .complete = complete,
};

const struct wazo_service endpoint_sip_initial_template_service = {
        .model = &template_model,
        .dao = &dao,
        .validator = &validator,
        .complete = complete,
};
