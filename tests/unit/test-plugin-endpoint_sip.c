/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin endpoint_sip, in this process. */
#include "tests/unit/telephony-data.h"
#include "workers/plugins/endpoint_sip/endpoint_sip-service.h"

#define POST(body, status, text) expect("endpoint_sip", "POST", "/endpoints/sip", body, status, text)

#define PARENT "aaaaaaaa-0000-4000-8000-000000000001"
#define CHILD "aaaaaaaa-0000-4000-8000-000000000002"
#define FOREIGN "aaaaaaaa-0000-4000-8000-000000000003"

static char uuid[37], path[128];

static const char *endpoint_path(void) {
        (void) snprintf(path, sizeof(path), "/endpoints/sip/%s", uuid);
        return path;
}

static void option(const char *endpoint, const char *section, const char *type, const char *key, const char *value) {
        static unsigned n;
        char statement[640];

        (void) snprintf(statement, sizeof(statement),
                        "INSERT INTO endpoint_sip_section (uuid, type, endpoint_sip_uuid) VALUES ('%s', '%s', '%s') ON CONFLICT DO NOTHING",
                        section, type, endpoint);
        sql(statement);
        (void) snprintf(statement, sizeof(statement),
                        "INSERT INTO endpoint_sip_section_option (uuid, key, value, endpoint_sip_section_uuid) "
                        "VALUES ('bbbbbbbb-0000-4000-8000-%012u', '%s', '%s', '%s')",
                        ++n, key, value, section);
        sql(statement);
}

/* "parent", and "child", which inherits from it; templates have no resource yet. */
static void with_templates(void) {
        sql("INSERT INTO endpoint_sip (uuid, name, label, tenant_uuid, template) VALUES "
            "('" PARENT "', 'parent', 'Parent', '" TENANT "', true), ('" CHILD "', 'child', 'Child', '" TENANT "', true), "
            "('" FOREIGN "', 'foreign', 'Foreign', '" SUBTENANT "', true)");
        sql("INSERT INTO endpoint_sip_template (child_uuid, parent_uuid, priority) VALUES ('" CHILD "', '" PARENT "', 0)");
        option(PARENT, "dddddddd-0000-4000-8000-000000000001", "endpoint", "allow", "!all,ulaw");
        option(PARENT, "dddddddd-0000-4000-8000-000000000001", "endpoint", "language", "en_US");
        option(PARENT, "dddddddd-0000-4000-8000-000000000002", "aor", "max_contacts", "1");
        option(CHILD, "dddddddd-0000-4000-8000-000000000003", "endpoint", "allow", "!all,opus");
        option(CHILD, "dddddddd-0000-4000-8000-000000000003", "endpoint", "webrtc", "yes");
}

START_TEST(test_create) {
        char expected[1200];

        POST("{'name': 'abc', 'label': 'L', 'auth_section_options': [['username', 'u'], ['password', 's3cr3t']], "
             "'endpoint_section_options': [['set_var', 'A=1'], ['set_var', 'B=2'], ['@custom', 'x']]}",
             201, NULL);
        (void) snprintf(uuid, sizeof(uuid), "%s", reply_string("uuid"));
        (void) snprintf(expected, sizeof(expected), BASE_URL "/endpoints/sip/%s", uuid);
        ck_assert_str_eq(reply_location(), expected);
        (void) snprintf(expected, sizeof(expected),
                        "{'uuid': '%s', 'tenant_uuid': '" TENANT "', 'name': 'abc', 'label': 'L', 'aor_section_options': [], "
                        "'auth_section_options': [['username', 'u'], ['password', 's3cr3t']], "
                        "'endpoint_section_options': [['set_var', 'A=1'], ['set_var', 'B=2'], ['@custom', 'x']], "
                        "'identify_section_options': [], 'registration_section_options': [], 'registration_outbound_auth_section_options': [], "
                        "'outbound_auth_section_options': [], 'templates': [], 'transport': null, 'asterisk_id': null, "
                        "'links': [{'rel': 'endpoint_sip', 'href': '" BASE_URL "/endpoints/sip/%s'}], 'trunk': null, 'line': null}",
                        uuid, uuid);
        expect("endpoint_sip", "GET", endpoint_path(), NULL, 200, expected);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM endpoint_sip_section"), 2);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM endpoint_sip_section_option"), 5);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM endpoint_sip WHERE template = false"), 1);
        (void) snprintf(expected, sizeof(expected),
                        "event: sip_endpoint_created config.sip_endpoint.created {'uuid': '%s', 'tenant_uuid': '" TENANT "', 'name': 'abc', "
                        "'label': 'L', 'auth_section_options': [['username', 'u']], 'registration_section_options': [], 'trunk': null, "
                        "'line': null} *\n",
                        uuid);
        ck_assert_str_eq(outbox(), expected);
}
END_TEST

