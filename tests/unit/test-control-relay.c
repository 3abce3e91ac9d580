/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control worker and the relay that it asks, played by the test: what it asks, and what it makes of answers, of errors,
 * and of silence.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "lib/memfd.h"
#include "lib/request.h"
#include "tests/unit/control-harness.h"
#include "tests/unit/run.h"

#define STATUS                                                                                                             \
        "{\"publisher\": {\"state\": \"backoff\", \"reason\": \"localhost:5672: Connection refused\", "                       \
        "\"since\": \"2026-01-02T03:04:05.678Z\", \"since_ms\": 90000, \"retry_in_ms\": 4000, \"broker\": \"localhost:5672\", " \
        "\"tls\": true, \"server\": \"\", \"connects\": 2, \"backlog\": 12, \"oldest_age_ms\": 61000, \"in_flight\": 3, "       \
        "\"published\": 103, \"confirmed\": 100, \"nacked\": 1, \"returned\": 0, \"retried\": 2, \"parked\": 4}, "              \
        "\"sysconfd\": {\"state\": \"off\", \"reason\": \"\", \"since_ms\": 0, \"backlog\": 0, \"oldest_age_ms\": null}, "      \
        "\"events\": {\"kept\": 7, \"first\": 1, \"last\": 7}, \"database\": {\"state\": \"ready\", \"reason\": \"\"}}"

static struct harness h;
static struct plan_worker workers[2];
static struct plan plan;
static int relay = -1;

/* With a slot for the relay, or without. */
static void start(bool has_relay) {
        struct wire_service service = harness_service();
        struct wire_slot slot;

        workers[0] = (struct plan_worker) {.name = "control", .kind = WIRE_KIND_CONTROL, .plugin = "", .class = "",
                                           .plugin_path = ""};
        workers[1] = (struct plan_worker) {.name = "relay", .kind = WIRE_KIND_RELAY, .plugin = "", .class = "", .plugin_path = ""};
        plan = (struct plan) {
                .service = "wazo-confd", .version = "26.08", .user = "", .run_dir = "", .state_dir = "", .log_path = "",
                .pid_path = "", .control_path = "", .control_group = "", .workers = workers, .n_workers = has_relay ? 2 : 1,
        };
        harness_start(&h, &plan, "");
        harness_send(&h, WIRE_SERVICE, 0, &service, sizeof(service), NULL, 0);
        slot = harness_slot(1, "control", WIRE_KIND_CONTROL, WIRE_STATE_READY);
        harness_send(&h, WIRE_SLOT, 0, &slot, sizeof(slot), NULL, 0);
        if (has_relay) {
                slot = harness_slot(2, "relay", WIRE_KIND_RELAY, WIRE_STATE_BACKOFF);
                (void) snprintf(slot.reason, sizeof(slot.reason), "killed by SIGKILL");
                harness_send(&h, WIRE_SLOT, 0, &slot, sizeof(slot), NULL, 0);
        }
        harness_sync(&h);
}

static void introduce(void) {
        struct wire_peer peer = {.slot = 2, .generation = 1, .name = "relay", .kind = WIRE_KIND_RELAY};
        int pair[2];

        ck_assert_int_eq(channel_pair(pair), 0);
        harness_send(&h, WIRE_PEER, 0, &peer, sizeof(peer), &pair[1], 1);
        (void) close(pair[1]);
        relay = pair[0];
        harness_sync(&h);
}

static void stop(void) {
        int status;

        if (relay >= 0)
                relay = fd_close(relay);
        status = harness_stop(&h);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status %x", (unsigned) status);
}

