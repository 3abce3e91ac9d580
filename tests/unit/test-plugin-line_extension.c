/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin line_extension, in this process. */
#include "tests/unit/telephony-data.h"

#define RELOAD "reload: dialplan reload, module reload res_pjsip.so, module reload app_queue.so\n"
#define CALLER_ID "SELECT GROUP_CONCAT(value, '|') FROM endpoint_sip_section_option WHERE key = 'callerid'"

/* A line with a SIP endpoint of this name. */
static int64_t phone(const char *name) {
        char uuid[37];
        int64_t id = new_line("internal");

        new_sip(at("{'name': '%s'}", name), uuid);
        call("line_endpoint", "PUT", at("/lines/%lld/endpoints/sip/%s", (long long) id, uuid), NULL, 204);
        (void) outbox();
        return id;
}

START_TEST(test_associate) {
        (void) phone("abc");
        (void) new_extension("1001", "second");
        (void) outbox();
        expect("line_extension", "PUT", "/lines/1/extensions/1", "garbage", 204, "");
        ck_assert_str_eq(
                outbox(), RELOAD
                "event: line_extension_associated config.line_extension_associated.updated {'line_id': 1, 'extension_id': 1} *\n");
        ck_assert_str_eq(sql_text("SELECT number || '@' || context FROM linefeatures"), "1001@second");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM line_extension WHERE main_extension = true"), 1);
        ck_assert_str_eq(sql_text("SELECT type || typeval FROM extensions"), "user0");
        call("extension", "GET", "/extensions/1", NULL, 200);
        ck_assert_str_eq(reply_part("lines"),
                         "[{'id': 1, 'name': 'abc', 'links': [{'rel': 'lines', 'href': '" BASE_URL "/lines/1'}]}]");
        expect("line_extension", "PUT", "/lines/1/extensions/1", NULL, 204, "");
        ck_assert_str_eq(outbox(), "");
        expect("extension", "DELETE", "/extensions/1", NULL, 400,
               "['Resource Error - Extension is associated with a line (\\'extension_id\\': 1, \\'associated_ids\\': [1])']");
        expect("line_extension", "DELETE", "/lines/1/extensions/1", NULL, 204, "");
        ck_assert_str_eq(
                outbox(), RELOAD
                "event: line_extension_dissociated config.line_extension_associated.deleted {'line_id': 1, 'extension_id': 1} *\n");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM line_extension"), 0);
        ck_assert_str_eq(sql_text("SELECT number FROM linefeatures"), "-");
        ck_assert_str_eq(sql_text("SELECT context FROM linefeatures"), "second");
        expect("line_extension", "DELETE", "/lines/1/extensions/1", NULL, 204, "");
        ck_assert_str_eq(outbox(), "");
}
END_TEST

