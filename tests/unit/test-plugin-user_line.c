/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin user_line over a database of its own. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/plugin-harness.h"
#include "tests/unit/run.h"

#define RELOAD "reload: dialplan reload, module reload res_pjsip.so\n"

static char path[256];

static const char *at(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
static const char *at(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(path, sizeof(path), format, ap);
        va_end(ap);
        return path;
}

static void run(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
static void run(const char *format, ...) {
        char text[1024];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        sql(text);
}

/* Line @id "line<id>" with a SIP endpoint of that name, and the extension @id with the number 100<id>. */
static void make_line(int id, const char *context) {
        run("INSERT INTO endpoint_sip (uuid, name, tenant_uuid) SELECT 'eeeeeeee-0000-4000-8000-00000000000%d', 'line%d', tenant_uuid "
            "FROM context WHERE name = '%s'",
            id, id, context);
        run("INSERT INTO linefeatures (id, name, context, provisioningid, endpoint_sip_uuid) "
            "VALUES (%d, 'line%d', '%s', %d, 'eeeeeeee-0000-4000-8000-00000000000%d')",
            id, id, context, 100000 + id, id);
        run("INSERT INTO extensions (id, exten, context, type, typeval) VALUES (%d, '100%d', '%s', 'user', '0')", id, id, context);
}

static void give_extension(int line, int extension) {
        run("INSERT INTO line_extension (line_id, extension_id, main_extension) VALUES (%d, %d, true)", line, extension);
}

/* Users 1, 2 and 3, lines 1, 2 and 3, and a line 4 below; no line has its extension yet. */
static void setup(void) {
        harness_begin();
        sql("INSERT INTO tenant (uuid, slug) VALUES ('" TENANT "', 'one'), ('" SUBTENANT "', 'sub'), ('" OTHER_TENANT
            "', 'other')");
        sql("INSERT INTO context (id, uuid, tenant_uuid, name, displayname, contexttype) VALUES "
            "(1, 'aaaaaaaa-0000-4000-8000-000000000001', '" TENANT "', 'inside', 'Inside', 'internal'), "
            "(2, 'aaaaaaaa-0000-4000-8000-000000000002', '" SUBTENANT "', 'below', 'Below', 'internal')");
        for (int i = 1; i <= 3; i++)
                make_line(i, "inside");
        make_line(4, "below");
        for (const char *name = "ABC"; *name; name++) {
                char body[64];

                (void) snprintf(body, sizeof(body), "{'firstname': '%c'}", *name);
                call("user", "POST", "/users", body, 201);
        }
        run("UPDATE userfeatures SET uuid = 'dddddddd-0000-4000-8000-00000000000' || id");
        (void) outbox();
}

static void teardown(void) {
        harness_end();
}

static void put(int user, int line) {
        call("user_line", "PUT", at("/users/%d/lines/%d", user, line), NULL, 204);
}

/* All associations: "user-line" with U for a main user and L for a main line. */
static const char *rows(void) {
        return sql_text("SELECT group_concat(text, ' ') FROM (SELECT user_id || '-' || line_id || CASE WHEN main_user THEN 'U' ELSE '' END || "
                        "CASE WHEN main_line THEN 'L' ELSE '' END AS text FROM user_line ORDER BY user_id, line_id)");
}

/* What the event of a pair reads like. */
static const char *event(char *to, size_t size, const char *verb, const char *key, int user, int line, const char *flags) {
        (void) snprintf(to, size,
                        "event: user_line_%s config.users.dddddddd-0000-4000-8000-00000000000%d.lines.%d.%s {'line': {'id': %d, 'name': 'line%d', "
                        "'endpoint_sip': {'uuid': 'eeeeeeee-0000-4000-8000-00000000000%d'}, 'endpoint_sccp': null, 'endpoint_custom': null}, "
                        "'main_line': %s, 'main_user': %s, 'user': {'id': %d, 'uuid': 'dddddddd-0000-4000-8000-00000000000%d', "
                        "'tenant_uuid': '" TENANT "'}} dddddddd-0000-4000-8000-00000000000%d\n",
                        verb, user, line, key, line, line, line, strchr(flags, 'L') ? "true" : "false",
                        strchr(flags, 'U') ? "true" : "false",
                        user, user, user);
        return to;
}

static const char *caller_id(int line) {
        char text[512];

        (void) snprintf(text, sizeof(text),
                        "SELECT value FROM endpoint_sip_section_option JOIN endpoint_sip_section ON endpoint_sip_section.uuid = "
                        "endpoint_sip_section_uuid WHERE type = 'endpoint' AND key = 'callerid' AND endpoint_sip_uuid = "
                        "'eeeeeeee-0000-4000-8000-00000000000%d'",
                        line);
        return sql_text(text);
}

START_TEST(test_associate) {
        char text[1024], expected[1100];

        give_extension(1, 1);
        call("user_line", "PUT", "/users/1/lines/1", "{ garbage", 204);
        ck_assert_str_eq(rows(), "1-1UL");
        (void) snprintf(expected, sizeof(expected), RELOAD "%s", event(text, sizeof(text), "associated", "updated", 1, 1, "UL"));
        ck_assert_str_eq(outbox(), expected);
        ck_assert_str_eq(sql_text("SELECT typeval FROM extensions WHERE id = 1"), "1");
        ck_assert_str_eq(caller_id(1), "\"A\" <1001>");

        /* The same again changes nothing and tells nobody. */
        call("user_line", "PUT", "/users/dddddddd-0000-4000-8000-000000000001/lines/1", NULL, 204);
        ck_assert_str_eq(outbox(), "");

        put(1, 2);
        put(2, 1);
        ck_assert_str_eq(rows(), "1-1UL 1-2U 2-1L");
        ck_assert_str_eq(sql_text("SELECT typeval FROM extensions WHERE id = 1"), "1");
        call("user", "GET", "/users/1", NULL, 200);
        ck_assert_int_eq(reply_integer("lines.0.id"), 1);
        ck_assert_int_eq(reply_integer("lines.1.id"), 2);
        ck_assert_str_eq(reply_string("lines.0.extensions.0.exten"), "1001");
}
END_TEST

START_TEST(test_associate_rules) {
        refuse("user_line", "PUT", "/users/1/lines/4", NULL, 400,
               "Resource Error - different tenants ('user_tenant_uuid': '" TENANT "', 'line_tenant_uuid': '" SUBTENANT "')");
        sql("UPDATE linefeatures SET endpoint_sip_uuid = NULL WHERE id = 3");
        refuse("user_line", "PUT", "/users/1/lines/3", NULL, 400,
               "Resource Error - Line must be associated with a Endpoint ('line_id': 3)");
        /* Two lines behind one extension: one main user. */
        give_extension(1, 1);
        give_extension(2, 1);
        put(1, 1);
        refuse("user_line", "PUT", "/users/2/lines/2", NULL, 400,
               "Resource Error - Line is associated with a Extension ('line_id': 1, 'extension_id': 1)");
        put(1, 2);
        put(2, 2); /* a secondary user does not count */
        ck_assert_str_eq(rows(), "1-1UL 1-2U 2-2L");
        refuse("user_line", "PUT", "/users/99/lines/1", NULL, 404, "Resource Not Found - User was not found ('id': 99)");
        refuse("user_line", "PUT", "/users/1/lines/99", NULL, 404, "Resource Not Found - Line was not found ('id': 99)");
        refuse("user_line", "DELETE", "/users/1/lines/99", NULL, 404, "Resource Not Found - Line was not found ('id': 99)");
}
END_TEST

START_TEST(test_dissociate) {
        char text[1024], expected[1100];

        give_extension(1, 1);
        put(1, 2);
        put(1, 3);
        put(1, 1);
        ck_assert_str_eq(rows(), "1-1U 1-2UL 1-3U");
        sql("INSERT INTO groupfeatures (id, uuid, tenant_uuid, name, label) VALUES (6, 'cccccccc-0000-4000-8000-000000000001', '" TENANT "', 'grp', 'G')");
        sql("INSERT INTO queuemember (queue_name, interface, usertype, userid, channel, category) VALUES "
            "('grp', 'PJSIP/line2', 'user', 1, 'PJSIP', 'group'), ('grp', 'PJSIP/line9', 'user', 1, 'PJSIP', 'group')");
        (void) outbox();
        call("user_line", "DELETE", "/users/1/lines/2", NULL, 204);
        ck_assert_str_eq(rows(), "1-1UL 1-3U"); /* the lowest becomes the main one */
        (void) snprintf(expected, sizeof(expected), RELOAD "%s", event(text, sizeof(text), "dissociated", "deleted", 1, 2, "UL"));
        ck_assert_str_eq(outbox(), expected);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM queuemember WHERE interface = 'PJSIP/line2'"), 0);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM queuemember"), 1);
        call("user_line", "DELETE", "/users/1/lines/2", NULL, 204);
        ck_assert_str_eq(outbox(), "");
        ck_assert_str_eq(sql_text("SELECT typeval FROM extensions WHERE id = 1"), "1");
        call("user_line", "DELETE", "/users/1/lines/1", NULL, 204);
        ck_assert_str_eq(sql_text("SELECT typeval FROM extensions WHERE id = 1"), "0");
}
END_TEST

