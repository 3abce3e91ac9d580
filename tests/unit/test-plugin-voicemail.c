/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugins voicemail and user_voicemail over a database of their own. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/plugin-harness.h"
#include "tests/unit/run.h"

static char path[256];

static const char *at(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
static const char *at(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(path, sizeof(path), format, ap);
        va_end(ap);
        return path;
}

static void setup(void) {
        harness_begin();
        sql("INSERT INTO tenant (uuid, slug) VALUES ('" TENANT "', 'one'), ('" SUBTENANT "', 'sub'), ('" OTHER_TENANT
            "', 'other')");
        sql("INSERT INTO context (id, uuid, tenant_uuid, name, displayname, contexttype) VALUES "
            "(1, 'aaaaaaaa-0000-4000-8000-000000000001', '" TENANT "', 'inside', 'Inside', 'internal'), "
            "(2, 'aaaaaaaa-0000-4000-8000-000000000002', '" SUBTENANT "', 'below', 'Below', 'internal'), "
            "(3, 'aaaaaaaa-0000-4000-8000-000000000003', '" OTHER_TENANT "', 'theirs', 'Theirs', 'internal')");
}

static void teardown(void) {
        harness_end();
}

static int64_t make(const char *body) {
        call("voicemail", "POST", "/voicemails", body, 201);
        return reply_integer("id");
}

static int64_t make_user(const char *body) {
        call("user", "POST", "/users", body, 201);
        return reply_integer("id");
}

START_TEST(test_created_whole) {
        int64_t id = make("{'name': 'Desk', 'number': '8012', 'context': 'inside', 'nonsense': 1, 'id': 99, 'users': [1]}");
        char text[1024];

        (void) snprintf(text, sizeof(text),
                        "{\"id\": %lld, \"tenant_uuid\": \"" TENANT "\", \"name\": \"Desk\", \"number\": \"8012\", \"context\": \"inside\", "
                        "\"password\": null, \"email\": null, \"language\": null, \"timezone\": null, \"pager\": null, "
                        "\"max_messages\": null, \"attach_audio\": null, \"delete_messages\": false, \"ask_password\": true, "
                        "\"enabled\": true, \"options\": [], \"links\": [{\"rel\": \"voicemails\", \"href\": \"" BASE_URL
                        "/voicemails/%lld\"}], \"accesstype\": \"personal\", \"users\": []}\n",
                        (long long) id, (long long) id);
        ck_assert_str_eq(reply_text(), text);
        ck_assert_str_eq(reply_location(), at(BASE_URL "/voicemails/%lld", (long long) id));
        call("voicemail", "GET", at("/voicemails/%lld", (long long) id), NULL, 200);
        ck_assert_str_eq(reply_text(), text);
        ck_assert_str_eq(outbox(),
                         "reload: voicemail reload\n"
                         "event: voicemail_created config.voicemail.created {'id': 1} *\n");
}
END_TEST

START_TEST(test_all_members_are_kept) {
        int64_t id = make("{'name': 'Bo\\u00eete', 'number': '1', 'context': 'inside', 'password': '12', 'email': 'no syntax', "
                          "'language': 'fr_FR', 'timezone': 'eu-fr', 'pager': 'p', 'max_messages': '7', 'attach_audio': true, "
                          "'delete_messages': true, 'ask_password': false, 'enabled': false, 'options': [['a', 'b'], ['c', '']], "
                          "'accesstype': 'global'}");

        call("voicemail", "GET", at("/voicemails/%lld", (long long) id), NULL, 200);
        ck_assert_str_eq(reply_string("name"), "Bo\xc3\xaete");
        ck_assert_str_eq(reply_part("max_messages"), "7");
        ck_assert_str_eq(reply_part("attach_audio"), "true");
        ck_assert_str_eq(reply_part("delete_messages"), "true");
        ck_assert_str_eq(reply_part("ask_password"), "false");
        ck_assert_str_eq(reply_part("enabled"), "false");
        ck_assert_str_eq(reply_part("options"), "[['a', 'b'], ['c', '']]");
        ck_assert_str_eq(reply_part("accesstype"), "'global'");
        ck_assert_str_eq(sql_text(
                                 "SELECT attach || ' ' || deletevoicemail || ' ' || skipcheckpass || ' ' || commented || ' ' || tz "
                                 "FROM voicemail"),
                         "1 1 1 1 eu-fr");
}
END_TEST

START_TEST(test_field_errors) {
        static const struct {
                const char *member, *text;
        } cases[] = {
                {"'name': null", "name: ['Field may not be null.']"},
                {"'name': 5", "name: ['Not a valid string.']"},
                {"'name': '123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 x'",
                 "name: ['Longer than maximum length 80.']"},
                {"'number': '12a'", "number: ['String does not match expected pattern.']"},
                {"'number': ''", "number: ['String does not match expected pattern.']"},
                {"'number': '12345678901234567890123456789012345678901'", "number: ['String does not match expected pattern.']"},
                {"'context': null", "context: ['Field may not be null.']"},
                {"'password': 'x'", "password: ['String does not match expected pattern.']"},
                {"'language': 'fr'", "language: ['String does not match expected pattern.']"},
                {"'pager': 1.5", "pager: ['Not a valid string.']"},
                {"'max_messages': -1", "max_messages: ['Must be greater than or equal to 0.']"},
                {"'max_messages': true", "max_messages: ['Not a valid integer.']"},
                {"'attach_audio': 'true'", "attach_audio: ['Not a valid boolean.']"},
                {"'delete_messages': null", "delete_messages: ['Field may not be null.']"},
                {"'ask_password': 1", "ask_password: ['Not a valid boolean.']"},
                {"'enabled': null", "enabled: ['Field may not be null.']"},
                {"'options': 'a'", "options: ['Not a valid list.']"},
                {"'options': [['a']]", "options: {0: ['Length must be between 2 and 2.']}"},
                {"'options': [['a', 'b'], ['a', 1]]", "options: {1: {1: ['Not a valid string.']}}"},
                {"'accesstype': 'none'", "accesstype: ['Must be one of: personal, global.']"},
        };
        int64_t id = make("{'name': 'n', 'number': '1', 'context': 'inside'}");

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char body[512], text[256];

                (void) snprintf(body, sizeof(body), "{%s}", cases[i].member);
                (void) snprintf(text, sizeof(text), "Input Error - %s", cases[i].text);
                refuse("voicemail", "PUT", at("/voicemails/%lld", (long long) id), body, 400, text);
        }
        refuse("voicemail", "POST", "/voicemails", "{}", 400,
               "Input Error - name: ['Missing data for required field.']\n"
               "Input Error - number: ['Missing data for required field.']\n"
               "Input Error - context: ['Missing data for required field.']");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM voicemail"), 1);
}
END_TEST

