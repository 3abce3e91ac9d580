/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin line, in this process. */
#include "tests/unit/telephony-data.h"

#define POST(body, status, text) expect("line", "POST", "/lines", body, status, text)
#define PUT(id, body, status, text) expect("line", "PUT", "/lines/" id, body, status, text)
#define RELOAD "reload: module reload res_pjsip.so, dialplan reload, module reload chan_sccp.so\n"

static char uuid[37];

/* Line 1 with a SIP endpoint "abc". */
static void with_endpoint(const char *options) {
        char body[256];

        (void) new_line("internal");
        (void) snprintf(body, sizeof(body), "{'name': 'abc', 'endpoint_section_options': %s}", options);
        new_sip(body, uuid);
        call("line_endpoint", "PUT", at("/lines/1/endpoints/sip/%s", uuid), NULL, 204);
        (void) outbox();
}

START_TEST(test_create) {
        POST("{'context': 'internal', 'provisioning_code': '123456', 'position': 2, 'registrar': 'default', 'name': 'x', "
             "'endpoint_sip': {'name': 'later'}, 'extensions': [{'exten': '1001'}]}",
             201,
             "{'id': 1, 'tenant_uuid': '" TENANT "', 'name': null, 'protocol': null, 'device_id': null, 'device_slot': 2, "
             "'provisioning_extension': '123456', 'context': 'internal', 'provisioning_code': '123456', 'position': 2, "
             "'caller_id_name': null, 'caller_id_num': null, 'registrar': 'default', 'is_webrtc': false, "
             "'links': [{'rel': 'lines', 'href': '" BASE_URL "/lines/1'}], 'application': null, 'endpoint_sip': null, "
             "'endpoint_sccp': null, 'endpoint_custom': null, 'extensions': [], 'users': []}");
        ck_assert_str_eq(reply_location(), BASE_URL "/lines/1");
        ck_assert_str_eq(outbox(), RELOAD "event: line_created config.line.created {'id': 1, 'protocol': null, 'name': null, 'tenant_uuid': '" TENANT "'} *\n");
        ck_assert_int_eq(sql_integer("SELECT (SELECT COUNT(*) FROM endpoint_sip) + (SELECT COUNT(*) FROM extensions)"), 0);
}
END_TEST

START_TEST(test_defaults) {
        POST("{'context': 'internal', 'provisioning_code': null, 'position': null, 'registrar': null, 'caller_id_name': null}",
             201, NULL);
        ck_assert_uint_eq(strlen(reply_string("provisioning_code")), 6);
        ck_assert_int_ge(sql_integer("SELECT provisioningid FROM linefeatures"), 100000);
        ck_assert_int_eq(reply_integer("position"), 1);
        ck_assert_str_eq(reply_string("registrar"), "default");
        PUT("1", "{'provisioning_code': null, 'position': null, 'registrar': null, 'context': null}", 400,
            "['Input Error - context: [\\'Field may not be null.\\']', 'Input Error - provisioning_code: [\\'Field may not be null.\\']', "
            "'Input Error - position: [\\'Field may not be null.\\']', 'Input Error - registrar: [\\'Field may not be null.\\']']");
}
END_TEST

START_TEST(test_fields) {
        POST("{'provisioning_code': '12345', 'position': 0, 'caller_id_name': 7, 'caller_id_num': 'x', 'registrar': true}", 400,
             "['Input Error - context: [\\'Missing data for required field.\\']', 'Input Error - provisioning_code: [\\'Length must be 6.\\']', "
             "'Input Error - position: [\\'Must be greater than or equal to 1.\\']', 'Input Error - caller_id_name: [\\'Not a valid string.\\']', "
             "'Input Error - caller_id_num: [\\'Invalid input.\\']', 'Input Error - registrar: [\\'Not a valid string.\\']']");
        POST("{'context': 'internal', 'provisioning_code': 'abcdef'}", 400,
             "['Input Error - provisioning_code: [\\'Invalid input.\\']']");
        POST("{'context': 'internal', 'position': '3'}", 201, NULL);
        ck_assert_int_eq(reply_integer("position"), 3);
        POST("{'context': 'internal', 'provisioning_code': '000123'}", 201, NULL);
        ck_assert_str_eq(reply_string("provisioning_code"), "000123");
        ck_assert_int_eq(sql_integer("SELECT provisioningid FROM linefeatures WHERE id = 2"), 123);
}
END_TEST

