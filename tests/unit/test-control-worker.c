/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control worker as a process: started, fed, asked, misused.
 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/memfd.h"
#include "lib/request.h"
#include "lib/ring.h"
#include "tests/unit/control-harness.h"
#include "tests/unit/run.h"

#define TOKEN "5d2e0c1b-8a7f-4c3d-9b6e-0123456789ab"

static struct harness h;
static struct plan_worker workers[3];
static struct plan plan;

static void start(const char *extra) {
        static const struct plan_timing timing = {
                .start_msec = 10000, .attempt_msec = 10000, .ping_msec = 30000, .drain_msec = 75000, .term_msec = 5000,
                .abort_msec = 2000, .kill_msec = 5000, .backoff_base_msec = 100, .backoff_cap_msec = 1000,
                .healthy_msec = 30000, .intensity = 8, .window_msec = 60000, .slow_msec = 300000,
        };
        struct wire_service service;
        struct wire_slot slot;

        workers[0] = (struct plan_worker) {.name = "migrate", .kind = WIRE_KIND_ONCE, .plugin = "", .class = "", .plugin_path = "",
                                           .argv = {"/libexec/wazo-migrate"}, .timing = timing};
        workers[1] = (struct plan_worker) {.name = "control", .kind = WIRE_KIND_CONTROL, .plugin = "", .class = "",
                                           .plugin_path = "", .timing = timing};
        workers[2] = (struct plan_worker) {.name = "user", .kind = WIRE_KIND_PLUGIN, .plugin = "user", .class = "default",
                                           .plugin_path = "/plugins/user.so", .nursery = true, .memory_max = 1 << 26,
                                           .requires = {"migrate"}, .timing = timing};
        plan = (struct plan) {
                .service = "wazo-confd", .version = "26.08", .user = "", .run_dir = "", .state_dir = "", .log_path = "",
                .pid_path = "", .control_path = "", .control_group = "", .workers = workers, .n_workers = ELEMENTSOF(workers),
        };
        harness_start(&h, &plan, extra);
        service = harness_service();
        harness_send(&h, WIRE_SERVICE, 0, &service, sizeof(service), NULL, 0);
        slot = harness_slot(0, "migrate", WIRE_KIND_ONCE, WIRE_STATE_DONE);
        harness_send(&h, WIRE_SLOT, 0, &slot, sizeof(slot), NULL, 0);
        slot = harness_slot(1, "control", WIRE_KIND_CONTROL, WIRE_STATE_READY);
        harness_send(&h, WIRE_SLOT, 0, &slot, sizeof(slot), NULL, 0);
        slot = harness_slot(2, "user", WIRE_KIND_PLUGIN, WIRE_STATE_READY);
        harness_send(&h, WIRE_SLOT, 0, &slot, sizeof(slot), NULL, 0);
        harness_sync(&h);
}

static void stop(void) {
        int status = harness_stop(&h);

        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status %x", (unsigned) status);
}

static json_t *parameters_of(json_t *message) {
        return json_object_get(message, "parameters");
}

static void check_error(const char *method, const char *parameters, const char *error) {
        json_t *message = harness_call(&h, method, parameters);

        ck_assert_str_eq(strempty(json_string_value(json_object_get(message, "error"))), error);
        json_decref(message);
}

START_TEST(status_tells_what_was_fed) {
        json_t *message, *service, *worker;

        start("");
        message = harness_call(&h, "io.wazo.suite.Status", "{}");
        ck_assert_ptr_null(json_object_get(message, "error"));
        ck_assert_int_eq(json_integer_value(json_object_get(parameters_of(message), "version")), 1);
        service = json_object_get(parameters_of(message), "service");
        ck_assert_str_eq(json_string_value(json_object_get(service, "uuid_source")), "from table infos");
        ck_assert_int_eq(json_array_size(json_object_get(parameters_of(message), "workers")), 3);
        worker = json_array_get(json_object_get(parameters_of(message), "workers"), 2);
        ck_assert_str_eq(json_string_value(json_object_get(worker, "name")), "user");
        ck_assert_str_eq(json_string_value(json_object_get(worker, "state")), "ready");
        ck_assert_int_eq(json_integer_value(json_object_get(worker, "pid")), 1002);
        json_decref(message);
        stop();
}
END_TEST

