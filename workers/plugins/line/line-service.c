/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/line/line-service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "workers/plugins/context/context-service.h"
#include "workers/plugins/endpoint_sip/endpoint_sip-service.h"
#include "workers/plugins/user_line/user_line-service.h"

/* ----- model ----- */

#define LINKS(rel_name, url, by) {"links", WAZO_LINKS, .link = &(const struct wazo_link) {rel_name, url, by}}

static const struct wazo_field application_fields[] = {
        {"uuid", WAZO_UUID}, {"name", WAZO_STRING}, LINKS("applications", "/applications/", "uuid"), {}};

static const struct wazo_relation application = {
        .owner = "application_uuid",
        .sql = "SELECT uuid AS _owner, uuid, name FROM application WHERE uuid IN (%s)",
};

static const struct wazo_field sip_fields[] = {
        {"uuid", WAZO_UUID},
        {"label", WAZO_STRING},
        {"name", WAZO_STRING},
        {"auth_section_options", WAZO_ANY, .doc = "Only the username"},
        LINKS("endpoint_sip", "/endpoints/sip/", "uuid"),
        {},
};

static const struct wazo_relation sip = {
        .owner = "endpoint_sip_uuid",
        .sql = "SELECT uuid AS _owner, uuid, label, name FROM endpoint_sip WHERE uuid IN (%s)",
};

static const struct wazo_field sccp_fields[] = {
        {"id", WAZO_INTEGER}, LINKS("endpoint_sccp", "/endpoints/sccp/", "id"), {}};

static const struct wazo_relation sccp = {
        .owner = "endpoint_sccp_id",
        .sql = "SELECT id AS _owner, id FROM sccpline WHERE id IN (%s)",
};

static const struct wazo_field custom_fields[] = {
        {"id", WAZO_INTEGER}, {"interface", WAZO_STRING}, LINKS("endpoint_custom", "/endpoints/custom/", "id"), {}};

static const struct wazo_relation custom = {
        .owner = "endpoint_custom_id",
        .sql = "SELECT id AS _owner, id, interface FROM usercustom WHERE id IN (%s)",
};

static const struct wazo_field extension_fields[] = {
        {"id", WAZO_INTEGER},
        {"exten", WAZO_STRING},
        {"context", WAZO_STRING},
        LINKS("extensions", "/extensions/", "id"),
        {},
};

static const struct wazo_relation extensions = {
        .sql = "SELECT line_extension.line_id AS _owner, extensions.id, extensions.exten, extensions.context "
               "FROM line_extension JOIN extensions ON extensions.id = line_extension.extension_id "
               "WHERE line_extension.line_id IN (%s) ORDER BY line_extension.main_extension DESC, extensions.id",
};

static const struct wazo_field user_fields[] = {
        {"id", WAZO_INTEGER, WAZO_HIDDEN},
        {"uuid", WAZO_UUID},
        {"firstname", WAZO_STRING},
        {"lastname", WAZO_STRING, .store = WAZO_AS_EMPTY},
        LINKS("users", "/users/", "id"),
        {},
};

static const struct wazo_relation users = {
        .sql = "SELECT user_line.line_id AS _owner, userfeatures.id, userfeatures.uuid, userfeatures.firstname, "
               "userfeatures.lastname FROM user_line JOIN userfeatures ON userfeatures.id = user_line.user_id "
               "WHERE user_line.line_id IN (%s) ORDER BY user_line.main_user DESC, userfeatures.id",
};

#define PROTOCOL                                                                                                   \
        "CASE WHEN linefeatures.endpoint_sip_uuid IS NOT NULL THEN 'sip' "                                         \
        "WHEN linefeatures.endpoint_sccp_id IS NOT NULL THEN 'sccp' "                                              \
        "WHEN linefeatures.endpoint_custom_id IS NOT NULL THEN 'custom' END"

/* Six digits, though the column is a number. */
#define CODE                                                                                                       \
        "SUBSTR('000000' || CAST(linefeatures.provisioningid AS TEXT), "                                           \
        "LENGTH(CAST(linefeatures.provisioningid AS TEXT)) + 1)"

/* The two halves of the SIP option callerid, "<name>" <number>, by functions that both databases have. */
#define CALLER_ID                                                                                                  \
        "(SELECT endpoint_sip_section_option.value FROM endpoint_sip_section_option JOIN endpoint_sip_section "    \
        "ON endpoint_sip_section.uuid = endpoint_sip_section_option.endpoint_sip_section_uuid "                    \
        "WHERE endpoint_sip_section.endpoint_sip_uuid = linefeatures.endpoint_sip_uuid "                           \
        "AND endpoint_sip_section.type = 'endpoint' AND endpoint_sip_section_option.key = 'callerid' LIMIT 1)"
