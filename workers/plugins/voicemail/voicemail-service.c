/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/voicemail/voicemail-service.h"

#include <stdio.h>

#include "lib/util.h"
#include "workers/plugins/context/context-service.h"

#define PJSIP "module reload res_pjsip.so"
#define SCCP "module reload chan_sccp.so"

/* ----- model ----- */

static const struct wazo_choice access_types[] = {{"personal"}, {"global"}, {}};

static const struct wazo_field user_fields[] = {
        {"id", WAZO_INTEGER, WAZO_HIDDEN},
        {"uuid", WAZO_UUID},
        {"firstname", WAZO_STRING},
        {"lastname", WAZO_STRING, WAZO_NULLABLE, .store = WAZO_AS_EMPTY},
        {"links", WAZO_LINKS, .link = &(const struct wazo_link) {"users", "/users/", "id"}},
        {},
};

static const struct wazo_relation users = {
        .sql = "SELECT voicemailid AS _owner, id, uuid, firstname, lastname FROM userfeatures WHERE voicemailid IN (%s) ORDER BY id",
};

static const struct wazo_field option_text = {.name = "text", .type = WAZO_STRING};
static const struct wazo_field option_pair = {
        .name = "option", .type = WAZO_LIST, .length = WAZO_BETWEEN(2, 2), .item = &option_text,
};

const struct wazo_field voicemail_fields[] = {
        {"id", WAZO_INTEGER, WAZO_READ_ONLY | WAZO_GENERATED, .column = "uniqueid"},
        {"tenant_uuid", WAZO_UUID, WAZO_READ_ONLY, .doc = "The tenant of the context"},
        {"name", WAZO_STRING, WAZO_REQUIRED, .length = WAZO_AT_MOST(80), .column = "fullname"},
        {"number", WAZO_STRING, WAZO_REQUIRED, .pattern = "^[0-9]{1,40}$", .column = "mailbox"},
        {"context", WAZO_STRING, WAZO_REQUIRED, .column = "context"},
        {"password", WAZO_STRING, WAZO_NULLABLE | WAZO_SECRET, .pattern = "^[0-9]{1,80}$", .column = "password"},
        {"email", WAZO_STRING, WAZO_NULLABLE, .length = WAZO_AT_MOST(80), .column = "email"},
        {"language", WAZO_STRING, WAZO_NULLABLE, .pattern = "^[a-z]{2}_[A-Z]{2}$", .column = "language"},
        {"timezone", WAZO_STRING, WAZO_NULLABLE, .column = "tz", .doc = "The name of a zone message, as eu-fr"},
        {"pager", WAZO_STRING, WAZO_NULLABLE, .length = WAZO_AT_MOST(80), .column = "pager"},
        {"max_messages", WAZO_INTEGER, WAZO_NULLABLE, .range = WAZO_AT_LEAST(0), .column = "maxmsg"},
        {"attach_audio", WAZO_BOOLEAN, WAZO_NULLABLE, .column = "attach", .store = WAZO_AS_INT},
        {"delete_messages", WAZO_BOOLEAN, .preset = "false", .column = "deletevoicemail", .store = WAZO_AS_INT},
        {"ask_password", WAZO_BOOLEAN, .preset = "true", .column = "skipcheckpass", .store = WAZO_AS_INVERTED},
        {"enabled", WAZO_BOOLEAN, .preset = "true", .column = "commented", .store = WAZO_AS_INVERTED},
        {"options", WAZO_LIST, .item = &option_pair, .preset = "[]", .column = "options", .store = WAZO_AS_PAIRS},
        {"links", WAZO_LINKS, .link = &(const struct wazo_link) {"voicemails", "/voicemails/", "id"}},
        {"accesstype", WAZO_STRING, .choices = access_types, .preset = "\"personal\"", .column = "accesstype"},
        {"users", WAZO_LIST, WAZO_READ_ONLY, .fields = user_fields, .relation = &users},
        {},
};

static const struct wazo_column columns[] = {
        {"name", WAZO_SEARCH}, {"number", WAZO_SEARCH}, {"email", WAZO_SEARCH}, {"context"},    {"language"},
        {"timezone"},          {"pager", WAZO_SEARCH},  {"accesstype"},         {},
};

static const struct wazo_model model = {
        .name = "Voicemail",
        .table = "voicemail",
        .fields = voicemail_fields,
        .join = "JOIN context ON context.name = voicemail.context",
        .tenant = "context.tenant_uuid",
        .columns = columns,
        .order = "number",
};

/* ----- validator ----- */

static bool is_global(const json_t *voicemail) {
        const char *type = wazo_string(voicemail, "accesstype");

        return type && streq(type, "global");
}

