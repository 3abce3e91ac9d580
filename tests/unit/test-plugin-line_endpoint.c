/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin line_endpoint, in this process. */
#include "tests/unit/telephony-data.h"

static char uuid[37], path[128];

/* Line 1 and an endpoint "abc", not yet associated. */
static void begin(void) {
        (void) new_line("internal");
        new_sip("{'name': 'abc', 'label': 'L', 'auth_section_options': [['username', 'me'], ['password', 's3cr3t']]}", uuid);
        (void) snprintf(path, sizeof(path), "/lines/1/endpoints/sip/%s", uuid);
        (void) outbox();
}

static const char *event(const char *verb, const char *key, const char *name) {
        static char text[700];

        (void) snprintf(text, sizeof(text),
                        "reload: module reload res_pjsip.so\n"
                        "event: line_endpoint_sip_%s config.lines.1.endpoints.sip.%s.%s {'line': {'id': 1, 'tenant_uuid': '" TENANT "', 'name': %s}, "
                        "'endpoint_sip': {'uuid': '%s', 'tenant_uuid': '" TENANT "', 'label': 'L', 'name': 'abc', "
                        "'auth_section_options': [['username', 'me']]}} *\n",
                        verb, uuid, key, name, uuid);
        return text;
}

START_TEST(test_associate) {
        begin();
        expect("line_endpoint", "PUT", path, "garbage", 204, "");
        ck_assert_str_eq(outbox(), event("associated", "updated", "'abc'"));
        ck_assert_str_eq(sql_text("SELECT name FROM linefeatures"), "abc");
        ck_assert_str_eq(sql_text("SELECT endpoint_sip_uuid FROM linefeatures"), uuid);
        expect("line_endpoint", "PUT", path, NULL, 204, "");
        ck_assert_str_eq(outbox(), "");
        call("endpoint_sip", "GET", at("/endpoints/sip/%s", uuid), NULL, 200);
        ck_assert_int_eq(reply_integer("line.id"), 1);
        expect("line_endpoint", "DELETE", path, NULL, 204, "");
        ck_assert_str_eq(outbox(), event("dissociated", "deleted", "null"));
        ck_assert_str_eq(sql_text("SELECT name FROM linefeatures"), "-");
        ck_assert_str_eq(sql_text("SELECT endpoint_sip_uuid FROM linefeatures"), "-");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM endpoint_sip"), 1);
        expect("line_endpoint", "DELETE", path, NULL, 204, "");
        ck_assert_str_eq(outbox(), "");
}
END_TEST

START_TEST(test_not_found) {
        begin();
        expect("line_endpoint", "PUT", at("/lines/9/endpoints/sip/%s", uuid), NULL, 404,
               "['Resource Not Found - Line was not found (\\'id\\': 9)']");
        call("line_endpoint", "PUT", "/lines/1/endpoints/sip/99999999-0000-4000-8000-000000000000", NULL, 404);
        expect("line_endpoint", "PUT", "/lines/1/endpoints/sccp/9", NULL, 404,
               "['Resource Not Found - SCCPEndpoint was not found (\\'id\\': 9)']");
        expect("line_endpoint", "PUT", "/lines/1/endpoints/custom/9", NULL, 404,
               "['Resource Not Found - CustomEndpoint was not found (\\'id\\': 9)']");
        as_tenant(OTHER_TENANT);
        call("line_endpoint", "PUT", path, NULL, 404);
        call("line_endpoint", "DELETE", path, NULL, 404);
}
END_TEST

START_TEST(test_tenants) {
        begin();
        (void) new_line("sub");
        expect("line_endpoint", "PUT", at("/lines/2/endpoints/sip/%s", uuid), NULL, 400,
               "['Resource Error - different tenants (\\'line_tenant_uuid\\': \\'" SUBTENANT "\\', \\'endpoint_sip_tenant_uuid\\': \\'" TENANT "\\')']");
}
END_TEST

START_TEST(test_taken) {
        char second[37], wanted[300];

        begin();
        new_sip("{'name': 'def'}", second);
        (void) new_line("internal");
        call("line_endpoint", "PUT", path, NULL, 204);
        (void) snprintf(wanted, sizeof(wanted),
                        "['Resource Error - Line is associated with a Endpoint (\\'line_id\\': 1, \\'endpoint\\': \\'sip\\', \\'endpoint_id\\': \\'%s\\')']",
                        uuid);
        expect("line_endpoint", "PUT", at("/lines/1/endpoints/sip/%s", second), NULL, 400, wanted);
        (void) snprintf(wanted, sizeof(wanted),
                        "['Resource Error - Line is associated with a Endpoint (\\'line_id\\': 1, \\'endpoint\\': \\'sip\\', \\'endpoint_uuid\\': \\'%s\\')']",
                        uuid);
        expect("line_endpoint", "PUT", at("/lines/2/endpoints/sip/%s", uuid), NULL, 400, wanted);
        sql(at("INSERT INTO trunkfeatures (id, tenant_uuid, endpoint_sip_uuid) VALUES (5, '" TENANT "', '%s')", second));
        (void) snprintf(wanted, sizeof(wanted),
                        "['Resource Error - Trunk is associated with a Endpoint (\\'trunk_id\\': 5, \\'endpoint\\': \\'sip\\', \\'endpoint_uuid\\': \\'%s\\')']",
                        second);
        expect("line_endpoint", "PUT", at("/lines/2/endpoints/sip/%s", second), NULL, 400, wanted);
        call("endpoint_sip", "GET", at("/endpoints/sip/%s", second), NULL, 200);
        ck_assert_int_eq(reply_integer("trunk.id"), 5);
}
END_TEST