START_TEST(test_rules) {
        (void) new_line("internal");
        (void) new_extension("1001", "internal");
        expect("line_extension", "PUT", "/lines/1/extensions/1", NULL, 400,
               "['Resource Error - Line must be associated with a Endpoint (\\'line_id\\': 1)']");
        (void) phone("abc");
        (void) new_extension("7777", "internal");
        expect("line_extension", "PUT", "/lines/2/extensions/2", NULL, 400,
               "['Input Error - Extension \\'7777\\' is outside of range for context \\'internal\\'']");
        (void) new_extension("*98", "internal");
        expect("line_extension", "PUT", "/lines/2/extensions/3", NULL, 400, NULL);
        (void) new_extension("5551001", "incall");
        expect("line_extension", "PUT", "/lines/2/extensions/4", NULL, 400,
               "['Resource Error - ContextType \\'incall\\' cannot be associated (\\'id\\': 3, \\'context\\': \\'incall\\')']");
        sql("UPDATE extensions SET type = 'group', typeval = '9' WHERE id = 4");
        expect("line_extension", "PUT", "/lines/2/extensions/4", NULL, 400,
               "['Resource Error - Extension is associated with a group (\\'id\\': 4, \\'associated_id\\': \\'9\\')']");
        (void) new_extension("1001", "sub");
        expect("line_extension", "PUT", "/lines/2/extensions/5", NULL, 400,
               "['Resource Error - different tenants (\\'line_tenant_uuid\\': \\'" TENANT "\\', \\'extension_tenant_uuid\\': \\'" SUBTENANT "\\')']");
        (void) new_extension("_1XXX", "internal");
        call("line_extension", "PUT", "/lines/2/extensions/6", NULL, 204);
        expect("line_extension", "PUT", "/lines/2/extensions/1", NULL, 400,
               "['Resource Error - Line is associated with a Extension (\\'line_id\\': 2, \\'extension_id\\': 6)']");
        sql("UPDATE linefeatures SET device = 'dev' WHERE id = 2");
        expect("line_extension", "DELETE", "/lines/2/extensions/6", NULL, 400,
               "['Resource Error - Line is associated with a Device (\\'line_id\\': 2, \\'device_id\\': \\'dev\\')']");
        expect("line_extension", "PUT", "/lines/2/extensions/99", NULL, 404,
               "['Resource Not Found - Extension was not found (\\'id\\': 99)']");
        as_tenant(OTHER_TENANT);
        call("line_extension", "PUT", "/lines/2/extensions/1", NULL, 404);
        call("line_extension", "DELETE", "/lines/2/extensions/6", NULL, 404);
}
END_TEST

START_TEST(test_one_person_behind_a_number) {
        (void) phone("abc");
        (void) phone("def");
        (void) phone("ghi");
        (void) new_user("Ann");
        (void) new_user("Bob");
        (void) new_extension("1001", "internal");
        call("user_line", "PUT", "/users/1/lines/1", NULL, 204);
        call("user_line", "PUT", "/users/1/lines/2", NULL, 204);
        call("user_line", "PUT", "/users/2/lines/3", NULL, 204);
        call("line_extension", "PUT", "/lines/1/extensions/1", NULL, 204);
        ck_assert_str_eq(sql_text("SELECT typeval FROM extensions"), "1");
        call("line_extension", "PUT", "/lines/2/extensions/1", NULL, 204);
        expect("line_extension", "PUT", "/lines/3/extensions/1", NULL, 400,
               "['Resource Error - User is associated with a Line (\\'user_id\\': 1, \\'line_id\\': 1)']");
        call("line_extension", "DELETE", "/lines/1/extensions/1", NULL, 204);
        ck_assert_str_eq(sql_text("SELECT typeval FROM extensions"), "1");
        call("line_extension", "DELETE", "/lines/2/extensions/1", NULL, 204);
        ck_assert_str_eq(sql_text("SELECT typeval FROM extensions"), "0");
}
END_TEST

START_TEST(test_caller_id) {
        (void) phone("abc");
        (void) new_extension("1001", "internal");
        call("user", "POST", "/users", "{'firstname': 'Ann', 'lastname': 'Lee'}", 201);
        call("user_line", "PUT", "/users/1/lines/1", NULL, 204);
        ck_assert_str_eq(sql_text(CALLER_ID), "-");
        call("line_extension", "PUT", "/lines/1/extensions/1", NULL, 204);
        ck_assert_str_eq(sql_text(CALLER_ID), "\"Ann Lee\" <1001>");
        ck_assert_str_eq(sql_text("SELECT type FROM endpoint_sip_section"), "endpoint");
        call("user", "PUT", "/users/1", "{'caller_id': '\\'Boss\\' <+33123>'}", 204);
        ck_assert_str_eq(sql_text(CALLER_ID), "\"Boss\" <+33123>");
        call("user", "PUT", "/users/1", "{'caller_id': '\\'Boss\\''}", 204);
        call("extension", "PUT", "/extensions/1", "{'exten': '1002'}", 204);
        ck_assert_str_eq(sql_text(CALLER_ID), "\"Boss\" <1002>");
        ck_assert_str_eq(sql_text("SELECT number FROM linefeatures"), "1002");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM endpoint_sip_section_option"), 1);
        expect("extension", "PUT", "/extensions/1", "{'exten': '2002'}", 400,
               "['Input Error - Extension \\'2002\\' is outside of range for context \\'internal\\'']");
        expect("extension", "PUT", "/extensions/1", "{'context': 'outcall'}", 400,
               "['Resource Error - ContextType \\'outcall\\' cannot be associated (\\'id\\': 4, \\'context\\': \\'outcall\\')']");
        call("extension", "PUT", "/extensions/1", "{'context': 'second'}", 204);
        ck_assert_str_eq(sql_text("SELECT context FROM linefeatures"), "second");
        /* A caller id of the line's own stays through edits of the line. */
        call("line", "PUT", "/lines/1", "{'caller_id_name': 'Desk'}", 204);
        call("line", "PUT", "/lines/1", "{'position': 2}", 204);
        ck_assert_str_eq(sql_text(CALLER_ID), "\"Desk\" <1002>");
        /* A line's context is its extension's. */
        call("line", "PUT", "/lines/1", "{'context': 'internal'}", 204);
        ck_assert_str_eq(sql_text("SELECT context FROM linefeatures"), "second");
}
END_TEST