START_TEST(test_rules) {
        POST("{'context': 'nope'}", 400,
             "['Input Error - field \\'context\\': Context was not found (\\'context\\': \\'nope\\')']");
        POST("{'context': 'other'}", 400, NULL);
        POST("{'context': 'incall', 'provisioning_code': '123456'}", 201, NULL); /* any type */
        POST("{'context': 'internal', 'provisioning_code': '123456'}", 400,
             "['Resource Error - Line already exists (\\'provisioning_code\\': \\'123456\\')']");
        POST("{'context': 'internal', 'registrar': 'eu1'}", 400,
             "['Input Error - field \\'registrar\\': Registrar was not found (\\'registrar\\': \\'eu1\\')']");
        POST("{'context': 'internal', 'provisioning_code': '654321'}", 201, NULL);
        PUT("2", "{'provisioning_code': '123456'}", 400, NULL);
        PUT("2", "{'registrar': 'eu1'}", 400, NULL);
        PUT("2", "{'context': 'nope'}", 400, NULL);
        PUT("2", "{'provisioning_code': '654321'}", 204, "");
        PUT("2", "{'context': 'second', 'provisioning_code': '111111'}", 204, "");
        ck_assert_str_eq(sql_text("SELECT context || provisioningid FROM linefeatures WHERE id = 2"), "second111111");
}
END_TEST

START_TEST(test_edit_tells) {
        (void) new_line("internal");
        (void) outbox();
        PUT("1", "{}", 204, "");
        ck_assert_str_eq(outbox(), "event: line_edited config.line.edited {'id': 1, 'protocol': null, 'name': null, 'tenant_uuid': '" TENANT "'} *\n");
        PUT("1", "{'position': 2}", 204, "");
        ck_assert_str_eq(outbox(), RELOAD "event: line_edited config.line.edited {'id': 1, 'protocol': null, 'name': null, 'tenant_uuid': '" TENANT "'} *\n");
        ck_assert_int_eq(sql_integer("SELECT num FROM linefeatures"), 2);
}
END_TEST

START_TEST(test_caller_id_of_nothing) {
        POST("{'context': 'internal', 'caller_id_name': 'A'}", 400, "['Cannot set caller id if no endpoint associated']");
        (void) new_line("internal");
        PUT("1", "{'caller_id_num': '12'}", 400, "['Cannot set caller id if no endpoint associated']");
        PUT("1", "{'caller_id_name': null, 'caller_id_num': null}", 204, "");
}
END_TEST

#define CALLER_ID "SELECT GROUP_CONCAT(value, '|') FROM endpoint_sip_section_option WHERE key = 'callerid'"

START_TEST(test_caller_id_of_sip) {
        with_endpoint("[]");
        PUT("1", "{'caller_id_name': 'Al Bo'}", 204, "");
        ck_assert_str_eq(sql_text(CALLER_ID), "\"Al Bo\"");
        PUT("1", "{'caller_id_num': '1234'}", 204, "");
        ck_assert_str_eq(sql_text(CALLER_ID), "\"Al Bo\" <1234>");
        expect("line", "GET", "/lines/1", NULL, 200, NULL);
        ck_assert_str_eq(reply_string("caller_id_name"), "Al Bo");
        ck_assert_str_eq(reply_string("caller_id_num"), "1234");
        PUT("1", "{'caller_id_name': 'C 5'}", 204, "");
        expect("line", "GET", "/lines?search=c+5", NULL, 200, NULL);
        expect("line", "GET", "/lines?caller_id_num=1234", NULL, 200, NULL);
        ck_assert_int_eq(reply_integer("total"), 1);
        ck_assert_str_eq(reply_string("items.0.caller_id_name"), "C 5");
        PUT("1", "{'caller_id_name': null}", 400, "['Cannot set caller id to None']");
        PUT("1", "{'caller_id_num': null}", 400, "['Cannot set caller id to None']");
        PUT("1", "{'caller_id_name': 'a\\nb'}", 400, NULL);
        PUT("1", "{'caller_id_name': 'C 5', 'position': 3}", 204, "");
        ck_assert_str_eq(sql_text(CALLER_ID), "\"C 5\" <1234>");
}
END_TEST