START_TEST(test_random_name) {
        POST("{}", 201, NULL);
        ck_assert_uint_eq(strlen(reply_string("name")), 8);
        ck_assert_uint_eq(strspn(reply_string("name"), "abcdefghijklmnopqrstuvwxyz0123456789"), 8);
        POST("{'name': null}", 400, "['Input Error - name: [\\'Field may not be null.\\']']");
}
END_TEST

START_TEST(test_names) {
        char body[160], name[81];

        POST("{'name': 'a b'}", 400, "['Input Error - name: [\\'Not a valid Asterisk section name\\']']");
        POST("{'name': ''}", 400, "['Input Error - name: [\\'Shorter than minimum length 1\\']']");
        POST("{'name': 'global'}", 400, "['Input Error - name: [\\'Reserved Asterisk section name\\']']");
        POST("{'name': 'system'}", 400, "['Input Error - name: [\\'Reserved Asterisk section name\\']']");
        POST("{'name': 'general'}", 201, NULL);
        memset(name, 'a', 80);
        name[80] = 0;
        (void) snprintf(body, sizeof(body), "{'name': '%s'}", name);
        POST(body, 400, "['Input Error - name: [\\'Longer than maximum length 79\\']']");
        POST("{'name': 'general'}", 400, "['Resource Error - SIPEndpoint already exists (\\'name\\': \\'general\\')']");
        POST("{'name': 'transport-udp'}", 400,
             "['Resource Error - SIPTransport already exists (\\'name\\': \\'transport-udp\\')']");
        with_templates();
        POST("{'name': 'child'}", 400, "['Resource Error - SIPEndpointTemplate already exists (\\'name\\': \\'child\\')']");
        as_tenant(OTHER_TENANT);
        POST("{'name': 'general'}", 400, "['Resource Error - SIPEndpoint already exists (\\'name\\': \\'general\\')']");
        POST("{'name': 'mine'}", 201, NULL);
        (void) snprintf(uuid, sizeof(uuid), "%s", reply_string("uuid"));
        expect("endpoint_sip", "PUT", endpoint_path(), "{'name': 'mine'}", 204, "");
        expect("endpoint_sip", "PUT", endpoint_path(), "{'name': 'general'}", 400, NULL);
}
END_TEST

START_TEST(test_options) {
        POST("{'aor_section_options': 'x', 'auth_section_options': [['username']], 'endpoint_section_options': [['', 'v']], "
             "'templates': [{}], 'transport': {}, 'asterisk_id': 5}",
             400,
             "['Input Error - aor_section_options: [\\'Not a valid list.\\']', "
             "'Input Error - auth_section_options: {0: [\\'Length must be between 2 and 2.\\']}', "
             "'Input Error - endpoint_section_options: {0: {0: [\\'Length must be between 1 and 4092.\\']}}', "
             "'Input Error - templates: {0: {\\'uuid\\': [\\'Missing data for required field.\\']}}', "
             "'Input Error - transport: {\\'uuid\\': [\\'Missing data for required field.\\']}', "
             "'Input Error - asterisk_id: [\\'Not a valid string.\\']']");
        POST("{'identify_section_options': [['foo', 'x']]}", 400,
             "['Input Error - \\'identify_section_options: invalid variable (foo)\\' must be one of (endpoint, match, match_header, srv_lookups)']");
        POST("{'auth_section_options': [['@foo', 'x']]}", 400, NULL);
        POST("{'registration_section_options': [['password', 'x']]}", 400, NULL);
        POST("{'aor_section_options': [['@foo', 'x']], 'outbound_auth_section_options': [['realm', 'x']], "
             "'registration_outbound_auth_section_options': [['username', 'x']], 'registration_section_options': [['client_uri', 'sip:a@b']]}",
             201, NULL);
        POST("{'endpoint_section_options': [['callerid', 'a\\nb']]}", 400, NULL);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM endpoint_sip"), 1);
        ck_assert_str_eq(sql_text("SELECT GROUP_CONCAT(type, ' ') FROM (SELECT type FROM endpoint_sip_section ORDER BY type)"),
                         "aor outbound_auth registration registration_outbound_auth");
}
END_TEST