START_TEST(test_delete_messages) {
        int64_t id = make("{'name': 'n', 'number': '1', 'context': 'inside', 'email': 'e', 'attach_audio': true}");
        static const char text[] = "Input Error - _schema: ['Cannot set delete_messages without email and attach_audio']";

        refuse("voicemail", "PUT", at("/voicemails/%lld", (long long) id), "{'delete_messages': true}", 400, text);
        refuse("voicemail", "PUT", at("/voicemails/%lld", (long long) id), "{'delete_messages': true, 'email': 'e'}", 400, text);
        refuse("voicemail", "POST", "/voicemails",
               "{'name': 'n', 'number': '2', 'context': 'inside', 'delete_messages': true}", 400, text);
        call("voicemail", "PUT", at("/voicemails/%lld", (long long) id),
             "{'delete_messages': true, 'email': 'e', 'attach_audio': true}", 204);
}
END_TEST

START_TEST(test_rules) {
        int64_t id = make("{'name': 'n', 'number': '1', 'context': 'inside'}");

        refuse("voicemail", "POST", "/voicemails", "{'name': 'n', 'number': '1', 'context': 'nope'}", 400,
               "Input Error - field 'context': Context was not found ('context': 'nope')");
        refuse("voicemail", "POST", "/voicemails", "{'name': 'n', 'number': '1', 'context': 'theirs'}", 400,
               "Input Error - field 'context': Context was not found ('context': 'theirs')");
        refuse("voicemail", "POST", "/voicemails", "{'name': 'n', 'number': '1', 'context': 'inside'}", 400,
               "Resource Error - Voicemail already exists ('number': '1', 'context': 'inside')");
        refuse("voicemail", "POST", "/voicemails", "{'name': 'n', 'number': '2', 'context': 'inside', 'timezone': 'mars'}", 400,
               "Input Error - field 'timezone': Timezone was not found ('timezone': 'mars')");
        (void) make("{'name': 'n', 'number': '2', 'context': 'inside', 'accesstype': 'global'}");
        refuse("voicemail", "POST", "/voicemails", "{'name': 'n', 'number': '3', 'context': 'inside', 'accesstype': 'global'}", 400,
               "Resource Error - Operation not permitted. There can be only one global voicemail per context.");
        refuse("voicemail", "PUT", at("/voicemails/%lld", (long long) id), "{'accesstype': 'global'}", 400,
               "Resource Error - Operation not permitted. There can be only one global voicemail per context.");
        refuse("voicemail", "PUT", at("/voicemails/%lld", (long long) id), "{'number': '2'}", 400,
               "Resource Error - Voicemail already exists ('number': '2', 'context': 'inside')");
        (void) make("{'name': 'n', 'number': '2', 'context': 'below', 'accesstype': 'global'}");
        call("voicemail", "PUT", at("/voicemails/%lld", (long long) id), "{'number': '1'}", 204);
}
END_TEST