#define BEFORE_NUMBER "RTRIM(RTRIM(" CALLER_ID ", '> '), '0123456789+*#')"
#define CALLER_ID_NAME                                                                                             \
        "COALESCE(NULLIF(CASE WHEN " CALLER_ID " LIKE '%<%>%' THEN TRIM(RTRIM(" BEFORE_NUMBER ", '< '), '\"') "    \
        "ELSE TRIM(" CALLER_ID ", '\"') END, ''), "                                                                \
        "(SELECT NULLIF(sccpline.cid_name, '') FROM sccpline WHERE sccpline.id = linefeatures.endpoint_sccp_id))"
#define CALLER_ID_NUMBER                                                                                           \
        "COALESCE(CASE WHEN " CALLER_ID " LIKE '%<%>%' THEN "                                                      \
        "NULLIF(SUBSTR(RTRIM(" CALLER_ID ", '> '), LENGTH(" BEFORE_NUMBER ") + 1), '') END, "                      \
        "(SELECT NULLIF(sccpline.cid_num, '') FROM sccpline WHERE sccpline.id = linefeatures.endpoint_sccp_id))"

#define EXTEN                                                                                                      \
        "(SELECT extensions.exten FROM line_extension "                                                            \
        "JOIN extensions ON extensions.id = line_extension.extension_id "                                          \
        "WHERE line_extension.line_id = linefeatures.id ORDER BY line_extension.main_extension DESC LIMIT 1)"

static const struct wazo_field fields[] = {
        {"id", WAZO_INTEGER, WAZO_READ_ONLY | WAZO_GENERATED, .column = "id"},
        {"tenant_uuid", WAZO_UUID, WAZO_READ_ONLY},
        {"name", WAZO_STRING, WAZO_READ_ONLY, .column = "name"},
        {"protocol", WAZO_STRING, WAZO_READ_ONLY, .expression = PROTOCOL},
        {"device_id", WAZO_STRING, WAZO_READ_ONLY, .column = "device", .store = WAZO_AS_EMPTY},
        {"device_slot", WAZO_INTEGER, WAZO_READ_ONLY, .expression = "linefeatures.num"},
        {"provisioning_extension", WAZO_STRING, WAZO_READ_ONLY, .expression = CODE},
        {"context", WAZO_STRING, WAZO_REQUIRED, .column = "context", .doc = "The name of its context"},
        {"provisioning_code", WAZO_STRING, WAZO_NULL_ON_CREATE, .length = WAZO_EXACTLY(6), .check = wazo_check_digits,
         .expression = CODE, .doc = "Six digits, to be dialled on a phone that becomes this line's; random when absent"},
        {"position", WAZO_INTEGER, WAZO_NULL_ON_CREATE, .range = WAZO_AT_LEAST(1), .preset = "1", .column = "num"},
        {"caller_id_name", WAZO_STRING, WAZO_NULLABLE, .pattern = "^[^\001-\037]*$", .expression = CALLER_ID_NAME},
        {"caller_id_num", WAZO_STRING, WAZO_NULLABLE, .check = wazo_check_digits, .expression = CALLER_ID_NUMBER},
        {"registrar", WAZO_STRING, WAZO_NULL_ON_CREATE, .length = WAZO_AT_MOST(128), .preset = "\"default\"",
         .column = "configregistrar"},
        {"is_webrtc", WAZO_BOOLEAN, WAZO_READ_ONLY},
        LINKS("lines", "/lines/", "id"),
        {"application", WAZO_OBJECT, WAZO_READ_ONLY, .fields = application_fields, .relation = &application},
        {"endpoint_sip", WAZO_OBJECT, WAZO_READ_ONLY, .fields = sip_fields, .relation = &sip},
        {"endpoint_sccp", WAZO_OBJECT, WAZO_READ_ONLY, .fields = sccp_fields, .relation = &sccp},
        {"endpoint_custom", WAZO_OBJECT, WAZO_READ_ONLY, .fields = custom_fields, .relation = &custom},
        {"extensions", WAZO_LIST, WAZO_READ_ONLY, .fields = extension_fields, .relation = &extensions},
        {"users", WAZO_LIST, WAZO_READ_ONLY, .fields = user_fields, .relation = &users},
        {"provisioning_number", WAZO_INTEGER, WAZO_HIDDEN, .column = "provisioningid"},
        {"endpoint_sip_uuid", WAZO_UUID, WAZO_HIDDEN, .column = "endpoint_sip_uuid"},
        {"endpoint_sccp_id", WAZO_INTEGER, WAZO_HIDDEN, .column = "endpoint_sccp_id"},
        {"endpoint_custom_id", WAZO_INTEGER, WAZO_HIDDEN, .column = "endpoint_custom_id"},
        {"application_uuid", WAZO_UUID, WAZO_HIDDEN, .column = "application_uuid"},
        {"number", WAZO_STRING, WAZO_HIDDEN, .column = "number"},
        {"registrar_address", WAZO_STRING, WAZO_HIDDEN, .preset = "\"\"", .column = "ipfrom"},
        {},
};

