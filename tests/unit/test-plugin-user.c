/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin user over a database of its own. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/plugin-harness.h"
#include "tests/unit/run.h"

#define ENDPOINT "eeeeeeee-0000-4000-8000-000000000001"
#define SECTION "eeeeeeee-0000-4000-8000-000000000002"
#define RELOAD "reload: dialplan reload, module reload chan_sccp.so, module reload app_queue.so, module reload res_pjsip.so\n"

static char path[256];

static const char *at(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
static const char *at(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(path, sizeof(path), format, ap);
        va_end(ap);
        return path;
}

static const char *user_path(int64_t id) {
        return at("/users/%lld", (long long) id);
}

static void setup(void) {
        harness_begin();
        sql("INSERT INTO tenant (uuid, slug, country) VALUES ('" TENANT "', 'one', 'CA')");
        sql("INSERT INTO tenant (uuid, slug) VALUES ('" SUBTENANT "', 'sub'), ('" OTHER_TENANT "', 'other')");
        sql("INSERT INTO context (id, uuid, tenant_uuid, name, displayname, contexttype) VALUES "
            "(1, 'aaaaaaaa-0000-4000-8000-000000000001', '" TENANT "', 'inside', 'Inside', 'internal')");
}

static void teardown(void) {
        harness_end();
}

static int64_t make(const char *body) {
        call("user", "POST", "/users", body, 201);
        return reply_integer("id");
}

/* A line 1 with a SIP endpoint and the extension 1001, of user @id alone. */
static void give_line(int64_t id) {
        char text[256];

        sql("INSERT INTO endpoint_sip (uuid, name, label, tenant_uuid) VALUES ('" ENDPOINT "', 'x7k2', 'Desk', '" TENANT "')");
        sql("INSERT INTO endpoint_sip_section (uuid, type, endpoint_sip_uuid) VALUES ('" SECTION "', 'auth', '" ENDPOINT "')");
        sql("INSERT INTO endpoint_sip_section_option (uuid, key, value, endpoint_sip_section_uuid) VALUES "
            "('eeeeeeee-0000-4000-8000-000000000003', 'username', 'alice', '" SECTION "'), "
            "('eeeeeeee-0000-4000-8000-000000000004', 'password', 's3cret', '" SECTION "')");
        sql("INSERT INTO linefeatures (id, name, number, context, provisioningid, endpoint_sip_uuid) "
            "VALUES (1, 'x7k2', '1001', 'inside', 123456, '" ENDPOINT "')");
        sql("INSERT INTO extensions (id, exten, context, type, typeval) VALUES (1, '1001', 'inside', 'user', '1')");
        sql("INSERT INTO line_extension (line_id, extension_id, main_extension) VALUES (1, 1, true)");
        (void) snprintf(text, sizeof(text),
                        "INSERT INTO user_line (user_id, line_id, main_user, main_line) VALUES (%lld, 1, true, true)",
                        (long long) id);
        sql(text);
        (void) snprintf(text, sizeof(text), "UPDATE extensions SET typeval = '%lld'", (long long) id);
        sql(text);
}

START_TEST(test_created_with_defaults) {
        int64_t id = make("{'firstname': 'Alice'}");
        char text[4096], uuid[64], created[64];

        (void) snprintf(uuid, sizeof(uuid), "%s", reply_string("uuid"));
        (void) snprintf(created, sizeof(created), "%s", reply_string("created_at"));
        ck_assert_uint_eq(strlen(created), strlen("2026-01-02T03:04:05.000006"));
        ck_assert_int_eq(created[10], 'T');
        (void) snprintf(text, sizeof(text),
                        "{\"id\": %lld, \"uuid\": \"%s\", \"firstname\": \"Alice\", \"lastname\": null, \"email\": null, "
                        "\"timezone\": null, \"country\": \"CA\", \"language\": null, \"description\": null, "
                        "\"caller_id\": \"\\\"Alice\\\"\", \"outgoing_caller_id\": null, \"mobile_phone_number\": null, "
                        "\"mobile_fallback_enabled\": false, \"username\": null, \"password\": null, \"music_on_hold\": null, "
                        "\"preprocess_subroutine\": null, \"userfield\": null, \"call_transfer_enabled\": false, "
                        "\"dtmf_hangup_enabled\": false, \"call_record_outgoing_external_enabled\": false, "
                        "\"call_record_outgoing_internal_enabled\": false, \"call_record_incoming_internal_enabled\": false, "
                        "\"call_record_incoming_external_enabled\": false, \"online_call_record_enabled\": false, "
                        "\"supervision_enabled\": true, \"ring_seconds\": 30, \"simultaneous_calls\": 5, "
                        "\"call_permission_password\": null, \"subscription_type\": 0, \"created_at\": \"%s\", \"enabled\": true, "
                        "\"tenant_uuid\": \"" TENANT "\", \"links\": [{\"rel\": \"users\", \"href\": \"" BASE_URL "/users/%lld\"}], "
                        "\"agent\": null, \"call_permissions\": [], \"fallbacks\": {\"noanswer_destination\": null, "
                        "\"busy_destination\": null, \"congestion_destination\": null, \"fail_destination\": null}, \"groups\": [], "
                        "\"incalls\": [], \"lines\": [], \"forwards\": {\"busy\": {\"enabled\": false, \"destination\": null}, "
                        "\"noanswer\": {\"enabled\": false, \"destination\": null}, \"unconditional\": {\"enabled\": false, "
                        "\"destination\": null}}, \"schedules\": [], \"services\": {\"dnd\": {\"enabled\": false}, \"incallfilter\": "
                        "{\"enabled\": false}}, \"switchboards\": [], \"voicemail\": null, \"queues\": [], "
                        "\"func_key_template_id\": null, \"call_record_enabled\": false, \"call_pickup_target_users\": []}\n",
                        (long long) id, uuid, created, (long long) id);
        ck_assert_str_eq(reply_text(), text);
        ck_assert_str_eq(reply_location(), at(BASE_URL "/users/%lld", (long long) id));
        call("user", "GET", at("/users/%s", uuid), NULL, 200);
        ck_assert_str_eq(reply_text(), text);
        call("user", "GET", user_path(id), NULL, 200);
        ck_assert_str_eq(reply_text(), text);
        call("user", "HEAD", user_path(id), NULL, 200);
        ck_assert_str_eq(reply_text(), "\"\"\n");
        call("user", "HEAD", "/users/99", NULL, 404);

        created[10] = ' ';
        (void) snprintf(text, sizeof(text),
                        RELOAD "event: user_created config.user.created {'id': %lld, 'uuid': '%s', 'subscription_type': 0, "
                               "'created_at': '%s', 'tenant_uuid': '" TENANT "'} *\n",
                        (long long) id, uuid, created);
        ck_assert_str_eq(outbox(), text);
        ck_assert_str_eq(sql_text("SELECT lastname || loginclient || passwdclient || musiconhold || outcallerid || mobilephonenumber || "
                                  "userfield || description || destunc || '.' FROM userfeatures"),
                         ".");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM func_key_template WHERE private = true AND name IS NULL"), 1);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM func_key"), 14);
}
END_TEST