START_TEST(test_edit_tells) {
        int64_t id = make("{'name': 'n', 'number': '1', 'context': 'inside'}"), user = make_user("{'firstname': 'A'}");
        char uuid[64], text[1024];

        (void) snprintf(uuid, sizeof(uuid), "%s", reply_string("uuid"));
        call("user_voicemail", "PUT", at("/users/%lld/voicemails/%lld", (long long) user, (long long) id), NULL, 204);
        (void) outbox();
        call("voicemail", "PUT", at("/voicemails/%lld", (long long) id), "{'number': '2'}", 204);
        (void) snprintf(text, sizeof(text),
                        "reload: voicemail reload, module reload res_pjsip.so, module reload chan_sccp.so\n"
                        "call: GET /move_voicemail {'old_mailbox': '1', 'old_context': 'inside', 'new_mailbox': '2', 'new_context': 'inside'}\n"
                        "event: voicemail_edited config.voicemail.edited {'id': %lld} *\n"
                        "event: user_voicemail_edited config.users.%s.voicemails.edited {'user_uuid': '%s', 'voicemail_id': %lld} %s\n",
                        (long long) id, uuid, uuid, (long long) id, uuid);
        ck_assert_str_eq(outbox(), text);
        call("voicemail", "PUT", at("/voicemails/%lld", (long long) id), "{}", 204);
        ck_assert_ptr_null(strstr(outbox(), "call:"));
        refuse("voicemail", "PUT", at("/voicemails/%lld", (long long) id), "{'accesstype': 'global'}", 400,
               "Resource Error - Operation not permitted. A global voicemail cannot be associated to users.");
        ck_assert_str_eq(outbox(), "");
}
END_TEST

START_TEST(test_delete) {
        int64_t id = make("{'name': 'n', 'number': '1', 'context': 'inside'}");
        int64_t a = make_user("{'firstname': 'A'}"), b = make_user("{'firstname': 'B'}");
        char text[256];

        call("user_voicemail", "PUT", at("/users/%lld/voicemails/%lld", (long long) a, (long long) id), NULL, 204);
        call("user_voicemail", "PUT", at("/users/%lld/voicemails/%lld", (long long) b, (long long) id), NULL, 204);
        (void) snprintf(
                text, sizeof(text),
                "Resource Error - Voicemail is associated with a User ('voicemail_id': %lld, 'user_ids': '%lld, %lld')",
                (long long) id, (long long) a, (long long) b);
        refuse("voicemail", "DELETE", at("/voicemails/%lld", (long long) id), NULL, 400, text);
        call("user_voicemail", "DELETE", at("/users/%lld/voicemails", (long long) a), NULL, 204);
        call("user_voicemail", "DELETE", at("/users/%lld/voicemails", (long long) b), NULL, 204);
        sql("INSERT INTO dialaction (event, category, categoryval, action, actionarg1) VALUES ('answer', 'incall', '5', 'voicemail', '1')");
        (void) outbox();
        call("voicemail", "DELETE", at("/voicemails/%lld", (long long) id), NULL, 204);
        ck_assert_str_eq(outbox(),
                         "reload: voicemail reload\n"
                         "call: GET /delete_voicemail {'mailbox': '1', 'context': 'inside'}\n"
                         "event: voicemail_deleted config.voicemail.deleted {'id': 1} *\n");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM voicemail"), 0);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM dialaction"), 0);
        refuse("voicemail", "GET", "/voicemails/1", NULL, 404, "Resource Not Found - Voicemail was not found ('id': 1)");
}
END_TEST