START_TEST(errors_of_the_protocol) {
        json_t *message;

        start("");
        check_error("io.wazo.suite.Nonsense", "{}", "org.varlink.service.MethodNotFound");
        check_error("io.wazo.other.Status", "{}", "org.varlink.service.InterfaceNotFound");
        check_error("Status", "{}", "org.varlink.service.InterfaceNotFound");
        check_error("io.wazo.suite.Status", "{\"x\": 1}", "org.varlink.service.InvalidParameter");
        check_error("io.wazo.suite.Explain", "{}", "org.varlink.service.InvalidParameter");
        check_error("io.wazo.suite.Explain", "{\"worker\": 7}", "org.varlink.service.InvalidParameter");
        check_error("io.wazo.suite.LogLevel", "{\"level\": \"loud\"}", "org.varlink.service.InvalidParameter");
        check_error("io.wazo.suite.Restart", "{\"worker\": \"\"}", "io.wazo.suite.NoSuchWorker");
        check_error("org.varlink.service.GetInterfaceDescription", "{\"interface\": \"a.b\"}",
                    "org.varlink.service.InterfaceNotFound");

        message = harness_call(&h, "io.wazo.suite.Restart", "{\"worker\": \"usr\"}");
        ck_assert_str_eq(json_string_value(json_object_get(message, "error")), "io.wazo.suite.NoSuchWorker");
        ck_assert_str_eq(json_string_value(json_array_get(json_object_get(parameters_of(message), "near"), 0)), "user");
        json_decref(message);
        message = harness_call(&h, "org.varlink.service.GetInfo", "{}");
        ck_assert_int_eq(json_array_size(json_object_get(parameters_of(message), "interfaces")), 2);
        json_decref(message);
        stop();
}
END_TEST

static void answer_command(unsigned verb, const char *worker, int error, const char *text, const char *lines) {
        struct wire_result result = {.error = error};
        struct channel_message m;
        const struct wire_command *command;
        int fd = lines ? memfd_sealed("lines", lines, strlen(lines)) : -1;

        harness_expect(&h, WIRE_COMMAND, &m);
        command = m.body;
        ck_assert_uint_eq(command->verb, verb);
        ck_assert_str_eq(command->worker, worker);
        (void) strcopy(result.text, sizeof(result.text), text);
        harness_send(&h, WIRE_RESULT, m.header.id, &result, sizeof(result), &fd, fd >= 0);
        (void) fd_close(fd);
}

static char *ask(int fd, const char *call) {
        harness_write(fd, call, strlen(call) + 1);
        return harness_read(fd);
}