START_TEST(test_dissociate_rules) {
        put(1, 1);
        put(2, 1);
        refuse("user_line", "DELETE", "/users/1/lines/1", NULL, 400,
               "Resource Error - There are secondary users associated to the line ('line_id': 1)");
        call("user_line", "DELETE", "/users/2/lines/1", NULL, 204);
        sql("UPDATE linefeatures SET device = 'd1' WHERE id = 1");
        refuse("user_line", "DELETE", "/users/1/lines/1", NULL, 400,
               "Resource Error - Line is associated with a Device ('line_id': 1, 'device_id': 'd1')");
        ck_assert_str_eq(rows(), "1-1UL");
}
END_TEST

START_TEST(test_list_form) {
        char first[1024], second[1024], third[1024], expected[4096];

        give_extension(2, 2);
        put(1, 1);
        put(2, 2);
        put(1, 2);
        ck_assert_str_eq(rows(), "1-1UL 1-2 2-2UL");
        (void) outbox();
        call("user_line", "PUT", "/users/1/lines", "{'lines': [{'id': 3}, {'id': 2}]}", 204);
        ck_assert_str_eq(rows(), "1-2 1-3UL 2-2UL");
        (void) snprintf(expected, sizeof(expected), RELOAD "%s%s%s",
                        event(first, sizeof(first), "dissociated", "deleted", 1, 1, "UL"),
                        event(second, sizeof(second), "associated", "updated", 1, 3, "UL"),
                        event(third, sizeof(third), "associated", "updated", 1, 2, ""));
        ck_assert_str_eq(outbox(), expected);

        /* The same again is told again. */
        call("user_line", "PUT", "/users/1/lines", "{'lines': [{'id': 3}, {'id': 2}]}", 204);
        (void) snprintf(expected, sizeof(expected), RELOAD "%s%s", second, third);
        ck_assert_str_eq(outbox(), expected);

        call("user_line", "PUT", "/users/1/lines", "{'lines': [{'id': 2}, {'id': 3}]}", 204);
        ck_assert_str_eq(rows(), "1-2L 1-3U 2-2UL");
        call("user", "GET", "/users/1", NULL, 200);
        ck_assert_int_eq(reply_integer("lines.0.id"), 2);
        call("user_line", "PUT", "/users/1/lines", "{'lines': []}", 204);
        ck_assert_str_eq(rows(), "2-2UL");
}
END_TEST

