/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/context/context-service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"

/* ----- model ----- */

static int range_schema(struct wazo_context *ctx, json_t *range, json_t *messages) {
        const char *start = wazo_string(range, "start"), *end = wazo_string(range, "end");

        if (!end)
                return wazo_set(range, "end", json_incref(json_object_get(range, "start")));
        if (strlen(start) != strlen(end))
                return json_array_append_new(messages, json_string("Start and end must be of the same length")) < 0 ? -ENOMEM : 0;
        if (strcmp(start, end) > 0)
                return json_array_append_new(messages, json_string("Start of range must be lower than or equal to the end")) < 0
                               ? -ENOMEM
                               : 0;
        return 0;
}

#define RANGE_FIELDS                                                                                                       \
        {"start", WAZO_STRING, WAZO_REQUIRED, .length = WAZO_AT_MOST(16), .check = wazo_check_digits, .column = "numberbeg"}, \
        {"end", WAZO_STRING, .length = WAZO_AT_MOST(16), .check = wazo_check_digits, .column = "numberend"}

static const struct wazo_field range_fields[] = {RANGE_FIELDS, {}};

static const struct wazo_field incall_range_fields[] = {
        RANGE_FIELDS,
        {"did_length", WAZO_INTEGER, .range = WAZO_AT_LEAST(0), .preset = "0", .column = "didlength"},
        {},
};

#define RANGE_RELATION(kind)                                                                                          \
        &(const struct wazo_relation) {                                                                               \
                .owner = "name",                                                                                      \
                .sql = "SELECT context AS _owner, numberbeg, COALESCE(NULLIF(numberend, ''), numberbeg) AS numberend, " \
                       "didlength FROM contextnumbers WHERE type = '" kind "' AND context IN (%s) "                   \
                       "ORDER BY numberbeg, numberend",                                                               \
                .table = "contextnumbers", .owner_column = "context", .constants = "type='" kind "'",                 \
        }

static const struct wazo_field included_fields[] = {
        {"id", WAZO_INTEGER},
        {"name", WAZO_STRING},
        {"label", WAZO_STRING},
        {"links", WAZO_LINKS, .link = &(const struct wazo_link) {"contexts", "/contexts/", "id"}},
        {},
};

static const struct wazo_relation included = {
        .owner = "name",
        .sql = "SELECT contextinclude.context AS _owner, context.id, context.name, context.displayname AS label "
               "FROM contextinclude JOIN context ON context.name = contextinclude.include "
               "WHERE contextinclude.context IN (%s) ORDER BY contextinclude.priority, context.id",
};

static const struct wazo_choice types[] = {{"internal"}, {"incall"}, {"outcall"}, {"services"}, {"others"}, {}};

static const struct wazo_field fields[] = {
        {"id", WAZO_INTEGER, WAZO_READ_ONLY | WAZO_GENERATED, .column = "id"},
        {"uuid", WAZO_UUID, WAZO_READ_ONLY | WAZO_GENERATED, .column = "uuid"},
        {"tenant_uuid", WAZO_UUID, WAZO_READ_ONLY, .column = "tenant_uuid"},
        {"name", WAZO_STRING, WAZO_READ_ONLY, .column = "name"},
        {"label", WAZO_STRING, WAZO_REQUIRED, .length = WAZO_BETWEEN(1, 128), .column = "displayname"},
        {"type", WAZO_STRING, .choices = types, .preset = "\"internal\"", .column = "contexttype"},
        {"user_ranges", WAZO_LIST, .fields = range_fields, .schema = range_schema, .preset = "[]",
         .relation = RANGE_RELATION("user")},
        {"group_ranges", WAZO_LIST, .fields = range_fields, .schema = range_schema, .preset = "[]",
         .relation = RANGE_RELATION("group")},
        {"queue_ranges", WAZO_LIST, .fields = range_fields, .schema = range_schema, .preset = "[]",
         .relation = RANGE_RELATION("queue")},
        {"conference_room_ranges", WAZO_LIST, .fields = range_fields, .schema = range_schema, .preset = "[]",
         .relation = RANGE_RELATION("meetme")},
        {"incall_ranges", WAZO_LIST, .fields = incall_range_fields, .schema = range_schema, .preset = "[]",
         .relation = RANGE_RELATION("incall")},
        {"description", WAZO_STRING, WAZO_NULLABLE, .column = "description"},
        {"enabled", WAZO_BOOLEAN, .preset = "true", .column = "commented", .store = WAZO_AS_INVERTED},
        {"links", WAZO_LINKS, .link = &(const struct wazo_link) {"contexts", "/contexts/", "id"}},
        {"contexts", WAZO_LIST, WAZO_READ_ONLY, .fields = included_fields, .relation = &included},
        {},
};