/* The next question as "GET /events?after=7"; returns its id. */
static uint64_t hear(char *to, size_t size) {
        struct channel_message m;
        struct request request;
        uint64_t id;
        int n;

        ck_assert_int_eq(channel_wait(relay, now_monotonic() + 20 * NSEC_PER_SEC), 1);
        ck_assert_int_eq(channel_receive(relay, WIRE_ASK, &m), 1);
        ck_assert_uint_eq(m.header.type, WIRE_REQUEST);
        ck_assert_int_eq(request_decode(m.body, m.header.size, -1, &request), 0);
        n = snprintf(to, size, "%s %s", request.method, request.path);
        for (size_t i = 0; i < request.n_query; i++)
                n += snprintf(to + n, size - (size_t) n, "%c%s=%s", i == 0 ? '?' : '&', request.query[i].name,
                              request.query[i].value);
        id = m.header.id;
        request_done(&request);
        channel_message_done(&m);
        return id;
}

static void expect(const char *question, uint64_t *ret_id) {
        char text[256];

        *ret_id = hear(text, sizeof(text));
        ck_assert_str_eq(text, question);
}

/* In the packet when it fits, else in a memory file. */
static void reply(uint64_t id, unsigned status, const char *body) {
        struct reply r = REPLY_NULL;
        struct pack p = PACK_NULL;

        r.status = status;
        r.body_size = strlen(body);
        if (r.body_size < 4096)
                r.body = strdup(body);
        else
                r.body_fd = memfd_sealed("reply", body, r.body_size);
        ck_assert_int_eq(reply_encode(&r, &p), 0);
        ck_assert_int_eq(channel_send(relay, WIRE_REPLY, id, p.data, p.size, &r.body_fd, r.body_fd >= 0), 0);
        pack_done(&p);
        reply_done(&r);
}

static int call(const char *method, const char *parameters, const char *more) {
        char text[512];
        int fd = harness_connect(&h), n;

        n = snprintf(text, sizeof(text), "{\"method\": \"io.wazo.suite.%s\", \"parameters\": %s%s}", method, parameters, more);
        harness_write(fd, text, (size_t) n + 1);
        return fd;
}

static json_t *answer(int fd) {
        _cleanup_free_ char *text = harness_read(fd);
        json_t *message = text ? json_loads(text, 0, NULL) : NULL;

        ck_assert_ptr_nonnull(message);
        return message;
}

static json_t *member(json_t *message, const char *path) {
        char *copy = strdup(path), *save;
        json_t *at = json_object_get(message, "parameters");

        for (char *name = strtok_r(copy, ".", &save); name; name = strtok_r(NULL, ".", &save))
                at = json_is_array(at) ? json_array_get(at, (size_t) atoi(name)) : json_object_get(at, name);
        free(copy);
        return at;
}

static const char *text_of(json_t *message, const char *path) {
        return strempty(json_string_value(member(message, path)));
}

static const char *error_of(json_t *message) {
        return strempty(json_string_value(json_object_get(message, "error")));
}

/* One call, one question, one reply. */
static json_t *exchange(const char *method, const char *parameters, const char *question, unsigned status, const char *body) {
        int fd = call(method, parameters, "");
        json_t *message;
        uint64_t id;

        expect(question, &id);
        reply(id, status, body);
        message = answer(fd);
        (void) close(fd);
        return message;
}

START_TEST(status_has_the_relays_part) {
        json_t *message;

        start(true);
        introduce();
        message = exchange("Status", "{}", "GET /status", 200, STATUS);
        ck_assert_str_eq(error_of(message), "");
        ck_assert(json_is_true(member(message, "relay.answers")));
        ck_assert_str_eq(text_of(message, "relay.publisher.state"), "backoff");
        ck_assert_int_eq(json_integer_value(member(message, "relay.publisher.backlog")), 12);
        ck_assert_ptr_nonnull(member(message, "workers.1"));
        json_decref(message);
        stop();
}
END_TEST

