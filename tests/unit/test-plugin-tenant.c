/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin tenant: wazo-auth's events, over a database of its own. */
#include <stdio.h>

#include "tests/unit/plugin-harness.h"
#include "tests/unit/run.h"

#define ADDED(uuid, slug) "{'name': 'auth_tenant_added', 'data': {'uuid': '" uuid "', 'name': 'a name', 'slug': '" slug "'}}"
#define DELETED(uuid) "{'name': 'auth_tenant_deleted', 'data': {'uuid': '" uuid "'}}"

static void setup(void) {
        harness_begin();
}

static void teardown(void) {
        harness_end();
}

static const char *of_template(const char *label, const char *what) {
        char select[1024];

        (void) snprintf(select, sizeof(select),
                        "SELECT %s FROM endpoint_sip AS t WHERE label = '%s' AND tenant_uuid = '" TENANT "'", what,
                        label);
        return sql_text(select);
}

static const char *options(const char *label, const char *section) {
        char what[512];

        (void) snprintf(what, sizeof(what),
                        "(SELECT group_concat(key || '=' || value, ' ') FROM (SELECT key, value FROM endpoint_sip_section_option AS o "
                        "JOIN endpoint_sip_section AS s ON s.uuid = o.endpoint_sip_section_uuid WHERE s.type = '%s' AND "
                        "s.endpoint_sip_uuid = t.uuid ORDER BY key, value))",
                        section);
        return of_template(label, what);
}

START_TEST(added) {
        static const struct {
                const char *label, *parent, *transport, *column;
        } templates[] = {
                {"global", "-", "transport-udp", "global"},
                {"webrtc", "global", "transport-wss", "webrtc"},
                {"meeting_guest", "webrtc", "-", "meeting_guest"},
                {"registration_trunk", "global", "-", "registration_trunk"},
                {"twilio_trunk", "registration_trunk", "-", "twilio_trunk"},
        };

        hear("tenant", "auth_tenant_added", ADDED(TENANT, "one"), 204);
        ck_assert_str_eq(sql_text("SELECT slug || sip_templates_generated FROM tenant WHERE uuid = '" TENANT "'"), "one1");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM endpoint_sip WHERE template = true"), 5);
        for (size_t i = 0; i < ELEMENTSOF(templates); i++) {
                char what[256];

                ck_assert_str_eq(of_template(templates[i].label,
                                             "(SELECT group_concat(p.label) FROM endpoint_sip_template AS e JOIN "
                                             "endpoint_sip AS p ON p.uuid = e.parent_uuid WHERE e.child_uuid = t.uuid)"),
                                 templates[i].parent);
                ck_assert_str_eq(of_template(templates[i].label,
                                             "(SELECT name FROM pjsip_transport WHERE uuid = t.transport_uuid)"),
                                 templates[i].transport);
                (void) snprintf(what, sizeof(what), "(SELECT 'this' FROM tenant WHERE %s_sip_template_uuid = t.uuid)",
                                templates[i].column);
                ck_assert_str_eq(of_template(templates[i].label, what), "this");
                ck_assert_int_eq((int) strlen(of_template(templates[i].label, "name")), 8);
        }
        ck_assert_str_eq(options("global", "aor"),
                         "default_expiration=120 max_contacts=1 maximum_expiration=3600 minimum_expiration=60 "
                         "qualify_frequency=60 remove_existing=true");
        ck_assert_str_eq(options("global", "endpoint"),
                         "allow=!all,ulaw allow_subscribe=yes allow_transfer=yes callerid=wazo direct_media=no dtmf_mode=rfc4733 "
                         "inband_progress=no language=en_US notify_early_inuse_ringing=yes rtp_timeout=7200 rtp_timeout_hold=0 "
                         "set_var=DYNAMIC_FEATURES=togglerecord set_var=TIMEOUT(absolute)=36000 timers_min_se=90 timers_sess_expires=600 "
                         "trust_id_inbound=no use_ptime=yes");
        ck_assert_str_eq(options("webrtc", "aor"), "max_contacts=10 remove_existing=false");
        ck_assert_str_eq(options("webrtc", "endpoint"),
                         "allow=!all,opus,g722,alaw,ulaw,vp9,vp8,h264 dtls_auto_generate_cert=yes max_audio_streams=1 max_video_streams=25 "
                         "timers=always timers_min_se=90 timers_sess_expires=300 webrtc=yes");
        ck_assert_str_eq(options("meeting_guest", "endpoint"), "-");
        ck_assert_str_eq(options("registration_trunk", "registration"), "auth_rejection_permanent=no fatal_retry_interval=30 "
                                                                        "forbidden_retry_interval=30 max_retries=10000 retry_interval=20");
        ck_assert_int_eq(sql_integer("SELECT COUNT(DISTINCT value) FROM endpoint_sip_section_option WHERE key = 'match'"), 32);
        /* Nobody is told. */
        ck_assert_str_eq(outbox(), "");

        /* A tenant's endpoint may use them, and inherits. */
        call("endpoint_sip", "POST", "/endpoints/sip", "{'name': 'ep'}", 201);
        call("tenant", "GET", "/tenants/" TENANT, NULL, 200);
        ck_assert_str_eq(reply_part("sip_templates_generated"), "true");
        ck_assert_str_eq(reply_string("webrtc_sip_template_uuid"), of_template("webrtc", "uuid"));
}
END_TEST

