/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/user/user-service.h"

#include <stdio.h>

#include "lib/util.h"
#include "workers/plugins/line/line-refresh.h"
#include "workers/plugins/user/user-internal.h"

#define CALLER_ID_MAX 160 /* characters */

/* ----- validator ----- */

static int check_music(struct wazo_context *ctx, const struct wazo_service *service, json_t *user, const json_t *before,
                       const void *data) {
        const char *music = wazo_string(user, "music_on_hold");
        _wazo_unref_ json_t *row = NULL;
        int r;

        if (!music || streq(music, "default") || !wazo_differs(user, before, "music_on_hold"))
                return 0;
        r = wazo_select_row(ctx, &row, "SELECT uuid FROM moh WHERE name = ? AND tenant_uuid = ?", "ss", music,
                            wazo_string(user, "tenant_uuid"));
        if (r <= 0)
                return r;
        return wazo_error_input(ctx, json_pack("{s:s}", "music_on_hold", music), "field 'music_on_hold': MOH was not found");
}

static int check_template(struct wazo_context *ctx, const struct wazo_service *service, json_t *user, const json_t *before,
                          const void *data) {
        json_t *id = json_object_get(user, "func_key_template_id");
        _wazo_unref_ json_t *row = NULL;
        int r;

        if (!json_is_integer(id) || !wazo_differs(user, before, "func_key_template_id"))
                return 0;
        r = wazo_select_row(ctx, &row,
                            "SELECT id FROM func_key_template WHERE id = ? AND private = false AND tenant_uuid = ?",
                            "Os", id, wazo_string(user, "tenant_uuid"));
        if (r <= 0)
                return r;
        return wazo_error_input(ctx, json_pack("{s:O}", "func_key_template_id", id),
                                "field 'func_key_template_id': FuncKeyTemplate was not found");
}

static int check_fallback(struct wazo_context *ctx, const struct wazo_service *service, json_t *user, const json_t *before,
                          const void *data) {
        if (!wazo_boolean(user, "mobile_fallback_enabled") || wazo_string(user, "mobile_phone_number"))
                return 0;
        return wazo_error_resource(ctx, NULL, "PSTN fallback must be disabled when mobile phone number is not set");
}

static int check_voicemail(struct wazo_context *ctx, const struct wazo_service *service, json_t *user, const json_t *before,
                           const void *data) {
        const char *type = json_string_value(wazo_member(user, "voicemail.accesstype"));

        if (!type || !streq(type, "global"))
                return 0;
        return wazo_error_resource(ctx, NULL, "Operation not permitted. A global voicemail cannot be associated to users.");
}

static const struct wazo_unique unique_email = {.fields = "email"};
static const struct wazo_unique unique_username = {.fields = "username"};
static const struct wazo_usage voicemail_usage = {
        .other = "Voicemail", .own_key = "user_id", .other_key = "voicemail_id",
        .sql = "SELECT voicemailid FROM userfeatures WHERE id = ? AND voicemailid IS NOT NULL",
};

#define RULES                                   \
        {wazo_rule_unique, &unique_email},      \
        {wazo_rule_unique, &unique_username},   \
        {check_music},                          \
        {check_template},                       \
        {check_fallback}

static const struct wazo_rule create_rules[] = {RULES, {}};
static const struct wazo_rule edit_rules[] = {RULES, {check_voicemail}, {}};
static const struct wazo_rule delete_rules[] = {{wazo_rule_unused, &voicemail_usage}, {}};

static const struct wazo_validator validator = {.create = create_rules, .edit = edit_rules, .delete = delete_rules};

static const char *const record_members[] = {
        "call_record_outgoing_external_enabled",
        "call_record_outgoing_internal_enabled",
        "call_record_incoming_internal_enabled",
        "call_record_incoming_external_enabled",
};