START_TEST(status_without_the_relays_part) {
        json_t *message;
        uint64_t id;
        int fd;

        /* None at all. */
        start(false);
        message = harness_call(&h, "io.wazo.suite.Status", "{}");
        ck_assert_ptr_null(member(message, "relay"));
        json_decref(message);
        message = harness_call(&h, "io.wazo.suite.Events", "{}");
        ck_assert_str_eq(error_of(message), "io.wazo.suite.RelayUnavailable");
        ck_assert_str_eq(text_of(message, "text"), "this service has no relay");
        json_decref(message);
        stop();

        /* One that does not run. */
        start(true);
        message = harness_call(&h, "io.wazo.suite.Status", "{}");
        ck_assert(json_is_false(member(message, "relay.answers")));
        ck_assert_str_eq(text_of(message, "relay.reason"), "the relay is backoff: killed by SIGKILL");
        json_decref(message);

        /* One that ends. */
        introduce();
        fd = call("Status", "{}", "");
        expect("GET /status", &id);
        relay = fd_close(relay);
        message = answer(fd);
        ck_assert_str_eq(text_of(message, "relay.reason"), "the relay ended before it answered");
        json_decref(message);
        (void) close(fd);

        /* One that is silent; its late answer is nobody's. */
        introduce();
        fd = call("Status", "{}", "");
        expect("GET /status", &id);
        message = answer(fd);
        ck_assert_str_eq(text_of(message, "relay.reason"), "the relay did not answer in time");
        json_decref(message);
        (void) close(fd);
        reply(id, 200, STATUS);
        message = exchange("Status", "{}", "GET /status", 503, "{\"message\": \"the database is away\"}");
        ck_assert_str_eq(text_of(message, "relay.reason"), "the database is away");
        json_decref(message);
        stop();
}
END_TEST

START_TEST(nonsense_costs_the_channel) {
        static const char *const bodies[] = {"[1]", "{", "{\"a\": 1, \"a\": 2}"};
        json_t *message;

        start(true);
        for (unsigned i = 0; i < ELEMENTSOF(bodies); i++) {
                introduce();
                message = exchange("Parked", "{}", "GET /parked", 200, bodies[i]);
                ck_assert_str_eq(error_of(message), "io.wazo.suite.RelayUnavailable");
                json_decref(message);
                relay = fd_close(relay);
        }
        introduce();
        message = exchange("Parked", "{}", "GET /parked", 200, "{\"parked\": [], \"total\": 0}");
        ck_assert_str_eq(error_of(message), "");
        json_decref(message);
        stop();
}
END_TEST

START_TEST(rows) {
        char *body = malloc(100000);
        json_t *message;
        int n;

        start(true);
        introduce();
        /* Larger than a packet: in a memory file. */
        n = sprintf(body, "{\"events\": [");
        for (int i = 1; i <= 300; i++)
                n += sprintf(body + n,
                             "%s{\"id\": %d, \"name\": \"user_created\", \"payload\": {\"data\": {\"id\": %d}}}",
                             i > 1 ? ", " : "", i, i);
        (void) sprintf(body + n, "], \"first\": 1, \"last\": 300}");
        message = exchange("Events", "{\"limit\": 1000, \"after\": 0}", "GET /events?limit=1000&after=0", 200, body);
        ck_assert_uint_eq(json_array_size(member(message, "events")), 300);
        ck_assert_int_eq(json_integer_value(member(message, "last")), 300);
        ck_assert_int_eq(json_integer_value(member(message, "version")), 1);
        json_decref(message);
        free(body);

        message = exchange("Parked", "{\"limit\": 5}", "GET /parked?limit=5", 200, "{\"parked\": [{\"id\": 3}], \"total\": 9}");
        ck_assert_int_eq(json_integer_value(member(message, "parked.0.id")), 3);
        json_decref(message);
        message = exchange("Retry", "{\"id\": 3}", "POST /parked/3/retry", 204, "");
        ck_assert_int_eq(json_integer_value(member(message, "rows")), 1);
        json_decref(message);
        message = exchange("Retry", "{\"all\": true, \"queue\": \"inbox\"}", "POST /parked/retry?queue=inbox", 200,
                           "{\"rows\": 8}");
        ck_assert_int_eq(json_integer_value(member(message, "rows")), 8);
        json_decref(message);
        message = exchange("Drop", "{\"id\": 4, \"queue\": \"outbox\"}", "DELETE /parked/4?queue=outbox", 404,
                           "{\"message\": \"no\"}");
        ck_assert_str_eq(error_of(message), "io.wazo.suite.NotParked");
        ck_assert_int_eq(json_integer_value(member(message, "id")), 4);
        json_decref(message);
        message = exchange("Drop", "{\"all\": true}", "DELETE /parked", 503, "{\"message\": \"the database is away\"}");
        ck_assert_str_eq(error_of(message), "io.wazo.suite.RelayUnavailable");
        ck_assert_str_eq(text_of(message, "text"), "the database is away");
        json_decref(message);
        stop();
}
END_TEST

