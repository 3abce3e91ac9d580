/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What each operation of each resource and association owes to the outside: every row of the outbox, whole, as the original
 * publishes its events and asks sysconfd. See outbox_whole() for how a row is written here.
 */
#include "tests/unit/plugin-harness.h"
#include "tests/unit/run.h"

#include <stdio.h>

#define RELOAD(commands) "sysconfd POST /exec_request_handlers {'ipbx': [" commands "]}\n"
#define DIALPLAN "'dialplan reload'"
#define PJSIP "'module reload res_pjsip.so'"
#define SCCP "'module reload chan_sccp.so'"
#define QUEUE "'module reload app_queue.so'"
#define VOICEMAIL "'voicemail reload'"

/* One request, and all that it leaves. In paths {sip} stands for the uuid of the only SIP endpoint. */
struct step {
        const char *plugin, *method, *path, *body;
        unsigned status;
        const char *rows;
};

static const char *fill(const char *path) {
        const char *at = strstr(path, "{sip}");
        static char filled[256];

        if (!at)
                return path;
        (void) snprintf(filled, sizeof(filled), "%.*s%s%s", (int) (at - path), path,
                        sql_text("SELECT uuid FROM endpoint_sip WHERE template = false"), at + 5);
        return filled;
}

static void run_steps(const struct step *steps, size_t n) {
        for (const struct step *s = steps; s < steps + n; s++) {
                const char *got;

                call(s->plugin, s->method, fill(s->path), s->body, s->status);
                got = outbox_whole();
                ck_assert_msg(streq(got, s->rows), "%s %s %s:\n%s\ninstead of\n%s", s->method, s->path,
                              strempty(s->body), got, s->rows);
        }
}
#define run(steps) run_steps(steps, ELEMENTSOF(steps))

static void setup(void) {
        harness_begin();
        sql("INSERT INTO tenant (uuid, slug) VALUES ('" TENANT "', 'one'), ('" SUBTENANT "', 'sub')");
}

/* Contexts "inside" and "other", of numbers from 1000 to 1999, and "below", the child's. */
static void make_contexts(void) {
        sql("INSERT INTO context (id, uuid, tenant_uuid, name, displayname, contexttype) VALUES "
            "(1, 'aaaaaaaa-0000-4000-8000-000000000001', '" TENANT "', 'inside', 'Inside', 'internal'), "
            "(2, 'aaaaaaaa-0000-4000-8000-000000000002', '" TENANT "', 'other', 'Other', 'internal'), "
            "(3, 'aaaaaaaa-0000-4000-8000-000000000003', '" SUBTENANT "', 'below', 'Below', 'internal')");
        sql("INSERT INTO contextnumbers (context, type, numberbeg, numberend, didlength) SELECT name, 'user', '1000', '1999', 0 FROM context");
}

static void teardown(void) {
        harness_end();
}

/* ----- resources ----- */

#define CONTEXT(verb, id, uuid, type) \
        RELOAD(DIALPLAN) \
        "context/" uuid " context_" verb " config.contexts." verb " T * {'id': " id ", 'name': 'ctx-one-internal-" uuid "', " \
        "'type': '" type "', 'tenant_uuid': 'T'}\n"

START_TEST(contexts) {
        static const struct step steps[] = {
                {"context", "POST", "/contexts", "{'label': 'in'}", 201, CONTEXT("created", "1", "U1", "internal")},
                {"context", "POST", "/contexts", "{'label': 'other'}", 201, CONTEXT("created", "2", "U2", "internal")},
                {"context", "PUT", "/contexts/1", "{'type': 'services'}", 204, CONTEXT("edited", "1", "U1", "services")},
                {"context", "PUT", "/contexts/1", "{}", 204, CONTEXT("edited", "1", "U1", "services")},
                {"context", "PUT", "/contexts/1/contexts", "{'contexts': [{'id': 2}]}", 204,
                 RELOAD(DIALPLAN) "context/U1 contexts_associated config.contexts.contexts.updated T * {'context_id': 1, 'context_ids': [2]}\n"},
                /* A list is told each time. */
                {"context", "PUT", "/contexts/1/contexts", "{'contexts': [{'id': 2}]}", 204,
                 RELOAD(DIALPLAN) "context/U1 contexts_associated config.contexts.contexts.updated T * {'context_id': 1, 'context_ids': [2]}\n"},
                {"context", "PUT", "/contexts/1/contexts", "{'contexts': []}", 204,
                 RELOAD(DIALPLAN) "context/U1 contexts_associated config.contexts.contexts.updated T * {'context_id': 1, 'context_ids': []}\n"},
                {"context", "PUT", "/contexts/1/contexts", "{'contexts': [{'id': 1}]}", 400, ""},
                {"context", "PUT", "/contexts/1", "{'label': 5}", 400, ""},
                {"context", "GET", "/contexts/1", NULL, 200, ""},
                {"context", "DELETE", "/contexts/2", NULL, 204, CONTEXT("deleted", "2", "U2", "internal")},
                {"context", "DELETE", "/contexts/2", NULL, 404, ""},
        };

        run(steps);
}
END_TEST