START_TEST(test_caller_id_that_was_there) {
        with_endpoint("[['callerid', 'wazo 5']]");
        expect("line", "GET", "/lines/1", NULL, 200, NULL);
        ck_assert_str_eq(reply_string("caller_id_name"), "wazo 5");
        ck_assert(json_is_null(reply_member("caller_id_num")));
        PUT("1", "{'caller_id_num': '77'}", 204, "");
        ck_assert_str_eq(sql_text(CALLER_ID), "\"wazo 5\" <77>");
}
END_TEST

START_TEST(test_caller_id_of_others) {
        sql("INSERT INTO sccpline (id, tenant_uuid, name, context, cid_name, cid_num) VALUES (3, '" TENANT "', 'sc', '', '', '')");
        sql("INSERT INTO usercustom (id, tenant_uuid, interface, intfsuffix, category) VALUES (4, '" TENANT
            "', 'dahdi/1', '', 'user')");
        (void) new_line("internal");
        (void) new_line("second");
        call("line_endpoint", "PUT", "/lines/1/endpoints/sccp/3", NULL, 204);
        call("line_endpoint", "PUT", "/lines/2/endpoints/custom/4", NULL, 204);
        PUT("1", "{'caller_id_name': 'Sally'}", 204, "");
        expect("line", "GET", "/lines/1", NULL, 200, NULL);
        ck_assert_str_eq(reply_string("caller_id_name"), "Sally");
        PUT("1", "{'caller_id_num': '1'}", 400, "['Cannot set caller id num on endpoint of type \\'sccp\\'']");
        PUT("2", "{'caller_id_name': 'X'}", 400, "['Cannot set caller id on endpoint of type \\'custom\\'']");
        PUT("1", "{'context': 'second'}", 204, "");
        ck_assert_str_eq(sql_text("SELECT context FROM sccpline"), "second");
        ck_assert_str_eq(sql_text("SELECT context FROM usercustom"), "second");
}
END_TEST

START_TEST(test_nested) {
        with_endpoint("[['webrtc', 'yes']]");
        call("endpoint_sip", "PUT", at("/endpoints/sip/%s", uuid),
             "{'auth_section_options': [['username', 'me'], ['password', 's3cr3t']], 'label': 'L'}", 204);
        sql("INSERT INTO application (uuid, tenant_uuid, name) VALUES ('44444444-4444-4444-8444-444444444444', '" TENANT
            "', 'app')");
        sql("UPDATE linefeatures SET application_uuid = '44444444-4444-4444-8444-444444444444', device = 'dev'");
        (void) new_line("internal");
        expect("line", "GET", "/lines", NULL, 200, NULL);
        ck_assert_int_eq(reply_integer("total"), 2);
        ck_assert_str_eq(reply_string("items.0.name"), "abc");
        ck_assert_str_eq(reply_string("items.0.protocol"), "sip");
        ck_assert_str_eq(reply_string("items.0.device_id"), "dev");
        ck_assert_str_eq(reply_string("items.0.endpoint_sip.label"), "L");
        ck_assert_str_eq(reply_part("items.0.endpoint_sip.auth_section_options"), "[['username', 'me']]");
        ck_assert_str_eq(reply_string("items.0.application.name"), "app");
        ck_assert(json_is_true(reply_member("items.0.is_webrtc")));
        ck_assert(json_is_false(reply_member("items.1.is_webrtc")));
        ck_assert_ptr_null(strstr(reply_text(), "s3cr3t"));
        /* By a template's template. */
        sql("INSERT INTO endpoint_sip (uuid, name, tenant_uuid, template) VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 't1', '" TENANT "', true), "
            "('aaaaaaaa-0000-4000-8000-000000000002', 't2', '" TENANT "', true)");
        sql("UPDATE endpoint_sip_section SET endpoint_sip_uuid = 'aaaaaaaa-0000-4000-8000-000000000002' WHERE type = 'endpoint'");
        expect("line", "GET", "/lines/1", NULL, 200, NULL);
        ck_assert(json_is_false(reply_member("is_webrtc")));
        sql("INSERT INTO endpoint_sip_template (child_uuid, parent_uuid, priority) SELECT uuid, 'aaaaaaaa-0000-4000-8000-000000000001', 0 "
            "FROM endpoint_sip WHERE name = 'abc'");
        sql("INSERT INTO endpoint_sip_template (child_uuid, parent_uuid, priority) VALUES "
            "('aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002', 0)");
        expect("line", "GET", "/lines/1", NULL, 200, NULL);
        ck_assert(json_is_true(reply_member("is_webrtc")));
}
END_TEST

