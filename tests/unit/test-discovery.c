/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Discovery without consul: what is asked of it and when, by a driver that only notes it; how a service is, of what the supervisor
 * says; and what a configuration makes of all that.
 */
#include <check.h>
#include <stdio.h>

#include "config/consul.h"
#include "config/findings.h"
#include "tests/unit/run.h"
#include "workers/discovery/address.h"
#include "workers/discovery/health.h"
#include "workers/discovery/registrar.h"

/* ---- an agent that is told what to answer ---- */

struct http {
        bool there;
};

static struct {
        char method[8], path[300], body[800];
        void (*done)(void *userdata, const struct http_answer *answer);
        void *userdata;
        unsigned n, freed;
} asked;

static struct http only;

static int fake_new(sd_event *event, struct http **ret) {
        *ret = &only;
        return 0;
}

static void fake_free(struct http *h) {
        asked.done = NULL;
        asked.freed++;
}

static int fake_send(struct http *h, const struct http_request *request,
                     void (*done)(void *userdata, const struct http_answer *answer), void *userdata) {
        ck_assert(!asked.done);
        asked.n++;
        asked.done = done;
        asked.userdata = userdata;
        (void) strcopy(asked.method, sizeof(asked.method), request->method);
        (void) strcopy(asked.path, sizeof(asked.path), request->url + strlen("http://c"));
        (void) strcopy(asked.body, sizeof(asked.body), strempty(request->body));
        return 0;
}

static const struct http_driver fake = {.abi = HTTP_DRIVER_ABI, .new = fake_new, .free = fake_free, .send = fake_send};

static struct registrar registrar;
static sd_event *event;
static unsigned changes, leavings;

static void on_change(void *userdata) { changes++; }
static void on_left(void *userdata) { leavings++; }

/* All that happens by itself now. */
static void settle(void) {
        for (unsigned i = 0; i < 20; i++)
                ck_assert_int_ge(sd_event_run(event, 0), 0);
}

static void answer(unsigned status) {
        void (*done)(void *, const struct http_answer *) = asked.done;

        ck_assert_ptr_nonnull(done);
        asked.done = NULL;
        done(asked.userdata, &(struct http_answer) {.status = status, .reason = "nobody", .body = "no\n"});
        settle();
}

static void expect(const char *path) {
        ck_assert_msg(asked.done != NULL, "%s is not asked", path);
        ck_assert_msg(strncmp(asked.path, path, strlen(path)) == 0, "%s is asked, not %s", asked.path, path);
        ck_assert_str_eq(asked.method, "PUT");
}

#define REGISTER "/v1/agent/service/register"
#define UPDATE "/v1/agent/check/update/service:"
#define DEREGISTER "/v1/agent/service/deregister/"

static struct registration *add(const char *name) {
        struct registration *g;

        ck_assert_int_eq(registrar_add(&registrar, name, name, json_pack("[s]", name), 81, &g), 0);
        return g;
}

static void begin(void) {
        const struct registrar_settings settings = {
                .url = "http://c", .driver_dir = "/", .verify = true, .ttl_msec = 3600000, .refresh_msec = 1800000,
                .retry_msec = 600000,
        };

        memset(&asked, 0, sizeof(asked));
        changes = leavings = 0;
        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_ge(registrar_init(&registrar, event, &settings, on_change, on_left, NULL), 0);
        registrar.driver = &fake;
}

static void end(void) {
        registrar_done(&registrar);
        event = sd_event_unref(event);
}