#define USER(verb) \
        RELOAD(DIALPLAN ", " SCCP ", " QUEUE ", " PJSIP) \
        "user/U1 user_" verb " config.user." verb " T * {'id': 1, 'uuid': 'U1', 'subscription_type': 2, 'created_at': 'NOW', 'tenant_uuid': 'T'}\n"

START_TEST(users) {
        static const struct step steps[] = {
                {"user", "POST", "/users", "{'firstname': 'A', 'subscription_type': 2}", 201, USER("created")},
                {"user", "PUT", "/users/1", "{'lastname': 'B'}", 204, USER("edited")},
                {"user", "PUT", "/users/1", "{}", 204, USER("edited")},
                {"user", "PUT", "/users/1", "{'email': 'no'}", 400, ""},
                {"user", "DELETE", "/users/1", NULL, 204, USER("deleted")},
        };

        run(steps);
}
END_TEST

#define LINE(verb, protocol, name) \
        "line/1 line_" verb " config.line." verb " T * {'id': 1, 'protocol': " protocol ", 'name': " name \
        ", 'tenant_uuid': 'T'}\n"
#define LINE_RELOAD RELOAD(PJSIP ", " DIALPLAN ", " SCCP)

START_TEST(lines) {
        static const struct step steps[] = {
                {"line", "POST", "/lines", "{'context': 'inside'}", 201, LINE_RELOAD LINE("created", "null", "null")},
                {"line", "PUT", "/lines/1", "{'position': 2}", 204, LINE_RELOAD LINE("edited", "null", "null")},
                {"line", "PUT", "/lines/1", "{'position': 2}", 204, LINE("edited", "null", "null")},
                {"line", "PUT", "/lines/1", "{}", 204, LINE("edited", "null", "null")},
                {"line", "PUT", "/lines/1", "{'caller_id_name': 'x'}", 400, ""},
                {"line", "DELETE", "/lines/1", NULL, 204, LINE_RELOAD LINE("deleted", "null", "null")},
        };

        make_contexts();
        run(steps);
}
END_TEST

#define EXTENSION(verb, exten) \
        "extension/1 extension_" verb " config.extensions." verb " T * {'id': 1, 'exten': '" exten \
        "', 'context': 'inside'}\n"

START_TEST(extensions) {
        static const struct step steps[] = {
                {"extension", "POST", "/extensions", "{'exten': '1001', 'context': 'inside'}", 201,
                 RELOAD(DIALPLAN) EXTENSION("created", "1001")},
                {"extension", "POST", "/extensions", "{'exten': '1001', 'context': 'inside'}", 400, ""},
                {"extension", "PUT", "/extensions/1", "{}", 204, EXTENSION("edited", "1001")},
                {"extension", "PUT", "/extensions/1", "{'exten': '1002'}", 204,
                 RELOAD(DIALPLAN ", " PJSIP ", " SCCP ", " QUEUE) EXTENSION("edited", "1002")},
                {"extension", "DELETE", "/extensions/1", NULL, 204, RELOAD(DIALPLAN) EXTENSION("deleted", "1002")},
        };

        make_contexts();
        run(steps);
}
END_TEST

#define VOICEMAIL_EVENT(verb) "voicemail/1 voicemail_" verb " config.voicemail." verb " T * {'id': 1}\n"
#define VOICEMAIL_EDITED RELOAD(VOICEMAIL ", " PJSIP ", " SCCP)
#define MOVED(number, context, to_number, to_context) \
        "sysconfd GET /move_voicemail?{'old_mailbox': '" number "', 'old_context': '" context "', " \
        "'new_mailbox': '" to_number "', 'new_context': '" to_context "'}\n"

