/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin extension, in this process. */
#include "tests/unit/telephony-data.h"

#define POST(body, status, text) expect("extension", "POST", "/extensions", body, status, text)
#define PUT(id, body, status, text) expect("extension", "PUT", "/extensions/" id, body, status, text)

START_TEST(test_create) {
        POST("{'exten': '1001', 'context': 'internal', 'id': 99, 'lines': [{'id': 1}]}", 201,
             "{'id': 1, 'tenant_uuid': '" TENANT "', 'exten': '1001', 'context': 'internal', 'enabled': true, 'commented': false, "
             "'links': [{'rel': 'extensions', 'href': '" BASE_URL "/extensions/1'}], 'conference': null, 'parking_lot': null, "
             "'group': null, 'incall': null, 'lines': [], 'outcall': null, 'queue': null}");
        ck_assert_str_eq(reply_location(), BASE_URL "/extensions/1");
        ck_assert_str_eq(sql_text("SELECT type || '/' || typeval || '/' || commented FROM extensions"), "user/0/0");
        POST("{'exten': '9', 'context': 'internal'}", 201, NULL); /* no range is looked at before an association */
}
END_TEST

START_TEST(test_events) {
        (void) new_extension("1001", "internal");
        ck_assert_str_eq(outbox(), "reload: dialplan reload\n"
                                   "event: extension_created config.extensions.created {'id': 1, 'exten': '1001', 'context': 'internal'} *\n");
        PUT("1", "{}", 204, "");
        ck_assert_str_eq(
                outbox(),
                "event: extension_edited config.extensions.edited {'id': 1, 'exten': '1001', 'context': 'internal'} *\n");
        PUT("1", "{'enabled': true, 'exten': '1001'}", 204, "");
        ck_assert_str_eq(
                outbox(),
                "event: extension_edited config.extensions.edited {'id': 1, 'exten': '1001', 'context': 'internal'} *\n");
        PUT("1", "{'exten': '1002'}", 204, "");
        ck_assert_str_eq(outbox(),
                         "reload: dialplan reload, module reload res_pjsip.so, module reload chan_sccp.so, module reload app_queue.so\n"
                         "event: extension_edited config.extensions.edited {'id': 1, 'exten': '1002', 'context': 'internal'} *\n");
        POST("{'exten': '1002', 'context': 'internal'}", 400, NULL);
        ck_assert_str_eq(outbox(), "");
        expect("extension", "DELETE", "/extensions/1", NULL, 204, "");
        ck_assert_str_eq(outbox(), "reload: dialplan reload\n"
                                   "event: extension_deleted config.extensions.deleted {'id': 1, 'exten': '1002', 'context': 'internal'} *\n");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM extensions"), 0);
}
END_TEST

START_TEST(test_fields) {
        POST("{}", 400,
             "['Input Error - exten: [\\'Missing data for required field.\\']', 'Input Error - context: [\\'Missing data for required field.\\']']");
        POST("{'exten': null, 'context': 5, 'enabled': 'maybe', 'commented': 7}", 400,
             "['Input Error - exten: [\\'Field may not be null.\\']', 'Input Error - context: [\\'Not a valid string.\\']', "
             "'Input Error - enabled: [\\'Not a valid boolean.\\']', 'Input Error - commented: [\\'Not a valid boolean.\\']']");
        POST("{'exten': '12345678901234567890123456789012345678901', 'context': 'internal'}", 400,
             "['Input Error - exten: [\\'Longer than maximum length 40.\\']']");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM extensions"), 0);
}
END_TEST

START_TEST(test_enabled) {
        POST("{'exten': '1001', 'context': 'internal', 'enabled': 'off'}", 201, NULL);
        ck_assert_int_eq(sql_integer("SELECT commented FROM extensions WHERE id = 1"), 1);
        ck_assert(json_is_false(reply_member("enabled")));
        ck_assert(json_is_true(reply_member("commented")));
        POST("{'exten': '1002', 'context': 'internal', 'commented': 1}", 201, NULL);
        ck_assert_int_eq(sql_integer("SELECT commented FROM extensions WHERE id = 2"), 1);
        PUT("2", "{'commented': false}", 204, "");
        ck_assert_int_eq(sql_integer("SELECT commented FROM extensions WHERE id = 2"), 0);
        PUT("2", "{'enabled': false}", 204, "");
        ck_assert_int_eq(sql_integer("SELECT commented FROM extensions WHERE id = 2"), 1);
        PUT("2", "{'exten': '1003'}", 204, "");
        ck_assert_int_eq(sql_integer("SELECT commented FROM extensions WHERE id = 2"), 1);
}
END_TEST