START_TEST(registered_and_kept) {
        struct registration *g = add("a");

        settle();
        ck_assert_uint_eq(asked.n, 0);
        registration_tell(g, "10.0.0.1", REGISTRAR_PASSING, "well");
        settle();
        expect(REGISTER);
        ck_assert_ptr_nonnull(strstr(asked.body, "\"TTL\":\"3600s\",\"Status\":\"passing\""));
        answer(200);
        expect(UPDATE "a");
        ck_assert_str_eq(asked.body, "{\"Status\":\"passing\",\"Output\":\"well\"}");
        answer(200);
        ck_assert(!asked.done);
        ck_assert_uint_eq(registrar.status.n_known, 1);

        /* The same again is none; what changes while it is being told is told behind it. */
        registration_tell(g, "10.0.0.1", REGISTRAR_PASSING, "well");
        settle();
        ck_assert(!asked.done);
        registration_tell(g, "10.0.0.1", REGISTRAR_WARNING, "less");
        settle();
        expect(UPDATE "a");
        registration_tell(g, "10.0.0.1", REGISTRAR_CRITICAL, "not");
        answer(200);
        expect(UPDATE "a");
        ck_assert_str_eq(asked.body, "{\"Status\":\"critical\",\"Output\":\"not\"}");
        answer(200);
        ck_assert(!asked.done);

        /* Elsewhere it is registered over itself. */
        registration_tell(g, "10.0.0.2", REGISTRAR_CRITICAL, "not");
        settle();
        expect(REGISTER);
        ck_assert_ptr_nonnull(strstr(asked.body, "\"Address\":\"10.0.0.2\""));
}
END_TEST

START_TEST(forgotten_and_refused) {
        struct registration *g = add("a");

        registration_tell(g, "10.0.0.1", REGISTRAR_PASSING, "");
        settle();
        answer(200);
        ck_assert(!asked.done);
        registration_tell(g, "10.0.0.1", REGISTRAR_WARNING, "w");
        settle();
        expect(UPDATE "a");
        answer(404);
        expect(REGISTER);
        ck_assert_ptr_nonnull(strstr(asked.body, "\"Status\":\"warning\""));
        answer(200);
        expect(UPDATE "a");
        /* And again: no loop of it. */
        answer(404);
        ck_assert(!asked.done);
        ck_assert_uint_eq(registrar.status.n_known, 0);
        ck_assert_str_eq(registrar.status.reason, "consul answers 404 about a: no");
        ck_assert_uint_eq(registrar.status.failures, 2);
        ck_assert_uint_eq(registrar.status.registrations, 2);
}
END_TEST

START_TEST(away_and_left) {
        struct registration *g = add("a"), *h = add("b");

        registration_tell(g, "10.0.0.1", REGISTRAR_PASSING, "");
        registration_tell(h, "10.0.0.1", REGISTRAR_PASSING, "");
        settle();
        expect(REGISTER);
        answer(0);
        /* Nobody asks for either. */
        ck_assert(!asked.done && registrar.status.away);
        ck_assert_str_eq(registrar.status.reason, "consul cannot be reached: nobody");
        /* On the way out: one try, since the request may have arrived. */
        registrar_leave(&registrar);
        settle();
        expect(DEREGISTER "a");
        answer(0);
        ck_assert(!asked.done);
        ck_assert_uint_eq(leavings, 1);
}
END_TEST

START_TEST(leaving_in_the_middle) {
        struct registration *g = add("a"), *h = add("b");

        registration_tell(g, "10.0.0.1", REGISTRAR_PASSING, "");
        settle();
        answer(200);
        registration_tell(h, "10.0.0.1", REGISTRAR_PASSING, "");
        settle();
        expect(REGISTER);
        registrar_leave(&registrar);
        ck_assert_uint_eq(asked.freed, 1);
        settle();
        expect(DEREGISTER "a");
        /* Too late. */
        registration_tell(g, "10.0.0.1", REGISTRAR_PASSING, "again");
        answer(200);
        expect(DEREGISTER "b");
        ck_assert_uint_eq(leavings, 0);
        answer(500);
        ck_assert_uint_eq(leavings, 1);
        ck_assert(!asked.done);
}
END_TEST