static int check_one_global(struct wazo_context *ctx, const struct wazo_service *service, json_t *voicemail,
                            const json_t *before, const void *data) {
        _wazo_unref_ json_t *row = NULL;
        int r;

        if (!is_global(voicemail))
                return 0;
        r = wazo_select_row(ctx, &row,
                            "SELECT uniqueid FROM voicemail WHERE accesstype = 'global' AND context = ? AND uniqueid <> ?",
                            "sI", wazo_string(voicemail, "context"), (json_int_t) wazo_integer(before, "id"));
        if (r < 0)
                return r;
        return r > 0 ? 0
                     : wazo_error_resource(
                               ctx, NULL,
                               "Operation not permitted. There can be only one global voicemail per context.");
}

static int check_global_has_no_users(struct wazo_context *ctx, const struct wazo_service *service, json_t *voicemail,
                                     const json_t *before, const void *data) {
        if (!is_global(voicemail) || json_array_size(json_object_get(before, "users")) == 0)
                return 0;
        return wazo_error_resource(ctx, NULL, "Operation not permitted. A global voicemail cannot be associated to users.");
}

/* Who has the box stays of its tenant, as when they were associated. */
static int check_tenant(struct wazo_context *ctx, const struct wazo_service *service, json_t *voicemail, const json_t *before,
                        const void *data) {
        _wazo_unref_ json_t *context = NULL;
        int r;

        if (!wazo_differs(before, voicemail, "context") || json_array_size(json_object_get(before, "users")) == 0)
                return 0;
        r = wazo_find(ctx, &context_service, &context, "s:O", "name", json_object_get(voicemail, "context"));
        if (r != 0 || !wazo_differs(before, context, "tenant_uuid"))
                return r < 0 ? r : 0;
        return wazo_error_resource(ctx, json_pack("{s:O,s:O}", "current_tenant_uuid", json_object_get(before, "tenant_uuid"),
                                                  "context_tenant_uuid", json_object_get(context, "tenant_uuid")),
                                   "different tenants");
}

static int check_timezone(struct wazo_context *ctx, const struct wazo_service *service, json_t *voicemail, const json_t *before,
                          const void *data) {
        const char *zone = wazo_string(voicemail, "timezone");
        _wazo_unref_ json_t *row = NULL;
        int r;

        if (!zone || !wazo_differs(voicemail, before, "timezone"))
                return 0;
        r = wazo_select_row(ctx, &row,
                            "SELECT id FROM staticvoicemail WHERE category = 'zonemessages' AND var_name = ?", "s",
                            zone);
        if (r <= 0)
                return r;
        return wazo_error_input(ctx, json_pack("{s:s}", "timezone", zone), "field 'timezone': Timezone was not found");
}

static int check_unused(struct wazo_context *ctx, const struct wazo_service *service, json_t *voicemail, const json_t *before,
                        const void *data) {
        const json_t *holders = json_object_get(before, "users"), *user;
        _cleanup_free_ char *ids = NULL;
        size_t i, size;
        FILE *f;

        if (json_array_size(holders) == 0)
                return 0;
        f = open_memstream(&ids, &size);
        if (!f)
                return -ENOMEM;
        json_array_foreach(holders, i, user)
                (void) fprintf(f, "%s%lld", i > 0 ? ", " : "", (long long) wazo_integer(user, "id"));
        if (fclose(f) != 0)
                return -ENOMEM;
        return wazo_error_resource(ctx, json_pack("{s:O,s:s}", "voicemail_id", json_object_get(before, "id"), "user_ids", ids),
                                   "Voicemail is associated with a User");
}

static const struct wazo_unique unique = {.fields = "number context"};

static const struct wazo_rule create_rules[] = {
        {wazo_rule_reference, &context_reference},
        {wazo_rule_unique, &unique},
        {check_one_global},
        {check_timezone},
        {},
};

static const struct wazo_rule edit_rules[] = {
        {wazo_rule_reference, &context_reference},
        {wazo_rule_unique, &unique},
        {check_one_global},
        {check_global_has_no_users},
        {check_timezone},
        {check_tenant},
        {},
};

static const struct wazo_rule delete_rules[] = {{check_unused}, {}};

static const struct wazo_validator validator = {.create = create_rules, .edit = edit_rules, .delete = delete_rules};

/* ----- dao ----- */

/* What rings into the box: no foreign key leads there. */
static int delete_destinations(struct wazo_context *ctx, const struct wazo_service *service, const json_t *voicemail) {
        int r;

        r = wazo_execute(ctx, "DELETE FROM dialaction WHERE action = 'voicemail' AND actionarg1 = CAST(? AS TEXT)", "I",
                         (json_int_t) wazo_integer(voicemail, "id"));
        return r < 0 ? r : 0;
}

static const struct wazo_dao dao = {.deleting = delete_destinations};

/* ----- notifier ----- */