static const struct wazo_column columns[] = {
        {"context", WAZO_SEARCH},
        {"provisioning_code", WAZO_SEARCH},
        {"provisioning_extension", WAZO_SEARCH},
        {"position", WAZO_SEARCH},
        {"device_slot", WAZO_SEARCH},
        {"protocol", WAZO_SEARCH},
        {"device_id", WAZO_SEARCH},
        {"name", WAZO_SEARCH},
        {"caller_id_name", WAZO_SEARCH},
        {"caller_id_num", WAZO_SEARCH},
        {"exten", WAZO_SEARCH, .expression = EXTEN, .type = WAZO_STRING},
        {},
};

static const struct wazo_model model = {
        .name = "Line",
        .table = "linefeatures",
        .fields = fields,
        .join = "JOIN context ON context.name = linefeatures.context",
        .tenant = "context.tenant_uuid",
        .columns = columns,
        .order = "name",
};

/* ----- validator ----- */

static int check_code(struct wazo_context *ctx, const struct wazo_service *service, json_t *line,
                      const json_t *before, const void *data) {
        _wazo_unref_ json_t *other = NULL;
        int r;

        if (before && !wazo_differs(line, before, "provisioning_number"))
                return 0;
        r = wazo_select_row(ctx, &other, "SELECT id FROM linefeatures WHERE provisioningid = ?", "O",
                            json_object_get(line, "provisioning_number"));
        if (r != 0)
                return r < 0 ? r : 0;
        return wazo_error_resource(ctx,
                                   json_pack("{s:O}", "provisioning_code",
                                             json_object_get(line, "provisioning_code")),
                                   "Line already exists");
}

/* Everything but letters, digits and -_.~ as %XX. */
static void percent_encode(const char *s, char *to, size_t size) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
        size_t at = 0;

        for (; *s && at + 4 <= size; s++)
                at += (size_t) snprintf(to + at, size - at, strchr(plain, *s) ? "%c" : "%%%02X", (unsigned char) *s);
        to[at] = 0;
}

/* 0: wazo-provd has it; 1: it has not. */
static int ask_provd(struct wazo_context *ctx, const char *registrar) {
        _wazo_unref_ json_t *query = json_pack("{s:s,s:s}", "X_type", "registrar", "id", registrar);
        _cleanup_free_ char *text = query ? json_dumps(query, JSON_COMPACT) : NULL;
        struct wazo_answer answer = {0};
        char encoded[3072], path[3200];
        int r;

        if (!text)
                return -ENOMEM;
        percent_encode(text, encoded, sizeof(encoded));
        (void) snprintf(path, sizeof(path), "/0.2/cfg_mgr/configs?q=%s", encoded);
        r = wazo_call(ctx, &(const struct wazo_call) {.daemon = "provd", .method = "GET", .path = path}, &answer);
        if (r < 0)
                return r;
        if (answer.status == 200)
                r = json_array_size(json_object_get(answer.body, "configs")) == 0;
        else
                r = wazo_error_busy(ctx, 5, "Provd client error: status %u", answer.status);
        json_decref(answer.body);
        return r;
}

/* "default" is there wherever provd is; any other is asked for, when it is new. */
static int check_registrar(struct wazo_context *ctx, const struct wazo_service *service, json_t *line,
                           const json_t *before, const void *data) {
        const char *registrar = wazo_string(line, "registrar");
        int r;

        if (!registrar || streq(registrar, "default") || (before && !wazo_differs(line, before, "registrar")))
                return 0;
        r = ask_provd(ctx, registrar);
        if (r != 1 && r != -ENOTCONN)
                return r;
        return wazo_error_input(ctx, json_pack("{s:s}", "registrar", registrar),
                                "field 'registrar': Registrar was not found");
}