START_TEST(withdrawn) {
        struct registration *g = add("a");

        registration_withdraw(g);
        settle();
        ck_assert_uint_eq(asked.n, 0);
        registration_tell(g, "10.0.0.1", REGISTRAR_PASSING, "");
        settle();
        expect(REGISTER);
        registration_withdraw(g);
        answer(200);
        expect(DEREGISTER "a");
        answer(200);
        ck_assert(!asked.done && !g->known);
        registration_tell(g, "10.0.0.1", REGISTRAR_PASSING, "");
        settle();
        expect(REGISTER);
}
END_TEST

/* ---- health ---- */

static void slot(struct health *h, uint32_t number, enum wire_kind kind, enum wire_state state) {
        const struct wire_slot s = {.slot = number, .kind = kind, .state = state};

        ck_assert_int_eq(health_take_slot(h, &s), 0);
}

static void service(struct health *h, bool ready, bool degraded, bool stopping) {
        const struct wire_service s = {.ready = ready, .degraded = degraded, .stopping = stopping, .status = "a line"};

        ck_assert_int_eq(health_take_service(h, &s), 0);
}

static void looks(const struct health *h, const char *is, const char *text) {
        enum registrar_health health;
        const char *why;

        ck_assert(health_look(h, &health, &why));
        ck_assert_str_eq(registrar_health_to_string(health), is);
        ck_assert_str_eq(why, text);
}

START_TEST(how_a_service_is) {
        const struct wire_slot wrong = {.slot = UINT32_MAX};
        enum registrar_health health;
        struct health h = {0};
        const char *why;

        ck_assert(!health_look(&h, &health, &why));
        slot(&h, 1, WIRE_KIND_GATEWAY, WIRE_STATE_STARTING);
        slot(&h, 200, WIRE_KIND_PLUGIN, WIRE_STATE_STARTING);
        slot(&h, 3, WIRE_KIND_CONTROL, WIRE_STATE_READY);
        service(&h, false, false, false);
        ck_assert(!health_look(&h, &health, &why));

        slot(&h, 1, WIRE_KIND_GATEWAY, WIRE_STATE_READY);
        slot(&h, 200, WIRE_KIND_PLUGIN, WIRE_STATE_RESTING);
        service(&h, true, false, false);
        looks(&h, "passing", "a line");
        service(&h, true, true, false);
        looks(&h, "warning", "a line");
        slot(&h, 200, WIRE_KIND_PLUGIN, WIRE_STATE_FAILED);
        looks(&h, "critical", "no plugin is ready");
        slot(&h, 4, WIRE_KIND_PLUGIN, WIRE_STATE_READY);
        looks(&h, "warning", "a line");
        slot(&h, 1, WIRE_KIND_GATEWAY, WIRE_STATE_BACKOFF);
        looks(&h, "critical", "nobody answers: no gateway is ready");
        health_drop_slot(&h, 1);
        health_drop_slot(&h, 200);
        health_drop_slot(&h, 77777);
        service(&h, true, false, false);
        looks(&h, "passing", "a line");
        service(&h, true, false, true);
        ck_assert(!health_look(&h, &health, &why));
        ck_assert_int_eq(health_take_slot(&h, &wrong), -EBADMSG);
        health_done(&h);
}
END_TEST

/* ---- configuration ---- */

struct file {
        struct consul_settings consul;
        struct discovery_settings discovery;
};

static const struct keyword file_keys[] = {
        {.name = "consul", .type = KEYWORD_SECTION, .section = consul_keys, .offset = offsetof(struct file, consul)},
        {.name = "service_discovery", .type = KEYWORD_SECTION, .section = discovery_keys,
         .offset = offsetof(struct file, discovery)},
        {0},
};