START_TEST(voicemails) {
        static const struct step steps[] = {
                {"voicemail", "POST", "/voicemails", "{'name': 'v', 'number': '1001', 'context': 'inside'}", 201,
                 RELOAD(VOICEMAIL) VOICEMAIL_EVENT("created")},
                {"voicemail", "PUT", "/voicemails/1", "{'name': 'w'}", 204, VOICEMAIL_EDITED VOICEMAIL_EVENT("edited")},
                {"voicemail", "PUT", "/voicemails/1", "{}", 204, VOICEMAIL_EDITED VOICEMAIL_EVENT("edited")},
                {"voicemail", "PUT", "/voicemails/1", "{'number': '1002'}", 204,
                 VOICEMAIL_EDITED MOVED("1001", "inside", "1002", "inside") VOICEMAIL_EVENT("edited")},
                {"voicemail", "PUT", "/voicemails/1", "{'context': 'other'}", 204,
                 VOICEMAIL_EDITED MOVED("1002", "inside", "1002", "other") VOICEMAIL_EVENT("edited")},
                {"user", "POST", "/users", "{'firstname': 'A', 'subscription_type': 2}", 201, USER("created")},
                {"user_voicemail", "PUT", "/users/1/voicemails/1", NULL, 204,
                 RELOAD(PJSIP ", " SCCP)
                 "user/U1 user_voicemail_associated config.users.U1.voicemails.updated T U1 {'user_uuid': 'U1', 'voicemail_id': 1}\n"},
                {"user_voicemail", "PUT", "/users/1/voicemails/1", NULL, 204, ""},
                {"voicemail", "PUT", "/voicemails/1", "{'name': 'x'}", 204,
                 VOICEMAIL_EDITED VOICEMAIL_EVENT("edited")
                 "user/U1 user_voicemail_edited config.users.U1.voicemails.edited T U1 {'user_uuid': 'U1', 'voicemail_id': 1}\n"},
                {"voicemail", "DELETE", "/voicemails/1", NULL, 400, ""},
                {"user", "DELETE", "/users/1", NULL, 400, ""},
                {"user_voicemail", "DELETE", "/users/1/voicemails", NULL, 204,
                 RELOAD(PJSIP ", " SCCP)
                 "user/U1 user_voicemail_dissociated config.users.U1.voicemails.deleted T U1 {'user_uuid': 'U1', 'voicemail_id': 1}\n"},
                {"user_voicemail", "DELETE", "/users/1/voicemails", NULL, 204, ""},
                {"voicemail", "DELETE", "/voicemails/1", NULL, 204,
                 RELOAD(VOICEMAIL) "sysconfd GET /delete_voicemail?{'mailbox': '1002', 'context': 'other'}\n" VOICEMAIL_EVENT(
                         "deleted")},
                /* Created and associated in one request: one reload for both. */
                {"user_voicemail", "POST", "/users/1/voicemails", "{'name': 'v', 'number': '1003', 'context': 'inside'}", 201,
                 RELOAD(VOICEMAIL ", " PJSIP ", " SCCP) "voicemail/2 voicemail_created config.voicemail.created T * {'id': 2}\n"
                 "user/U1 user_voicemail_associated config.users.U1.voicemails.updated T U1 {'user_uuid': 'U1', 'voicemail_id': 2}\n"},
                /* The second half of it is refused: the first has never been. */
                {"user_voicemail", "POST", "/users/1/voicemails", "{'name': 'v', 'number': '1004', 'context': 'inside'}", 400, ""},
        };

        make_contexts();
        run(steps);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM voicemail"), 1);
}
END_TEST

#define SIP_OPTIONS \
        "'auth_section_options': [['username', 'un'], ['password', 'p']], " \
        "'registration_section_options': [['client_uri', 'sip:x'], ['expiration', '5']]"
#define SIP(uuid, verb, label, line) \
        "sip_endpoint/" uuid " sip_endpoint_" verb " config.sip_endpoint." verb " T * {'uuid': '" uuid "', 'tenant_uuid': 'T', 'name': 'ep', " \
        "'label': '" label "', 'auth_section_options': [['username', 'un']], 'registration_section_options': [['client_uri', 'sip:x']], " \
        "'trunk': null, 'line': " line "}\n"