static int check_caller_id(struct wazo_context *ctx, const struct wazo_service *service, json_t *line,
                           const json_t *before, const void *data) {
        static const char *const members[] = {"caller_id_name", "caller_id_num"};
        const char *protocol = wazo_string(line, "protocol");

        for (size_t i = 0; i < ELEMENTSOF(members); i++) {
                if (!wazo_differs(line, before, members[i]))
                        continue;
                if (!protocol)
                        return wazo_error_plain(ctx, 400, "Cannot set caller id if no endpoint associated");
                if (streq(protocol, "custom"))
                        return wazo_error_plain(ctx, 400, "Cannot set caller id on endpoint of type 'custom'");
                if (!wazo_string(line, members[i]))
                        return wazo_error_plain(ctx, 400, "Cannot set caller id to None");
                if (i == 1 && streq(protocol, "sccp"))
                        return wazo_error_plain(ctx, 400, "Cannot set caller id num on endpoint of type 'sccp'");
        }
        return 0;
}

static const struct wazo_rule save_rules[] = {
        {wazo_rule_reference, &context_reference}, {check_code}, {check_registrar}, {check_caller_id}, {}};

static const struct wazo_validator validator = {.create = save_rules, .edit = save_rules};

/* ----- dao ----- */

/* Who may use the browser as a phone, and the usernames: for all lines of a list, not one by one. */
static int load_endpoints(struct wazo_context *ctx, const struct wazo_service *service, json_t *lines) {
        static const struct wazo_field username_fields[] = {{"value", WAZO_STRING}, {}};
        static const struct wazo_relation usernames = {
                .owner = "endpoint_sip_uuid",
                .sql = "SELECT endpoint_sip_section.endpoint_sip_uuid AS _owner, endpoint_sip_section_option.value "
                       "FROM endpoint_sip_section JOIN endpoint_sip_section_option "
                       "ON endpoint_sip_section_option.endpoint_sip_section_uuid = endpoint_sip_section.uuid "
                       "WHERE endpoint_sip_section.type = 'auth' AND endpoint_sip_section_option.key = 'username' "
                       "AND endpoint_sip_section.endpoint_sip_uuid IN (%s)",
        };
        static const struct wazo_field wanted[] = {
                {"usernames", WAZO_LIST, .fields = username_fields, .relation = &usernames}, {}};
        _wazo_unref_ json_t *uuids = json_array(), *merged = NULL;
        json_t *line, *username;
        size_t i, j;
        int r;

        json_array_foreach(lines, i, line)
                if (wazo_string(line, "endpoint_sip_uuid") &&
                    json_array_append(uuids, json_object_get(line, "endpoint_sip_uuid")) < 0)
                        return -ENOMEM;
        r = endpoint_sip_merge(ctx, uuids, "webrtc", &merged);
        if (r >= 0)
                r = wazo_load_relations(ctx, wanted, lines);
        json_array_foreach(lines, i, line) {
                const char *uuid = wazo_string(line, "endpoint_sip_uuid");
                const json_t *own = uuid ? json_object_get(merged, uuid) : NULL;
                json_t *endpoint = json_object_get(line, "endpoint_sip"), *options = json_array();

                if (r >= 0)
                        r = wazo_set(line, "is_webrtc",
                                     json_boolean(streq(strempty(json_string_value(
                                                                wazo_member(own, "endpoint_section_options.webrtc"))),
                                                        "yes")));
                json_array_foreach(json_object_get(line, "usernames"), j, username)
                        if (json_array_append_new(options, json_pack("[s,O]", "username",
                                                                     json_object_get(username, "value"))) < 0)
                                r = -ENOMEM;
                if (r >= 0 && json_is_object(endpoint))
                        r = wazo_set(endpoint, "auth_section_options", json_incref(options));
                json_decref(options);
                (void) json_object_del(line, "usernames");
                if (r < 0)
                        return r;
        }
        return r;
}

static int store_derived(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before,
                         json_t *line) {
        int r = 0;

        if (wazo_differs(line, before, "caller_id_name") || wazo_differs(line, before, "caller_id_num"))
                r = line_store_caller_id(ctx, line, wazo_string(line, "caller_id_name"),
                                         wazo_string(line, "caller_id_num"));
        return r < 0 ? r : line_refresh_names(ctx, wazo_integer(line, "id"));
}

/* Endpoints that have no service yet; the foreign keys do the rest. */
static int delete_endpoint(struct wazo_context *ctx, const struct wazo_service *service, const json_t *line) {
        int r = 0;

        if (wazo_integer(line, "endpoint_sccp_id") != 0)
                r = wazo_execute(ctx, "DELETE FROM sccpline WHERE id = ?", "I",
                                 (json_int_t) wazo_integer(line, "endpoint_sccp_id"));
        if (r >= 0 && wazo_integer(line, "endpoint_custom_id") != 0)
                r = wazo_execute(ctx, "DELETE FROM usercustom WHERE id = ?", "I",
                                 (json_int_t) wazo_integer(line, "endpoint_custom_id"));
        return r < 0 ? r : 0;
}