START_TEST(test_patterns) {
        static const struct {
                const char *context, *exten;
                bool fits;
        } cases[] = {
                {"internal", "1001", true},      {"internal", "*98#", true},     {"internal", "_1XX.", true},
                {"internal", "", false},         {"internal", "_", false},       {"internal", "+331", false},
                {"internal", "1X", false},       {"internal", "_+33", false},    {"internal", "abc", false},
                {"internal", "1 2", false},      {"incall", "5551000", true},    {"incall", "+331", false},
                {"outcall", "_+33X.", true},     {"outcall", "+331", true},      {"outcall", "", true},
                {"outcall", "_[1-9]N!", true},   {"outcall", "++", false},       {"outcall", "a", false},
                {"internal", "_[1-4]-9.", true}, {"internal", "1001\\n", false},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char body[128];

                (void) snprintf(body, sizeof(body), "{'exten': '%s', 'context': '%s'}", cases[i].exten, cases[i].context);
                POST(body, cases[i].fits ? 201 : 400,
                     cases[i].fits ? NULL : "['exten: [\\'String does not match expected pattern.\\']']");
        }
        PUT("1", "{'exten': 'x'}", 400, "['exten: [\\'String does not match expected pattern.\\']']");
}
END_TEST

START_TEST(test_uniqueness_and_parking) {
        (void) new_extension("1001", "internal");
        (void) new_extension("1001", "second");
        POST("{'exten': '1001', 'context': 'internal'}", 400,
             "['Resource Error - Extension already exists (\\'exten\\': \\'1001\\', \\'context\\': \\'internal\\')']");
        PUT("2", "{'context': 'internal'}", 400,
            "['Resource Error - Extension already exists (\\'exten\\': \\'1001\\', \\'context\\': \\'internal\\')']");
        sql("INSERT INTO parking_lot (id, tenant_uuid, name, slots_start, slots_end) VALUES (7, '" TENANT
            "', 'lot', '701', '750')");
        sql("INSERT INTO extensions (commented, context, exten, type, typeval) VALUES (0, 'internal', '700', 'parking', '7')");
        POST("{'exten': '0750', 'context': 'internal'}", 400,
             "['Resource Error - ParkingLot already exists (\\'id\\': 7, \\'slots_start\\': \\'701\\', \\'slots_end\\': \\'750\\')']");
        PUT("1", "{'exten': '701'}", 400, NULL);
        POST("{'exten': '751', 'context': 'internal'}", 201, NULL);
        POST("{'exten': '720', 'context': 'second'}", 201, NULL);
        POST("{'exten': '_7XX', 'context': 'internal'}", 201, NULL);
        expect("extension", "GET", "/extensions/3", NULL, 200, NULL);
        ck_assert_str_eq(reply_string("parking_lot.name"), "lot");
}
END_TEST

START_TEST(test_tenants) {
        POST("{'exten': '1001', 'context': 'nope'}", 400,
             "['Input Error - field \\'context\\': Context was not found (\\'context\\': \\'nope\\')']");
        POST("{'exten': '1001', 'context': 'other'}", 400,
             "['Input Error - field \\'context\\': Context was not found (\\'context\\': \\'other\\')']");
        POST("{'exten': '1001', 'context': 'sub'}", 201, NULL);
        ck_assert_str_eq(reply_string("tenant_uuid"), SUBTENANT);
        expect("extension", "GET", "/extensions", NULL, 200, "{'total': 0, 'items': []}");
        expect("extension", "GET", "/extensions?recurse=true", NULL, 200, NULL);
        ck_assert_int_eq(reply_integer("total"), 1);
        PUT("1", "{'context': 'internal'}", 400,
            "['Resource Error - different tenants (\\'current_tenant_uuid\\': \\'" SUBTENANT "\\', \\'context_tenant_uuid\\': \\'" TENANT "\\')']");
        as_tenant(OTHER_TENANT);
        expect("extension", "GET", "/extensions/1", NULL, 404, "['Resource Not Found - Extension was not found (\\'id\\': 1)']");
        expect("extension", "DELETE", "/extensions/1", NULL, 404, NULL);
        PUT("1", "{}", 404, NULL);
        expect("extension", "GET", "/extensions/99999999999", NULL, 404,
               "['Resource Not Found - Extension was not found (\\'id\\': 99999999999)']");
}
END_TEST

/* Gives extension 1 to something, as the association of a later plugin will. */
static void give(const char *type, const char *typeval) {
        char statement[160];

        (void) snprintf(statement, sizeof(statement),
                        "UPDATE extensions SET type = '%s', typeval = '%s' WHERE id = 1", type, typeval);
        sql(statement);
}