#define SIP_RELOAD RELOAD(PJSIP ", " DIALPLAN)

START_TEST(sip_endpoints) {
        static const struct step steps[] = {
                {"endpoint_sip", "POST", "/endpoints/sip", "{'name': 'ep', 'label': 'E', " SIP_OPTIONS "}", 201,
                 SIP("U1", "created", "E", "null")},
                {"endpoint_sip", "PUT", "/endpoints/sip/{sip}", "{'label': 'F'}", 204, SIP_RELOAD SIP("U1", "edited", "F", "null")},
                {"endpoint_sip", "PUT", "/endpoints/sip/{sip}", "{}", 204, SIP_RELOAD SIP("U1", "edited", "F", "null")},
                {"endpoint_sip", "PUT", "/endpoints/sip/{sip}", "{'name': 'a b'}", 400, ""},
                {"endpoint_sip", "DELETE", "/endpoints/sip/{sip}", NULL, 204, SIP_RELOAD SIP("U1", "deleted", "F", "null")},
        };

        run(steps);
}
END_TEST

/* ----- a phone ----- */

#define LINE_SIP(verb, key, line_name) \
        RELOAD(PJSIP) "line/1 line_endpoint_sip_" verb " config.lines.1.endpoints.sip.U1." key " T * " \
        "{'line': {'id': 1, 'tenant_uuid': 'T', 'name': " line_name "}, " \
        "'endpoint_sip': {'uuid': 'U1', 'tenant_uuid': 'T', 'label': 'E', 'name': 'ep', 'auth_section_options': [['username', 'un']]}}\n"
#define LINE_EXTENSION(verb, key) \
        RELOAD(DIALPLAN ", " PJSIP ", " QUEUE) \
        "line/1 line_extension_" verb " config.line_extension_associated." key " T * {'line_id': 1, 'extension_id': 1}\n"
#define USER_LINE(verb, key) \
        "user/U2 user_line_" verb " config.users.U2.lines.1." key " T U2 " \
        "{'line': {'id': 1, 'name': 'ep', 'endpoint_sip': {'uuid': 'U1'}, 'endpoint_sccp': null, 'endpoint_custom': null}, " \
        "'main_line': true, 'main_user': true, 'user': {'id': 1, 'uuid': 'U2', 'tenant_uuid': 'T'}}\n"
#define USER_LINE_RELOAD RELOAD(DIALPLAN ", " PJSIP)

/* A user with a line, its SIP endpoint and its extension. */
static const struct step phone[] = {
        {"endpoint_sip", "POST", "/endpoints/sip", "{'name': 'ep', 'label': 'E', " SIP_OPTIONS "}", 201,
         SIP("U1", "created", "E", "null")},
        {"line", "POST", "/lines", "{'context': 'inside'}", 201, LINE_RELOAD LINE("created", "null", "null")},
        {"extension", "POST", "/extensions", "{'exten': '1001', 'context': 'inside'}", 201,
         RELOAD(DIALPLAN) EXTENSION("created", "1001")},
        {"user", "POST", "/users", "{'firstname': 'A'}", 201,
         RELOAD(DIALPLAN ", " SCCP ", " QUEUE ", " PJSIP)
         "user/U2 user_created config.user.created T * {'id': 1, 'uuid': 'U2', 'subscription_type': 0, 'created_at': 'NOW', 'tenant_uuid': 'T'}\n"},
        {"line_endpoint", "PUT", "/lines/1/endpoints/sip/{sip}", NULL, 204, LINE_SIP("associated", "updated", "'ep'")},
        {"line_endpoint", "PUT", "/lines/1/endpoints/sip/{sip}", NULL, 204, ""},
        {"line_extension", "PUT", "/lines/1/extensions/1", NULL, 204, LINE_EXTENSION("associated", "updated")},
        {"line_extension", "PUT", "/lines/1/extensions/1", NULL, 204, ""},
        {"user_line", "PUT", "/users/1/lines/1", NULL, 204, USER_LINE_RELOAD USER_LINE("associated", "updated")},
        {"user_line", "PUT", "/users/1/lines/1", NULL, 204, ""},
};