static const struct wazo_dao dao = {.loaded = load_endpoints, .updated = store_derived, .deleting = delete_endpoint};

/* ----- notifier ----- */

#define EVENT(verb) {.name = "line_" verb, .routing_key = "config.line." verb, .data = "id protocol name tenant_uuid"}
#define RELOAD "module reload res_pjsip.so,dialplan reload,module reload chan_sccp.so"

static const struct wazo_notifier notifier = {
        .created = EVENT("created"),
        .edited = EVENT("edited"),
        .deleted = EVENT("deleted"),
        .reload_created = RELOAD,
        .reload_edited = RELOAD,
        .reload_deleted = RELOAD,
        .reload_changed_only = true,
};

/* ----- service ----- */

static int random_code(struct wazo_context *ctx, json_t *line) {
        char code[7];
        int r;

        do {
                _wazo_unref_ json_t *taken = NULL;

                wazo_random_text(code, 1, "123456789");
                wazo_random_text(code + 1, 5, "0123456789");
                r = wazo_select_row(ctx, &taken, "SELECT id FROM linefeatures WHERE provisioningid = ?", "I",
                                    (json_int_t) atoi(code));
        } while (r == 0);
        return r < 0 ? r : wazo_set(line, "provisioning_code", json_string(code));
}

static int complete(struct wazo_context *ctx, const struct wazo_service *service, json_t *line,
                    const json_t *before) {
        int r = wazo_string(line, "provisioning_code") ? 0 : random_code(ctx, line);

        if (r < 0)
                return r;
        return wazo_set(line, "provisioning_number", json_integer(atoi(wazo_string(line, "provisioning_code"))));
}

/* A line goes with its endpoint, and is first taken from its users. Its device is forgotten without a word to
 * wazo-provd: the association of lines and devices has no plugin yet. */
static int delete_line(struct wazo_context *ctx, const struct wazo_service *service, json_t *line) {
        const char *sip_uuid = wazo_string(line, "endpoint_sip_uuid");
        _wazo_unref_ json_t *endpoint = NULL;
        const json_t *extension;
        size_t i;
        int r;

        r = wazo_set(line, "device_id", json_null());
        if (r >= 0)
                r = user_line_dissociate_all(ctx, line);
        if (r >= 0 && sip_uuid)
                r = wazo_find_anywhere(ctx, &endpoint_sip_service, &endpoint, "s:s", "uuid", sip_uuid);
        if (r < 0)
                return r;
        if (endpoint)
                r = wazo_delete(ctx, &endpoint_sip_service, endpoint);
        if (r >= 0)
                r = wazo_service_delete(ctx, service, line);
        json_array_foreach(json_object_get(line, "extensions"), i, extension) {
                if (r < 0)
                        return r;
                r = line_refresh_typeval(ctx, wazo_integer(extension, "id"));
        }
        return r < 0 ? r : 0;
}

const struct wazo_service line_service = {
        .model = &model,
        .dao = &dao,
        .validator = &validator,
        .notifier = &notifier,
        .complete = complete,
        .delete = delete_line,
};

/* ----- for other plugins ----- */

bool line_has_endpoint(const json_t *line) {
        return wazo_string(line, "endpoint_sip_uuid") || wazo_integer(line, "endpoint_sccp_id") != 0
               || wazo_integer(line, "endpoint_custom_id") != 0;
}

static const json_t *line_of(const struct wazo_association *association, const struct wazo_pair *pair,
                             const char *side) {
        return streq(association->left.name, side) ? pair->left : pair->right;
}

int line_rule_endpoint(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair,
                       const void *side) {
        const json_t *line = line_of(association, pair, side);

        if (line_has_endpoint(line))
                return 0;
        return wazo_error_resource(ctx, json_pack("{s:O}", "line_id", json_object_get(line, "id")),
                                   "Line must be associated with a Endpoint");
}

int line_rule_no_device(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair,
                        const void *side) {
        const json_t *line = line_of(association, pair, side);

        if (!wazo_string(line, "device_id"))
                return 0;
        return wazo_error_resource(ctx, json_pack("{s:O,s:O}", "line_id", json_object_get(line, "id"), "device_id",
                                                  json_object_get(line, "device_id")),
                                   "Line is associated with a Device");
}