START_TEST(test_list_form_rules) {
        put(1, 1);
        refuse("user_line", "PUT", "/users/1/lines", "{}", 400, "Input Error - lines: ['Missing data for required field.']");
        refuse("user_line", "PUT", "/users/1/lines", "{'lines': [{}]}", 400,
               "Input Error - lines: {0: {'id': ['Missing data for required field.']}}");
        refuse("user_line", "PUT", "/users/1/lines", "{'lines': [{'id': 99}]}", 400,
               "Input Error - field 'lines': Line was not found ('id': 99)");
        refuse("user_line", "PUT", "/users/1/lines", "{'lines': [{'id': 2}, {'id': 2}]}", 400,
               "Resource Error - Operation not permitted. Cannot associate same line more than once");
        refuse("user_line", "PUT", "/users/1/lines", "{'lines': [{'id': 2}, {'id': 4}]}", 400,
               "Resource Error - different tenants ('user_tenant_uuid': '" TENANT "', 'line_tenant_uuid': '" SUBTENANT "')");
        put(2, 1);
        refuse("user_line", "PUT", "/users/1/lines", "{'lines': [{'id': 2}]}", 400,
               "Resource Error - There are secondary users associated to the line ('line_id': 1)");
        sql("UPDATE linefeatures SET endpoint_sip_uuid = NULL WHERE id = 2");
        (void) outbox();
        refuse("user_line", "PUT", "/users/2/lines", "{'lines': [{'id': 2}]}", 400,
               "Resource Error - Line must be associated with a Endpoint ('line_id': 2)");
        ck_assert_str_eq(rows(), "1-1UL 2-1L"); /* the dissociation before it, too, was undone */
        ck_assert_str_eq(outbox(), "");
        as_tenant(OTHER_TENANT);
        refuse("user_line", "PUT", "/users/1/lines", "{'lines': []}", 404, "Resource Not Found - User was not found ('id': 1)");
        refuse("user_line", "PUT", "/users/1/lines/1", NULL, 404, "Resource Not Found - User was not found ('id': 1)");
}
END_TEST

START_TEST(test_main_line_is_rung) {
        put(1, 1);
        put(1, 2);
        sql("INSERT INTO queuemember (queue_name, interface, usertype, userid, channel, category) VALUES "
            "('grp', 'PJSIP/line1', 'user', 1, 'PJSIP', 'group')");
        call("user_line", "PUT", "/users/1/lines", "{'lines': [{'id': 2}, {'id': 1}]}", 204);
        ck_assert_str_eq(sql_text("SELECT interface FROM queuemember"), "PJSIP/line2");
}
END_TEST

