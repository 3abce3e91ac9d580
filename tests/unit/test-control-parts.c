/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parts of control that need no process: text, access, names, calls, the interface descriptions.
 */
#include <check.h>
#include <ctype.h>
#include <stdio.h>

#include "lib/log.h"
#include "lib/mask.h"
#include "tests/unit/run.h"
#include "workers/control/access.h"
#include "workers/control/answers.h"
#include "workers/control/metrics.h"
#include "workers/control/text.h"
#include "workers/control/varlink.h"

#define UUID "5d2e0c1b-8a7f-4c3d-9b6e-0123456789ab"
#define MASKED "XXXXXXXX-XXXX-XXXX-XXXX-XXXX456789ab"

static const struct {
        const char *from, *to;
} masks[] = {
        {"nothing to see", "nothing to see"},
        {"X-Auth-Token: " UUID, "X-Auth-Token: " MASKED},
        {"x-auth-token=" UUID "&x=1", "x-auth-token=" MASKED "&x=1"},
        {"{\"token\": \"" UUID "\", \"a\": 1}", "{\"token\": \"" MASKED "\", \"a\": 1}"},
        {"token for somebody is " UUID ", really", "token for somebody is " MASKED ", really"},
        {"token expired", "token expired"},
        {"user " UUID " has no token", "user " UUID " has no token"},
        {"token: null", "token: null"},
        {"{\"password\": \"hunter2\"}", "{\"password\": \"<hidden>\"}"},
        {"{\"password\": \"hun\\\"ter2\"}", "{\"password\": \"<hidden>\"}"},
        {"\"{\\\"password\\\": \\\"hunter2\\\"}\"", "\"{\\\"password\\\": \\\"<hidden>\\\"}\""},
        {"[[\"password\", \"hunter2\"]]", "[[\"password\", \"<hidden>\"]]"},
        {"('password', 'hunter2')", "('password', '<hidden>')"},
        {"PASSWORD=hunter2 next", "PASSWORD=<hidden> next"},
        {"the password is wrong", "the password is wrong"},
        {"Authorization: Bearer abcdef", "Authorization: Bearer <hidden>"},
        {"Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic <hidden>"},
        {"postgresql://asterisk:proformatique@localhost/db", "postgresql://asterisk:<hidden>@localhost/db"},
        {"http://localhost:9486/1.1/users?x=a@b", "http://localhost:9486/1.1/users?x=a@b"},
        {"a\tb\001c\033[31m", "a b?c?[31m"},
        {"caf\xc3\xa9 \xff \xc2\x9b", "caf\xc3\xa9 ? ??"},
        {"\xed\xa0\x80", "???"},
        {"token: 123456\xf4\x8d\x8a\x9a" "12345", "token: <hidden>"},
        {"password", "password"},
        {"token:", "token:"},
        {"secret=\"", "secret=\""},
        {"", ""},
};

START_TEST(text_is_made_harmless) {
        _cleanup_free_ char *cleaned = mask_line(masks[_i].from, strlen(masks[_i].from));

        ck_assert_str_eq(cleaned, masks[_i].to);
}
END_TEST

START_TEST(who_may_what) {
        const struct access_rules service = {.own_uid = 500, .socket_owner = 0, .group = 77};
        const struct access_rules dev = {.own_uid = 1000, .socket_owner = 1000, .group = (gid_t) -1, .owner_commands = true};
        const struct access_rules stolen = {.own_uid = 500, .socket_owner = 0, .group = (gid_t) -1, .owner_commands = true};
        const gid_t plain[] = {500, 20}, operator[] = {500, 20, 77}, all[] = {(gid_t) -1};

        ck_assert_int_eq(access_decide(&service, 0, plain, 2), ACCESS_COMMAND);
        ck_assert_int_eq(access_decide(&service, 500, plain, 2), ACCESS_READ);
        ck_assert_int_eq(access_decide(&service, 501, plain, 2), ACCESS_NONE);
        ck_assert_int_eq(access_decide(&service, 501, operator, 3), ACCESS_COMMAND);
        ck_assert_int_eq(access_decide(&dev, 1000, plain, 2), ACCESS_COMMAND);
        ck_assert_int_eq(access_decide(&dev, 1001, all, 1), ACCESS_NONE);
        ck_assert_int_eq(access_decide(&stolen, 500, plain, 2), ACCESS_READ);
}
END_TEST