START_TEST(phones) {
        static const struct step changes[] = {
                {"endpoint_sip", "PUT", "/endpoints/sip/{sip}", "{}", 204, SIP_RELOAD SIP("U1", "edited", "E", "{'id': 1}")},
                {"line", "PUT", "/lines/1", "{'caller_id_name': 'y'}", 204, LINE_RELOAD LINE("edited", "'sip'", "'ep'")},
                {"line_endpoint", "DELETE", "/lines/1/endpoints/sip/{sip}", NULL, 400, ""},
                {"user_line", "PUT", "/users/1/lines", "{'lines': [{'id': 1}]}", 204,
                 USER_LINE_RELOAD USER_LINE("associated", "updated")},
                {"user_line", "PUT", "/users/1/lines", "{'lines': []}", 204,
                 USER_LINE_RELOAD USER_LINE("dissociated", "deleted")},
                {"user_line", "PUT", "/users/1/lines", "{'lines': [{'id': 1}]}", 204,
                 USER_LINE_RELOAD USER_LINE("associated", "updated")},
                {"user_line", "DELETE", "/users/1/lines/1", NULL, 204,
                 USER_LINE_RELOAD USER_LINE("dissociated", "deleted")},
                {"user_line", "DELETE", "/users/1/lines/1", NULL, 204, ""},
                {"line_extension", "DELETE", "/lines/1/extensions/1", NULL, 204, LINE_EXTENSION("dissociated", "deleted")},
                {"line_extension", "DELETE", "/lines/1/extensions/1", NULL, 204, ""},
                {"line_endpoint", "DELETE", "/lines/1/endpoints/sip/{sip}", NULL, 204, LINE_SIP("dissociated", "deleted", "null")},
                {"line_endpoint", "DELETE", "/lines/1/endpoints/sip/{sip}", NULL, 204, ""},
        };

        make_contexts();
        run(phone);
        run(changes);
}
END_TEST

START_TEST(everything_of_a_line_at_once) {
        static const struct step delete[] = {
                {"line", "DELETE", "/lines/1", NULL, 204,
                 RELOAD(DIALPLAN ", " PJSIP ", " SCCP) USER_LINE("dissociated", "deleted") SIP("U1", "deleted", "E", "{'id': 1}")
                 LINE("deleted", "'sip'", "'ep'")},
        };

        make_contexts();
        run(phone);
        run(delete);
}
END_TEST

START_TEST(user_with_a_line) {
        static const struct step delete[] = {
                {"user", "DELETE", "/users/1", NULL, 204,
                 RELOAD(DIALPLAN ", " SCCP ", " QUEUE ", " PJSIP)
                 "user/U2 user_deleted config.user.deleted T * {'id': 1, 'uuid': 'U2', 'subscription_type': 0, 'created_at': 'NOW', 'tenant_uuid': 'T'}\n"},
        };

        make_contexts();
        run(phone);
        run(delete);
}
END_TEST

START_TEST(line_and_extension_in_one_request) {
        static const struct step steps[] = {
                {"line_extension", "POST", "/lines/1/extensions", "{'exten': '1001', 'context': 'inside'}", 201,
                 RELOAD(DIALPLAN ", " PJSIP ", " QUEUE) EXTENSION("created", "1001")
                 "line/1 line_extension_associated config.line_extension_associated.updated T * {'line_id': 1, 'extension_id': 1}\n"},
                /* The extension was created, and then the line has one. */
                {"line_extension", "POST", "/lines/1/extensions", "{'exten': '1002', 'context': 'inside'}", 400, ""},
        };

        make_contexts();
        run_steps(phone, 2);
        run_steps(phone + 4, 1);
        run(steps);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM extensions WHERE exten = '1002'"), 0);
}
END_TEST

#define OTHER_LINE(kind, verb, key, name, endpoint) \
        "line/1 line_endpoint_" kind "_" verb " config.lines.1.endpoints." kind ".5." key " T * " \
        "{'line': {'id': 1, 'tenant_uuid': 'T', 'name': " name "}, 'endpoint_" kind "': {'id': 5, 'tenant_uuid': 'T'" endpoint "}}\n"
#define INTERFACE ", 'interface': 'dahdi/1'"