START_TEST(added_again) {
        hear("tenant", "auth_tenant_added", ADDED(TENANT, "one"), 204);
        hear("tenant", "auth_tenant_added", ADDED(TENANT, "other"), 204);
        ck_assert_str_eq(sql_text("SELECT slug FROM tenant WHERE uuid = '" TENANT "'"), "other");
        hear("tenant", "auth_tenant_added", "{'data': {'uuid': '" TENANT "'}}", 204);
        ck_assert_str_eq(sql_text("SELECT slug FROM tenant WHERE uuid = '" TENANT "'"), "other");
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM endpoint_sip"), 5);
        /* One that a request has made already gets what is missing. */
        sql("INSERT INTO tenant (uuid) VALUES ('" SUBTENANT "')");
        hear("tenant", "auth_tenant_added", ADDED(SUBTENANT, "sub"), 204);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM endpoint_sip"), 10);
        ck_assert_str_eq(sql_text("SELECT slug FROM tenant WHERE uuid = '" SUBTENANT "'"), "sub");
}
END_TEST

START_TEST(without_transports) {
        sql("DELETE FROM pjsip_transport");
        hear("tenant", "auth_tenant_added", ADDED(TENANT, "one"), 204);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM endpoint_sip WHERE transport_uuid IS NULL"), 5);
}
END_TEST

static const struct {
        const char *event, *body;
} refused[] = {
        {"auth_tenant_added", "{}"},
        {"auth_tenant_added", "{'data': null}"},
        {"auth_tenant_added", "{'data': {'uuid': 5}}"},
        {"auth_tenant_added", "{'data': {'uuid': 'x'}}"},
        {"auth_tenant_added", "{'data': {'uuid': '" TENANT "', 'slug': 'elevenchars'}}"},
        {"auth_tenant_deleted", "{'data': []}"},
        {"auth_tenant_deleted", "{'data': {'uuid': ''}}"},
};

START_TEST(refuses) {
        hear("tenant", refused[_i].event, refused[_i].body, 400);
        ck_assert_int_eq(sql_integer("SELECT COUNT(*) FROM tenant"), 0);
}
END_TEST