static void add(struct model *m, uint32_t number, const char *name, const char *plugin, unsigned state) {
        struct wire_slot slot = {.slot = number, .state = state, .kind = WIRE_KIND_PLUGIN};

        (void) strcopy(slot.name, sizeof(slot.name), name);
        (void) strcopy(slot.plugin, sizeof(slot.plugin), plugin);
        ck_assert_int_eq(model_take_slot(m, &slot), 0);
}

START_TEST(the_model_keeps_the_newest) {
        struct wire_slot bad = {.slot = 1, .cause = WIRE_CAUSE_MAX};
        struct model m = {0};
        const char *near[MODEL_NEAR_MAX];

        add(&m, 7, "user_line", "user_line", WIRE_STATE_READY);
        add(&m, 2, "user#1", "user", WIRE_STATE_READY);
        add(&m, 9, "voicemail", "voicemail", WIRE_STATE_FAILED);
        add(&m, 3, "user#2", "user", WIRE_STATE_READY);
        add(&m, 2, "user#1", "user", WIRE_STATE_BACKOFF);
        ck_assert_uint_eq(m.n_slots, 4);
        ck_assert_uint_eq(m.slots[0]->state, WIRE_STATE_BACKOFF);
        ck_assert_int_eq(model_take_slot(&m, &bad), -EBADMSG);
        memset(bad.name, 'x', sizeof(bad.name));
        bad.cause = WIRE_CAUSE_NONE;
        ck_assert_int_eq(model_take_slot(&m, &bad), -EBADMSG);

        ck_assert(model_knows(&m, "user"));
        ck_assert(!model_knows(&m, ""));
        ck_assert_uint_eq(model_near(&m, "voicemial", near), 1);
        ck_assert_str_eq(near[0], "voicemail");
        ck_assert_uint_ge(model_near(&m, "use", near), 3);
        ck_assert_uint_eq(model_near(&m, "zzzzzz", near), 0);
        ck_assert_uint_eq(model_near(&m, "", near), 0);
        model_drop_slot(&m, 7);
        model_drop_slot(&m, 7);
        ck_assert_uint_eq(m.n_slots, 3);
        model_done(&m);
}
END_TEST

START_TEST(reloads_are_counted) {
        struct wire_service service = {.name = "s", .plan_serial = 1};
        struct model m = {0};

        ck_assert_int_eq(model_take_service(&m, &service), 0);
        service.plan_serial = 2;
        (void) strcopy(service.reload, sizeof(service.reload), "applied");
        ck_assert_int_eq(model_take_service(&m, &service), 0);
        (void) strcopy(service.reload, sizeof(service.reload), "refused");
        ck_assert_int_eq(model_take_service(&m, &service), 0);
        ck_assert_int_eq(model_take_service(&m, &service), 0);
        ck_assert_uint_eq(m.reloads_applied, 1);
        ck_assert_uint_eq(m.reloads_refused, 1);
        service.log_level = LOG_LEVEL_MAX;
        ck_assert_int_eq(model_take_service(&m, &service), -EBADMSG);
        model_done(&m);
}
END_TEST