START_TEST(other_endpoints) {
        static const struct step steps[] = {
                {"line", "POST", "/lines", "{'context': 'inside'}", 201, LINE_RELOAD LINE("created", "null", "null")},
                {"line_endpoint", "PUT", "/lines/1/endpoints/sccp/5", NULL, 204,
                 RELOAD(SCCP) OTHER_LINE("sccp", "associated", "updated", "'s5'", "")},
                {"line_endpoint", "PUT", "/lines/1/endpoints/sccp/5", NULL, 204, ""},
                {"line_endpoint", "PUT", "/lines/1/endpoints/custom/5", NULL, 400, ""},
                {"line_endpoint", "DELETE", "/lines/1/endpoints/sccp/5", NULL, 204,
                 RELOAD(SCCP) OTHER_LINE("sccp", "dissociated", "deleted", "null", "")},
                {"line_endpoint", "PUT", "/lines/1/endpoints/custom/5", NULL, 204,
                 OTHER_LINE("custom", "associated", "updated", "'dahdi/1'", INTERFACE)},
                {"line_endpoint", "DELETE", "/lines/1/endpoints/custom/5", NULL, 204,
                 OTHER_LINE("custom", "dissociated", "deleted", "null", INTERFACE)},
                {"line_endpoint", "DELETE", "/lines/1/endpoints/custom/5", NULL, 204, ""},
        };

        make_contexts();
        sql("INSERT INTO sccpline (id, tenant_uuid, name, context, cid_name, cid_num) VALUES (5, '" TENANT
            "', 's5', 'inside', '', '')");
        sql("INSERT INTO usercustom (id, tenant_uuid, interface, category) VALUES (5, '" TENANT "', 'dahdi/1', 'user')");
        run(steps);
}
END_TEST

/* ----- other tenants, and without reloads ----- */

START_TEST(tenant_of_what_is_told) {
        static const struct step steps[] = {
                /* Below: in the child's name, whoever asks. */
                {"line", "POST", "/lines", "{'context': 'below'}", 201,
                 LINE_RELOAD
                 "line/1 line_created config.line.created S * {'id': 1, 'protocol': null, 'name': null, 'tenant_uuid': 'S'}\n"},
                {"extension", "POST", "/extensions", "{'exten': '1001', 'context': 'below'}", 201,
                 RELOAD(DIALPLAN) "extension/1 extension_created config.extensions.created S * {'id': 1, 'exten': '1001', 'context': 'below'}\n"},
                {"voicemail", "POST", "/voicemails", "{'name': 'v', 'number': '1001', 'context': 'below'}", 201,
                 RELOAD(VOICEMAIL) "voicemail/1 voicemail_created config.voicemail.created S * {'id': 1}\n"},
                {"context", "PUT", "/contexts/3", "{}", 204,
                 RELOAD(DIALPLAN) "context/U1 context_edited config.contexts.edited S * {'id': 3, 'name': 'below', 'type': 'internal', 'tenant_uuid': 'S'}\n"},
        };

        make_contexts();
        run(steps);
}
END_TEST

START_TEST(without_live_reload) {
        static const struct step steps[] = {
                {"voicemail", "POST", "/voicemails", "{'name': 'v', 'number': '1001', 'context': 'inside'}", 201,
                 VOICEMAIL_EVENT("created")},
                {"voicemail", "PUT", "/voicemails/1", "{'number': '1002'}", 204,
                 MOVED("1001", "inside", "1002", "inside") VOICEMAIL_EVENT("edited")},
                {"line", "POST", "/lines", "{'context': 'inside'}", 201, LINE("created", "null", "null")},
        };

        make_contexts();
        sql("UPDATE infos SET live_reload_enabled = false");
        run(steps);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("outbox");
        TCase *tc = tcase_create("outbox");

        tcase_set_timeout(tc, 60);
        tcase_add_checked_fixture(tc, setup, teardown);
        tcase_add_test(tc, contexts);
        tcase_add_test(tc, users);
        tcase_add_test(tc, lines);
        tcase_add_test(tc, extensions);
        tcase_add_test(tc, voicemails);
        tcase_add_test(tc, sip_endpoints);
        tcase_add_test(tc, phones);
        tcase_add_test(tc, everything_of_a_line_at_once);
        tcase_add_test(tc, user_with_a_line);
        tcase_add_test(tc, line_and_extension_in_one_request);
        tcase_add_test(tc, other_endpoints);
        tcase_add_test(tc, tenant_of_what_is_told);
        tcase_add_test(tc, without_live_reload);
        suite_add_tcase(s, tc);
        return s;
}

int main(void) {
        return check_run(suite());
}