START_TEST(test_dissociate_refused) {
        begin();
        call("line_endpoint", "PUT", path, NULL, 204);
        (void) new_user("Ann");
        (void) new_user("Bob");
        (void) new_extension("1001", "internal");
        call("user_line", "PUT", "/users/1/lines/1", NULL, 204);
        call("user_line", "PUT", "/users/2/lines/1", NULL, 204);
        call("line_extension", "PUT", "/lines/1/extensions/1", NULL, 204);
        expect("line_endpoint", "DELETE", path, NULL, 400,
               "['Resource Error - Line is associated with a User (\\'line_id\\': 1, \\'user_ids\\': \\'1,2\\')']");
        call("user_line", "DELETE", "/users/2/lines/1", NULL, 204);
        call("user_line", "DELETE", "/users/1/lines/1", NULL, 204);
        expect("line_endpoint", "DELETE", path, NULL, 400,
               "['Resource Error - Line is associated with a Extension (\\'line_id\\': 1, \\'extension_ids\\': \\'1\\')']");
        call("line_extension", "DELETE", "/lines/1/extensions/1", NULL, 204);
        sql("UPDATE linefeatures SET device = 'dev'");
        expect("line_endpoint", "DELETE", path, NULL, 400,
               "['Resource Error - Line is associated with a Device (\\'line_id\\': 1, \\'device_id\\': \\'dev\\')']");
        sql("UPDATE linefeatures SET device = ''");
        call("line_endpoint", "DELETE", path, NULL, 204);
}
END_TEST

START_TEST(test_other_kinds) {
        begin();
        sql("INSERT INTO sccpline (id, tenant_uuid, name, context, cid_name, cid_num) VALUES (3, '" TENANT "', 'sc', '', '', '')");
        sql("INSERT INTO usercustom (id, tenant_uuid, interface, intfsuffix, category) VALUES (4, '" TENANT
            "', 'abc', '', 'user')");
        (void) new_line("internal");
        (void) outbox();
        expect("line_endpoint", "PUT", "/lines/2/endpoints/sccp/3", NULL, 204, "");
        ck_assert_str_eq(outbox(), "reload: module reload chan_sccp.so\n"
                                   "event: line_endpoint_sccp_associated config.lines.2.endpoints.sccp.3.updated {'line': {'id': 2, 'tenant_uuid': '" TENANT
                                   "', 'name': 'sc'}, 'endpoint_sccp': {'id': 3, 'tenant_uuid': '" TENANT "'}} *\n");
        expect("line_endpoint", "PUT", "/lines/2/endpoints/custom/4", NULL, 400,
               "['Resource Error - Line is associated with a Endpoint (\\'line_id\\': 2, \\'endpoint\\': \\'sccp\\', \\'endpoint_id\\': 3)']");
        call("line_endpoint", "DELETE", "/lines/2/endpoints/sccp/3", NULL, 204);
        (void) outbox();
        expect("line_endpoint", "PUT", "/lines/2/endpoints/custom/4", NULL, 204, "");
        ck_assert_str_eq(outbox(), "event: line_endpoint_custom_associated config.lines.2.endpoints.custom.4.updated {'line': {'id': 2, 'tenant_uuid': '" TENANT
                                   "', 'name': 'abc'}, 'endpoint_custom': {'id': 4, 'tenant_uuid': '" TENANT "', 'interface': 'abc'}} *\n");
        /* Names of lines are unique: the interface reads like the SIP endpoint. */
        expect("line_endpoint", "PUT", path, NULL, 400, "['Resource Error - Line already exists (\\'name\\': \\'abc\\')']");
        ck_assert_str_eq(sql_text("SELECT endpoint_sip_uuid FROM linefeatures WHERE id = 1"), "-");
}
END_TEST

START_TEST(test_endpoint_edited_and_deleted) {
        begin();
        call("line_endpoint", "PUT", path, NULL, 204);
        (void) new_user("Ann");
        call("user_line", "PUT", "/users/1/lines/1", NULL, 204);
        sql("INSERT INTO queuemember (queue_name, interface, usertype, userid, channel, category, position) VALUES "
            "('g', 'PJSIP/abc', 'user', 1, 'SIP', 'group', 0), ('q', 'Local/9@x', 'user', 1, 'Local', 'queue', 0), "
            "('h', 'Local/9@x', 'user', 0, 'Local', 'group', 0)");
        call("endpoint_sip", "PUT", at("/endpoints/sip/%s", uuid), "{'name': 'def'}", 204);
        ck_assert_str_eq(sql_text("SELECT name FROM linefeatures"), "def");
        ck_assert_str_eq(sql_text("SELECT interface FROM queuemember WHERE queue_name = 'g'"), "PJSIP/def");
        ck_assert_str_eq(sql_text("SELECT interface FROM queuemember WHERE queue_name = 'q'"), "Local/9@x");
        (void) new_extension("1001", "internal");
        call("line_extension", "PUT", "/lines/1/extensions/1", NULL, 204);
        ck_assert_str_eq(sql_text("SELECT interface FROM queuemember WHERE queue_name = 'q'"), "Local/1001@internal");
        ck_assert_str_eq(sql_text("SELECT interface FROM queuemember WHERE queue_name = 'h'"), "Local/9@x");
        call("endpoint_sip", "DELETE", at("/endpoints/sip/%s", uuid), NULL, 204);
        call("line", "GET", "/lines/1", NULL, 200);
        ck_assert_str_eq(reply_part("name"), "null");
        ck_assert_str_eq(reply_part("endpoint_sip"), "null");
        ck_assert_str_eq(reply_part("protocol"), "null");
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                test_associate, test_not_found, test_tenants, test_taken, test_dissociate_refused, test_other_kinds,
                test_endpoint_edited_and_deleted, NULL,
        };

        return run_tests("plugin-line_endpoint", tests);
}
