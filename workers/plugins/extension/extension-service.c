/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/extension/extension-service.h"

#include <string.h>

#include "lib/util.h"
#include "workers/plugins/context/context-service.h"
#include "workers/plugins/line/line-refresh.h"

/* ----- model ----- */

/* What an extension was given to: one row of another table, by the text in typeval. */
#define DESTINATION(kind, columns, from)                                                                           \
        &(const struct wazo_relation) {                                                                            \
                .sql = "SELECT extensions.id AS _owner, " columns " FROM extensions JOIN " from                    \
                       " WHERE extensions.type = '" kind "' AND extensions.id IN (%s)"                             \
        }
#define BY_ID(table) table " ON CAST(" table ".id AS TEXT) = extensions.typeval"

#define LINKS(rel_name, url, by) {"links", WAZO_LINKS, .link = &(const struct wazo_link) {rel_name, url, by}}

static const struct wazo_field conference_fields[] = {
        {"id", WAZO_INTEGER}, {"name", WAZO_STRING}, LINKS("conferences", "/conferences/", "id"), {}};
static const struct wazo_field parking_lot_fields[] = {
        {"id", WAZO_INTEGER}, {"name", WAZO_STRING}, LINKS("parkinglots", "/parkinglots/", "id"), {}};
static const struct wazo_field group_fields[] = {
        {"uuid", WAZO_UUID}, {"id", WAZO_INTEGER}, {"name", WAZO_STRING}, LINKS("groups", "/groups/", "uuid"), {}};
static const struct wazo_field incall_fields[] = {
        {"id", WAZO_INTEGER}, LINKS("incalls", "/incalls/", "id"), {}};
static const struct wazo_field line_fields[] = {
        {"id", WAZO_INTEGER}, {"name", WAZO_STRING}, LINKS("lines", "/lines/", "id"), {}};
static const struct wazo_field outcall_fields[] = {
        {"id", WAZO_INTEGER}, {"name", WAZO_STRING}, LINKS("outcalls", "/outcalls/", "id"), {}};
static const struct wazo_field queue_fields[] = {
        {"id", WAZO_INTEGER}, {"name", WAZO_STRING}, {"label", WAZO_STRING}, LINKS("queues", "/queues/", "id"), {}};

static const struct wazo_relation lines = {
        .sql = "SELECT line_extension.extension_id AS _owner, linefeatures.id, linefeatures.name FROM line_extension "
               "JOIN linefeatures ON linefeatures.id = line_extension.line_id "
               "WHERE line_extension.extension_id IN (%s) ORDER BY linefeatures.id",
};

static const struct wazo_field fields[] = {
        {"id", WAZO_INTEGER, WAZO_READ_ONLY | WAZO_GENERATED, .column = "id"},
        {"tenant_uuid", WAZO_UUID, WAZO_READ_ONLY},
        {"exten", WAZO_STRING, WAZO_REQUIRED, .length = WAZO_AT_MOST(40), .column = "exten",
         .doc = "A number, or a pattern: _1XXX"},
        {"context", WAZO_STRING, WAZO_REQUIRED, .column = "context", .doc = "The name of its context"},
        {"enabled", WAZO_BOOLEAN_LAX, .preset = "true", .column = "commented", .store = WAZO_AS_INVERTED},
        {"commented", WAZO_BOOLEAN_LAX, .expression = "extensions.commented", .store = WAZO_AS_INT,
         .doc = "The contrary of enabled"},
        LINKS("extensions", "/extensions/", "id"),
        {"conference", WAZO_OBJECT, WAZO_READ_ONLY, .fields = conference_fields,
         .relation = DESTINATION("conference", "conference.id, conference.name", BY_ID("conference"))},
        {"parking_lot", WAZO_OBJECT, WAZO_READ_ONLY, .fields = parking_lot_fields,
         .relation = DESTINATION("parking", "parking_lot.id, parking_lot.name", BY_ID("parking_lot"))},
        {"group", WAZO_OBJECT, WAZO_READ_ONLY, .fields = group_fields,
         .relation = DESTINATION("group", "groupfeatures.uuid, groupfeatures.id, groupfeatures.name",
                                 BY_ID("groupfeatures"))},
        {"incall", WAZO_OBJECT, WAZO_READ_ONLY, .fields = incall_fields,
         .relation = DESTINATION("incall", "incall.id", BY_ID("incall"))},
        {"lines", WAZO_LIST, WAZO_READ_ONLY, .fields = line_fields, .relation = &lines},
        {"outcall", WAZO_OBJECT, WAZO_READ_ONLY, .fields = outcall_fields,
         .relation = DESTINATION("outcall", "outcall.id, outcall.name",
                                 BY_ID("dialpattern") " JOIN outcall ON outcall.id = dialpattern.typeid")},
        {"queue", WAZO_OBJECT, WAZO_READ_ONLY, .fields = queue_fields,
         .relation = DESTINATION("queue", "queuefeatures.id, queuefeatures.name, queuefeatures.displayname AS label",
                                 BY_ID("queuefeatures"))},
        {"destination", WAZO_STRING, WAZO_HIDDEN, .preset = "\"user\"", .column = "type"},
        {"destination_id", WAZO_STRING, WAZO_HIDDEN, .preset = "\"0\"", .column = "typeval"},
        {},
};