START_TEST(calls_are_decoded_strictly) {
        static const struct {
                const char *text;
                int result;
        } calls[] = {
                {"{\"method\": \"a.B\"}", 0},
                {"{\"method\": \"a.B\", \"parameters\": null, \"more\": false}", 0},
                {"{\"method\": \"a.B\", \"parameters\": {\"x\": [[{}]]}, \"oneway\": true}", 0},
                {"{\"method\": \"a.B\", \"parameters\": 7}", -EBADMSG},
                {"{\"method\": \"a.B\", \"more\": 1}", -EBADMSG},
                {"{\"method\": \"a.B\", \"more\": true, \"upgrade\": true}", -EBADMSG},
                {"{\"parameters\": {}}", -EBADMSG},
                {"{\"method\": \"a.B\"} x", -EBADMSG},
                {"{\"method\": \"a.B\", \"p\": \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"}", 0},
                {"{\"method\": \"a.B\", \"parameters\": {\"x\": [[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}}", -EBADMSG},
                {"", -EBADMSG},
                {"{", -EBADMSG},
        };

        for (unsigned i = 0; i < ELEMENTSOF(calls); i++) {
                struct varlink_call call = {0};
                int r = varlink_call_decode(calls[i].text, strlen(calls[i].text), &call);

                ck_assert_msg(r == calls[i].result, "%s: %d", calls[i].text, r);
                varlink_call_done(&call);
        }
}
END_TEST

/*
 * A strict reader of interface descriptions: the grammar of varlink.org, but with comments only between the members, as
 * systemd's varlinkctl of version 255 wants them.
 */
struct reader {
        const char *at;
        unsigned line;
        char types[64][64], used[256][64];
        unsigned n_types, n_used;
};

static void fail_at(const struct reader *r, const char *what) {
        ck_abort_msg("line %u: %s at '%.20s'", r->line, what, r->at);
}

static void skip_space(struct reader *r, bool comments) {
        for (;;) {
                if (*r->at == '#' && comments)
                        r->at += strcspn(r->at, "\n");
                if (*r->at == '\n')
                        r->line++;
                else if (*r->at != ' ')
                        return;
                r->at++;
        }
}

static bool take(struct reader *r, const char *token) {
        if (strncmp(r->at, token, strlen(token)) != 0)
                return false;
        r->at += strlen(token);
        return true;
}

static void need(struct reader *r, const char *token) {
        skip_space(r, false);
        if (!take(r, token))
                fail_at(r, token);
}

/* A field's name: letters and digits, single underscores within. */
static void take_field(struct reader *r) {
        if (!isalpha((unsigned char) *r->at))
                fail_at(r, "a field's name");
        while (isalnum((unsigned char) *r->at) || *r->at == '_') {
                if (*r->at == '_' && !isalnum((unsigned char) r->at[1]))
                        fail_at(r, "an underscore that ends a name, or two");
                r->at++;
        }
}

static void take_name(struct reader *r, char to[64]) {
        unsigned n = 0;

        if (!isupper((unsigned char) *r->at))
                fail_at(r, "a name that begins in upper case");
        while (isalnum((unsigned char) *r->at) && n < 63)
                to[n++] = *r->at++;
        to[n] = 0;
}

static void take_type(struct reader *r) {
        static const char *const basic[] = {"bool", "int", "float", "string", "object"};

        (void) take(r, "?");
        if (!take(r, "[]"))
                (void) take(r, "[string]");
        for (unsigned i = 0; i < ELEMENTSOF(basic); i++)
                if (take(r, basic[i])) {
                        if (isalnum((unsigned char) *r->at))
                                fail_at(r, "a type");
                        return;
                }
        ck_assert_uint_lt(r->n_used, ELEMENTSOF(r->used));
        take_name(r, r->used[r->n_used++]);
}

/* (a: int, b: string) or, when @may_be_enum, (a, b). */
static void take_members(struct reader *r, bool may_be_enum, bool may_be_empty) {
        bool is_enum = false, first = true;

        need(r, "(");
        skip_space(r, false);
        if (take(r, ")")) {
                if (!may_be_empty)
                        fail_at(r, "nothing in a type");
                return;
        }
        for (;; first = false) {
                skip_space(r, false);
                take_field(r);
                skip_space(r, false);
                if (*r->at == ':') {
                        if (is_enum)
                                fail_at(r, "a type within an enum");
                        r->at++;
                        skip_space(r, false);
                        take_type(r);
                        skip_space(r, false);
                } else if (first && may_be_enum)
                        is_enum = true;
                else if (!is_enum)
                        fail_at(r, "a field without a type");
                if (take(r, ")"))
                        return;
                need(r, ",");
        }
}