START_TEST(test_all_members_are_kept) {
        static const char *const members[] = {
                "'firstname': ''", "'lastname': 'L'", "'email': 'a@b.example'", "'timezone': 'Mars/Olympus'", "'language': 'fr_FR'",
                "'description': 'd'", "'caller_id': '\\u0022A\\u0022 <12>'", "'outgoing_caller_id': 'anonymous'",
                "'mobile_phone_number': '+1555*#'", "'mobile_fallback_enabled': true", "'username': 'a.b@c'", "'password': 'p~ss'",
                "'music_on_hold': 'default'", "'preprocess_subroutine': 's'", "'userfield': 'u'", "'call_transfer_enabled': true",
                "'dtmf_hangup_enabled': true", "'call_record_outgoing_external_enabled': true",
                "'call_record_outgoing_internal_enabled': true", "'call_record_incoming_internal_enabled': true",
                "'call_record_incoming_external_enabled': true", "'online_call_record_enabled': true", "'supervision_enabled': false",
                "'ring_seconds': 0", "'simultaneous_calls': 20", "'call_permission_password': '12#'", "'subscription_type': 3",
                "'enabled': false",
        };
        char body[2048] = "{", text[256];
        int64_t created, edited;

        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
                if (i > 0)
                        (void) strcat(body, ", ");
                (void) strcat(body, members[i]);
        }
        (void) strcat(body, "}");
        created = make(body);
        for (int round = 0; round < 2; round++) {
                call("user", "GET", user_path(round == 0 ? created : edited), NULL, 200);
                for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
                        char name[64];
                        const char *colon = strstr(members[i], "': ");

                        (void) snprintf(name, sizeof(name), "%.*s", (int) (colon - members[i] - 1), members[i] + 1);
                        (void) snprintf(text, sizeof(text), "%s", reply_part(name));
                        if (strcmp(name, "caller_id") == 0)
                                ck_assert_str_eq(reply_string(name), "\"A\" <12>");
                        else
                                ck_assert_str_eq(text, colon + 3);
                }
                ck_assert_str_eq(reply_part("call_record_enabled"), "true");
                if (round == 0) {
                        sql("UPDATE userfeatures SET email = NULL, loginclient = ''");
                        edited = make("{'firstname': 'x'}");
                        call("user", "PUT", user_path(edited), body, 204);
                }
        }
}
END_TEST