START_TEST(test_lists) {
        (void) make("{'name': '\\u00c9lan', 'number': '3', 'context': 'inside', 'email': 'x@y'}");
        (void) make("{'name': 'Zoo', 'number': '1', 'context': 'inside', 'pager': 'elan', 'language': 'de_DE'}");
        (void) make("{'name': 'Mid', 'number': '2', 'context': 'below', 'accesstype': 'global'}");
        call("voicemail", "GET", "/voicemails", NULL, 200);
        ck_assert_str_eq(reply_items("number"), "1 3");
        ck_assert_int_eq(reply_integer("total"), 2);
        call("voicemail", "GET", "/voicemails?recurse=true&direction=desc", NULL, 200);
        ck_assert_str_eq(reply_items("number"), "3 2 1");
        call("voicemail", "GET", "/voicemails?recurse=true&order=name&limit=1&offset=1", NULL, 200);
        ck_assert_int_eq(reply_integer("total"), 3);
        ck_assert_int_eq((int) json_array_size(reply_member("items")), 1);
        call("voicemail", "GET", "/voicemails?search=elan", NULL, 200);
        ck_assert_str_eq(reply_items("number"), "1 3");
        call("voicemail", "GET", "/voicemails?search=de_DE", NULL, 200);
        ck_assert_str_eq(reply_items("number"), "");
        call("voicemail", "GET", "/voicemails?language=de_DE", NULL, 200);
        ck_assert_str_eq(reply_items("number"), "1");
        call("voicemail", "GET", "/voicemails?recurse=true&accesstype=global", NULL, 200);
        ck_assert_str_eq(reply_items("number"), "2");
        call("voicemail", "GET", "/voicemails?id=1", NULL, 200);
        ck_assert_int_eq(reply_integer("total"), 2);
        refuse("voicemail", "GET", "/voicemails?order=id", NULL, 400, "Input Error - order: column 'id' was not found");
}
END_TEST

START_TEST(test_tenants) {
        int64_t mine = make("{'name': 'n', 'number': '1', 'context': 'inside'}");
        int64_t below = make("{'name': 'n', 'number': '1', 'context': 'below'}");
        char text[128];

        as_tenant(OTHER_TENANT);
        (void) snprintf(text, sizeof(text), "Resource Not Found - Voicemail was not found ('id': %lld)", (long long) mine);
        refuse("voicemail", "GET", at("/voicemails/%lld", (long long) mine), NULL, 404, text);
        refuse("voicemail", "PUT", at("/voicemails/%lld", (long long) mine), "{}", 404, text);
        refuse("voicemail", "DELETE", at("/voicemails/%lld", (long long) mine), NULL, 404, text);
        as_tenant(SUBTENANT);
        refuse("voicemail", "GET", at("/voicemails/%lld", (long long) mine), NULL, 404, text);
        call("voicemail", "GET", at("/voicemails/%lld", (long long) below), NULL, 200);
        ck_assert_str_eq(reply_string("tenant_uuid"), SUBTENANT);
}
END_TEST

/* ----- user_voicemail ----- */