/* call_record_enabled is the four in one, and not to be said beside any of them. @body: what was really said, no defaults. */
static int spread_record(json_t *user, const json_t *body, json_t *messages) {
        _wazo_unref_ json_t *all = json_incref(json_object_get(user, "call_record_enabled"));

        if (!all)
                return 0;
        (void) json_object_del(user, "call_record_enabled");
        if (json_is_null(all) || json_is_null(json_object_get(body, "call_record_enabled")))
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(record_members); i++) {
                if (json_object_get(body, record_members[i]))
                        return json_array_append_new(messages,
                                                     json_string(
                                                             "'call_record_enabled' is deprecated and incompatible with "
                                                             "'call_record_*_enabled' options")) < 0
                                       ? -ENOMEM
                                       : 0;
                if (json_object_set(user, record_members[i], all) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int user_schema(struct wazo_context *ctx, const struct wazo_resource *resource, enum wazo_operation operation, json_t *user,
                json_t *messages) {
        json_t *body = NULL;
        int r;

        r = wazo_json_body(ctx, &body);
        return r < 0 ? r : spread_record(user, body, messages);
}

int user_validate(struct wazo_context *ctx, const json_t *body, enum wazo_operation operation, json_t **ret) {
        _wazo_unref_ json_t *user = NULL, *messages = json_array();
        int r;

        if (!messages)
                return -ENOMEM;
        r = wazo_validate(ctx, user_model.fields, body, operation, &user);
        if (r >= 0)
                r = spread_record(user, body, messages);
        if (r >= 0)
                r = wazo_refuse_schema(ctx, messages);
        if (r < 0)
                return r;
        *ret = STEAL(user);
        return 0;
}

/* ----- notifier ----- */

/* Events carry Python's str() of the time, answers its isoformat(). */
static int event_time(struct wazo_context *ctx, const json_t *user, json_t *data) {
        const char *time = wazo_string(user, "created_at");
        char text[32];
        char *t;

        if (!time)
                return 0;
        (void) strcopy(text, sizeof(text), time);
        t = strchr(text, 'T');
        if (t)
                *t = ' ';
        return wazo_set(data, "created_at", json_string(text));
}

#define EVENT(verb)                                                                                              \
        {.name = "user_" verb, .routing_key = "config.user." verb, .data = "id uuid subscription_type created_at tenant_uuid", \
         .fill = event_time}
#define RELOAD "dialplan reload,module reload chan_sccp.so,module reload app_queue.so,module reload res_pjsip.so"

static const struct wazo_notifier notifier = {
        .created = EVENT("created"),
        .edited = EVENT("edited"),
        .deleted = EVENT("deleted"),
        .reload_created = RELOAD,
        .reload_edited = RELOAD,
        .reload_deleted = RELOAD,
};

/* ----- service ----- */

/* "Firstname Lastname" in quotes, cut to what a caller id holds; it goes into Asterisk's files, a line each. */
static json_t *default_caller_id(const json_t *user) {
        const char *first = strempty(wazo_string(user, "firstname")), *last = strempty(wazo_string(user, "lastname"));
        _cleanup_free_ char *text = NULL;
        size_t n = 0;
        char *c;

        if (asprintf(&text, "\"%s%s%s", first, *last ? " " : "", last) < 0) {
                text = NULL;
                return NULL;
        }
        for (c = text; *c; c++) {
                bool begins = ((unsigned char) *c & 0xc0) != 0x80;

                if (begins && n == CALLER_ID_MAX - 1)
                        break;
                n += begins;
                if ((unsigned char) *c < ' ')
                        *c = ' ';
        }
        *c = 0;
        return json_sprintf("%s\"", text);
}

static int complete(struct wazo_context *ctx, const struct wazo_service *service, json_t *user, const json_t *before) {
        int r = 0;

        if (before)
                return 0;
        /* A text without a default in the table. */
        if (!json_object_get(user, "description"))
                r = wazo_set(user, "description", json_null());
        if (r >= 0 && !wazo_string(user, "caller_id"))
                r = wazo_set(user, "caller_id", default_caller_id(user));
        return r;
}

static int edit(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before, json_t *user) {
        bool caller_id = wazo_differs(before, user, "caller_id");
        int r;

        r = wazo_service_edit(ctx, service, before, user);
        if (r < 0 || !caller_id)
                return r;
        return line_refresh_user(ctx, wazo_integer(user, "id"));
}

/* The lines stay, without their user. */
static int delete(struct wazo_context *ctx, const struct wazo_service *service, json_t *user) {
        _wazo_unref_ json_t *lines = json_incref(json_object_get(user, "lines"));
        const json_t *line;
        size_t i;
        int r;

        r = wazo_service_delete(ctx, service, user);
        json_array_foreach(lines, i, line)
                if (r >= 0)
                        r = line_refresh(ctx, wazo_integer(line, "id"));
        return r;
}

const struct wazo_service user_service = {
        .model = &user_model,
        .dao = &user_dao,
        .validator = &validator,
        .notifier = &notifier,
        .complete = complete,
        .edit = edit,
        .delete = delete,
};

int user_set_voicemail(struct wazo_context *ctx, json_t *user, int64_t voicemail_id) {
        int r;

        r = wazo_execute(ctx, "UPDATE userfeatures SET voicemailid = NULLIF(?, 0), enablevoicemail = ? WHERE id = ?", "IiI",
                         (json_int_t) voicemail_id, voicemail_id != 0, (json_int_t) wazo_integer(user, "id"));
        return r < 0 ? r : wazo_refresh(ctx, &user_service, user);
}