START_TEST(commands_go_to_the_supervisor) {
        static const char restart[] = "{\"method\":\"io.wazo.suite.Restart\",\"parameters\":{\"worker\":\"user\"}}",
                          reload[] = "{\"method\":\"io.wazo.suite.Reload\",\"parameters\":{\"dry_run\":true}}",
                          oneway[] = "{\"method\":\"io.wazo.suite.Roll\",\"oneway\":true}",
                          info[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
        char *answer;
        int fd;

        start("");
        fd = harness_connect(&h);
        /* Pipelined: answered in order, one at a time. */
        harness_write(fd, restart, sizeof(restart));
        harness_write(fd, reload, sizeof(reload));
        answer_command(WIRE_VERB_RESTART, "user", 0, "restarting user", NULL);
        answer = harness_read(fd);
        ck_assert_str_eq(answer, "{\"parameters\":{\"version\":1,\"text\":\"restarting user\"}}");
        free(answer);
        answer_command(WIRE_VERB_RELOAD_DRY, "", -EINVAL, "the configuration has errors",
                       "config.yml:3:1: password: hunter2\nno plan\n");
        answer = harness_read(fd);
        ck_assert_ptr_nonnull(strstr(answer, "\"error\":\"io.wazo.suite.CommandFailed\""));
        ck_assert_ptr_nonnull(strstr(answer, "\"name\":\"EINVAL\""));
        ck_assert_ptr_nonnull(strstr(answer, "config.yml:3:1: password: <hidden>"));
        ck_assert_ptr_null(strstr(answer, "hunter2"));
        free(answer);

        harness_write(fd, oneway, sizeof(oneway));
        answer_command(WIRE_VERB_ROLL, "", 0, "nobody reads this", NULL);
        answer = ask(fd, info);
        ck_assert_ptr_nonnull(strstr(answer, "io.wazo.suite"));
        free(answer);

        /* Who goes away while the supervisor works harms nobody. */
        harness_write(fd, restart, sizeof(restart));
        (void) close(fd);
        answer_command(WIRE_VERB_RESTART, "user", 0, "restarting user", NULL);
        harness_sync(&h);
        stop();
}
END_TEST

START_TEST(a_stream_follows_changes) {
        static const char follow[] = "{\"method\":\"io.wazo.suite.Status\",\"more\":true}";
        struct wire_slot slot = harness_slot(2, "user", WIRE_KIND_PLUGIN, WIRE_STATE_BACKOFF);
        struct wire_slot_gone gone = {.slot = 2};
        char *answer;
        int fd;

        start("");
        fd = harness_connect(&h);
        answer = ask(fd, follow);
        ck_assert_ptr_nonnull(strstr(answer, "\"continues\":true"));
        ck_assert_ptr_null(strstr(answer, "backoff"));
        free(answer);
        harness_send(&h, WIRE_SLOT, 0, &slot, sizeof(slot), NULL, 0);
        answer = harness_read(fd);
        ck_assert_ptr_nonnull(strstr(answer, "backoff"));
        free(answer);
        harness_send(&h, WIRE_SLOT_GONE, 0, &gone, sizeof(gone), NULL, 0);
        answer = harness_read(fd);
        ck_assert_ptr_null(strstr(answer, "backoff"));
        free(answer);
        (void) close(fd);
        harness_sync(&h);
        stop();
}
END_TEST

static void check_dropped(const void *data, size_t size) {
        int fd = harness_connect(&h);

        harness_write(fd, data, size);
        ck_assert_ptr_null(harness_read(fd));
        (void) close(fd);
}

START_TEST(whatever_a_client_sends) {
        static const char endless[] = "{\"method\":\"io.wazo.suite.Status\",\"parameters\":{\"x\":\"", flags[] =
                "{\"method\":\"io.wazo.suite.Status\",\"more\":true,\"oneway\":true}";
        char *large = malloc(100000), *deep = malloc(50000);
        json_t *message;

        start("");
        memset(large, 'x', 100000);
        memcpy(large, endless, sizeof(endless) - 1);
        memset(deep, '[', 49999);
        deep[49999] = 0;
        check_dropped(large, 100000);
        check_dropped(deep, 50000);
        check_dropped("", 1);
        check_dropped("[]", 3);
        check_dropped("{}", 3);
        check_dropped("{\"method\": 1}", 14);
        check_dropped("{\"method\": \"\xff\"}", 15);
        check_dropped("{\"method\": \"a\", \"method\": \"b\"}", 31);
        check_dropped("{\"method\": \"a\\u0000\"}", 22);
        check_dropped("{\"method\": \"a.B\", \"parameters\": []}", 36);
        check_dropped(flags, sizeof(flags));
        message = harness_call(&h, "io.wazo.suite.Status", "{}");
        ck_assert_ptr_null(json_object_get(message, "error"));
        json_decref(message);
        free(large);
        free(deep);
        stop();
}
END_TEST

START_TEST(too_many_clients) {
        int fds[40];
        char *answer;
        unsigned refused = 0;

        start("");
        for (unsigned i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = harness_connect(&h);
        harness_sync(&h);
        for (unsigned n = 0; n < 300 && refused < 8; n++) {
                (void) usleep(100000);
                refused = 0;
                for (unsigned i = 0; i < ELEMENTSOF(fds); i++) {
                        struct pollfd p = {.fd = fds[i], .events = POLLIN};

                        refused += poll(&p, 1, 0) == 1;
                }
        }
        ck_assert_uint_eq(refused, 8);
        for (unsigned i = 0; i < ELEMENTSOF(fds); i++)
                (void) close(fds[i]);
        harness_sync(&h);
        fds[0] = harness_connect(&h);
        answer = ask(fds[0], "{\"method\":\"org.varlink.service.GetInfo\"}");
        ck_assert_ptr_nonnull(answer);
        free(answer);
        (void) close(fds[0]);
        stop();
}
END_TEST

/* A stream that nobody reads neither grows nor blocks, and ends. */
START_TEST(an_unread_stream_is_dropped) {
        static const char follow[] = "{\"method\":\"io.wazo.suite.Status\",\"more\":true}";
        int fd, small = 4096;
        char buffer[4096];
        unsigned i;

        start("");
        for (uint32_t n = 3; n < 1500; n++) {
                char name[32];
                struct wire_slot slot;

                (void) snprintf(name, sizeof(name), "plugin%u", n);
                slot = harness_slot(n, name, WIRE_KIND_PLUGIN, WIRE_STATE_READY);
                harness_send(&h, WIRE_SLOT, 0, &slot, sizeof(slot), NULL, 0);
        }
        harness_sync(&h);
        fd = harness_connect(&h);
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        harness_write(fd, follow, sizeof(follow));
        for (i = 0; i < 140; i++) {
                struct wire_slot slot = harness_slot(2, "user", WIRE_KIND_PLUGIN, i % 2 ? WIRE_STATE_READY : WIRE_STATE_BACKOFF);
                struct pollfd p = {.fd = fd, .events = POLLRDHUP};

                harness_send(&h, WIRE_SLOT, 0, &slot, sizeof(slot), NULL, 0);
                harness_sync(&h);
                if (poll(&p, 1, 100) > 0 && (p.revents & (POLLRDHUP | POLLHUP)))
                        break;
        }
        ck_assert_uint_lt(i, 140);
        while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
                ;
        (void) close(fd);
        stop();
}
END_TEST

static void send_death(uint32_t generation, uint64_t at_wall) {
        static const char lines[] =
                "2026-11-22 00:16:55,782 UTC [pid 1] [tid 1] (INFO) (wazo_confd.user): GET with X-Auth-Token: " TOKEN "\n"
                "{\"username\": \"x\", \"password\": \"hunter2\"}\n"
                "died of SIGSEGV; backtrace:\n/plugins/user.so(+0x1234)[0x7f]\n";
        struct wire_death death = {
                .slot = 2, .generation = generation, .kind = WIRE_KIND_PLUGIN, .cause = WIRE_CAUSE_SIGNAL, .pid = 1002,
                .exit_status = SIGSEGV, .was_ready = 1, .uptime_nsec = 65 * NSEC_PER_SEC, .at_wall = at_wall,
                .user_usec = 12000, .system_usec = 3000, .max_rss_kib = 4321, .restart_nsec = 150 * NSEC_PER_MSEC,
                .name = "user", .reason = "killed by SIGSEGV",
                .inflight = {.age_nsec = 7 * NSEC_PER_MSEC, .request_id = "0123456789abcdef0123456789abcdef", .method = "GET",
                             .route = "/users/{user_id}"},
        };
        int ring = ring_open();

        ck_assert_int_eq(ring_append(ring, lines, sizeof(lines) - 1), 0);
        harness_send(&h, WIRE_DEATH, 0, &death, sizeof(death), &ring, 1);
        (void) close(ring);
        harness_sync(&h);
}

START_TEST(a_death_leaves_a_record) {
        json_t *message, *record;
        char path[160], *text;
        struct dirent *entry;
        struct stat st;
        unsigned files = 0;
        DIR *dir;

        start("");
        for (uint32_t i = 1; i <= 5; i++)
                send_death(i, UINT64_C(1795306615000000000) + i * NSEC_PER_SEC);

        /* keep is 3 in the slice. */
        (void) snprintf(path, sizeof(path), "%s/user", h.crashes);
        dir = opendir(path);
        ck_assert_ptr_nonnull(dir);
        while ((entry = readdir(dir))) {
                if (entry->d_name[0] == '.')
                        continue;
                files++;
                ck_assert_int_eq(fstatat(dirfd(dir), entry->d_name, &st, 0), 0);
                ck_assert_int_eq(st.st_mode & 07777 & ~0640U, 0);
        }
        (void) closedir(dir);
        ck_assert_uint_eq(files, 3);

        message = harness_call(&h, "io.wazo.suite.Why", "{\"worker\": \"user\", \"limit\": 2}");
        ck_assert_int_eq(json_array_size(json_object_get(parameters_of(message), "records")), 2);
        record = json_array_get(json_object_get(parameters_of(message), "records"), 0);
        ck_assert_int_eq(json_integer_value(json_object_get(record, "generation")), 5);
        ck_assert_str_eq(json_string_value(json_object_get(record, "at")), "2026-11-22T00:17:00.000Z");
        ck_assert_str_eq(json_string_value(json_object_get(json_object_get(record, "signal"), "name")), "SIGSEGV");
        ck_assert_str_eq(json_string_value(json_object_get(json_object_get(record, "request"), "route")), "/users/{user_id}");
        ck_assert_int_eq(json_array_size(json_object_get(record, "log")), 4);
        ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(record, "next"), "restart_in_ms")), 150);
        text = json_dumps(message, 0);
        ck_assert_ptr_nonnull(strstr(text, "user.so(+0x1234)"));
        ck_assert_ptr_null(strstr(text, "hunter2"));
        ck_assert_ptr_null(strstr(text, TOKEN));
        ck_assert_ptr_nonnull(strstr(text, "XXXX456789ab") ?: strstr(text, "XXXX56789ab"));
        free(text);
        json_decref(message);

        message = harness_call(&h, "io.wazo.suite.Why", "{}");
        ck_assert_int_eq(json_array_size(json_object_get(parameters_of(message), "records")), 1);
        json_decref(message);
        check_error("io.wazo.suite.Why", "{\"worker\": \"../user\"}", "io.wazo.suite.NoSuchWorker");
        check_error("io.wazo.suite.Why", "{\"limit\": 0}", "org.varlink.service.InvalidParameter");
        stop();
}
END_TEST