START_TEST(test_deleted_line) {
        put(1, 1);
        put(1, 2);
        put(2, 2);
        refuse("line", "DELETE", "/lines/2", NULL, 400,
               "Resource Error - There are secondary users associated to the line ('line_id': 2)");
        call("user_line", "DELETE", "/users/2/lines/2", NULL, 204);
        (void) outbox();
        call("line", "DELETE", "/lines/1", NULL, 204);
        ck_assert_str_eq(rows(), "1-2UL");
        ck_assert_ptr_nonnull(strstr(outbox(), "event: user_line_dissociated "));
}
END_TEST

/* The whole chain by the plugins alone, with user_line before or behind line_extension (@_i). */
START_TEST(test_phone) {
        char endpoint[64], context[128], body[256];
        int64_t user, line, extension;

        call("user", "POST", "/users", "{'firstname': 'Alice', 'lastname': 'Doe'}", 201);
        user = reply_integer("id");
        call("context", "POST", "/contexts", "{'label': 'Phones', 'user_ranges': [{'start': '2000', 'end': '2999'}]}", 201);
        (void) snprintf(context, sizeof(context), "%s", reply_string("name"));
        (void) snprintf(body, sizeof(body), "{'context': '%s'}", context);
        call("line", "POST", "/lines", body, 201);
        line = reply_integer("id");
        refuse("user_line", "PUT", at("/users/%lld/lines/%lld", (long long) user, (long long) line), NULL, 400,
               "Resource Error - Line must be associated with a Endpoint ('line_id': 5)");
        call("endpoint_sip", "POST", "/endpoints/sip",
             "{'name': 'alice', 'auth_section_options': [['username', 'alice'], ['password', 's3cret']]}", 201);
        (void) snprintf(endpoint, sizeof(endpoint), "%s", reply_string("uuid"));
        call("line_endpoint", "PUT", at("/lines/%lld/endpoints/sip/%s", (long long) line, endpoint), NULL, 204);
        (void) snprintf(body, sizeof(body), "{'exten': '2001', 'context': '%s'}", context);
        call("extension", "POST", "/extensions", body, 201);
        extension = reply_integer("id");
        for (int i = 0; i < 2; i++)
                if (i == _i)
                        call("user_line", "PUT", at("/users/%lld/lines/%lld", (long long) user, (long long) line), NULL, 204);
                else
                        call("line_extension", "PUT",
                             at("/lines/%lld/extensions/%lld", (long long) line, (long long) extension), NULL, 204);
        call("user", "GET", at("/users/%lld", (long long) user), NULL, 200);
        ck_assert_str_eq(reply_string("lines.0.name"), "alice");
        ck_assert_str_eq(reply_string("lines.0.extensions.0.exten"), "2001");
        ck_assert_str_eq(reply_part("lines.0.endpoint_sip.auth_section_options"), "[['username', 'alice']]");
        call("user", "GET", "/users?exten=2001", NULL, 200);
        ck_assert_int_eq(reply_integer("total"), 1);
        ck_assert_str_eq(sql_text("SELECT typeval FROM extensions WHERE exten = '2001'"), at("%lld", (long long) user));
        ck_assert_str_eq(sql_text("SELECT value FROM endpoint_sip_section_option WHERE key = 'callerid'"), "\"Alice Doe\" <2001>");

        call("user_line", "DELETE", at("/users/%lld/lines/%lld", (long long) user, (long long) line), NULL, 204);
        call("line", "DELETE", at("/lines/%lld", (long long) line), NULL, 204);
        call("user", "DELETE", at("/users/%lld", (long long) user), NULL, 204);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM user_line"), 0);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM endpoint_sip WHERE name = 'alice'"), 0);
        ck_assert_str_eq(sql_text("SELECT typeval FROM extensions WHERE exten = '2001'"), "0");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("plugin-user_line");
        TCase *pairs = tcase_create("pairs"), *list = tcase_create("list form");

        tcase_add_checked_fixture(pairs, setup, teardown);
        tcase_set_timeout(pairs, 60);
        tcase_add_test(pairs, test_associate);
        tcase_add_test(pairs, test_associate_rules);
        tcase_add_test(pairs, test_dissociate);
        tcase_add_test(pairs, test_dissociate_rules);
        tcase_add_test(pairs, test_deleted_line);
        tcase_add_loop_test(pairs, test_phone, 0, 2);
        suite_add_tcase(suite, pairs);
        tcase_add_checked_fixture(list, setup, teardown);
        tcase_set_timeout(list, 60);
        tcase_add_test(list, test_list_form);
        tcase_add_test(list, test_list_form_rules);
        tcase_add_test(list, test_main_line_is_rung);
        suite_add_tcase(suite, list);
        return check_run(suite);
}