START_TEST(test_association) {
        int64_t id = make("{'name': 'n', 'number': '1', 'context': 'inside'}"), user = make_user("{'firstname': 'A'}");
        char uuid[64], text[512];

        (void) snprintf(uuid, sizeof(uuid), "%s", reply_string("uuid"));
        (void) outbox();
        call("user_voicemail", "GET", at("/users/%lld/voicemails", (long long) user), NULL, 200);
        ck_assert_str_eq(reply_text(), "{\"total\": 0, \"items\": []}\n");
        call("user_voicemail", "PUT", at("/users/%s/voicemails/%lld", uuid, (long long) id), "garbage", 204);
        (void) snprintf(text, sizeof(text),
                        "reload: module reload res_pjsip.so, module reload chan_sccp.so\n"
                        "event: user_voicemail_associated config.users.%s.voicemails.updated {'user_uuid': '%s', 'voicemail_id': %lld} %s\n",
                        uuid, uuid, (long long) id, uuid);
        ck_assert_str_eq(outbox(), text);
        ck_assert_str_eq(sql_text("SELECT voicemailid || ' ' || enablevoicemail FROM userfeatures"), "1 1");

        /* Again: nothing happens. */
        call("user_voicemail", "PUT", at("/users/%lld/voicemails/%lld", (long long) user, (long long) id), NULL, 204);
        ck_assert_str_eq(outbox(), "");

        call("user_voicemail", "GET", at("/users/%lld/voicemails", (long long) user), NULL, 200);
        ck_assert_int_eq(reply_integer("total"), 1);
        ck_assert_str_eq(reply_string("items.0.users.0.uuid"), uuid);
        call("user", "GET", at("/users/%lld", (long long) user), NULL, 200);
        ck_assert_str_eq(reply_part("voicemail"),
                         "{'id': 1, 'name': 'n', 'links': [{'rel': 'voicemails', 'href': '" BASE_URL "/voicemails/1'}]}");

        call("user_voicemail", "DELETE", at("/users/%lld/voicemails", (long long) user), NULL, 204);
        (void) snprintf(text, sizeof(text),
                        "reload: module reload res_pjsip.so, module reload chan_sccp.so\n"
                        "event: user_voicemail_dissociated config.users.%s.voicemails.deleted {'user_uuid': '%s', 'voicemail_id': %lld} %s\n",
                        uuid, uuid, (long long) id, uuid);
        ck_assert_str_eq(outbox(), text);
        ck_assert_str_eq(sql_text("SELECT COALESCE(voicemailid, 0) || ' ' || enablevoicemail FROM userfeatures"), "0 0");
        call("user_voicemail", "DELETE", at("/users/%lld/voicemails", (long long) user), NULL, 204);
        ck_assert_str_eq(outbox(), "");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM voicemail"), 1);
}
END_TEST

START_TEST(test_association_rules) {
        int64_t first = make("{'name': 'n', 'number': '1', 'context': 'inside'}");
        int64_t second = make("{'name': 'n', 'number': '2', 'context': 'inside'}");
        int64_t global = make("{'name': 'n', 'number': '3', 'context': 'inside', 'accesstype': 'global'}");
        int64_t below = make("{'name': 'n', 'number': '4', 'context': 'below'}");
        int64_t user = make_user("{'firstname': 'A'}");
        char text[256];

        refuse("user_voicemail", "PUT", at("/users/%lld/voicemails/%lld", (long long) user, (long long) below), NULL, 400,
               "Resource Error - different tenants ('user_tenant_uuid': '" TENANT "', 'voicemail_tenant_uuid': '" SUBTENANT "')");
        refuse("user_voicemail", "PUT", at("/users/%lld/voicemails/%lld", (long long) user, (long long) global), NULL, 400,
               "Resource Error - Operation not permitted. A global voicemail cannot be associated to users.");
        call("user_voicemail", "PUT", at("/users/%lld/voicemails/%lld", (long long) user, (long long) first), NULL, 204);
        (void) snprintf(text, sizeof(text),
                        "Resource Error - User is associated with a Voicemail ('user_id': %lld, 'voicemail_id': %lld)",
                        (long long) user, (long long) second);
        refuse("user_voicemail", "PUT", at("/users/%lld/voicemails/%lld", (long long) user, (long long) second), NULL, 400, text);
        refuse("user_voicemail", "PUT", at("/users/%lld/voicemails/99", (long long) user), NULL, 404,
               "Resource Not Found - Voicemail was not found ('id': 99)");
        refuse("user_voicemail", "PUT", "/users/99/voicemails/1", NULL, 404, "Resource Not Found - User was not found ('id': 99)");
        refuse("user_voicemail", "DELETE", "/users/99/voicemails", NULL, 404, "Resource Not Found - User was not found ('id': 99)");
        as_tenant(OTHER_TENANT);
        (void) snprintf(text, sizeof(text), "Resource Not Found - User was not found ('id': %lld)", (long long) user);
        refuse("user_voicemail", "GET", at("/users/%lld/voicemails", (long long) user), NULL, 404, text);
}
END_TEST