START_TEST(test_field_errors) {
        static const struct {
                const char *member, *text;
        } cases[] = {
                {"'firstname': null", "firstname: ['Field may not be null.']"},
                {"'lastname': 1", "lastname: ['Not a valid string.']"},
                {"'email': 'nobody'", "email: ['Not a valid email address.']"},
                {"'language': 'FR_fr'", "language: ['String does not match expected pattern.']"},
                {"'caller_id': null", "caller_id: ['Field may not be null.']"},
                {"'caller_id': 'A'", "caller_id: ['String does not match expected pattern.']"},
                {"'caller_id': '\\u0022A\\u0022 <x>'", "caller_id: ['String does not match expected pattern.']"},
                {"'caller_id': '\\u0022A\\nB\\u0022'", "caller_id: ['String does not match expected pattern.']"},
                {"'mobile_phone_number': '1 2'", "mobile_phone_number: ['String does not match expected pattern.']"},
                {"'mobile_fallback_enabled': null", "mobile_fallback_enabled: ['Field may not be null.']"},
                {"'username': 'a'", "username: ['String does not match expected pattern.']"},
                {"'username': 'a b'", "username: ['String does not match expected pattern.']"},
                {"'password': 'abc'", "password: ['String does not match expected pattern.']"},
                {"'password': 'abc@'", "password: ['String does not match expected pattern.']"},
                {"'call_transfer_enabled': null", "call_transfer_enabled: ['Field may not be null.']"},
                {"'call_record_enabled': null", "call_record_enabled: ['Field may not be null.']"},
                {"'supervision_enabled': 'yes'", "supervision_enabled: ['Not a valid boolean.']"},
                {"'ring_seconds': 10801",
                 "ring_seconds: ['Must be greater than or equal to 0 and less than or equal to 10800.']"},
                {"'simultaneous_calls': 0",
                 "simultaneous_calls: ['Must be greater than or equal to 1 and less than or equal to 20.']"},
                {"'call_permission_password': 'a'",
                 "call_permission_password: ['String does not match expected pattern.']"},
                {"'subscription_type': 11",
                 "subscription_type: ['Must be greater than or equal to 0 and less than or equal to 10.']"},
                {"'func_key_template_id': 'x'", "func_key_template_id: ['Not a valid integer.']"},
        };
        static const struct {
                const char *member;
                size_t max;
        } lengths[] = {
                {"firstname", 128}, {"lastname", 128}, {"timezone", 128}, {"outgoing_caller_id", 80}, {"music_on_hold", 128},
                {"preprocess_subroutine", 79}, {"userfield", 128},
        };
        int64_t id = make("{'firstname': 'A'}");
        char body[512], text[256];

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                (void) snprintf(body, sizeof(body), "{%s}", cases[i].member);
                (void) snprintf(text, sizeof(text), "Input Error - %s", cases[i].text);
                refuse("user", "PUT", user_path(id), body, 400, text);
        }
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
                char xs[200] = "";

                (void) memset(xs, 'x', lengths[i].max + 1);
                (void) snprintf(body, sizeof(body), "{'%s': '%s'}", lengths[i].member, xs);
                (void) snprintf(text, sizeof(text), "Input Error - %s: ['Longer than maximum length %zu.']",
                                lengths[i].member, lengths[i].max);
                refuse("user", "PUT", user_path(id), body, 400, text);
        }
        refuse("user", "POST", "/users", "{'lastname': 'x', 'ring_seconds': 'x'}", 400,
               "Input Error - firstname: ['Missing data for required field.']\nInput Error - ring_seconds: ['Not a valid integer.']");
        /* What a create may say null for, and gets the default. */
        (void) make("{'firstname': 'A', 'caller_id': null, 'call_transfer_enabled': null, 'supervision_enabled': null, 'ring_seconds': null, "
                    "'simultaneous_calls': null, 'enabled': null, 'call_record_enabled': null}");
        ck_assert_str_eq(reply_string("caller_id"), "\"A\"");
        ck_assert_str_eq(reply_part("supervision_enabled"), "true");
        ck_assert_int_eq(reply_integer("ring_seconds"), 30);
}
END_TEST

START_TEST(test_caller_id) {
        char xs[129] = "", body[512], text[256];
        int64_t id = make("{'firstname': 'Al\\u00ed', 'lastname': 'B\\u0007b'}");

        ck_assert_str_eq(reply_string("caller_id"), "\"Al\xc3\xad" " B b\"");
        call("user", "PUT", user_path(id), "{'firstname': 'Other'}", 204);
        call("user", "GET", user_path(id), NULL, 200);
        ck_assert_str_eq(reply_string("caller_id"), "\"Al\xc3\xad" " B b\"");
        (void) memset(xs, 'x', 128);
        (void) snprintf(body, sizeof(body), "{'firstname': '%s', 'lastname': '%s'}", xs, xs);
        (void) make(body);
        (void) snprintf(text, sizeof(text), "%s", reply_string("caller_id"));
        ck_assert_uint_eq(strlen(text), 160);
        ck_assert_int_eq(text[159], '"');
}
END_TEST