START_TEST(explain_prints_the_schedule) {
        json_t *message, *plan_answer, *steps;

        start("");
        message = harness_call(&h, "io.wazo.suite.Explain", "{\"worker\": \"user\"}");
        plan_answer = json_object_get(json_array_get(json_object_get(parameters_of(message), "workers"), 0), "plan");
        ck_assert_ptr_nonnull(plan_answer);
        steps = json_object_get(json_object_get(plan_answer, "schedule"), "steps");
        ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(steps, 0), "wait_ms")), 0);
        ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(steps, 1), "wait_ms")), 100);
        ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(steps, 2), "wait_ms")), 200);
        ck_assert(json_is_true(json_object_get(json_array_get(json_object_get(plan_answer, "requires"), 0), "met")));
        json_decref(message);
        stop();
}
END_TEST

/* As a gateway asks. */
static struct reply fetch(int fd, const char *path) {
        struct request request = {.id = "1", .method = "GET", .path = path, .base_url = "", .script_name = "", .tenant = "",
                                  .auth_id = "", .accept = "", .content_type = "", .idempotency_key = "", .body_fd = -1};
        struct pack p = PACK_NULL;
        struct channel_message m;
        struct reply reply;

        ck_assert_int_eq(request_encode(&request, &p), 0);
        ck_assert_int_eq(channel_send(fd, WIRE_REQUEST, 7, p.data, p.size, NULL, 0), 0);
        pack_done(&p);
        ck_assert_int_eq(channel_wait(fd, now_monotonic() + 10 * NSEC_PER_SEC), 1);
        ck_assert_int_eq(channel_receive(fd, WIRE_TELL, &m), 1);
        ck_assert_uint_eq(m.header.id, 7);
        ck_assert_int_eq(reply_decode(m.body, m.header.size, channel_message_take_fd(&m, 0), &reply), 0);
        channel_message_done(&m);
        return reply;
}