/* Line 1 with endpoint, extension 1 and user 1. */
static void with_everything(void) {
        with_endpoint("[]");
        (void) new_extension("1001", "internal");
        (void) new_user("Ann");
        call("line_extension", "PUT", "/lines/1/extensions/1", NULL, 204);
        call("user_line", "PUT", "/users/1/lines/1", NULL, 204);
        (void) outbox();
}

START_TEST(test_delete) {
        char expected[2000], user[37];

        with_everything();
        (void) snprintf(user, sizeof(user), "%s", sql_text("SELECT uuid FROM userfeatures"));
        sql("UPDATE linefeatures SET device = 'dev'");
        sql("INSERT INTO queuemember (queue_name, interface, usertype, userid, channel, category, position) VALUES "
            "('g', 'PJSIP/abc', 'user', 1, 'SIP', 'group', 0)");
        expect("line", "GET", "/lines/1", NULL, 200, NULL);
        ck_assert_str_eq(reply_part("users.0.firstname"), "'Ann'");
        ck_assert_str_eq(reply_string("users.0.links.0.href"), BASE_URL "/users/1");
        ck_assert_str_eq(reply_string("extensions.0.exten"), "1001");
        expect("line", "DELETE", "/lines/1", NULL, 204, "");
        (void) snprintf(expected, sizeof(expected),
                        "reload: dialplan reload, module reload res_pjsip.so, module reload chan_sccp.so\n"
                        "event: user_line_dissociated config.users.%s.lines.1.deleted {'line': {'id': 1, 'name': 'abc', 'endpoint_sip': {'uuid': '%s'}, "
                        "'endpoint_sccp': null, 'endpoint_custom': null}, 'main_line': true, 'main_user': true, 'user': {'id': 1, 'uuid': '%s', "
                        "'tenant_uuid': '" TENANT "'}} %s\n"
                        "event: sip_endpoint_deleted config.sip_endpoint.deleted {'uuid': '%s', 'tenant_uuid': '" TENANT "', 'name': 'abc', 'label': null, "
                        "'auth_section_options': [], 'registration_section_options': [], 'trunk': null, 'line': {'id': 1}} *\n"
                        "event: line_deleted config.line.deleted {'id': 1, 'protocol': 'sip', 'name': 'abc', 'tenant_uuid': '" TENANT "'} *\n",
                        user, uuid, user, user, uuid);
        ck_assert_str_eq(outbox(), expected);
        ck_assert_int_eq(sql_integer("SELECT (SELECT COUNT(*) FROM linefeatures) + (SELECT COUNT(*) FROM endpoint_sip) + "
                                     "(SELECT COUNT(*) FROM endpoint_sip_section) + (SELECT COUNT(*) FROM user_line) + "
                                     "(SELECT COUNT(*) FROM line_extension) + (SELECT COUNT(*) FROM queuemember)"),
                         0);
        ck_assert_str_eq(sql_text("SELECT type || typeval FROM extensions"), "user0");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM userfeatures"), 1);
}
END_TEST

START_TEST(test_delete_recursive) {
        with_everything();
        call("line", "DELETE", "/lines/1?recursive=true", NULL, 204);
        ck_assert_int_eq(sql_integer("SELECT (SELECT COUNT(*) FROM linefeatures) + (SELECT COUNT(*) FROM extensions)"), 0);
        ck_assert_ptr_nonnull(strstr(outbox(), "event: extension_deleted"));
}
END_TEST

START_TEST(test_delete_with_secondary_user) {
        with_everything();
        (void) new_user("Bob");
        call("user_line", "PUT", "/users/2/lines/1", NULL, 204);
        expect("line", "DELETE", "/lines/1", NULL, 400,
               "['Resource Error - There are secondary users associated to the line (\\'line_id\\': 1)']");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM user_line"), 2);
}
END_TEST