START_TEST(test_call_record_enabled) {
        int64_t id = make("{'firstname': 'A', 'call_record_enabled': true}");
        static const char text[] =
                "Input Error - _schema: [\"'call_record_enabled' is deprecated and incompatible with 'call_record_*_enabled' options\"]";

        ck_assert_str_eq(reply_part("call_record_incoming_external_enabled"), "true");
        ck_assert_str_eq(reply_part("call_record_enabled"), "true");
        call("user", "PUT", user_path(id), "{'call_record_outgoing_internal_enabled': false}", 204);
        call("user", "GET", user_path(id), NULL, 200);
        ck_assert_str_eq(reply_part("call_record_enabled"), "false");
        ck_assert_str_eq(reply_part("call_record_outgoing_external_enabled"), "true");
        refuse("user", "PUT", user_path(id),
               "{'call_record_enabled': true, 'call_record_outgoing_internal_enabled': true}", 400, text);
        refuse("user", "POST", "/users",
               "{'firstname': 'A', 'call_record_enabled': false, 'call_record_incoming_internal_enabled': true}", 400,
               text);
        call("user", "PUT", user_path(id), "{'call_record_enabled': false}", 204);
        ck_assert_str_eq(sql_text("SELECT call_record_outgoing_external_enabled + call_record_outgoing_internal_enabled + "
                                  "call_record_incoming_external_enabled + call_record_incoming_internal_enabled FROM userfeatures"),
                         "0");
}
END_TEST

START_TEST(test_rules) {
        int64_t id = make("{'firstname': 'A', 'email': 'a@b.example', 'username': 'user1'}"), second;
        char text[256];

        refuse("user", "POST", "/users", "{'firstname': 'B', 'email': 'a@b.example'}", 400,
               "Resource Error - User already exists ('email': 'a@b.example')");
        as_tenant(OTHER_TENANT);
        refuse("user", "POST", "/users", "{'firstname': 'B', 'username': 'user1'}", 400,
               "Resource Error - User already exists ('username': 'user1')");
        as_tenant(TENANT);
        call("user", "PUT", user_path(id), "{'email': 'a@b.example', 'username': 'user1'}", 204);
        second = make("{'firstname': 'B'}");
        (void) make("{'firstname': 'C'}"); /* nulls never clash */
        refuse("user", "PUT", user_path(second), "{'username': 'user1'}", 400,
               "Resource Error - User already exists ('username': 'user1')");

        refuse("user", "PUT", user_path(id), "{'music_on_hold': 'jazz'}", 400,
               "Input Error - field 'music_on_hold': MOH was not found ('music_on_hold': 'jazz')");
        sql("INSERT INTO moh (uuid, tenant_uuid, name, label, mode) VALUES ('bbbbbbbb-0000-4000-8000-000000000001', '" OTHER_TENANT
            "', 'jazz', 'Jazz', 'files'), ('bbbbbbbb-0000-4000-8000-000000000002', '" TENANT "', 'folk', 'Folk', 'files')");
        refuse("user", "PUT", user_path(id), "{'music_on_hold': 'jazz'}", 400,
               "Input Error - field 'music_on_hold': MOH was not found ('music_on_hold': 'jazz')");
        call("user", "PUT", user_path(id), "{'music_on_hold': 'folk'}", 204);

        refuse("user", "PUT", user_path(id), "{'mobile_fallback_enabled': true}", 400,
               "Resource Error - PSTN fallback must be disabled when mobile phone number is not set");
        call("user", "PUT", user_path(id), "{'mobile_fallback_enabled': true, 'mobile_phone_number': '1'}", 204);
        refuse("user", "PUT", user_path(id), "{'mobile_phone_number': null}", 400,
               "Resource Error - PSTN fallback must be disabled when mobile phone number is not set");

        refuse("user", "PUT", user_path(id), "{'func_key_template_id': 99999}", 400,
               "Input Error - field 'func_key_template_id': FuncKeyTemplate was not found ('func_key_template_id': 99999)");
        refuse("user", "PUT", user_path(id), "{'func_key_template_id': 1}", 400, /* a private one */
               "Input Error - field 'func_key_template_id': FuncKeyTemplate was not found ('func_key_template_id': 1)");
        sql("INSERT INTO func_key_template (id, tenant_uuid, name, private) VALUES (50, '" TENANT "', 't', false)");
        call("user", "PUT", user_path(id), "{'func_key_template_id': 50}", 204);

        sql("INSERT INTO voicemail (uniqueid, context, mailbox, fullname, accesstype) VALUES (9, 'inside', '9', 'v', 'global')");
        sql("UPDATE userfeatures SET voicemailid = 9 WHERE firstname = 'B'");
        refuse("user", "PUT", user_path(second), "{}", 400,
               "Resource Error - Operation not permitted. A global voicemail cannot be associated to users.");
        (void) snprintf(text, sizeof(text),
                        "Resource Error - User is associated with a Voicemail ('user_id': %lld, 'voicemail_id': 9)",
                        (long long) second);
        refuse("user", "DELETE", user_path(second), NULL, 400, text);
}
END_TEST