START_TEST(metrics_for_a_gateway) {
        struct wire_peer peer = {.slot = 9, .generation = 1, .name = "gateway"};
        struct wire_slot slot;
        struct reply reply;
        char text[16384] = "";
        int pair[2];

        start("");
        slot = harness_slot(2, "user", WIRE_KIND_PLUGIN, WIRE_STATE_BACKOFF);
        slot.deaths[WIRE_CAUSE_SIGNAL] = 4;
        slot.failures = 2;
        harness_send(&h, WIRE_SLOT, 0, &slot, sizeof(slot), NULL, 0);
        ck_assert_int_eq(channel_pair(pair), 0);
        harness_send(&h, WIRE_PEER, 0, &peer, sizeof(peer), &pair[1], 1);
        (void) close(pair[1]);
        reply = fetch(pair[0], "/metrics");
        ck_assert_uint_eq(reply.status, 200);
        ck_assert_ptr_nonnull(strstr(reply.content_type, "text/plain; version=0.0.4"));
        memcpy(text, reply.body, MIN(reply.body_size, sizeof(text) - 1));
        ck_assert_ptr_nonnull(strstr(
                text,
                "wazo_suite_worker_state{service=\"wazo-confd\",worker=\"user\",plugin=\"user\",state=\"backoff\"} 1\n"));
        ck_assert_ptr_nonnull(strstr(
                text,
                "wazo_suite_worker_restarts_total{service=\"wazo-confd\",worker=\"user\",plugin=\"user\",cause=\"signal\"} 4\n"));
        ck_assert_ptr_nonnull(strstr(text, "wazo_suite_service_ready{service=\"wazo-confd\"} 1\n"));
        reply_done(&reply);
        reply = fetch(pair[0], "/other");
        ck_assert_uint_eq(reply.status, 404);
        reply_done(&reply);

        /* Larger than a packet: in a memory file. */
        for (uint32_t n = 3; n < 60; n++) {
                char name[32];

                (void) snprintf(name, sizeof(name), "plugin%u", n);
                slot = harness_slot(n, name, WIRE_KIND_PLUGIN, WIRE_STATE_READY);
                harness_send(&h, WIRE_SLOT, 0, &slot, sizeof(slot), NULL, 0);
        }
        harness_sync(&h);
        reply = fetch(pair[0], "/metrics");
        ck_assert_int_ge(reply.body_fd, 0);
        ck_assert_uint_gt(reply.body_size, WIRE_INLINE_MAX);
        reply_done(&reply);

        /* Garbage costs the gateway its channel, and nobody else anything. */
        ck_assert_int_eq(send(pair[0], "garbage", 7, 0), 7);
        ck_assert_int_eq(channel_wait(pair[0], now_monotonic() + 10 * NSEC_PER_SEC), 1);
        (void) close(pair[0]);
        harness_sync(&h);
        stop();
}
END_TEST