START_TEST(bad_parameters_ask_nobody) {
        static const struct {
                const char *method, *parameters, *parameter;
        } calls[] = {
                {"Events", "{\"limit\": 0}", "limit"}, {"Events", "{\"limit\": 1001}", "limit"},
                {"Events", "{\"after\": -1}", "after"},
                {"Parked", "{\"limit\": \"5\"}", "limit"}, {"Retry", "{}", "id"}, {"Retry", "{\"id\": 0}", "id"},
                {"Retry", "{\"id\": 1, \"all\": true}", "id"}, {"Drop", "{\"all\": false}", "id"},
                {"Drop", "{\"id\": 1, \"queue\": \"other\"}", "queue"},
        };

        start(true);
        introduce();
        for (unsigned i = 0; i < ELEMENTSOF(calls); i++) {
                char method[64];
                json_t *message;

                (void) snprintf(method, sizeof(method), "io.wazo.suite.%s", calls[i].method);
                message = harness_call(&h, method, calls[i].parameters);
                ck_assert_str_eq(error_of(message), "org.varlink.service.InvalidParameter");
                ck_assert_str_eq(text_of(message, "parameter"), calls[i].parameter);
                json_decref(message);
        }
        ck_assert_int_eq(channel_wait(relay, now_monotonic() + NSEC_PER_SEC / 20), 0);
        stop();
}
END_TEST

START_TEST(a_stream_of_events) {
        json_t *message;
        uint64_t id;
        int fd;

        start(true);
        introduce();
        fd = call("Events", "{\"limit\": 2}", ", \"more\": true");
        expect("GET /events?limit=2", &id);
        reply(id, 200, "{\"events\": [{\"id\": 6}, {\"id\": 7}], \"first\": 1, \"last\": 7}");
        message = answer(fd);
        ck_assert(json_is_true(json_object_get(message, "continues")));
        ck_assert_uint_eq(json_array_size(member(message, "events")), 2);
        json_decref(message);

        /* Nothing new is not told; a relay that ends is waited for. */
        expect("GET /events?after=7&limit=1000", &id);
        reply(id, 200, "{\"events\": [], \"first\": 1, \"last\": 7}");
        expect("GET /events?after=7&limit=1000", &id);
        relay = fd_close(relay);
        introduce();
        expect("GET /events?after=7&limit=1000", &id);
        reply(id, 200, "{\"events\": [{\"id\": 9}], \"first\": 1, \"last\": 9}");
        message = answer(fd);
        ck_assert_int_eq(json_integer_value(member(message, "events.0.id")), 9);
        json_decref(message);

        /* When nobody follows any more, nobody is asked. */
        (void) close(fd);
        harness_sync(&h);
        while (channel_wait(relay, now_monotonic() + NSEC_PER_SEC) > 0) {
                char question[256];

                (void) hear(question, sizeof(question));
        }
        stop();
}
END_TEST