START_TEST(test_edit_tells) {
        int64_t id = make("{'firstname': 'A'}");
        const char *rows;

        (void) outbox();
        call("user", "PUT", user_path(id), "{}", 204);
        rows = outbox();
        ck_assert_ptr_eq(strstr(rows, RELOAD "event: user_edited config.user.edited {'id': "), rows);
}
END_TEST

START_TEST(test_lines_are_shown) {
        int64_t id = make("{'firstname': 'A'}");

        give_line(id);
        call("user", "GET", user_path(id), NULL, 200);
        ck_assert_str_eq(reply_part("lines"),
                         "[{'id': 1, 'name': 'x7k2', 'endpoint_sip': {'uuid': '" ENDPOINT "', 'label': 'Desk', 'name': 'x7k2', "
                         "'auth_section_options': [['username', 'alice']], 'links': [{'rel': 'endpoint_sip', 'href': '" BASE_URL
                         "/endpoints/sip/" ENDPOINT "'}]}, 'endpoint_sccp': null, 'endpoint_custom': null, 'extensions': [{'id': 1, "
                         "'exten': '1001', 'context': 'inside', 'links': [{'rel': 'extensions', 'href': '" BASE_URL "/extensions/1'}]}], "
                         "'links': [{'rel': 'lines', 'href': '" BASE_URL "/lines/1'}]}]");
}
END_TEST