static const struct wazo_column columns[] = {
        {"id", WAZO_SEARCH}, {"description", WAZO_SEARCH}, {"name", WAZO_SEARCH}, {"label", WAZO_SEARCH}, {"type", WAZO_SEARCH}, {},
};

static const struct wazo_model model = {
        .name = "Context",
        .table = "context",
        .fields = fields,
        .tenant = "context.tenant_uuid",
        .columns = columns,
        .order = "id",
};

/* ----- validator ----- */

#define USAGE(other_name, key, statement)                                                                           \
        {wazo_rule_unused, &(const struct wazo_usage) {.other = other_name, .own_key = "context_id", .other_key = key, \
                                                       .member = "name", .sql = statement}}

static const struct wazo_rule delete_rules[] = {
        USAGE("Extension", "extension_id", "SELECT id FROM extensions WHERE context = ? ORDER BY id LIMIT 1"),
        USAGE("Voicemail", "voicemail_id", "SELECT uniqueid FROM voicemail WHERE context = ? ORDER BY uniqueid LIMIT 1"),
        USAGE("Trunk", "trunk_id", "SELECT id FROM trunkfeatures WHERE context = ? ORDER BY id LIMIT 1"),
        USAGE("AgentLoginStatus", "agent_id",
              "SELECT agent_id FROM agent_login_status WHERE context = ? ORDER BY agent_id LIMIT 1"),
        {},
};

static const struct wazo_validator validator = {.delete = delete_rules};

/* ----- dao ----- */

/* contextinclude names what is included without a foreign key; the rest goes by ON DELETE CASCADE. */
static int delete_includes(struct wazo_context *ctx, const struct wazo_service *service, const json_t *context) {
        const char *name = wazo_string(context, "name");
        int r;

        r = wazo_execute(ctx, "DELETE FROM contextinclude WHERE include = ?", "s", name);
        if (r >= 0)
                r = wazo_execute(ctx, "DELETE FROM contextmember WHERE context = ?", "s", name);
        return r < 0 ? r : 0;
}

int context_tenant_deleted(struct wazo_context *ctx, const char *tenant_uuid) {
        int r = wazo_execute(
                ctx, "DELETE FROM contextinclude WHERE include IN (SELECT name FROM context WHERE tenant_uuid = ?)",
                "s", tenant_uuid);

        return r < 0 ? r : 0;
}

int context_names(struct wazo_context *ctx, const char *tenant_uuid, json_t **ret) {
        _wazo_unref_ json_t *rows = NULL, *names = json_array();
        const json_t *row;
        size_t i;
        int r;

        r = wazo_select(ctx, &rows, "SELECT name FROM context WHERE tenant_uuid = ? ORDER BY id", "s", tenant_uuid);
        if (r < 0)
                return r;
        json_array_foreach(rows, i, row)
                if (json_array_append(names, json_object_get(row, "name")) < 0)
                        return -ENOMEM;
        *ret = json_incref(names);
        return names ? 0 : -ENOMEM;
}

static const struct wazo_dao dao = {.deleting = delete_includes};

/* ----- notifier ----- */

#define EVENT(verb) {.name = "context_" verb, .routing_key = "config.contexts." verb, .data = "id name type tenant_uuid"}