static const struct {
        const char *text, *expected;
} files[] = {
        {"", "{\"consul\":{\"url\":\"http://127.0.0.1:8500\",\"token\":null,\"verify\":true,\"ca\":null},\"address\":\"auto\",\"interface\":\"eth0\","
             "\"ttl_ms\":30000,\"refresh_ms\":25000,\"retry_ms\":2000,\"extra_tags\":[]}"},
        {"consul: {scheme: https, verify: /etc/ca.pem, token: t}\n",
         "{\"consul\":{\"url\":\"https://localhost:8500\",\"token\":\"t\",\"verify\":true,\"ca\":\"/etc/ca.pem\"}"},
        {"consul: {host: '::1', port: 1, verify: /x}\n",
         "{\"consul\":{\"url\":\"http://[::1]:1\",\"token\":null,\"verify\":true,\"ca\":null}"},
        {"consul: {scheme: https, host: c.example, verify: off}\n",
         "{\"consul\":{\"url\":\"https://c.example:8500\",\"token\":null,\"verify\":false,"},
        {"consul: {verify: on}\n", "{\"consul\":{\"url\":\"http://127.0.0.1:8500\",\"token\":null,\"verify\":true,"},
        {"consul: {verify: no}\n", "{\"consul\":{\"url\":\"http://127.0.0.1:8500\",\"token\":null,\"verify\":false,"},
        {"consul: {verify: null, host: 'a b'}\n", NULL},
        {"consul: {verify: [1]}\n", NULL},
        {"consul: {token: \"a\\nb\"}\n", NULL},
        {"service_discovery: {ttl_interval: 25}\n", NULL},
        {"service_discovery: {advertise_address: 'a/b'}\n", NULL},
};

START_TEST(a_configuration) {
        struct findings findings = {0};
        const struct keyword_reader reader = {.findings = &findings, .unknown = FINDING_ERROR};
        struct yaml_node *map;
        struct registrar_settings settings;
        struct file file;
        json_t *json;
        char *text;

        ck_assert_int_eq(yaml_parse(files[_i].text, strlen(files[_i].text), "f", FINDING_ERROR, &findings, &map), 0);
        keyword_read(&reader, file_keys, "", map, &file);
        consul_check(map, &file.consul, &file.discovery, &findings);
        ck_assert_int_eq(findings_pass(&findings), files[_i].expected != NULL);
        json = consul_json(&file.consul, &file.discovery);
        ck_assert_int_eq(registrar_settings_read(json, &settings), 0);
        text = json_dumps(json, JSON_COMPACT);
        if (files[_i].expected)
                ck_assert_msg(strncmp(text, files[_i].expected, strlen(files[_i].expected)) == 0, "%s", text);
        free(text);
        json_decref(json);
        yaml_node_free(map);
        findings_done(&findings);
}
END_TEST

START_TEST(ids_and_addresses) {
        char a[128], b[128], address[64];

        consul_id("wazo-confd", NULL, a, sizeof(a));
        consul_id("wazo-confd", NULL, b, sizeof(b));
        ck_assert_str_eq(a, b);
        ck_assert_int_eq(strncmp(a, "wazo-confd-", 11), 0);
        consul_id("wazo-auth", NULL, b, sizeof(b));
        ck_assert_str_eq(a + strlen("wazo-confd"), b + strlen("wazo-auth"));
        address_find("lo", address, sizeof(address));
        ck_assert_str_eq(address, "127.0.0.1");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("discovery");
        TCase *tcase = tcase_create("registrar"), *rest = tcase_create("rest");

        tcase_add_checked_fixture(tcase, begin, end);
        tcase_add_test(tcase, registered_and_kept);
        tcase_add_test(tcase, forgotten_and_refused);
        tcase_add_test(tcase, away_and_left);
        tcase_add_test(tcase, leaving_in_the_middle);
        tcase_add_test(tcase, withdrawn);
        tcase_add_test(rest, how_a_service_is);
        tcase_add_loop_test(rest, a_configuration, 0, (int) ELEMENTSOF(files));
        tcase_add_test(rest, ids_and_addresses);
        suite_add_tcase(suite, tcase);
        suite_add_tcase(suite, rest);
        return check_run(suite);
}