START_TEST(test_memberships_are_shown) {
        int64_t id = make("{'firstname': 'A'}"), friend = make("{'firstname': 'F', 'lastname': 'G'}");
        char text[1024], friend_uuid[64], statement[512];

        (void) snprintf(friend_uuid, sizeof(friend_uuid), "%s", reply_string("uuid"));
        ck_assert_int_eq(id, 1);
        ck_assert_int_eq(friend, 2);
        sql("INSERT INTO agentfeatures (id, tenant_uuid, number) VALUES (4, '" TENANT "', '700')");
        sql("UPDATE userfeatures SET agentid = 4, enablednd = 1, incallfilter = 0, enablebusy = 1, destbusy = '123' WHERE id = 1");
        sql("INSERT INTO rightcall (id, tenant_uuid, name) VALUES (5, '" TENANT "', 'far')");
        sql("INSERT INTO rightcallmember (rightcallid, type, typeval) VALUES (5, 'user', '1')");
        sql("INSERT INTO groupfeatures (id, uuid, tenant_uuid, name, label) VALUES (6, 'cccccccc-0000-4000-8000-000000000001', '" TENANT "', 'grp', 'G')");
        sql("INSERT INTO queuefeatures (id, tenant_uuid, name, displayname) VALUES (7, '" TENANT "', 'que', 'Q')");
        sql("INSERT INTO queuemember (queue_name, interface, usertype, userid, channel, category) VALUES "
            "('grp', 'PJSIP/a', 'user', 1, 'PJSIP', 'group'), ('que', 'PJSIP/a', 'user', 1, 'PJSIP', 'queue')");
        sql("INSERT INTO schedule (id, tenant_uuid, name) VALUES (8, '" TENANT "', 'night')");
        sql("INSERT INTO schedule_path (schedule_id, path, pathid) VALUES (8, 'user', 1)");
        sql("INSERT INTO switchboard (uuid, tenant_uuid, name) VALUES ('dddddddd-0000-4000-8000-000000000001', '" TENANT
            "', 'sw')");
        sql("INSERT INTO switchboard_member_user (switchboard_uuid, user_uuid) SELECT 'dddddddd-0000-4000-8000-000000000001', uuid "
            "FROM userfeatures WHERE id = 1");
        sql("INSERT INTO incall (id, tenant_uuid) VALUES (9, '" TENANT "')");
        sql("INSERT INTO dialaction (event, category, categoryval, action, actionarg1, actionarg2) VALUES "
            "('answer', 'incall', '9', 'user', '1', ''), ('busy', 'user', '1', 'user', '2', '5.0'), "
            "('noanswer', 'user', '1', 'endcall:busy', '3.0', NULL), ('chanunavail', 'user', '1', 'none', NULL, NULL)");
        sql("INSERT INTO extensions (id, exten, context, type, typeval) VALUES (3, '5555', 'inside', 'incall', '9')");
        sql("INSERT INTO pickup (id, tenant_uuid, name) VALUES (1, '" TENANT "', 'p')");
        sql("INSERT INTO pickupmember (pickupid, category, membertype, memberid) VALUES (1, 'member', 'group', 6), (1, 'pickup', 'user', 2)");

        call("user", "GET", "/users/1", NULL, 200);
        ck_assert_str_eq(reply_part("agent"),
                         "{'id': 4, 'number': '700', 'links': [{'rel': 'agents', 'href': '" BASE_URL "/agents/4'}]}");
        ck_assert_str_eq(reply_part("call_permissions"),
                         "[{'id': 5, 'name': 'far', 'links': [{'rel': 'callpermissions', 'href': '" BASE_URL "/callpermissions/5'}]}]");
        ck_assert_str_eq(reply_part("groups"), "[{'uuid': 'cccccccc-0000-4000-8000-000000000001', 'id': 6, 'name': 'grp', 'links': "
                                               "[{'rel': 'groups', 'href': '" BASE_URL "/groups/cccccccc-0000-4000-8000-000000000001'}]}]");
        ck_assert_str_eq(reply_part("queues"),
                         "[{'id': 7, 'name': 'que', 'label': 'Q', 'links': [{'rel': 'queues', 'href': '" BASE_URL
                         "/queues/7'}]}]");
        ck_assert_str_eq(reply_part("schedules"),
                         "[{'id': 8, 'name': 'night', 'links': [{'rel': 'schedules', 'href': '" BASE_URL
                         "/schedules/8'}]}]");
        ck_assert_str_eq(reply_part("switchboards.0.name"), "'sw'");
        ck_assert_str_eq(reply_part("incalls"),
                         "[{'id': 9, 'extensions': [{'id': 3, 'exten': '5555', 'context': 'inside', 'links': [{'rel': 'extensions', 'href': '" BASE_URL
                         "/extensions/3'}]}], 'links': [{'rel': 'incalls', 'href': '" BASE_URL "/incalls/9'}]}]");
        ck_assert_str_eq(reply_part("services"), "{'dnd': {'enabled': true}, 'incallfilter': {'enabled': false}}");
        ck_assert_str_eq(reply_part("forwards.busy"), "{'enabled': true, 'destination': '123'}");
        ck_assert_str_eq(reply_part("fallbacks"),
                         "{'noanswer_destination': {'type': 'hangup', 'cause': 'busy', 'timeout': 3.0}, "
                         "'busy_destination': {'type': 'user', 'user_id': 2, 'ring_time': 5.0, 'moh_uuid': null, 'user_firstname': 'F', "
                         "'user_lastname': 'G'}, 'congestion_destination': null, 'fail_destination': {'type': 'none'}}");
        (void) snprintf(text, sizeof(text),
                        "[{'uuid': '%s', 'firstname': 'F', 'lastname': 'G', 'links': [{'rel': 'users', 'href': '" BASE_URL "/users/2'}]}]",
                        friend_uuid);
        ck_assert_str_eq(reply_part("call_pickup_target_users"), text);

        /* And all of it goes with the user, the way to him too. */
        sql("INSERT INTO paging (id, tenant_uuid, number) VALUES (1, '" TENANT "', '1')");
        sql("INSERT INTO paginguser (pagingid, userfeaturesid, caller) VALUES (1, 1, 0)");
        sql("INSERT INTO callfilter (id, tenant_uuid, name, type) VALUES (1, '" TENANT "', 'f', 'bosssecretary')");
        sql("INSERT INTO callfiltermember (id, callfilterid, type, typeval, bstype) VALUES (1, 1, 'user', '1', 'boss')");
        sql("INSERT INTO func_key (id, type_id, destination_type_id) VALUES (900, 1, 1), (901, 1, 12)");
        sql("INSERT INTO func_key_dest_user (func_key_id, user_id, destination_type_id) VALUES (900, 1, 1)");
        sql("INSERT INTO func_key_dest_bsfilter (func_key_id, filtermember_id, destination_type_id) VALUES (901, 1, 12)");
        sql("INSERT INTO func_key_mapping (template_id, func_key_id, destination_type_id, position) SELECT func_key_private_template_id, 900, 1, 1 "
            "FROM userfeatures WHERE id = 2");
        sql("INSERT INTO func_key_mapping (template_id, func_key_id, destination_type_id, position) SELECT func_key_private_template_id, 901, 12, 2 "
            "FROM userfeatures WHERE id = 1");
        call("user", "DELETE", "/users/1", NULL, 204);
        (void) snprintf(statement, sizeof(statement),
                        "SELECT (SELECT COUNT(*) FROM userfeatures) || (SELECT COUNT(*) FROM func_key_template) || "
                        "(SELECT COUNT(*) FROM dialaction) || (SELECT COUNT(*) FROM queuemember) || (SELECT COUNT(*) FROM rightcallmember) || "
                        "(SELECT COUNT(*) FROM schedule_path) || (SELECT COUNT(*) FROM switchboard_member_user)");
        ck_assert_str_eq(sql_text(statement), "1100000");
        ck_assert_str_eq(sql_text("SELECT (SELECT COUNT(*) FROM callfiltermember) || (SELECT COUNT(*) FROM paginguser) || "
                                  "(SELECT COUNT(*) FROM func_key_dest_user) || (SELECT COUNT(*) FROM func_key_dest_bsfilter) || "
                                  "(SELECT COUNT(*) FROM func_key_mapping) || (SELECT COUNT(*) FROM func_key WHERE id >= 900)"),
                         "000000");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM func_key"), 14);
}
END_TEST