/* The event's data, after its name. */
static const char *events(const char *reload, const char *verb, const char *label) {
        static char text[800];

        (void) snprintf(text, sizeof(text),
                        "%sevent: sip_endpoint_%s config.sip_endpoint.%s {'uuid': '%s', 'tenant_uuid': '" TENANT "', 'name': 'abc', 'label': %s, "
                        "'auth_section_options': [], 'registration_section_options': [], 'trunk': null, 'line': null} *\n",
                        reload, verb, verb, uuid, label);
        return text;
}

START_TEST(test_edit) {
        static const char reload[] = "reload: module reload res_pjsip.so, dialplan reload\n";

        new_sip("{'name': 'abc', 'endpoint_section_options': [['language', 'fr_FR'], ['allow', 'all']], 'aor_section_options': [['contact', 'x']]}",
                uuid);
        ck_assert_str_eq(outbox(), events("", "created", "null"));
        expect("endpoint_sip", "PUT", endpoint_path(),
               "{'endpoint_section_options': [['webrtc', 'yes']], 'label': 'new'}", 204, "");
        ck_assert_str_eq(outbox(), events(reload, "edited", "'new'"));
        ck_assert_str_eq(sql_text("SELECT GROUP_CONCAT(t, ' ') FROM (SELECT key || '=' || value AS t FROM endpoint_sip_section_option ORDER BY key)"),
                         "contact=x webrtc=yes");
        expect("endpoint_sip", "PUT", endpoint_path(), "{'aor_section_options': []}", 204, "");
        ck_assert_str_eq(sql_text("SELECT GROUP_CONCAT(type, ' ') FROM endpoint_sip_section"), "endpoint");
        (void) outbox();
        expect("endpoint_sip", "PUT", endpoint_path(), "{}", 204, "");
        ck_assert_str_eq(outbox(), events(reload, "edited", "'new'"));
        expect("endpoint_sip", "DELETE", endpoint_path(), NULL, 204, "");
        ck_assert_str_eq(outbox(), events(reload, "deleted", "'new'"));
        ck_assert_int_eq(sql_integer("SELECT (SELECT COUNT(*) FROM endpoint_sip) + (SELECT COUNT(*) FROM endpoint_sip_section) + "
                                     "(SELECT COUNT(*) FROM endpoint_sip_section_option)"),
                         0);
}
END_TEST

START_TEST(test_transport) {
        char transport[37], body[128], text[160];

        (void) snprintf(transport, sizeof(transport), "%s",
                        sql_text("SELECT uuid FROM pjsip_transport WHERE name = 'transport-wss'"));
        (void) snprintf(body, sizeof(body), "{'transport': {'uuid': '%s'}}", transport);
        new_sip(body, uuid);
        ck_assert_str_eq(reply_string("transport.uuid"), transport);
        (void) snprintf(text, sizeof(text), "%s", sql_text("SELECT transport_uuid FROM endpoint_sip"));
        ck_assert_str_eq(text, transport);
        expect("endpoint_sip", "PUT", endpoint_path(), "{'label': 'x'}", 204, "");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM endpoint_sip WHERE transport_uuid IS NOT NULL"), 1);
        expect("endpoint_sip", "PUT", endpoint_path(), "{'transport': null}", 204, "");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM endpoint_sip WHERE transport_uuid IS NOT NULL"), 0);
        POST("{'transport': {'uuid': '" CHILD "'}}", 400,
             "['Input Error - field \\'transport\\': SIPTransport was not found (\\'uuid\\': UUID(\\'" CHILD "\\'))']");
}
END_TEST