static const struct wazo_notifier notifier = {
        .created = EVENT("created"),
        .edited = EVENT("edited"),
        .deleted = EVENT("deleted"),
        .reload_created = "dialplan reload",
        .reload_edited = "dialplan reload",
        .reload_deleted = "dialplan reload",
};

/* ----- service ----- */

static const char *const range_members[] = {
        "user_ranges", "group_ranges", "queue_ranges", "conference_room_ranges", "incall_ranges",
};

/* The same range twice is one range: the table holds each once. A range without an end ends where it starts. */
static int drop_duplicates(json_t *ranges) {
        _wazo_unref_ json_t *seen = json_object(), *kept = json_array();
        json_t *range;
        char key[64];
        size_t i;

        json_array_foreach(ranges, i, range) {
                const char *start = wazo_string(range, "start"), *end = wazo_string(range, "end");

                (void) snprintf(key, sizeof(key), "%s-%s", start ? start : "", end ? end : start ? start : "");
                if (json_object_get(seen, key))
                        continue;
                if (json_object_set_new(seen, key, json_true()) < 0 || json_array_append(kept, range) < 0)
                        return -ENOMEM;
        }
        if (json_array_size(kept) == json_array_size(ranges))
                return 0;
        return json_array_clear(ranges) < 0 || json_array_extend(ranges, kept) < 0 ? -ENOMEM : 0;
}

static int complete(struct wazo_context *ctx, const struct wazo_service *service, json_t *context, const json_t *before) {
        char slug[64], name[128];
        int r;

        for (size_t i = 0; i < ELEMENTSOF(range_members); i++) {
                json_t *ranges = json_object_get(context, range_members[i]);

                r = json_is_array(ranges) ? drop_duplicates(ranges) : 0;
                if (r < 0)
                        return r;
        }
        if (before)
                return 0;
        r = wazo_tenant_slug(ctx, slug, sizeof(slug));
        if (r < 0)
                return r;
        (void) snprintf(name, sizeof(name), "ctx-%s-%s-%s", slug, wazo_string(context, "type"), wazo_string(context, "uuid"));
        return wazo_set(context, "name", json_string(name));
}

const struct wazo_service context_service = {
        .model = &model,
        .dao = &dao,
        .validator = &validator,
        .notifier = &notifier,
        .complete = complete,
};

const struct wazo_reference context_reference = {.field = "context", .service = &context_service, .member = "name"};

/* ----- for other plugins ----- */

/* The value of the last @length digits; 0: of all. */
static long long tail(const char *digits, size_t length) {
        size_t n = strlen(digits);

        return strtoll(length > 0 && n > length ? digits + n - length : digits, NULL, 10);
}

int context_check_range(struct wazo_context *ctx, const json_t *context, const char *kind, const char *exten) {
        char member[32];
        const json_t *range;
        size_t i;

        if (exten[0] == '_')
                return 0;
        if (snprintf(member, sizeof(member), "%s_ranges", kind) >= (int) sizeof(member))
                return -EINVAL;
        /* The original fails with a 500 on a number with * or #; it is in no range of digits. */
        if (exten[0] != 0 && strspn(exten, "0123456789") == strlen(exten)) {
                json_array_foreach(json_object_get(context, member), i, range) {
                        size_t length = (size_t) wazo_integer(range, "did_length");
                        long long number = strtoll(exten, NULL, 10);

                        if (number >= tail(wazo_string(range, "start"), length) &&
                            number <= tail(wazo_string(range, "end"), length))
                                return 0;
                }
        }
        return wazo_error_input(ctx, NULL, "Extension '%s' is outside of range for context '%s'", exten,
                                wazo_string(context, "name"));
}

int context_check_type(struct wazo_context *ctx, const json_t *context, const char *type) {
        const char *own = wazo_string(context, "type");

        if (own && streq(own, type))
                return 0;
        return wazo_error_resource(ctx, json_pack("{s:O,s:O}", "id", json_object_get(context, "id"), "context",
                                                  json_object_get(context, "name")),
                                   "ContextType '%s' cannot be associated", own ? own : "None");
}