static const struct wazo_column columns[] = {
        {"exten", WAZO_SEARCH},
        {"context", WAZO_SEARCH},
        {"type", WAZO_SEARCH, .expression = "context.contexttype", .type = WAZO_STRING},
        {},
};

static const struct wazo_model model = {
        .name = "Extension",
        .table = "extensions",
        .fields = fields,
        .join = "JOIN context ON context.name = extensions.context",
        .tenant = "context.tenant_uuid",
        .columns = columns,
        .order = "exten",
};

/* ----- validator ----- */

#define PATTERN_CHARACTERS "*#0123456789_XxZzNn[].!-"

/* A number, or a pattern behind an underscore; calls that leave also begin with a plus. */
static bool exten_fits(const char *exten, bool outcall) {
        size_t length = strlen(exten);

        if (outcall) {
                if (exten[0] == '_')
                        exten++;
                if (exten[0] == '+')
                        exten++;
                return exten[strspn(exten, PATTERN_CHARACTERS)] == 0;
        }
        if (exten[0] == '_')
                return length > 1 && length <= 40 && exten[strspn(exten, PATTERN_CHARACTERS)] == 0;
        return length > 0 && length <= 40 && strspn(exten, "*#0123456789") == length;
}

/* The context that it names, in the request's tenants; a rule has seen that it is there. */
static int own_context(struct wazo_context *ctx, const json_t *extension, json_t **ret) {
        int r;

        r = wazo_find(ctx, &context_service, ret, "s:s", "name", wazo_string(extension, "context"));
        return r > 0 ? -ENOENT : r;
}

static int check_exten(struct wazo_context *ctx, const struct wazo_service *service, json_t *extension,
                       const json_t *before, const void *data) {
        _wazo_unref_ json_t *context = NULL;
        int r;

        r = own_context(ctx, extension, &context);
        if (r < 0)
                return r;
        if (exten_fits(wazo_string(extension, "exten"), streq(strempty(wazo_string(context, "type")), "outcall")))
                return 0;
        return wazo_error_plain(ctx, 400, "exten: ['String does not match expected pattern.']");
}

/* Numbers of up to forty digits, as texts. */
static int compare_numbers(const char *a, const char *b) {
        size_t n, m;

        a += strspn(a, "0");
        b += strspn(b, "0");
        n = strlen(a);
        m = strlen(b);
        return n != m ? (n < m ? -1 : 1) : strcmp(a, b);
}

static int check_parking_slots(struct wazo_context *ctx, const struct wazo_service *service, json_t *extension,
                               const json_t *before, const void *data) {
        const char *exten = wazo_string(extension, "exten");
        _wazo_unref_ json_t *lots = NULL;
        const json_t *lot;
        size_t i;
        int r;

        if (exten[0] == 0 || exten[strspn(exten, "0123456789")] != 0)
                return 0;
        r = wazo_select(ctx, &lots,
                        "SELECT parking_lot.id, parking_lot.slots_start, parking_lot.slots_end FROM extensions JOIN "
                        BY_ID("parking_lot")
                        " WHERE extensions.type = 'parking' AND extensions.context = ? ORDER BY parking_lot.id",
                        "s", wazo_string(extension, "context"));
        if (r < 0)
                return r;
        json_array_foreach(lots, i, lot)
                if (compare_numbers(exten, wazo_string(lot, "slots_start")) >= 0 &&
                    compare_numbers(exten, wazo_string(lot, "slots_end")) <= 0)
                        return wazo_error_resource(ctx, json_incref((json_t *) lot), "ParkingLot already exists");
        return 0;
}

/* What an extension may be associated with; the context it then needs, and the ranges that its number must be in. */
static const struct use {
        const char *member, *context_type, *range;
} uses[] = {
        {"conference", "internal", "conference_room"},
        {"parking_lot", "internal", NULL},
        {"group", "internal", "group"},
        {"incall", "incall", "incall"},
        {"lines", "internal", "user"},
        {"outcall", "outcall", NULL},
        {"queue", "internal", "queue"},
};

static bool is_used(const json_t *extension, const struct use *use) {
        const json_t *member = json_object_get(extension, use->member);

        return json_is_array(member) ? json_array_size(member) > 0 : json_is_object(member);
}

