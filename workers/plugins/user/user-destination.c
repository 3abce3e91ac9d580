/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/user/user-destination.h"

#include <stdio.h>

#include "lib/util.h"

/* ----- second arguments ----- */

/* "5.0;rest": the seconds to ring, null when there are none, and what follows the first ";". */
static int ring_time(json_t *destination, const char *argument, const char **ret_rest) {
        char *end;
        double seconds = strtod(argument, &end);
        const char *rest = strchr(argument, ';');

        *ret_rest = rest ? rest + 1 : "";
        return wazo_set(destination, "ring_time", end != argument ? json_real(seconds) : json_null());
}

static int ring_only(json_t *destination, const char *argument) {
        return ring_time(destination, argument, &argument);
}

static int ring_and_music(json_t *destination, const char *argument) {
        int r = ring_time(destination, argument, &argument);

        return r < 0 ? r : wazo_set(destination, "moh_uuid", *argument ? json_string(argument) : json_null());
}

/* ring;rule;variables, whose JSON has "|" for ",". */
static int ring_and_skills(json_t *destination, const char *argument) {
        json_t *variables = NULL;
        char *text, *end;
        long long rule;
        int r;

        r = ring_time(destination, argument, &argument);
        if (r < 0)
                return r;
        rule = strtoll(argument, &end, 10);
        r = wazo_set(destination, "skill_rule_id", end != argument ? json_integer(rule) : json_null());
        if (r < 0)
                return r;
        text = strdup(*end == ';' ? end + 1 : "");
        if (!text)
                return -ENOMEM;
        for (char *c = text; *c; c++)
                if (*c == '|')
                        *c = ',';
        variables = json_loads(text, 0, NULL);
        free(text);
        return wazo_set(destination, "skill_rule_variables", variables ? variables : json_null());
}

static int greeting(json_t *destination, const char *argument) {
        const char *name = strchr(argument, 'b') ? "busy" : strchr(argument, 'u') ? "unavailable" : NULL;
        int r = wazo_set(destination, "skip_instructions", json_boolean(strchr(argument, 's')));

        return r < 0 ? r : wazo_set(destination, "greeting", name ? json_string(name) : json_null());
}

static int sound_options(json_t *destination, const char *argument) {
        int r = wazo_set(destination, "skip", json_boolean(strstr(argument, "skip")));

        return r < 0 ? r : wazo_set(destination, "no_answer", json_boolean(strstr(argument, "noanswer")));
}

static int exten(json_t *destination, const char *argument) {
        return wazo_set(destination, "exten", *argument ? json_string(argument) : json_null());
}

static int context(json_t *destination, const char *argument) {
        return wazo_set(destination, "context", *argument ? json_string(argument) : json_null());
}

/* ----- actions ----- */

static const struct kind {
        const char *action, *type;
        const char *name, *value; /* a further member, "cause" of a hangup */
        const char *first;        /* member of the first argument; NULL: there is none */
        bool number;              /* it is an integer, or null */
        int (*second)(json_t *destination, const char *argument);
        const char *sql;          /* further members, by the first argument */
} kinds[] = {
        {"none", "none"},
        {"user", "user", .first = "user_id", .number = true, .second = ring_and_music,
         .sql = "SELECT firstname AS user_firstname, NULLIF(lastname, '') AS user_lastname FROM userfeatures WHERE id = ?"},
        {"group", "group", .first = "group_id", .number = true, .second = ring_only,
         .sql = "SELECT name AS group_name, label AS group_label FROM groupfeatures WHERE id = ?"},
        {"queue", "queue", .first = "queue_id", .number = true, .second = ring_and_skills,
         .sql = "SELECT displayname AS queue_label FROM queuefeatures WHERE id = ?"},
        {"voicemail", "voicemail", .first = "voicemail_id", .number = true, .second = greeting,
         .sql = "SELECT fullname AS voicemail_name FROM voicemail WHERE uniqueid = ?"},
        {"conference", "conference", .first = "conference_id", .number = true,
         .sql = "SELECT name AS conference_name FROM conference WHERE id = ?"},
        {"ivr", "ivr", .first = "ivr_id", .number = true, .sql = "SELECT name AS ivr_name FROM ivr WHERE id = ?"},
        {"switchboard", "switchboard", .first = "switchboard_uuid", .second = ring_only,
         .sql = "SELECT name AS switchboard_name FROM switchboard WHERE uuid = ?"},
        {"outcall", "outcall", .first = "outcall_id", .number = true, .second = exten,
         .sql = "SELECT name AS outcall_name FROM outcall WHERE id = ?"},
        {"extension", "extension", .first = "exten", .second = context},
        {"custom", "custom", .first = "command"},
        {"sound", "sound", .first = "filename", .second = sound_options},
        {"endcall:hangup", "hangup", "cause", "normal"},
        {"endcall:busy", "hangup", "cause", "busy", .first = "timeout"},
        {"endcall:congestion", "hangup", "cause", "congestion", .first = "timeout"},
        {"application:callbackdisa", "application", "application", "callback_disa", .first = "pin", .second = context},
        {"application:custom", "application", "application", "custom", .first = "application_uuid",
         .sql = "SELECT name AS application_name FROM application WHERE uuid = ?"},
        {"application:directory", "application", "application", "directory", .first = "context"},
        {"application:disa", "application", "application", "disa", .first = "pin", .second = context},
        {"application:faxtomail", "application", "application", "fax_to_mail", .first = "email"},
        {"application:voicemailmain", "application", "application", "voicemail", .first = "context"},
};

static const struct kind *find(const char *action) {
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (streq(kinds[i].action, action))
                        return &kinds[i];
        return NULL;
}

static json_t *first_argument(const struct kind *kind, const char *argument) {
        char *end;

        if (!*argument)
                return json_null();
        if (streq(kind->first, "timeout")) {
                double seconds = strtod(argument, &end);

                return end != argument ? json_real(seconds) : json_null();
        }
        return kind->number ? json_integer(strtoll(argument, NULL, 10)) : json_string(argument);
}

static int add_names(struct wazo_context *ctx, const struct kind *kind, json_t *destination) {
        _wazo_unref_ json_t *names = NULL;
        int r;

        r = wazo_select_row(ctx, &names, kind->sql, "O", json_object_get(destination, kind->first));
        if (r != 0)
                return r < 0 ? r : 0;
        return json_object_update(destination, names) < 0 ? -ENOMEM : 0;
}

int user_destination(struct wazo_context *ctx, const json_t *row, json_t **ret) {
        const struct kind *kind = find(strempty(wazo_string(row, "action")));
        _wazo_unref_ json_t *destination = NULL;
        int r = 0;

        if (!kind) {
                *ret = json_null();
                return 0;
        }
        destination = json_pack("{s:s}", "type", kind->type);
        if (!destination)
                return -ENOMEM;
        if (kind->name)
                r = wazo_set(destination, kind->name, json_string(kind->value));
        if (r >= 0 && kind->first)
                r = wazo_set(destination, kind->first, first_argument(kind, strempty(wazo_string(row, "actionarg1"))));
        if (r >= 0 && kind->second)
                r = kind->second(destination, strempty(wazo_string(row, "actionarg2")));
        if (r >= 0 && kind->sql)
                r = add_names(ctx, kind, destination);
        if (r < 0)
                return r;
        *ret = STEAL(destination);
        return 0;
}