START_TEST(test_templates) {
        char text[200];

        with_templates();
        new_sip("{'name': 'abc', 'templates': [{'uuid': '" CHILD "'}, {'uuid': '" PARENT
                "'}], 'endpoint_section_options': [['callerid', 'me']]}",
                uuid);
        ck_assert_str_eq(reply_string("templates.0.label"), "Child");
        ck_assert_str_eq(reply_string("templates.1.uuid"), PARENT);
        ck_assert_str_eq(sql_text("SELECT GROUP_CONCAT(priority, ' ') FROM "
                                  "(SELECT priority FROM endpoint_sip_template WHERE child_uuid <> '" CHILD "' ORDER BY priority)"),
                         "0 1");
        expect("endpoint_sip", "PUT", endpoint_path(), "{'templates': [{'uuid': '" CHILD "'}]}", 204, "");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM endpoint_sip_template"), 2);
        POST("{'templates': [{'uuid': '99999999-0000-4000-8000-000000000000'}]}", 400,
             "['Input Error - field \\'templates\\': endpoint_sip was not found (\\'templates\\': UUID(\\'99999999-0000-4000-8000-000000000000\\'))']");
        POST("{'templates': [{'uuid': '" FOREIGN "'}]}", 400, NULL);
        (void) snprintf(text, sizeof(text), "{'templates': [{'uuid': '%s'}]}", uuid);
        POST(text, 400, NULL); /* no template */
        expect("endpoint_sip", "PUT", endpoint_path(), text, 400,
               "['Resource Error - Operation not permitted. Cannot use itself as template']");
        POST("{'templates': [{'uuid': '" CHILD "'}, {'uuid': '" CHILD "'}]}", 400,
             "['Resource Error - Operation not permitted. Cannot use same template more than once']");
        /* A template is no endpoint. */
        expect("endpoint_sip", "GET", "/endpoints/sip/" CHILD, NULL, 404,
               "['Resource Not Found - SIPEndpoint was not found (\\'uuid\\': UUID(\\'" CHILD "\\'))']");
        expect("endpoint_sip", "DELETE", "/endpoints/sip/" CHILD, NULL, 404, NULL);
}
END_TEST

START_TEST(test_merged) {
        char merged[160];

        with_templates();
        new_sip("{'name': 'abc', 'templates': [{'uuid': '" CHILD
                "'}], 'endpoint_section_options': [['language', 'fr_FR'], ['callerid', 'me']]}",
                uuid);
        (void) snprintf(merged, sizeof(merged), "/endpoints/sip/%s?view=merged", uuid);
        expect("endpoint_sip", "GET", merged, NULL, 200, NULL);
        ck_assert_str_eq(reply_string("name"), "abc");
        ck_assert_str_eq(reply_string("aor_section_options.0.0"), "max_contacts");
        ck_assert_uint_eq(json_array_size(reply_member("endpoint_section_options")), 4);
        for (size_t i = 0; i < 4; i++) {
                static const char *const expected[][2] = {{"allow", "!all,opus"}, {"language", "fr_FR"},
                                                          {"webrtc", "yes"}, {"callerid", "me"}};
                const json_t *pair = json_array_get(reply_member("endpoint_section_options"), i);
                bool found = false;

                for (size_t j = 0; j < 4; j++)
                        found |= strcmp(json_string_value(json_array_get(pair, 0)), expected[j][0]) == 0
                                 && strcmp(json_string_value(json_array_get(pair, 1)), expected[j][1]) == 0;
                ck_assert_msg(found, "%s", reply_text());
        }
        (void) snprintf(merged, sizeof(merged), "/endpoints/sip/%s?view=other", uuid);
        expect("endpoint_sip", "GET", merged, NULL, 400, "['Input Error - view: [\\'Must be one of: merged.\\']']");
        /* What comes later wins. */
        expect("endpoint_sip", "PUT", endpoint_path(),
               "{'templates': [{'uuid': '" CHILD "'}, {'uuid': '" PARENT "'}], 'endpoint_section_options': []}", 204,
               "");
        (void) snprintf(merged, sizeof(merged), "/endpoints/sip/%s?view=merged", uuid);
        expect("endpoint_sip", "GET", merged, NULL, 200, NULL);
        ck_assert_ptr_nonnull(strstr(reply_text(), "[\"allow\", \"!all,ulaw\"]"));
        /* A circle in a foreign database ends. */
        sql("INSERT INTO endpoint_sip_template (child_uuid, parent_uuid, priority) VALUES ('" PARENT "', '" CHILD "', 0)");
        expect("endpoint_sip", "GET", merged, NULL, 200, NULL);
}
END_TEST