START_TEST(test_delete_other_endpoints) {
        sql("INSERT INTO sccpline (id, tenant_uuid, name, context, cid_name, cid_num) VALUES (3, '" TENANT "', 'sc', '', '', '')");
        sql("INSERT INTO usercustom (id, tenant_uuid, interface, intfsuffix, category) VALUES (4, '" TENANT
            "', 'dahdi/1', '', 'user')");
        (void) new_line("internal");
        (void) new_line("internal");
        call("line_endpoint", "PUT", "/lines/1/endpoints/sccp/3", NULL, 204);
        call("line_endpoint", "PUT", "/lines/2/endpoints/custom/4", NULL, 204);
        call("line", "DELETE", "/lines/1", NULL, 204);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM sccpline"), 0);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM usercustom"), 1);
        call("line", "DELETE", "/lines/2", NULL, 204);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM usercustom"), 0);
}
END_TEST

START_TEST(test_list) {
        with_everything();
        POST("{'context': 'second', 'provisioning_code': '012345', 'position': 4}", 201, NULL);
        expect("line", "GET", "/lines?exten=1001", NULL, 200, NULL);
        ck_assert_int_eq(reply_integer("total"), 1);
        expect("line", "GET", "/lines?provisioning_code=012345", NULL, 200, NULL);
        ck_assert_str_eq(reply_items("id"), "2");
        expect("line", "GET", "/lines?provisioning_extension=012345&position=4&context=second", NULL, 200, NULL);
        ck_assert_str_eq(reply_items("id"), "2");
        expect("line", "GET", "/lines?position=x", NULL, 200, "{'total': 0, 'items': []}");
        expect("line", "GET", "/lines?protocol=sip", NULL, 200, NULL);
        ck_assert_str_eq(reply_items("id"), "1");
        expect("line", "GET", "/lines?order=context&direction=desc", NULL, 200, NULL);
        ck_assert_str_eq(reply_items("id"), "2 1");
        expect("line", "GET", "/lines?search=100", NULL, 200, NULL);
        ck_assert_str_eq(reply_items("id"), "1");
        expect("line", "GET", "/lines?order=id", NULL, 400, "['Input Error - order: column \\'id\\' was not found']");
        /* Two extensions do not make two lines of one. */
        sql("INSERT INTO extensions (commented, context, exten, type, typeval) VALUES (0, 'internal', '1002', 'user', '0')");
        sql("INSERT INTO line_extension (line_id, extension_id, main_extension) VALUES (1, 2, false)");
        expect("line", "GET", "/lines", NULL, 200, NULL);
        ck_assert_int_eq(reply_integer("total"), 2);
}
END_TEST

START_TEST(test_tenants) {
        (void) new_line("sub");
        ck_assert_str_eq(reply_string("tenant_uuid"), SUBTENANT);
        expect("line", "GET", "/lines", NULL, 200, "{'total': 0, 'items': []}");
        expect("line", "GET", "/lines?recurse=true", NULL, 200, NULL);
        ck_assert_int_eq(reply_integer("total"), 1);
        as_tenant(OTHER_TENANT);
        expect("line", "GET", "/lines?recurse=true", NULL, 200, "{'total': 0, 'items': []}");
        expect("line", "GET", "/lines/1", NULL, 404, "['Resource Not Found - Line was not found (\\'id\\': 1)']");
        PUT("1", "{}", 404, NULL);
        expect("line", "DELETE", "/lines/1", NULL, 404, NULL);
        /* The code is for a phone, wherever it stands. */
        POST(at("{'context': 'other', 'provisioning_code': '%06lld'}",
                (long long) sql_integer("SELECT provisioningid FROM linefeatures")),
             400, NULL);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                test_create, test_defaults, test_fields, test_rules, test_edit_tells, test_caller_id_of_nothing,
                test_caller_id_of_sip,
                test_caller_id_that_was_there, test_caller_id_of_others, test_nested, test_delete, test_delete_recursive,
                test_delete_with_secondary_user, test_delete_other_endpoints, test_list, test_tenants, NULL,
        };

        return run_tests("plugin-line", tests);
}