START_TEST(test_destinations) {
        sql("INSERT INTO groupfeatures (id, uuid, tenant_uuid, name, label) VALUES (4, '44444444-4444-4444-8444-444444444444', '" TENANT "', 'grp', 'G')");
        sql("INSERT INTO queuefeatures (id, tenant_uuid, name, displayname) VALUES (5, '" TENANT "', 'q', 'Queue')");
        sql("INSERT INTO conference (id, tenant_uuid, name) VALUES (6, '" TENANT "', 'conf')");
        sql("INSERT INTO incall (id, tenant_uuid) VALUES (8, '" TENANT "')");
        sql("INSERT INTO outcall (id, tenant_uuid, name) VALUES (9, '" TENANT "', 'out')");
        sql("INSERT INTO dialpattern (id, type, typeid, exten) VALUES (12, 'outcall', 9, '2001')");
        (void) new_extension("2001", "internal");

        give("group", "4");
        expect("extension", "GET", "/extensions/1", NULL, 200, NULL);
        ck_assert_str_eq(reply_string("group.uuid"), "44444444-4444-4444-8444-444444444444");
        ck_assert_str_eq(reply_string("group.name"), "grp");
        ck_assert_str_eq(reply_string("group.links.0.href"), BASE_URL "/groups/44444444-4444-4444-8444-444444444444");
        expect("extension", "DELETE", "/extensions/1", NULL, 400,
               "['Resource Error - Extension is associated with a group (\\'extension_id\\': 1, \\'associated_id\\': \\'4\\')']");
        PUT("1", "{'context': 'outcall'}", 400,
            "['Resource Error - ContextType \\'outcall\\' cannot be associated (\\'id\\': 4, \\'context\\': \\'outcall\\')']");
        PUT("1", "{'exten': '2100'}", 400, "['Input Error - Extension \\'2100\\' is outside of range for context \\'internal\\'']");
        PUT("1", "{'exten': '_21XX'}", 204, "");
        PUT("1", "{'exten': '2001'}", 204, "");

        give("queue", "5");
        expect("extension", "GET", "/extensions", NULL, 200, NULL);
        ck_assert_str_eq(reply_string("items.0.queue.label"), "Queue");
        PUT("1", "{'exten': '3000'}", 204, "");
        PUT("1", "{'exten': '3100'}", 400, NULL);
        give("conference", "6");
        PUT("1", "{'exten': '4099'}", 204, "");
        PUT("1", "{'exten': '4100'}", 400, NULL);
        PUT("1", "{'context': 'incall'}", 400, NULL);
        expect("extension", "GET", "/extensions/1", NULL, 200, NULL);
        ck_assert_str_eq(reply_string("conference.name"), "conf");
        give("incall", "8");
        PUT("1", "{'exten': '1050', 'context': 'internal'}", 400,
            "['Resource Error - ContextType \\'internal\\' cannot be associated (\\'id\\': 1, \\'context\\': \\'internal\\')']");
        PUT("1", "{'exten': '1050', 'context': 'incall'}", 204, "");
        PUT("1", "{'exten': '1100'}", 400, NULL);
        expect("extension", "GET", "/extensions/1", NULL, 200, NULL);
        ck_assert_int_eq(reply_integer("incall.id"), 8);
        give("outcall", "12");
        PUT("1", "{'exten': '_+X.', 'context': 'outcall'}", 204, "");
        expect("extension", "GET", "/extensions/1", NULL, 200, NULL);
        ck_assert_str_eq(reply_string("outcall.name"), "out");
        ck_assert_int_eq(reply_integer("outcall.id"), 9);
}
END_TEST

START_TEST(test_list) {
        (void) new_extension("1003", "internal");
        (void) new_extension("1001", "second");
        (void) new_extension("1002", "incall");
        expect("extension", "GET", "/extensions", NULL, 200, NULL);
        ck_assert_str_eq(reply_string("items.0.exten"), "1001");
        ck_assert_str_eq(reply_string("items.2.exten"), "1003");
        expect("extension", "GET", "/extensions?direction=desc&limit=1&offset=1", NULL, 200, NULL);
        ck_assert_int_eq(reply_integer("total"), 3);
        ck_assert_str_eq(reply_string("items.0.exten"), "1002");
        expect("extension", "GET", "/extensions?type=incall", NULL, 200, NULL);
        ck_assert_int_eq(reply_integer("total"), 1);
        ck_assert_str_eq(reply_string("items.0.exten"), "1002");
        expect("extension", "GET", "/extensions?order=type", NULL, 200, NULL);
        ck_assert_str_eq(reply_string("items.0.context"), "incall");
        expect("extension", "GET", "/extensions?search=SECO", NULL, 200, NULL);
        ck_assert_int_eq(reply_integer("total"), 1);
        expect("extension", "GET", "/extensions?exten=1003&context=second", NULL, 200, "{'total': 0, 'items': []}");
        expect("extension", "GET", "/extensions?order=id", NULL, 400, "['Input Error - order: column \\'id\\' was not found']");
}
END_TEST

int main(void) {
        const TTest *const tests[] = {test_create, test_events, test_fields, test_enabled, test_patterns,
                                      test_uniqueness_and_parking, test_tenants, test_destinations, test_list, NULL};

        return run_tests("plugin-extension", tests);
}