START_TEST(test_list_and_tenants) {
        char first[37], query[200];

        new_sip("{'name': 'first', 'label': 'Zoë', 'asterisk_id': 'a1'}", first);
        new_sip("{'name': 'second', 'label': 'Adam'}", uuid);
        as_tenant(OTHER_TENANT);
        new_sip("{'name': 'third'}", uuid);
        expect("endpoint_sip", "GET", "/endpoints/sip", NULL, 200, NULL);
        ck_assert_int_eq(reply_integer("total"), 1);
        as_tenant(TENANT);
        expect("endpoint_sip", "GET", endpoint_path(), NULL, 404, NULL);
        expect("endpoint_sip", "PUT", endpoint_path(), "{}", 404, NULL);
        expect("endpoint_sip", "DELETE", endpoint_path(), NULL, 404, NULL);
        expect("endpoint_sip", "GET", "/endpoints/sip", NULL, 200, NULL);
        ck_assert_int_eq(reply_integer("total"), 2);
        ck_assert_str_eq(reply_string("items.0.name"), "second");
        expect("endpoint_sip", "GET", "/endpoints/sip?order=name&direction=desc", NULL, 200, NULL);
        ck_assert_str_eq(reply_string("items.0.name"), "second");
        expect("endpoint_sip", "GET", "/endpoints/sip?search=zoe", NULL, 200, NULL);
        ck_assert_int_eq(reply_integer("total"), 1);
        expect("endpoint_sip", "GET", "/endpoints/sip?search=als", NULL, 200, NULL); /* the text of template, false */
        ck_assert_int_eq(reply_integer("total"), 2);
        expect("endpoint_sip", "GET", "/endpoints/sip?asterisk_id=a1", NULL, 200, NULL);
        ck_assert_int_eq(reply_integer("total"), 1);
        (void) snprintf(query, sizeof(query), "/endpoints/sip?uuid=%s,nonsense,%s", first, uuid);
        expect("endpoint_sip", "GET", query, NULL, 200, NULL);
        ck_assert_int_eq(reply_integer("total"), 1);
        expect("endpoint_sip", "GET", "/endpoints/sip?uuid=nonsense", NULL, 200, "{'total': 0, 'items': []}");
        expect("endpoint_sip", "GET", "/endpoints/sip?order=uuid", NULL, 400, NULL);
}
END_TEST

/* Templates have a service but no plugin yet: this one stands in for it. */
static const struct wazo_resource templates = {
        .path = "/endpoints/sip/templates",
        .parameter = "template_uuid",
        .key = WAZO_KEY_UUID,
        .acl = "confd.endpoints.sip.templates",
        .service = &endpoint_sip_template_service,
        .location = "/endpoints/sip/",
        .missing = "uuid",
};
static const struct wazo_resource *const resources[] = {&templates, NULL};
static const struct wazo_plugin plugin = {
        .abi = WAZO_PLUGIN_ABI, .size = sizeof(struct wazo_plugin), .name = "endpoint_sip_template", .version = "1",
        .resources = resources};

START_TEST(test_template_circles) {
        struct testing *t = testing_new(&plugin, NULL);
        char first[37], second[37], body[256], wanted[256];
        json_t *json;

        (void) testing_run(t, "POST", "/endpoints/sip/templates",
                           "{\"name\": \"first\", \"aor_section_options\": [[\"contact\", \"x\"]]}", 201);
        json = testing_json(t);
        (void) snprintf(first, sizeof(first), "%s", json_string_value(json_object_get(json, "uuid")));
        ck_assert_ptr_null(json_object_get(json, "line"));
        json_decref(json);
        ck_assert_ptr_nonnull(strstr(t->reply.location, "/endpoints/sip/"));
        (void) snprintf(body, sizeof(body), "{\"templates\": [{\"uuid\": \"%s\"}]}", first);
        (void) testing_run(t, "POST", "/endpoints/sip/templates", body, 201);
        json = testing_json(t);
        (void) snprintf(second, sizeof(second), "%s", json_string_value(json_object_get(json, "uuid")));
        json_decref(json);
        (void) snprintf(wanted, sizeof(wanted), "[\"Resource Error - Operation not permitted. Cannot use itself as template\"]\n");
        ck_assert_str_eq(testing_run(t, "PUT", at("/endpoints/sip/templates/%s", first), body, 400), wanted);
        (void) snprintf(body, sizeof(body), "{\"templates\": [{\"uuid\": \"%s\"}]}", second);
        (void) snprintf(wanted, sizeof(wanted),
                        "[\"Resource Error - Operation not permitted. SIPEndpointTemplate(%s) already include this template\"]\n", second);
        ck_assert_str_eq(testing_run(t, "PUT", at("/endpoints/sip/templates/%s", first), body, 400), wanted);
        (void) testing_run(t, "DELETE", at("/endpoints/sip/templates/%s", first), NULL, 204);
        (void) testing_run(t, "GET", at("/endpoints/sip/templates/%s", second), NULL, 200);
        ck_assert_ptr_nonnull(strstr(t->reply.body, "\"templates\": []"));
        testing_free(t);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {test_create, test_random_name, test_names, test_options, test_edit,
                                      test_transport, test_templates, test_merged, test_template_circles,
                                      test_list_and_tenants, NULL};

        return run_tests("plugin-endpoint_sip", tests);
}