START_TEST(test_create_for_user) {
        int64_t user = make_user("{'firstname': 'A'}"), id;

        (void) outbox();
        refuse("user_voicemail", "POST", at("/users/%lld/voicemails", (long long) user), "{'name': 'n'}", 400,
               "Input Error - number: ['Missing data for required field.']\nInput Error - context: ['Missing data for required field.']");
        call("user_voicemail", "POST", at("/users/%lld/voicemails", (long long) user),
             "{'name': 'n', 'number': '1', 'context': 'inside'}", 201);
        id = reply_integer("id");
        ck_assert_str_eq(reply_part("users"), "[]");
        ck_assert_str_eq(reply_location(), at(BASE_URL "/voicemails/%lld", (long long) id));
        ck_assert_ptr_nonnull(strstr(outbox(), "reload: voicemail reload, module reload res_pjsip.so, module reload chan_sccp.so\n"
                                               "event: voicemail_created "));
        /* The association is refused: the box is not there either. */
        call("user_voicemail", "POST", at("/users/%lld/voicemails", (long long) user),
             "{'name': 'n', 'number': '2', 'context': 'inside'}", 400);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM voicemail"), 1);
        ck_assert_str_eq(outbox(), "");
        refuse("user", "DELETE", at("/users/%lld", (long long) user), NULL, 400,
               "Resource Error - User is associated with a Voicemail ('user_id': 1, 'voicemail_id': 1)");
}
END_TEST

START_TEST(test_no_value_is_a_server_error) {
        static const char *const members[] = {
                "name", "number", "context", "password", "email", "language", "timezone", "pager", "max_messages", "attach_audio",
                "delete_messages", "ask_password", "enabled", "options", "accesstype", "users", "id", NULL,
        };
        int64_t id = make("{'name': 'n', 'number': '1', 'context': 'inside'}"), user = make_user("{'firstname': 'A'}");

        torment("voicemail", "POST", "/voicemails", "'name': 'x', 'number': '2', 'context': 'inside'", members);
        torment("voicemail", "PUT", at("/voicemails/%lld", (long long) id), "", members);
        torment("user_voicemail", "POST", at("/users/%lld/voicemails", (long long) user), "", members);
}
END_TEST

START_TEST(test_moved_to_another_tenant) {
        int64_t id = make("{'name': 'n', 'number': '1', 'context': 'inside'}"), user = make_user("{'firstname': 'A'}");

        call("user_voicemail", "PUT", at("/users/%lld/voicemails/%lld", (long long) user, (long long) id), NULL, 204);
        refuse("voicemail", "PUT", at("/voicemails/%lld", (long long) id), "{'context': 'below'}", 400,
               "Resource Error - different tenants ('current_tenant_uuid': '" TENANT "', 'context_tenant_uuid': '" SUBTENANT "')");
        call("user_voicemail", "DELETE", at("/users/%lld/voicemails", (long long) user), NULL, 204);
        call("voicemail", "PUT", at("/voicemails/%lld", (long long) id), "{'context': 'below'}", 204);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("plugin-voicemail");
        TCase *boxes = tcase_create("voicemails"), *users = tcase_create("of users");

        tcase_add_checked_fixture(boxes, setup, teardown);
        tcase_set_timeout(boxes, 60);
        tcase_add_test(boxes, test_created_whole);
        tcase_add_test(boxes, test_all_members_are_kept);
        tcase_add_test(boxes, test_field_errors);
        tcase_add_test(boxes, test_delete_messages);
        tcase_add_test(boxes, test_rules);
        tcase_add_test(boxes, test_edit_tells);
        tcase_add_test(boxes, test_delete);
        tcase_add_test(boxes, test_lists);
        tcase_add_test(boxes, test_tenants);
        tcase_add_test(boxes, test_moved_to_another_tenant);
        tcase_add_test(boxes, test_no_value_is_a_server_error);
        suite_add_tcase(suite, boxes);
        tcase_add_checked_fixture(users, setup, teardown);
        tcase_add_test(users, test_association);
        tcase_add_test(users, test_association_rules);
        tcase_add_test(users, test_create_for_user);
        suite_add_tcase(suite, users);
        return check_run(suite);
}