static const struct wazo_event user_voicemail_edited = {
        .name = "user_voicemail_edited",
        .routing_key = "config.users.{user.uuid}.voicemails.edited",
        .data = "user_uuid=user.uuid voicemail_id=voicemail.id",
        .scope = WAZO_TO_USER,
        .user = "user.uuid",
        .tenant = "voicemail.tenant_uuid",
};

static int tell_users(struct wazo_context *ctx, json_t *voicemail) {
        json_t *user;
        size_t i;
        int r = 0;

        json_array_foreach(json_object_get(voicemail, "users"), i, user) {
                _wazo_unref_ json_t *objects = json_pack("{s:O,s:O}", "user", user, "voicemail", voicemail);

                r = objects ? wazo_event_send(ctx, &user_voicemail_edited, objects) : -ENOMEM;
                if (r < 0)
                        break;
        }
        return r;
}

/* The messages lie in folders named after the context and the number: sysconfd moves and removes them. */
static int move_messages(struct wazo_context *ctx, const json_t *before, const json_t *after) {
        _wazo_unref_ json_t *query = NULL;

        if (!wazo_differs(before, after, "number") && !wazo_differs(before, after, "context"))
                return 0;
        query = json_pack("{s:O,s:O,s:O,s:O}", "old_mailbox", json_object_get(before, "number"), "old_context",
                          json_object_get(before, "context"), "new_mailbox", json_object_get(after, "number"), "new_context",
                          json_object_get(after, "context"));
        return query ? wazo_sysconfd(ctx, "GET", "/move_voicemail", query, NULL) : -ENOMEM;
}

static int remove_messages(struct wazo_context *ctx, const json_t *voicemail) {
        _wazo_unref_ json_t *query = json_pack("{s:O,s:O}", "mailbox", json_object_get(voicemail, "number"), "context",
                                               json_object_get(voicemail, "context"));

        return query ? wazo_sysconfd(ctx, "GET", "/delete_voicemail", query, NULL) : -ENOMEM;
}

int voicemail_tenant_deleted(struct wazo_context *ctx, const char *tenant_uuid) {
        _wazo_unref_ json_t *names = NULL;
        json_t *name;
        size_t i;
        int r;

        r = context_names(ctx, tenant_uuid, &names);
        json_array_foreach(names, i, name) {
                _wazo_unref_ json_t *query = r >= 0 ? json_pack("{s:O}", "context", name) : NULL;

                r = query ? wazo_sysconfd(ctx, "DELETE", "/voicemails_context", query, NULL) : -ENOMEM;
                if (r < 0)
                        break;
        }
        return r;
}

#define EVENT(verb) {.name = "voicemail_" verb, .routing_key = "config.voicemail." verb, .data = "id"}

static const struct wazo_notifier notifier = {
        .created = EVENT("created"),
        .edited = EVENT("edited"),
        .deleted = EVENT("deleted"),
        .reload_created = "voicemail reload",
        .reload_edited = "voicemail reload," PJSIP "," SCCP,
        .reload_deleted = "voicemail reload",
};

/* ----- service ----- */

static int edit(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before, json_t *voicemail) {
        int r;

        r = wazo_service_edit(ctx, service, before, voicemail);
        if (r < 0)
                return r;
        r = tell_users(ctx, voicemail);
        return r < 0 ? r : move_messages(ctx, before, voicemail);
}

static int delete(struct wazo_context *ctx, const struct wazo_service *service, json_t *voicemail) {
        int r;

        r = wazo_service_delete(ctx, service, voicemail);
        return r < 0 ? r : remove_messages(ctx, voicemail);
}

const struct wazo_service voicemail_service = {
        .model = &model,
        .dao = &dao,
        .validator = &validator,
        .notifier = &notifier,
        .edit = edit,
        .delete = delete,
};

int voicemail_schema(struct wazo_context *ctx, const struct wazo_resource *resource, enum wazo_operation operation,
                     json_t *voicemail, json_t *messages) {
        const char *email = wazo_string(voicemail, "email");

        /* Of this body alone, in an edit too: what the box has already does not count. */
        if (!wazo_boolean(voicemail, "delete_messages") || (email && *email && wazo_boolean(voicemail, "attach_audio")))
                return 0;
        return json_array_append_new(messages,
                                     json_string("Cannot set delete_messages without email and attach_audio")) < 0
                       ? -ENOMEM
                       : 0;
}

int voicemail_validate(struct wazo_context *ctx, const json_t *body, enum wazo_operation operation, json_t **ret) {
        _wazo_unref_ json_t *voicemail = NULL, *messages = json_array();
        int r;

        if (!messages)
                return -ENOMEM;
        r = wazo_validate(ctx, voicemail_fields, body, operation, &voicemail);
        if (r >= 0)
                r = voicemail_schema(ctx, NULL, operation, voicemail, messages);
        if (r >= 0)
                r = wazo_refuse_schema(ctx, messages);
        if (r < 0)
                return r;
        *ret = STEAL(voicemail);
        return 0;
}