/* Who asked before is through, and who has only just come is answered once. */
START_TEST(draining_ends_it) {
        static const char info[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
        struct wire_drain drain = {.deadline = now_monotonic() + 60 * NSEC_PER_SEC};
        int idle, fresh, status;
        char *answer;

        start("");
        /* Accepted one after the other: when the second has its answer, the first is there. */
        fresh = harness_connect(&h);
        idle = harness_connect(&h);
        answer = ask(idle, info);
        ck_assert_ptr_nonnull(answer);
        free(answer);
        harness_send(&h, WIRE_DRAIN, 0, &drain, sizeof(drain), NULL, 0);
        ck_assert_ptr_null(harness_read(idle));
        answer = ask(fresh, info);
        ck_assert_ptr_nonnull(answer);
        free(answer);
        ck_assert_ptr_null(harness_read(fresh));
        (void) close(idle);
        (void) close(fresh);
        ck_assert_int_eq(waitpid(h.pid, &status, 0), h.pid);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        h.pid = fork();
        if (h.pid == 0)
                _exit(0);
        (void) harness_stop(&h);
}
END_TEST

START_TEST(garbage_from_above_ends_it) {
        struct wire_slot slot = harness_slot(5, "x", WIRE_STATE_READY, WIRE_STATE_MAX);
        int status;

        start("");
        harness_send(&h, WIRE_SLOT, 0, &slot, sizeof(slot), NULL, 0);
        status = harness_stop(&h);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) != 0);
}
END_TEST