START_TEST(metrics_of_the_relay) {
        json_t *message;
        const char *text;

        start(true);
        introduce();
        message = exchange("Metrics", "{}", "GET /status", 200, STATUS);
        text = text_of(message, "text");
        ck_assert_ptr_nonnull(strstr(text, "\nwazo_suite_relay_up{service=\"wazo-confd\"} 1\n"));
        ck_assert_ptr_nonnull(
                strstr(text,
                       "\nwazo_suite_relay_state{service=\"wazo-confd\",part=\"publisher\",state=\"backoff\"} 1\n"));
        ck_assert_ptr_nonnull(strstr(text, "\nwazo_suite_relay_backlog{service=\"wazo-confd\",part=\"publisher\"} 12\n"));
        ck_assert_ptr_nonnull(strstr(text, "\nwazo_suite_relay_backlog{service=\"wazo-confd\",part=\"sysconfd\"} 0\n"));
        ck_assert_ptr_nonnull(
                strstr(text,
                       "\nwazo_suite_relay_oldest_age_seconds{service=\"wazo-confd\",part=\"publisher\"} 61\n"));
        ck_assert_ptr_null(strstr(text, "oldest_age_seconds{service=\"wazo-confd\",part=\"sysconfd\"}"));
        ck_assert_ptr_nonnull(strstr(text, "\nwazo_suite_relay_confirmed_total{service=\"wazo-confd\",part=\"publisher\"} 100\n"));
        ck_assert_ptr_nonnull(strstr(text, "\nwazo_suite_relay_events_kept{service=\"wazo-confd\"} 7\n"));
        json_decref(message);
        relay = fd_close(relay);
        harness_sync(&h);
        message = harness_call(&h, "io.wazo.suite.Metrics", "{}");
        ck_assert_ptr_nonnull(strstr(text_of(message, "text"), "\nwazo_suite_relay_up{service=\"wazo-confd\"} 0\n"));
        json_decref(message);
        stop();
}
END_TEST

/* A gateway is answered even when the relay is silent. */
START_TEST(metrics_for_a_gateway) {
        struct wire_peer peer = {.slot = 9, .generation = 1, .name = "gateway", .kind = WIRE_KIND_GATEWAY};
        struct request request = {.id = "1", .method = "GET", .path = "/metrics", .base_url = "", .script_name = "", .tenant = "",
                                  .auth_id = "", .accept = "", .content_type = "", .idempotency_key = "", .body_fd = -1};
        struct pack p = PACK_NULL;
        struct channel_message m;
        struct reply got;
        uint64_t id, begin;
        int pair[2];

        start(true);
        introduce();
        ck_assert_int_eq(channel_pair(pair), 0);
        harness_send(&h, WIRE_PEER, 0, &peer, sizeof(peer), &pair[1], 1);
        (void) close(pair[1]);
        ck_assert_int_eq(request_encode(&request, &p), 0);
        begin = now_monotonic();
        ck_assert_int_eq(channel_send(pair[0], WIRE_REQUEST, 7, p.data, p.size, NULL, 0), 0);
        pack_done(&p);
        expect("GET /status", &id);
        ck_assert_int_eq(channel_wait(pair[0], now_monotonic() + 10 * NSEC_PER_SEC), 1);
        ck_assert_uint_ge(now_monotonic() - begin, NSEC_PER_SEC * 2 / 5);
        ck_assert_int_eq(channel_receive(pair[0], WIRE_TELL, &m), 1);
        ck_assert_int_eq(reply_decode(m.body, m.header.size, channel_message_take_fd(&m, 0), &got), 0);
        ck_assert_uint_eq(got.status, 200);
        channel_message_done(&m);
        reply_done(&got);
        (void) close(pair[0]);
        stop();
}
END_TEST