START_TEST(test_delete_leaves_lines) {
        int64_t id = make("{'firstname': 'A'}");

        give_line(id);
        (void) outbox();
        call("user", "DELETE", user_path(id), NULL, 204);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM user_line"), 0);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM linefeatures"), 1);
        ck_assert_str_eq(sql_text("SELECT typeval FROM extensions"), "0");
        ck_assert_ptr_nonnull(strstr(sql_text("SELECT group_concat(name) FROM outbox"), "user_deleted"));
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM outbox WHERE name LIKE 'user_line%'"), 0);
}
END_TEST

START_TEST(test_caller_id_reaches_the_endpoint) {
        static const char select[] =
                "SELECT endpoint_sip_section_option.value FROM endpoint_sip_section_option "
                "JOIN endpoint_sip_section ON endpoint_sip_section.uuid = endpoint_sip_section_uuid WHERE type = 'endpoint' AND key = 'callerid'";
        int64_t id = make("{'firstname': 'A'}");

        give_line(id);
        call("user", "PUT", user_path(id), "{'userfield': 'x'}", 204);
        ck_assert_str_eq(sql_text(select), "-");
        call("user", "PUT", user_path(id), "{'caller_id': '\\u0022Al\\u0022'}", 204);
        ck_assert_str_eq(sql_text(select), "\"Al\" <1001>");
}
END_TEST

START_TEST(test_list_columns) {
        int64_t a = make("{'firstname': 'Ann', 'lastname': 'Zed', 'email': 'ann@b.example', 'mobile_phone_number': '11', 'userfield': 'u%u'}");
        char uuid[64];

        (void) snprintf(uuid, sizeof(uuid), "%s", reply_string("uuid"));
        (void) make("{'firstname': 'Bob', 'mobile_phone_number': '22', 'enabled': false, 'subscription_type': 2}");
        (void) make("{'firstname': 'Cl\\u00e9o', 'lastname': 'A'}");
        give_line(a);
        sql("INSERT INTO voicemail (uniqueid, context, mailbox, fullname) VALUES (9, 'inside', '4321', 'v')");
        sql("UPDATE userfeatures SET voicemailid = 9 WHERE firstname = 'Bob'");
        as_tenant(SUBTENANT);
        (void) make("{'firstname': 'Sub'}");
        as_tenant(TENANT);

#define LIST(query, names)                                \
        do {                                              \
                call("user", "GET", "/users?" query, NULL, 200); \
                ck_assert_str_eq(reply_items("firstname"), names); \
        } while (0)
        LIST("", "Bob Cl\xc3\xa9o Ann");
        LIST("direction=desc", "Ann Cl\xc3\xa9o Bob");
        LIST("recurse=true&order=firstname", "Ann Bob Cl\xc3\xa9o Sub");
        LIST("exten=1001", "Ann");
        LIST("exten=9,1001", "Ann");
        LIST("extension=1001", "Ann");
        LIST("extension=9,1001", "");
        LIST("context=inside", "Ann");
        LIST("provisioning_code=123456", "Ann");
        LIST("voicemail_number=4321", "Bob");
        LIST("mobile_phone_number=22,11", "Bob Ann");
        LIST("fullname=Ann+Zed", "Ann");
        LIST("fullname=Bob", "Bob");
        LIST("enabled=false", "Bob");
        LIST("subscription_type=2", "Bob");
        LIST("subscription_type=x", "");
        LIST("nonsense=1", "Bob Cl\xc3\xa9o Ann");
        LIST("search=CLEO", "Cl\xc3\xa9o");
        LIST("search=ann+z", "Ann");
        LIST("search=1001", "Ann");
        LIST("search=123456", "Ann");
        LIST("search=u%25u", "Ann");
        LIST("search=4321", "");
        sql("UPDATE extensions SET commented = 1");
        LIST("exten=1001", "");
        call("user", "GET", at("/users?uuid=%s,nonsense", uuid), NULL, 200);
        ck_assert_str_eq(reply_items("firstname"), "Ann");
        refuse("user", "GET", "/users?order=password", NULL, 400, "Input Error - order: column 'password' was not found");
        call("user", "GET", "/users?order=firstname&limit=1&offset=1", NULL, 200);
        ck_assert_str_eq(reply_items("firstname"), "Bob");
        ck_assert_int_eq(reply_integer("total"), 3);
}
END_TEST