START_TEST(test_create_extension) {
        (void) phone("abc");
        expect("line_extension", "POST", "/lines/1/extensions", "{'exten': '1001', 'context': 'internal', 'commented': 'no'}", 201,
               "{'id': 1, 'tenant_uuid': '" TENANT "', 'exten': '1001', 'context': 'internal', 'enabled': true, 'commented': false, "
               "'links': [{'rel': 'extensions', 'href': '" BASE_URL "/extensions/1'}], 'conference': null, 'parking_lot': null, "
               "'group': null, 'incall': null, 'lines': [], 'outcall': null, 'queue': null}");
        ck_assert_str_eq(reply_location(), BASE_URL "/extensions/1");
        ck_assert_str_eq(outbox(), RELOAD
                         "event: extension_created config.extensions.created {'id': 1, 'exten': '1001', 'context': 'internal'} *\n"
                         "event: line_extension_associated config.line_extension_associated.updated {'line_id': 1, 'extension_id': 1} *\n");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM line_extension"), 1);
        /* All or nothing. */
        expect("line_extension", "POST", "/lines/1/extensions", "{'exten': '1002', 'context': 'internal'}", 400,
               "['Resource Error - Line is associated with a Extension (\\'line_id\\': 1, \\'extension_id\\': 1)']");
        expect("line_extension", "POST", "/lines/1/extensions", "{'exten': 5}", 400,
               "['Input Error - exten: [\\'Not a valid string.\\']', 'Input Error - context: [\\'Missing data for required field.\\']']");
        expect("line_extension", "POST", "/lines/1/extensions", "{'exten': '1001', 'context': 'internal'}", 400,
               "['Resource Error - Extension already exists (\\'exten\\': \\'1001\\', \\'context\\': \\'internal\\')']");
        expect("line_extension", "POST", "/lines/9/extensions", "{'exten': '1002', 'context': 'internal'}", 404, NULL);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM extensions"), 1);
        ck_assert_str_eq(outbox(), "");
}
END_TEST

START_TEST(test_list_extensions) {
        (void) phone("abc");
        (void) new_extension("1001", "internal");
        (void) new_extension("1002", "internal");
        expect("line_extension", "GET", "/lines/1/extensions", NULL, 200, "{'total': 0, 'items': []}");
        call("line_extension", "PUT", "/lines/1/extensions/2", NULL, 204);
        call("line_extension", "GET", "/lines/1/extensions", NULL, 200);
        ck_assert_int_eq(reply_integer("total"), 1);
        ck_assert_str_eq(reply_string("items.0.exten"), "1002");
        ck_assert_str_eq(reply_string("items.0.links.0.rel"), "extensions");
        as_tenant(OTHER_TENANT);
        call("line_extension", "GET", "/lines/1/extensions", NULL, 404);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                test_associate, test_rules, test_one_person_behind_a_number, test_caller_id, test_create_extension,
                test_list_extensions, NULL,
        };

        return run_tests("plugin-line_extension", tests);
}