/* Answers questions until it is killed. */
static pid_t play_relay(void) {
        static const struct {
                const char *question, *body;
                unsigned status;
        } answers[] = {
                {"GET /status", STATUS, 200},
                {"GET /events?limit=3",
                 "{\"events\": [{\"id\": 7, \"created_at\": \"2026-01-02T03:04:05Z\", \"name\": \"user_created\", "
                 "\"payload\": {\"data\": {\"id\": 12}}}], \"first\": 7, \"last\": 7}",
                 200},
                {"GET /events", "{\"events\": [], \"first\": 0, \"last\": 0}", 200},
                {"GET /parked",
                 "{\"parked\": [{\"id\": 1201, \"queue\": \"outbox\", \"tries\": 5, \"name\": \"line_edited\", "
                 "\"resource\": \"lines/7\", \"error\": \"it was refused\", \"parked_at\": \"now\"}], \"total\": 3}",
                 200},
                {"POST /parked/1201/retry", "", 204},
                {"DELETE /parked/7", "{\"message\": \"no\"}", 404},
                {"DELETE /parked", "{\"rows\": 3}", 200},
        };
        pid_t pid = fork();

        if (pid != 0)
                return pid;
        for (;;) {
                char question[256];
                uint64_t id = hear(question, sizeof(question));
                unsigned i = 0;

                while (i < ELEMENTSOF(answers) && !streq(answers[i].question, question))
                        i++;
                reply(id, i < ELEMENTSOF(answers) ? answers[i].status : 500, i < ELEMENTSOF(answers) ? answers[i].body : "{}");
        }
}

static void check_suite(const char *arguments, int code, const char *expected) {
        _cleanup_free_ char *text = calloc(1, 65536);
        char command[512];
        size_t n;
        int got;
        FILE *out;

        (void) snprintf(command, sizeof(command), "%s --socket %s %s 2>&1", getenv("WAZO_SUITE"), h.socket, arguments);
        out = popen(command, "re");
        n = fread(text, 1, 65535, out);
        text[n] = 0;
        got = WEXITSTATUS(pclose(out));
        ck_assert_msg(got == code, "%s: exit code %d:\n%s", arguments, got, text);
        ck_assert_msg(strstr(text, expected) != NULL, "%s: '%s' is not in:\n%s", arguments, expected, text);
}

START_TEST(the_command) {
        pid_t pid;

        start(true);
        introduce();
        pid = play_relay();
        check_suite("status", 0,
                    "RabbitMQ localhost:5672 (TLS): backoff for 1 min 30 s: localhost:5672: Connection refused; again in 4 s\n"
                    "      12 waiting, the oldest for 1 min 1 s\n"
                    "      100 confirmed, 2 retried, 1 refused, 3 in flight, 4 parked\n");
        check_suite("events -n 3", 0, "2026-01-02T03:04:05Z  7  user_created  {\"id\":12}\n");
        check_suite("events", 0, "no event is kept");
        check_suite("--json events -n 3", 0, "\"user_created\"");
        check_suite("parked", 0, "1201  outbox  now            5  line_edited  lines/7   it was refused\nand 2 more\n");
        check_suite("retry 1201", 0, "1 row\n");
        check_suite("drop --all", 0, "3 rows\n");
        check_suite("drop 7", 1, "nothing with the number 7 is parked");
        check_suite("drop", 2, "drop ID | --all");
        check_suite("drop 7 --all", 2, "drop ID | --all");
        check_suite("retry seven", 2, "'seven' is no number of a row");
        check_suite("retry 7 --queue other", 2, "--queue wants outbox or inbox");
        check_suite("parked --follow", 2, "does not take this option");
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
        relay = fd_close(relay);
        harness_sync(&h);
        check_suite("status", 0, "not known: the relay is backoff: killed by SIGKILL");
        check_suite("parked", 1, "the relay is backoff");
        check_suite("events --follow", 1, "the relay is backoff");
        stop();
}
END_TEST

int main(void) {
        Suite *suite = suite_create("control-relay");
        TCase *tests = tcase_create("process");

        tcase_set_timeout(tests, 60);
        tcase_add_test(tests, status_has_the_relays_part);
        tcase_add_test(tests, status_without_the_relays_part);
        tcase_add_test(tests, nonsense_costs_the_channel);
        tcase_add_test(tests, rows);
        tcase_add_test(tests, bad_parameters_ask_nobody);
        tcase_add_test(tests, a_stream_of_events);
        tcase_add_test(tests, metrics_of_the_relay);
        tcase_add_test(tests, metrics_for_a_gateway);
        tcase_add_test(tests, the_command);
        suite_add_tcase(suite, tests);
        return check_run(suite);
}