static int check_new_context(struct wazo_context *ctx, const struct wazo_service *service, json_t *extension,
                             const json_t *before, const void *data) {
        _wazo_unref_ json_t *context = NULL;
        int r;

        r = own_context(ctx, extension, &context);
        for (size_t i = 0; i < ELEMENTSOF(uses) && r >= 0; i++)
                if (is_used(before, &uses[i]))
                        r = context_check_type(ctx, context, uses[i].context_type);
        for (size_t i = 0; i < ELEMENTSOF(uses) && r >= 0; i++)
                if (uses[i].range && is_used(before, &uses[i]))
                        r = context_check_range(ctx, context, uses[i].range, wazo_string(extension, "exten"));
        if (r < 0)
                return r;
        if (!wazo_differs(before, context, "tenant_uuid"))
                return 0;
        return wazo_error_resource(ctx,
                                   json_pack("{s:O,s:O}", "current_tenant_uuid",
                                             json_object_get(before, "tenant_uuid"), "context_tenant_uuid",
                                             json_object_get(context, "tenant_uuid")),
                                   "different tenants");
}

static int check_unused(struct wazo_context *ctx, const struct wazo_service *service, json_t *extension,
                        const json_t *before, const void *data) {
        _wazo_unref_ json_t *ids = json_array();
        const json_t *line, *id = json_object_get(extension, "id");
        const char *kind = strempty(wazo_string(extension, "destination"));
        size_t i;

        if (!ids)
                return -ENOMEM;
        if (!streq(kind, "user"))
                return wazo_error_resource(ctx, json_pack("{s:O,s:O}", "extension_id", id, "associated_id",
                                                          json_object_get(extension, "destination_id")),
                                           "Extension is associated with a %s", kind);
        json_array_foreach(json_object_get(extension, "lines"), i, line)
                if (json_array_append(ids, json_object_get(line, "id")) < 0)
                        return -ENOMEM;
        if (json_array_size(ids) == 0)
                return 0;
        return wazo_error_resource(ctx, json_pack("{s:O,s:O}", "extension_id", id, "associated_ids", ids),
                                   "Extension is associated with a line");
}

static const struct wazo_unique number = {.fields = "exten context"};

#define SAVE_RULES                                        \
        {wazo_rule_reference, &context_reference},        \
        {check_exten},                                    \
        {wazo_rule_unique, &number},                      \
        {check_parking_slots}

static const struct wazo_rule create_rules[] = {SAVE_RULES, {}};
static const struct wazo_rule edit_rules[] = {SAVE_RULES, {check_new_context}, {}};
static const struct wazo_rule delete_rules[] = {{check_unused}, {}};

static const struct wazo_validator validator = {.create = create_rules, .edit = edit_rules, .delete = delete_rules};

/* ----- dao ----- */

static int refresh_lines(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before,
                         json_t *extension) {
        return line_refresh_extension(ctx, wazo_integer(extension, "id"));
}

static const struct wazo_dao dao = {.updated = refresh_lines};

/* ----- notifier ----- */

#define EVENT(verb) {.name = "extension_" verb, .routing_key = "config.extensions." verb, .data = "id exten context"}

static const struct wazo_notifier notifier = {
        .created = EVENT("created"),
        .edited = EVENT("edited"),
        .deleted = EVENT("deleted"),
        .reload_created = "dialplan reload",
        .reload_edited =
                "dialplan reload,module reload res_pjsip.so,module reload chan_sccp.so,module reload app_queue.so",
        .reload_deleted = "dialplan reload",
        .reload_changed_only = true,
};

const struct wazo_service extension_service = {
        .model = &model,
        .dao = &dao,
        .validator = &validator,
        .notifier = &notifier,
};

/* ----- for the resource and other plugins ----- */

void extension_apply_commented(json_t *object) {
        const json_t *commented = json_object_get(object, "commented");

        if (json_is_boolean(commented))
                (void) json_object_set_new(object, "enabled", json_boolean(json_is_false(commented)));
        (void) json_object_del(object, "commented");
}

int extension_validate(struct wazo_context *ctx, const json_t *body, enum wazo_operation operation, json_t **ret) {
        json_t *object;
        int r;

        r = wazo_validate(ctx, fields, body, operation, &object);
        if (r < 0)
                return r;
        extension_apply_commented(object);
        *ret = object;
        return 0;
}

int extension_check_kind(struct wazo_context *ctx, const json_t *extension, const char *kind) {
        const char *own = strempty(wazo_string(extension, "destination"));

        if (streq(own, kind))
                return 0;
        return wazo_error_resource(ctx,
                                   json_pack("{s:O,s:O}", "id", json_object_get(extension, "id"), "associated_id",
                                             json_object_get(extension, "destination_id")),
                                   "Extension is associated with a %s", own);
}