static char *run_suite(const char *arguments, int *ret_code) {
        char command[512], *text = calloc(1, 65536);
        size_t n;
        FILE *out;

        (void) snprintf(command, sizeof(command), "%s --socket %s %s 2>&1", getenv("WAZO_SUITE"), h.socket, arguments);
        out = popen(command, "re");
        n = fread(text, 1, 65535, out);
        text[n] = 0;
        *ret_code = WEXITSTATUS(pclose(out));
        return text;
}

static void check_suite(const char *arguments, int code, const char *expected) {
        int got;
        char *text = run_suite(arguments, &got);

        ck_assert_msg(got == code, "%s: exit code %d:\n%s", arguments, got, text);
        ck_assert_msg(strstr(text, expected) != NULL, "%s: '%s' is not in:\n%s", arguments, expected, text);
        free(text);
}

START_TEST(the_command) {
        struct wire_service service = harness_service();
        pid_t pid;

        start("");
        check_suite("status", 0, "wazo-confd 26.08: ready - Serving on 127.0.0.1:9486");
        check_suite("status", 0, "uuid: from table infos");
        check_suite("--json status", 0, "\"plan_serial\": 1");
        check_suite("status --check", 0, "user");
        check_suite("status --wait 3", 0, "user");
        check_suite("why user", 0, "no crash is on record");
        send_death(3, now_realtime());
        check_suite("why user", 0, "cause     signal, SIGSEGV: killed by SIGSEGV");
        check_suite("why", 0, "GET /users/{user_id}, 7 ms old");
        check_suite("explain user", 0, "at once, 100ms, 200ms, 400ms, 800ms, 1s");
        check_suite("explain user", 0, "8 failures within 1min make it failed: then once in 5min");
        check_suite("explain usr", 1, "did you mean user?");
        check_suite("explain", 2, "explain WORKER");
        check_suite("status extra", 2, "status");
        check_suite("status --dry-run", 2, "does not take this option");
        check_suite("frobnicate", 2, "no command is called");
        check_suite("--socket /nonexistent/x status", 3, "nobody listens");
        check_suite("metrics", 0, "wazo_suite_plan_serial");
        check_suite("log-level loud", 2, "does not take this value of 'level'");

        service.degraded = 1;
        harness_send(&h, WIRE_SERVICE, 0, &service, sizeof(service), NULL, 0);
        harness_sync(&h);
        check_suite("status --check", 4, "degraded");
        service.ready = 0;
        harness_send(&h, WIRE_SERVICE, 0, &service, sizeof(service), NULL, 0);
        harness_sync(&h);
        check_suite("status --wait 1", 1, "not ready after 1 s");

        pid = fork();
        if (pid == 0) {
                answer_command(WIRE_VERB_RELOAD_DRY, "", 0, "2 workers would be replaced", "replace user\nreplace line\n");
                _exit(0);
        }
        check_suite("reload --dry-run", 0, "2 workers would be replaced\nreplace user\nreplace line\n");
        (void) waitpid(pid, NULL, 0);
        stop();
}
END_TEST

int main(void) {
        Suite *suite = suite_create("control-worker");
        TCase *tests = tcase_create("process");

        tcase_set_timeout(tests, 60);
        tcase_add_test(tests, status_tells_what_was_fed);
        tcase_add_test(tests, errors_of_the_protocol);
        tcase_add_test(tests, commands_go_to_the_supervisor);
        tcase_add_test(tests, a_stream_follows_changes);
        tcase_add_test(tests, whatever_a_client_sends);
        tcase_add_test(tests, too_many_clients);
        tcase_add_test(tests, an_unread_stream_is_dropped);
        tcase_add_test(tests, a_death_leaves_a_record);
        tcase_add_test(tests, explain_prints_the_schedule);
        tcase_add_test(tests, metrics_for_a_gateway);
        tcase_add_test(tests, draining_ends_it);
        tcase_add_test(tests, garbage_from_above_ends_it);
        tcase_add_test(tests, the_command);
        suite_add_tcase(suite, tests);
        return check_run(suite);
}