static void take_member(struct reader *r) {
        char name[64];

        if (take(r, "type ")) {
                take_name(r, r->types[r->n_types++]);
                ck_assert_uint_lt(r->n_types, ELEMENTSOF(r->types));
                take_members(r, true, false);
        } else if (take(r, "error ")) {
                take_name(r, name);
                take_members(r, false, true);
        } else if (take(r, "method ")) {
                take_name(r, name);
                take_members(r, false, true);
                need(r, "->");
                take_members(r, false, true);
        } else
                fail_at(r, "no type, method or error");
}

static void check_description(const char *text, const char *interface) {
        struct reader r = {.at = text, .line = 1};

        skip_space(&r, true);
        need(&r, "interface ");
        need(&r, interface);
        for (skip_space(&r, true); *r.at; skip_space(&r, true))
                take_member(&r);
        for (unsigned i = 0; i < r.n_used; i++) {
                bool found = false;

                for (unsigned j = 0; j < r.n_types; j++)
                        found |= streq(r.used[i], r.types[j]);
                ck_assert_msg(found, "type %s is not declared", r.used[i]);
        }
}

START_TEST(descriptions_are_well_formed) {
        check_description(varlink_description_suite, VARLINK_INTERFACE);
        check_description(varlink_description_service, VARLINK_SERVICE);
}
END_TEST

/* "type State (stopped, blocked, ...)" says exactly what the catalogue of messages says. */
static void check_enum(const char *type, const char *(*to_string)(unsigned), unsigned max) {
        char expected[512];
        size_t n = (size_t) snprintf(expected, sizeof(expected), "\ntype %s (", type);

        for (unsigned i = 0; i < max; i++)
                n += (size_t) snprintf(expected + n, sizeof(expected) - n, "%s%s", i > 0 ? ", " : "", to_string(i));
        (void) snprintf(expected + n, sizeof(expected) - n, ")\n");
        ck_assert_msg(strstr(varlink_description_suite, expected) != NULL, "the interface has not:%s", expected);
}

START_TEST(enums_are_the_catalogues) {
        check_enum("Kind", wire_kind_to_string, WIRE_KIND_MAX);
        check_enum("State", wire_state_to_string, WIRE_STATE_MAX);
        check_enum("Cause", wire_cause_to_string, WIRE_CAUSE_MAX);
        check_enum("Level", log_level_to_string, LOG_LEVEL_MAX);
}
END_TEST

/* Whether the type's text in the description, from "type NAME (" to its ")", declares the member. */
static bool declares(const char *type, const char *member) {
        char needle[80];
        const char *at, *end, *found;

        (void) snprintf(needle, sizeof(needle), "type %s (", type);
        at = strstr(varlink_description_suite, needle);
        ck_assert_ptr_nonnull(at);
        end = strchr(at, ')');
        (void) snprintf(needle, sizeof(needle), "%s: ", member);
        for (found = strstr(at + 5, needle); found && found < end; found = strstr(found + 1, needle))
                if (found[-1] == ' ' || found[-1] == '(')
                        return true;
        return false;
}

static void check_declared(const char *type, const json_t *value) {
        const char *member;
        json_t *ignored;

        json_object_foreach((json_t *) value, member, ignored)
                ck_assert_msg(declares(type, member), "%s has no %s", type, member);
}