/* A whole tenant, its neighbour, and what remains. */
START_TEST(deleted) {
        char body[256];
        const char *context;

        hear("tenant", "auth_tenant_added", ADDED(TENANT, "one"), 204);
        hear("tenant", "auth_tenant_added", ADDED(SUBTENANT, "sub"), 204);
        for (int i = 0; i < 2; i++) {
                as_tenant(i == 0 ? TENANT : SUBTENANT);
                call("context", "POST", "/contexts", "{'label': 'in', 'user_ranges': [{'start': '1000', 'end': '1999'}]}", 201);
                context = i == 0 ? sql_text("SELECT name FROM context WHERE id = 1")
                                 : sql_text("SELECT name FROM context WHERE id = 2");
                (void) snprintf(body, sizeof(body), "{'context': '%s', 'exten': '1001'}", context);
                call("extension", "POST", "/extensions", body, 201);
                (void) snprintf(body, sizeof(body), "{'context': '%s', 'number': '1001', 'name': 'v'}", context);
                call("voicemail", "POST", "/voicemails", body, 201);
                (void) snprintf(body, sizeof(body), "{'context': '%s'}", context);
                call("line", "POST", "/lines", body, 201);
                (void) snprintf(body, sizeof(body), "{'firstname': 'A%d'}", i);
                call("user", "POST", "/users", body, 201);
                call("endpoint_sip", "POST", "/endpoints/sip", "{}", 201);
                (void) snprintf(body, sizeof(body), "/users/%d/voicemails/%d", i + 1, i + 1);
                call("user_voicemail", "PUT", body, NULL, 204);
        }
        sql("INSERT INTO contextinclude (context, include) SELECT a.name, b.name FROM context AS a, context AS b WHERE a.id = 1 AND b.id = 2");
        (void) outbox();

        hear("tenant", "auth_tenant_deleted", DELETED(SUBTENANT), 204);
        (void) snprintf(body, sizeof(body), "call: DELETE /voicemails_context {'context': '%s'}\n", context);
        ck_assert_str_eq(outbox(), body);
        ck_assert_str_eq(sql_text("SELECT group_concat(uuid) FROM tenant"), TENANT);
        ck_assert_str_eq(sql_text("SELECT (SELECT COUNT(*) FROM context) || (SELECT COUNT(*) FROM contextnumbers) || (SELECT COUNT(*) FROM "
                                  "contextinclude) || (SELECT COUNT(*) FROM voicemail) || (SELECT COUNT(*) FROM extensions) || (SELECT COUNT(*) "
                                  "FROM linefeatures) || (SELECT COUNT(*) FROM userfeatures) || (SELECT COUNT(*) FROM endpoint_sip)"),
                         "11011116");

        /* Told again, or of one that was never here. */
        hear("tenant", "auth_tenant_deleted", DELETED(SUBTENANT), 204);
        hear("tenant", "auth_tenant_deleted", DELETED(OTHER_TENANT), 204);
        ck_assert_str_eq(outbox(), "");
        /* And come back. */
        hear("tenant", "auth_tenant_added", ADDED(SUBTENANT, "sub"), 204);
}
END_TEST

START_TEST(shown) {
        hear("tenant", "auth_tenant_added", ADDED(TENANT, "one"), 204);
        hear("tenant", "auth_tenant_added", ADDED(SUBTENANT, "sub"), 204);
        hear("tenant", "auth_tenant_added", ADDED(OTHER_TENANT, "stranger"), 204);
        call("tenant", "GET", "/tenants", NULL, 200);
        ck_assert_str_eq(reply_items("uuid"), TENANT);
        call("tenant", "GET", "/tenants?recurse=true", NULL, 200);
        ck_assert_int_eq(reply_integer("total"), 2);
        call("tenant", "GET", "/tenants/" SUBTENANT, NULL, 200);
        ck_assert_ptr_null(strstr(reply_text(), "slug"));
        call("tenant", "GET", "/tenants/" OTHER_TENANT, NULL, 404);
        ck_assert_uint_eq(ask("tenant", "POST", "/tenants", "{}"), 404);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("tenant");
        TCase *tc = tcase_create("tenant");

        tcase_set_timeout(tc, 60);
        tcase_add_checked_fixture(tc, setup, teardown);
        tcase_add_test(tc, added);
        tcase_add_test(tc, added_again);
        tcase_add_test(tc, without_transports);
        tcase_add_loop_test(tc, refuses, 0, ELEMENTSOF(refused));
        tcase_add_test(tc, deleted);
        tcase_add_test(tc, shown);
        suite_add_tcase(s, tc);
        return s;
}

int main(void) {
        return check_run(suite());
}