START_TEST(test_sorting) {
        (void) make("{'firstname': '1', 'lastname': 'ez', 'userfield': 'b', 'ring_seconds': 3}");
        (void) make("{'firstname': '2', 'lastname': '\\u00c9a', 'userfield': 'A'}");
        (void) make("{'firstname': '3', 'lastname': 'EB', 'userfield': 'a'}");
        (void) make("{'firstname': '4', 'lastname': 'f', 'userfield': 'B'}");
        (void) make("{'firstname': '5'}");
        /* An accent is a character of its own behind its letter; cases are one. Nothing comes last. */
        LIST("order=lastname", "3 1 2 4 5");
        LIST("order=lastname&direction=desc", "5 4 2 1 3");
        /* Other columns by their case. */
        LIST("order=userfield", "2 4 3 1 5");
        LIST("order=userfield&direction=desc", "5 1 3 4 2");
        LIST("order=id&direction=desc", "5 4 3 2 1");
        LIST("order=enabled", "1 2 3 4 5");
        LIST("order=fullname", "1 2 3 4 5");
        give_line(4);
        LIST("order=exten", "4 1 2 3 5");
        LIST("order=provisioning_code&direction=desc", "5 3 2 1 4");
}
END_TEST

START_TEST(test_tenants) {
        int64_t mine = make("{'firstname': 'A'}"), below;
        char uuid[64], text[256];

        (void) snprintf(uuid, sizeof(uuid), "%s", reply_string("uuid"));
        as_tenant(SUBTENANT);
        below = make("{'firstname': 'S'}");
        ck_assert_str_eq(reply_string("tenant_uuid"), SUBTENANT);
        as_tenant(OTHER_TENANT);
        (void) snprintf(text, sizeof(text), "Resource Not Found - User was not found ('id': UUID('%s'))", uuid);
        refuse("user", "GET", at("/users/%s", uuid), NULL, 404, text);
        (void) snprintf(text, sizeof(text), "Resource Not Found - User was not found ('id': %lld)", (long long) mine);
        refuse("user", "PUT", user_path(mine), "{}", 404, text);
        refuse("user", "DELETE", user_path(mine), NULL, 404, text);
        refuse("user", "HEAD", user_path(mine), NULL, 404, text);
        call("user", "GET", "/users?recurse=true", NULL, 200);
        ck_assert_int_eq(reply_integer("total"), 0);
        as_tenant(TENANT);
        call("user", "PUT", user_path(below), "{'firstname': 'T'}", 204);
        refuse("user", "GET", "/users/99999999999", NULL, 404, "Resource Not Found - User was not found ('id': 99999999999)");
}
END_TEST

START_TEST(test_no_value_is_a_server_error) {
        static const char *const members[] = {
                "firstname", "lastname", "email", "timezone", "language", "description", "caller_id", "outgoing_caller_id",
                "mobile_phone_number", "mobile_fallback_enabled", "username", "password", "music_on_hold", "preprocess_subroutine", "userfield",
                "call_transfer_enabled", "call_record_outgoing_external_enabled", "online_call_record_enabled", "ring_seconds",
                "simultaneous_calls", "call_permission_password", "subscription_type", "created_at", "enabled", "func_key_template_id",
                "call_record_enabled", "lines", "id", "uuid", "voicemail_id", "services", "private_template_id", NULL,
        };
        static const char *const parameters[] = {
                "id=", "uuid=", "firstname=", "fullname=", "exten=", "mobile_phone_number=", "enabled=", "subscription_type=", "search=", "order=",
                "direction=", "limit=", "offset=", "recurse=", "voicemail_number=", "provisioning_code=", "view=",
        };
        static const char *const values[] = {"",    "x",          "-1",  "99999999999999999999",
                                             "1.5", "%25%27%22_", ",,,", "%F0%9F%98%80",
                                             "null"};
        int64_t id = make("{'firstname': 'A'}");
        char query[128];

        torment("user", "POST", "/users", "", members);
        torment("user", "POST", "/users", "'firstname': 'x'", members + 1);
        torment("user", "PUT", user_path(id), "", members);
        for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
                for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
                        (void) snprintf(query, sizeof(query), "/users?%s%s", parameters[i], values[j]);
                        ck_assert_msg(ask("user", "GET", query, NULL) < 500, "%s: %s", query, reply_text());
                }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("plugin-user");
        TCase *users = tcase_create("users");

        tcase_add_checked_fixture(users, setup, teardown);
        tcase_set_timeout(users, 60);
        tcase_add_test(users, test_created_with_defaults);
        tcase_add_test(users, test_all_members_are_kept);
        tcase_add_test(users, test_field_errors);
        tcase_add_test(users, test_caller_id);
        tcase_add_test(users, test_call_record_enabled);
        tcase_add_test(users, test_rules);
        tcase_add_test(users, test_edit_tells);
        tcase_add_test(users, test_lines_are_shown);
        tcase_add_test(users, test_memberships_are_shown);
        tcase_add_test(users, test_delete_leaves_lines);
        tcase_add_test(users, test_caller_id_reaches_the_endpoint);
        tcase_add_test(users, test_list_columns);
        tcase_add_test(users, test_sorting);
        tcase_add_test(users, test_tenants);
        tcase_add_test(users, test_no_value_is_a_server_error);
        suite_add_tcase(suite, users);
        return check_run(suite);
}