START_TEST(answers_are_as_declared) {
        struct wire_death death = {.cause = WIRE_CAUSE_SIGNAL, .exit_status = 11, .name = "user",
                                   .inflight = {.request_id = "1"}};
        struct model m = {0};
        json_t *status, *record;

        add(&m, 1, "user", "user", WIRE_STATE_BACKOFF);
        (void) strcopy(m.slots[0]->class, sizeof(m.slots[0]->class), "default");
        m.slots[0]->retry_at = 5 * NSEC_PER_SEC;
        m.slots[0]->pid = 1;
        m.slots[0]->ready_nsec = 1;
        status = answers_status(&m, 2 * NSEC_PER_SEC);
        check_declared("Service", json_object_get(status, "service"));
        check_declared("Worker", json_array_get(json_object_get(status, "workers"), 0));
        ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(json_object_get(status, "workers"), 0),
                                                            "retry_in_ms")),
                         3000);
        json_decref(status);
        ck_assert_int_eq(crash_check(&death), 0);
        record = crash_record(&m, &death, "a\nb\n");
        check_declared("Crash", record);
        check_declared("Signal", json_object_get(record, "signal"));
        check_declared("Usage", json_object_get(record, "usage"));
        check_declared("Request", json_object_get(record, "request"));
        check_declared("Next", json_object_get(record, "next"));
        json_decref(record);
        death.restart_nsec = NSEC_NEVER;
        record = crash_record(&m, &death, NULL);
        ck_assert_ptr_null(json_object_get(json_object_get(record, "next"), "restart_in_ms"));
        json_decref(record);
        death.cause = WIRE_CAUSE_MAX;
        ck_assert_int_eq(crash_check(&death), -EBADMSG);
        model_done(&m);
}
END_TEST

/* Each line is a comment or NAME{LABELS} VALUE, and each NAME has its HELP and TYPE before. */
START_TEST(metrics_are_well_formed) {
        _cleanup_free_ char *text = NULL;
        struct model m = {.service = {.name = "wazo\"confd\\"}};
        struct relay_result relay = {.status = 200};
        char type[128] = "";
        size_t size;

        add(&m, 1, "user", "user", WIRE_STATE_READY);
        m.slots[0]->deaths[WIRE_CAUSE_OOM] = 3;
        relay.body = json_pack("{s:{s:s, s:i, s:n}, s:{s:i}, s:i}", "publisher", "state", "rea\"dy", "backlog", 7,
                               "parked", "events", "kept", 3, "sysconfd", 5);
        ck_assert_int_eq(metrics_render(&m, &relay, NSEC_PER_SEC, &text, &size), 0);
        ck_assert_uint_eq(strlen(text), size);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
                size_t name = strcspn(line, "{");
                char *end;

                if (sscanf(line, "# TYPE %127s", type) == 1 || strncmp(line, "# HELP ", 7) == 0)
                        continue;
                ck_assert_msg(strlen(type) == name && strncmp(line, type, name) == 0, "%s under %s", line, type);
                end = strstr(line, "} ");
                ck_assert_ptr_nonnull(end);
                ck_assert_msg(strncmp(line + name, "{service=\"wazo\\\"confd\\\\\"", 24) == 0, "%s", line);
                (void) strtod(end + 2, &end);
                ck_assert_msg(*end == 0, "%s", line);
        }
        json_decref(relay.body);
        model_done(&m);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("control-parts");
        TCase *tests = tcase_create("pure");

        tcase_add_loop_test(tests, text_is_made_harmless, 0, ELEMENTSOF(masks));
        tcase_add_test(tests, who_may_what);
        tcase_add_test(tests, the_model_keeps_the_newest);
        tcase_add_test(tests, reloads_are_counted);
        tcase_add_test(tests, calls_are_decoded_strictly);
        tcase_add_test(tests, descriptions_are_well_formed);
        tcase_add_test(tests, enums_are_the_catalogues);
        tcase_add_test(tests, answers_are_as_declared);
        tcase_add_test(tests, metrics_are_well_formed);
        suite_add_tcase(suite, tests);
        return check_run(suite);
}
