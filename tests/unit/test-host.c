/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wazo-host and its nursery, by real processes under a supervisor in miniature. */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "lib/db.h"
#include "lib/elf.h"
#include "lib/memfd.h"
#include "tests/unit/host-harness.h"
#include "tests/unit/run.h"

static const struct hosted_setup crashdummy = {.file = "crashdummy"};
static const struct wire_fork any_order = {.slot = 3, .generation = 9};

/* Each test of a worker runs for both ways to be born. */
enum { BY_EXEC, BY_NURSERY, WAYS };

static struct hosted nursery;

static void birth(struct hosted *h, int way) {
        if (way == BY_EXEC) {
                hosted_exec(h, false);
                return;
        }
        if (nursery.pid == 0)
                hosted_nursery(&nursery);
        hosted_fork(h, &nursery, &any_order);
}

static void start(struct hosted *h, int way, const struct hosted_setup *setup) {
        birth(h, way);
        hosted_start(h, setup);
}

static bool ended(int channel) {
        struct channel_message m;
        int r;

        ck_assert_int_eq(channel_wait(channel, now_monotonic() + 30 * NSEC_PER_SEC), 1);
        r = channel_receive(channel, WIRE_TELL, &m);
        if (r > 0)
                channel_message_done(&m);
        return r == 0;
}

static bool has(const char *text, const char *part) {
        return strstr(text, part) != NULL;
}

static void expect_in(char *text, const char *part) {
        ck_assert_msg(has(text, part), "no \"%s\" in: %s", part, text);
        free(text);
}

START_TEST(answers) {
        struct hosted h;
        int gateway, other;
        char *first;

        start(&h, _i, &crashdummy);
        gateway = hosted_peer(&h);
        other = hosted_peer(&h);
        first = gateway_get(gateway, "ok", NULL);
        ck_assert_msg(has(first, "\"requests\": 1"), "%s", first);
        free(first);
        expect_in(gateway_get(other, "ok", NULL), "\"requests\": 2");
        expect_in(gateway_get(gateway, "request", NULL), "2f4b1a3e-0000-4000-8000-000000000001");

        hosted_drain(&h, now_monotonic() + NSEC_PER_SEC);
        hosted_expect_exit(&h, 0);
        ck_assert(ended(gateway));
}
END_TEST

START_TEST(large_bodies) {
        size_t size = 300000, got;
        struct hosted h;
        struct reply reply;
        char *body = malloc(size), *back;
        int gateway;

        for (size_t i = 0; i < size; i++)
                body[i] = (char) ('a' + i % 26);
        start(&h, _i, &crashdummy);
        gateway = hosted_peer(&h);

        gateway_send(gateway, 8, CRASHDUMMY_POST, "echo", NULL, body, size);
        ck_assert(gateway_receive(gateway, 8, &reply));
        ck_assert_uint_eq(reply.status, 200);
        ck_assert_int_eq(memfd_read(reply.body_fd, PACK_MAX, &back, &got), 0);
        ck_assert_uint_eq(got, size);
        ck_assert_int_eq(memcmp(back, body, size), 0);
        reply_done(&reply);
        free(back);

        gateway_send(gateway, 9, CRASHDUMMY_POST, "echo", NULL, body, 1000);
        ck_assert(gateway_receive(gateway, 9, &reply));
        ck_assert_uint_eq(reply.body_size, 1000);
        ck_assert_int_eq(memcmp(reply.body, body, 1000), 0);
        reply_done(&reply);

        /* Around the limit of what goes inline, each must come whole. */
        for (size = WIRE_INLINE_MAX - 200; size <= WIRE_INLINE_MAX + 1; size++) {
                char n[16];

                (void) snprintf(n, sizeof(n), "%zu", size);
                back = gateway_get(gateway, "big", n);
                ck_assert_uint_eq(strlen(back), size);
                free(back);
        }
        back = gateway_get(gateway, "file", "20000");
        free(back);
        free(body);
        hosted_kill(&h);
}
END_TEST

START_TEST(what_cannot_be_sent) {
        struct hosted h;
        struct reply reply;
        int gateway;

        start(&h, _i, &crashdummy);
        gateway = hosted_peer(&h);
        gateway_send(gateway, 1, CRASHDUMMY_GET, "bad-status", NULL, NULL, 0);
        ck_assert(gateway_receive(gateway, 1, &reply));
        ck_assert_uint_eq(reply.status, 500);
        reply_done(&reply);
        gateway_send(gateway, 2, CRASHDUMMY_GET, "big", "70000000", NULL, 0);
        ck_assert(gateway_receive(gateway, 2, &reply));
        ck_assert_uint_eq(reply.status, 500);
        reply_done(&reply);
        hosted_kill(&h);
}
END_TEST

/* A gateway that sends garbage loses its channel, and nobody else anything. */
START_TEST(garbage_of_a_gateway) {
        static const char *const garbage[] = {
                "x", "no message", "\060\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000",
                "\060\000\000\000\004\000\000\000\000\000\000\000\000\000\000\000\377\377\377\377",
                "\006\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000",
        };
        static const size_t sizes[] = {1, 10, 16, 20, 16};
        struct hosted h;
        int good;

        start(&h, _i, &crashdummy);
        good = hosted_peer(&h);
        for (size_t i = 0; i < ELEMENTSOF(garbage); i++) {
                int bad = hosted_peer(&h);

                ck_assert_int_eq(write(bad, garbage[i], sizes[i]), (ssize_t) sizes[i]);
                ck_assert_msg(ended(bad), "garbage %zu", i);
                (void) close(bad);
                expect_in(gateway_get(good, "ok", NULL), "ok");
        }
        /* A body in a file that may still change is no body. */
        for (int sealed = 0; sealed < 2; sealed++) {
                struct request request = {.deadline = NSEC_NEVER, .body_size = 4, .body_fd = memfd_open("body"),
                                          .id = "", .method = "",
                                          .path = "", .base_url = "", .script_name = "", .tenant = "", .auth_id = "", .accept = "",
                                          .content_type = "", .idempotency_key = ""};
                struct pack p = PACK_NULL;
                int bad = hosted_peer(&h);

                ck_assert_int_eq(write(request.body_fd, "body!", sealed ? 5 : 4), sealed ? 5 : 4);
                if (sealed)
                        ck_assert_int_eq(memfd_seal(request.body_fd), 0);
                ck_assert_int_eq(request_encode(&request, &p), 0);
                ck_assert_int_eq(channel_send(bad, WIRE_REQUEST, 1, p.data, p.size, &request.body_fd, 1), 0);
                ck_assert(ended(bad));
                pack_done(&p);
                (void) close(request.body_fd);
                (void) close(bad);
        }
        expect_in(hosted_last_words(&h), "it sent what is no request");
        hosted_kill(&h);
}
END_TEST

/* As a gateway would not: with a deadline of its own choice, and whether there is room or not. */
static int send_late(int channel, const char *what, uint64_t deadline) {
        struct request request = {.deadline = deadline, .body_fd = -1, .id = "1", .method = "GET", .path = "/crashdummy",
                                  .base_url = "", .script_name = "", .tenant = "", .auth_id = "", .accept = "", .content_type = "",
                                  .idempotency_key = "", .params = {{"what", what}}, .n_params = 1};
        struct pack p = PACK_NULL;
        int r;

        ck_assert_int_eq(request_encode(&request, &p), 0);
        r = channel_send(channel, WIRE_REQUEST, 4, p.data, p.size, NULL, 0);
        pack_done(&p);
        return r;
}

START_TEST(past_its_deadline) {
        struct hosted h;
        struct reply reply;
        int gateway;

        start(&h, _i, &crashdummy);
        gateway = hosted_peer(&h);
        ck_assert_int_eq(send_late(gateway, "segv", 1), 0);
        ck_assert(gateway_receive(gateway, 4, &reply));
        ck_assert_uint_eq(reply.status, 503);
        reply_done(&reply);
        expect_in(hosted_last_words(&h), "after its deadline");
        hosted_kill(&h);
}
END_TEST

/* A gateway that takes no answers holds the others up until its request's deadline, and no longer. */
START_TEST(gateway_that_does_not_read) {
        uint64_t deadline = now_monotonic() + 500 * NSEC_PER_MSEC;
        struct hosted h;
        int deaf, good;

        start(&h, _i, &crashdummy);
        deaf = hosted_peer(&h);
        good = hosted_peer(&h);
        for (int sent = 0; sent < 600; sent++) {
                int r = send_late(deaf, "ok", deadline);

                if (r == -EAGAIN)
                        (void) poll(NULL, 0, 1);
                else if (r < 0)
                        break;
        }
        expect_in(gateway_get(good, "ok", NULL), "ok");
        ck_assert_uint_lt(now_monotonic(), deadline + 20 * NSEC_PER_SEC);
        expect_in(hosted_last_words(&h), "did not take an answer in time");
        hosted_kill(&h);
}
END_TEST

START_TEST(does_not_load) {
        static const struct {
                struct hosted_setup setup;
                enum wire_cause cause;
                const char *text;
        } cases[] = {
                {{.file = "variant-abi", .plugin = "variant"}, WIRE_CAUSE_MISMATCH, "plugin ABI 2, this host has 1"},
                {{.file = "variant-size", .plugin = "variant"}, WIRE_CAUSE_MISMATCH, "another wazo-plugin.h"},
                {{.file = "variant-undefined", .plugin = "variant"}, WIRE_CAUSE_CONFIG, "a_function_that_nobody_has"},
                {{.file = "variant-no-symbol", .plugin = "variant"}, WIRE_CAUSE_CONFIG, "it defines no wazo_plugin"},
                {{.file = "variant", .plugin = "user"}, WIRE_CAUSE_MISMATCH, "is plugin variant, not user"},
                {{.file = "variant", .other_build_id = true}, WIRE_CAUSE_MISMATCH, "not what its description was made from"},
                {{.file = "text", .plugin = "variant"}, WIRE_CAUSE_CONFIG, "no shared object"},
                {{.file = "absent"}, WIRE_CAUSE_CONFIG, "/absent.so: No such file"},
                {{.file = "crashdummy", .start = "misconfigured"}, WIRE_CAUSE_CONFIG, "told to be misconfigured"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct hosted h;

                birth(&h, _i);
                hosted_setup(&h, &cases[i].setup);
                hosted_expect_failure(&h, cases[i].cause, cases[i].text, 78);
        }
}
END_TEST

/* A crash within a request: the channel ends, the signal is told, and the ring has the backtrace, with the plugin's name. */
START_TEST(crashes) {
        static const struct {
                const char *what;
                int signo;
                const char *words;
        } cases[] = {
                {"segv", SIGSEGV, "died of SIGSEGV"},
                {"overflow", SIGSEGV, "died of SIGSEGV"},
                {"abort", SIGABRT, "died of SIGABRT"},
                {"heap", SIGABRT, "died of SIGABRT"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct reply reply;
                struct hosted h;
                siginfo_t info;
                char *words;
                int gateway;

                if (getenv("ASAN_OPTIONS") && streq(cases[i].what, "heap"))
                        continue; /* its allocator is another one */
                start(&h, _i, &crashdummy);
                gateway = hosted_peer(&h);
                gateway_send(gateway, 1, CRASHDUMMY_GET, cases[i].what, NULL, NULL, 0);
                ck_assert(!gateway_receive(gateway, 1, &reply));
                hosted_wait(&h, &info);
                ck_assert_msg(info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED, "%s: %d", cases[i].what, info.si_code);
                ck_assert_int_eq(info.si_status, cases[i].signo);
                words = hosted_last_words(&h);
                ck_assert_msg(has(words, cases[i].words), "%s", words);
                ck_assert_msg(has(words, "/crashdummy.so"), "%s", words);
                free(words);
                (void) close(gateway);
                (void) close(h.ring);
        }
}
END_TEST

START_TEST(crashes_at_start) {
        static const struct hosted_setup crash = {.file = "crashdummy", .start = "crash"},
                                         leave = {.file = "crashdummy", .start = "exit"};
        struct hosted h;
        siginfo_t info;

        birth(&h, _i);
        hosted_setup(&h, &crash);
        hosted_wait(&h, &info);
        ck_assert_int_eq(info.si_status, SIGSEGV);
        birth(&h, _i);
        hosted_setup(&h, &leave);
        hosted_expect_exit(&h, 3);
}
END_TEST

/* What has been sent when DRAIN comes is answered; what is sent later is refused at once, not lost. */
START_TEST(drain_loses_nothing) {
        struct hosted h;
        struct reply reply;
        int gateway, other;

        start(&h, _i, &crashdummy);
        gateway = hosted_peer(&h);
        other = hosted_peer(&h);
        gateway_send(gateway, 1, CRASHDUMMY_GET, "slow", "300", NULL, 0);
        gateway_send(other, 2, CRASHDUMMY_GET, "ok", NULL, NULL, 0);
        hosted_drain(&h, now_monotonic() + 5 * NSEC_PER_SEC);
        ck_assert(gateway_receive(gateway, 1, &reply));
        ck_assert_uint_eq(reply.status, 200);
        reply_done(&reply);
        ck_assert(gateway_receive(other, 2, &reply));
        ck_assert_uint_eq(reply.status, 200);
        reply_done(&reply);
        hosted_expect_exit(&h, 0);
        ck_assert(ended(gateway));
        ck_assert_int_eq(channel_send(gateway, WIRE_REQUEST, 3, "x", 1, NULL, 0), -EPIPE);
}
END_TEST

START_TEST(supervisor_gone) {
        struct hosted h;

        start(&h, _i, &crashdummy);
        (void) hosted_peer(&h);
        h.channel = fd_close(h.channel);
        hosted_expect_exit(&h, 0);
}
END_TEST

START_TEST(on_demand) {
        static const struct hosted_setup rests = {.file = "crashdummy", .idle_nsec = 60 * NSEC_PER_SEC},
                                         impatient = {.file = "crashdummy", .idle_nsec = 200 * NSEC_PER_MSEC};
        struct hosted h;
        struct pollfd pollfd;
        int gateway;

        /* Every channel was closed: only an on-demand worker takes that for its end. */
        start(&h, _i, &rests);
        gateway = hosted_peer(&h);
        expect_in(gateway_get(gateway, "ok", NULL), "ok");
        (void) close(gateway);
        hosted_expect_exit(&h, 0);

        start(&h, _i, &crashdummy);
        gateway = hosted_peer(&h);
        expect_in(gateway_get(gateway, "ok", NULL), "ok");
        (void) close(gateway);
        pollfd = (struct pollfd) {.fd = h.pidfd, .events = POLLIN};
        ck_assert_int_eq(poll(&pollfd, 1, 300), 0);
        gateway = hosted_peer(&h);
        expect_in(gateway_get(gateway, "ok", NULL), "\"requests\": 2");
        hosted_kill(&h);

        start(&h, _i, &impatient);
        gateway = hosted_peer(&h);
        expect_in(gateway_get(gateway, "ok", NULL), "ok");
        hosted_expect_exit(&h, 0);
        ck_assert(ended(gateway));
}
END_TEST

/* A database of crashdummy's events and of what they owe to the outside. */
static void make_database(const char *path) {
        const struct db_driver *driver;
        char error[256], uri[128];
        struct db *db;

        (void) snprintf(uri, sizeof(uri), "sqlite://%s?mode=rwc", path);
        ck_assert_msg(db_load(DRIVER_DIR, uri, &driver, error, sizeof(error)) >= 0, "%s", error);
        ck_assert_msg(db_open(driver, uri, &db, error, sizeof(error)) >= 0, "%s", error);
        ck_assert_int_eq(db_script(db, "CREATE TABLE crashdummy_heard (what TEXT, n TEXT); CREATE TABLE infos (uuid TEXT);"
                                       "CREATE TABLE outbox (created_at TEXT, kind TEXT, resource TEXT, name TEXT, routing_key TEXT, "
                                       "headers TEXT, payload TEXT)"), 0);
        (void) db_close(db);
}

static unsigned event_status(int relay, const char *what, size_t padding, const char *text, unsigned nudges) {
        struct reply reply;
        unsigned status, got;

        relay_send(relay, 3, "crashdummy", what, "5", padding);
        ck_assert(relay_receive(relay, 3, &reply, &got));
        ck_assert_msg(got == nudges, "%u nudges", got);
        status = reply.status;
        ck_assert_msg(has(strempty(reply.body), text), "%s", strempty(reply.body));
        reply_done(&reply);
        return status;
}

START_TEST(events) {
        char dir[] = "/tmp/wazo-test-XXXXXX", path[64];
        struct hosted_setup setup = {.file = "crashdummy", .database = path};
        struct hosted h;
        struct reply reply;
        unsigned nudges;
        int relay, gateway;

        ck_assert_ptr_nonnull(mkdtemp(dir));
        (void) snprintf(path, sizeof(path), "%s/db.sqlite", dir);
        make_database(path);
        start(&h, _i, &setup);
        relay = hosted_relay(&h);
        gateway = hosted_peer(&h);

        ck_assert_uint_eq(event_status(relay, "", 0, "", 0), 204);
        ck_assert_uint_eq(event_status(relay, "", 100000, "", 0), 204);
        ck_assert_uint_eq(event_status(relay, "refuse", 0, "crashdummy refuses", 0), 400);
        ck_assert_uint_eq(event_status(relay, "fail", 0, "Input/output error", 0), 500);
        /* What it wrote to the outbox, relay alone hears of, when it is committed. */
        ck_assert_uint_eq(event_status(relay, "tell", 0, "", 1), 204);
        relay_send(relay, 9, "somebody_elses", "", "", 0);
        ck_assert(relay_receive(relay, 9, &reply, &nudges));
        ck_assert_uint_eq(reply.status, 404);
        reply_done(&reply);
        expect_in(gateway_get(gateway, "ok", NULL), "ok");

        relay_send(relay, 11, "crashdummy", "abort", "", 0);
        ck_assert(!relay_receive(relay, 11, &reply, &nudges));
        ck_assert_uint_eq(nudges, 0);
        hosted_kill(&h);

        /* Relay asks for nothing else, and nobody else for this. */
        start(&h, _i, &setup);
        relay = hosted_relay(&h);
        gateway_send(relay, 1, CRASHDUMMY_GET, "ok", NULL, NULL, 0);
        ck_assert(ended(relay));
        gateway = hosted_peer(&h);
        relay_send(gateway, 2, "crashdummy", "", "", 0);
        ck_assert(gateway_receive(gateway, 2, &reply));
        ck_assert_uint_eq(reply.status, 503);
        reply_done(&reply);
        hosted_kill(&h);
        (void) unlink(path);
        (void) rmdir(dir);
}
END_TEST

/* Relay's channel keeps nobody awake; what lies in it is answered before the end. */
START_TEST(on_demand_with_relay) {
        static const struct hosted_setup rests = {.file = "crashdummy", .idle_nsec = 60 * NSEC_PER_SEC};
        struct hosted h;
        struct reply reply;
        unsigned nudges;
        int gateway, relay;

        start(&h, _i, &rests);
        relay = hosted_relay(&h);
        gateway = hosted_peer(&h);
        expect_in(gateway_get(gateway, "ok", NULL), "ok");
        gateway_send(gateway, 8, CRASHDUMMY_GET, "slow", "200", NULL, 0);
        relay_send(relay, 3, "somebody_elses", "", "", 0);
        (void) close(gateway);
        ck_assert(relay_receive(relay, 3, &reply, &nudges));
        ck_assert_uint_eq(reply.status, 404);
        reply_done(&reply);
        hosted_expect_exit(&h, 0);
        ck_assert(ended(relay));
}
END_TEST

START_TEST(jobs_run_in_one_instance) {
        static const struct {
                const char *name;
                bool runs;
        } cases[] = {{"variant", true}, {"variant#1", true}, {"variant#2", false}};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct hosted_setup setup = {.file = "variant-job", .plugin = "variant", .name = cases[i].name};
                struct hosted h;
                char *body;
                int gateway;

                start(&h, _i, &setup);
                gateway = hosted_peer(&h);
                (void) poll(NULL, 0, 1200);
                body = gateway_get(gateway, "/variant", NULL);
                for (int n = 0; n < 300 && cases[i].runs && has(body, "\"ticks\": 0"); n++) {
                        free(body);
                        (void) poll(NULL, 0, 100);
                        body = gateway_get(gateway, "/variant", NULL);
                }
                ck_assert_msg(has(body, "\"ticks\": 0") == !cases[i].runs, "%s: %s", cases[i].name, body);
                free(body);
                hosted_kill(&h);
        }
}
END_TEST

START_TEST(supervisor_messages) {
        struct wire_log_level level = {.level = 4}, nonsense = {.level = 400};
        struct channel_message m;
        struct hosted h;

        start(&h, _i, &crashdummy);
        ck_assert_int_eq(channel_send(h.channel, WIRE_LOG_LEVEL, 0, &level, sizeof(level), NULL, 0), 0);
        ck_assert_int_eq(channel_send(h.channel, WIRE_LOG_LEVEL, 0, &nonsense, sizeof(nonsense), NULL, 0), 0);
        ck_assert_int_eq(channel_send(h.channel, WIRE_PING, 77, NULL, 0, NULL, 0), 0);
        hosted_expect(&h, WIRE_PONG, &m);
        ck_assert_uint_eq(m.header.id, 77);
        channel_message_done(&m);
        /* What is not for a plugin worker ends it, with a line. */
        ck_assert_int_eq(channel_send(h.channel, WIRE_DEPLOY, 0, NULL, 0, NULL, 0), 0);
        hosted_expect_exit(&h, 1);
        expect_in(hosted_last_words(&h), "the supervisor's channel failed");
}
END_TEST

/* Nothing but its own: no descriptor of the nursery, of its sisters or of ours. */
START_TEST(born_clean) {
        struct hosted sister, h;
        char *text;
        int gateway;

        start(&sister, _i, &crashdummy);
        (void) hosted_peer(&sister);
        start(&h, _i, &crashdummy);
        gateway = hosted_peer(&h);

        text = gateway_get(gateway, "fds", NULL);
        ck_assert_msg(has(text, "\"0\": \"/dev/null\""), "%s", text);
        ck_assert_msg(has(text, "\"5\": \"/memfd:ring"), "%s", text);
        ck_assert_msg(has(text, "\"6\": \"socket:"), "%s", text);
        ck_assert_msg(!has(text, "\"7\":") && !has(text, "\"8\":"), "%s", text);
        free(text);
        text = gateway_get(gateway, "environment", NULL);
        ck_assert_msg(has(text, "[\"TZ=UTC\", \"MARK=of the environment\""), "%s", text);
        free(text);
        hosted_kill(&sister);
        hosted_kill(&h);
}
END_TEST

static long member(const char *json, const char *name) {
        char key[64];
        const char *at;

        (void) snprintf(key, sizeof(key), "\"%s\": ", name);
        at = strstr(json, key);
        ck_assert_msg(at != NULL, "no %s in %s", name, json);
        return strtol(at + strlen(key), NULL, 10);
}

static void read_proc(pid_t pid, const char *file, char *ret, size_t size) {
        char path[64];
        ssize_t n;
        int fd;

        (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, file);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        n = read(fd, ret, size - 1);
        ck_assert_int_ge(n, 0);
        ret[n] = 0;
        (void) close(fd);
}

START_TEST(shown_by_ps) {
        struct hosted h;
        char text[4096];

        start(&h, _i, &crashdummy);
        read_proc(h.pid, "cmdline", text, sizeof(text));
        ck_assert_str_eq(text, "wazo-test: crashdummy");
        read_proc(h.pid, "comm", text, sizeof(text));
        ck_assert_str_eq(text, "crashdummy\n");
        hosted_kill(&h);
}
END_TEST

START_TEST(nursery_limits) {
        static const struct wire_fork order = {.slot = 1, .generation = 1, .memory_max = 64 * 1024 * 1024, .files_max = 40,
                                                .processes_max = 5000};
        struct hosted h;
        char *text;
        int gateway;

        hosted_nursery(&nursery);
        hosted_fork(&h, &nursery, &order);
        hosted_start(&h, &crashdummy);
        gateway = hosted_peer(&h);
        text = gateway_get(gateway, "process", NULL);
        ck_assert_int_eq(member(text, "parent"), getpid());
        ck_assert_int_eq(member(text, "session"), h.pid);
        ck_assert_int_eq(member(text, "core"), 0);
        ck_assert_int_eq(member(text, "data"), 64 * 1024 * 1024);
        ck_assert_int_eq(member(text, "files"), 40);
        ck_assert_int_eq(member(text, "processes"), 5000);
        free(text);
        hosted_kill(&h);
}
END_TEST

/* A spare is nobody's until its SETUP, and has the nursery's limits: the supervisor sets its own. */
START_TEST(nursery_spare) {
        static const struct wire_fork order = {.slot = 7};
        char title[64];
        struct hosted h;
        int gateway;

        hosted_nursery(&nursery);
        hosted_fork(&h, &nursery, &order);
        read_proc(h.pid, "cmdline", title, sizeof(title));
        ck_assert_str_eq(title, "wazo-test: spare");
        hosted_start(&h, &crashdummy);
        read_proc(h.pid, "cmdline", title, sizeof(title));
        ck_assert_str_eq(title, "wazo-test: crashdummy");
        gateway = hosted_peer(&h);
        expect_in(gateway_get(gateway, "ok", NULL), "ok");
        hosted_kill(&h);

        /* Without a supervisor it ends, as every worker does. */
        hosted_fork(&h, &nursery, &order);
        h.channel = fd_close(h.channel);
        hosted_expect_exit(&h, EXIT_FAILURE);
}
END_TEST

START_TEST(nursery_many) {
        enum { MANY = 200 };
        static struct hosted h[MANY];
        uint64_t begin;

        hosted_nursery(&nursery);
        begin = now_monotonic();
        for (int i = 0; i < MANY; i++) {
                struct wire_fork order = {.slot = (uint32_t) i, .generation = (uint32_t) i + 1};

                hosted_fork(&h[i], &nursery, &order);
        }
        (void) fprintf(stderr, "nursery: %d workers in %.1f ms\n", MANY, (double) (now_monotonic() - begin) / 1e6);
        for (int i = 0; i < MANY; i++)
                for (int j = 0; j < i; j++)
                        ck_assert_int_ne(h[i].pid, h[j].pid);
        for (int i = 0; i < MANY; i++)
                hosted_kill(&h[i]);
}
END_TEST

START_TEST(nursery_death) {
        struct hosted h;
        int gateway;

        hosted_nursery(&nursery);
        hosted_fork(&h, &nursery, &any_order);
        hosted_start(&h, &crashdummy);
        gateway = hosted_peer(&h);
        hosted_kill(&nursery);
        expect_in(gateway_get(gateway, "ok", NULL), "ok");
        hosted_drain(&h, NSEC_NEVER);
        hosted_expect_exit(&h, 0);
}
END_TEST

START_TEST(nursery_end) {
        struct wire_fork order = any_order;
        struct channel_message m;
        struct hosted h;

        hosted_nursery(&nursery);
        ck_assert_int_eq(channel_send(nursery.channel, WIRE_PING, 1, NULL, 0, NULL, 0), 0);
        hosted_expect(&nursery, WIRE_PONG, &m);
        channel_message_done(&m);
        /* An order without descriptors is answered, not obeyed. */
        ck_assert_int_eq(channel_send(nursery.channel, WIRE_FORK, 1, &order, sizeof(order), NULL, 0), 0);
        hosted_expect(&nursery, WIRE_FORKED, &m);
        ck_assert_int_eq(((const struct wire_forked *) m.body)->error, -EBADMSG);
        ck_assert_uint_eq(m.n_fds, 0);
        channel_message_done(&m);
        /* A worker that is born and hears no more goes with its channel. */
        hosted_fork(&h, &nursery, &any_order);
        h.channel = fd_close(h.channel);
        hosted_expect_exit(&h, 1);
        nursery.channel = fd_close(nursery.channel);
        hosted_expect_exit(&nursery, 0);
}
END_TEST

/* KiB of its own: shared pages count by the share. */
static long memory_of(pid_t pid) {
        char text[4096];
        const char *at;

        read_proc(pid, "smaps_rollup", text, sizeof(text));
        at = strstr(text, "\nPss:");
        ck_assert_ptr_nonnull(at);
        return strtol(at + 5, NULL, 10);
}

/* What a burst of requests used is given back a moment later, not when it is long over. */
START_TEST(gives_back) {
        long before, after = 0;
        struct hosted h;
        int gateway;

        start(&h, BY_NURSERY, &crashdummy);
        gateway = hosted_peer(&h);
        free(gateway_get(gateway, "ok", NULL));
        before = memory_of(h.pid);
        free(gateway_get(gateway, "hole", NULL));
        for (int i = 0; i < 20 && (i == 0 || after > before + 512); i++) {
                (void) usleep(20000);
                after = memory_of(h.pid);
        }
        ck_assert_msg(after <= before + 512, "%ld KiB before, %ld after 2 MiB were free again for 400 ms", before, after);
        hosted_kill(&h);
}
END_TEST

/* What the issue promises of a dozen workers of one nursery. */
START_TEST(small) {
        enum { DOZEN = 12, RESTING_MAX = 300, WORKING_MAX = 600 };
        char dir[] = "/tmp/test-host.XXXXXX", database[64];
        struct hosted_setup setup = crashdummy;
        long resting = 0, answering = 0, working = 0;
        struct hosted h[DOZEN];
        int gateways[DOZEN];

        ck_assert_ptr_nonnull(mkdtemp(dir));
        (void) snprintf(database, sizeof(database), "%s/test.sqlite", dir);
        setup.database = database;
        ck_assert_int_eq(close(open(database, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0); /* a worker makes none */
        hosted_nursery(&nursery);
        for (int i = 0; i < DOZEN; i++) {
                hosted_fork(&h[i], &nursery, &any_order);
                hosted_start(&h[i], &setup);
                gateways[i] = hosted_peer(&h[i]);
        }
        for (int i = 0; i < DOZEN; i++)
                resting += memory_of(h[i].pid);
        for (int i = 0; i < DOZEN; i++) {
                for (int j = 0; j < 10; j++)
                        free(gateway_get(gateways[i], "ok", NULL));
                free(gateway_get(gateways[i], "big", NULL));
        }
        for (int i = 0; i < DOZEN; i++)
                answering += memory_of(h[i].pid);
        /* As many as Wazo's own tables that the resources read. */
        free(gateway_put(gateways[0], "tables", "50"));
        for (int i = 0; i < DOZEN; i++)
                for (int j = 0; j < 10; j++)
                        free(gateway_get(gateways[i], "count-tables", NULL));
        for (int i = 0; i < DOZEN; i++)
                working += memory_of(h[i].pid);
        (void) fprintf(stderr, "memory of a worker: %ld KiB resting, %ld having answered, %ld with its database; the nursery %ld\n",
                       resting / DOZEN, answering / DOZEN, working / DOZEN, memory_of(nursery.pid));
        for (int i = 0; i < DOZEN; i++) {
                hosted_drain(&h[i], NSEC_NEVER);
                hosted_expect_exit(&h[i], 0);
        }
        ck_assert_int_le(resting / DOZEN, RESTING_MAX);
        ck_assert_int_le(working / DOZEN, WORKING_MAX);
        for (size_t i = 0; i < 3; i++) {
                static const char *const ends[] = {"", "-wal", "-shm"};
                char path[80];

                (void) snprintf(path, sizeof(path), "%s%s", database, ends[i]);
                (void) unlink(path);
        }
        ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* What the program prints, its standard error included. */
static char *describe(const char *arguments, int *ret_status) {
        char command[1200], *text = calloc(1, 65536);
        FILE *pipe;

        (void) snprintf(command, sizeof(command), "%s %s 2>&1", DESCRIBE_PROGRAM, arguments);
        pipe = popen(command, "r");
        ck_assert_ptr_nonnull(pipe);
        ck_assert_uint_lt(fread(text, 1, 65535, pipe), 65535);
        *ret_status = pclose(pipe) >> 8;
        return text;
}

START_TEST(describes) {
        static const struct {
                const char *arguments;
                int status;
                const char *text;
        } cases[] = {
                {PLUGIN_DIR "/variant.so", 0, "\"plugin\": \"variant\""},
                {PLUGIN_DIR "/variant.so", 0, "\"path\": \"/variant\""},
                {PLUGIN_DIR "/variant-abi.so", 1, "plugin ABI 2, this host has 1"},
                {PLUGIN_DIR "/variant-undefined.so", 1, "a_function_that_nobody_has"},
                {PLUGIN_DIR "/variant-no-symbol.so", 1, "it defines no wazo_plugin"},
                {PLUGIN_DIR "/text.so", 1, "is no shared object of this machine"},
                {PLUGIN_DIR "/absent.so", 1, "absent.so: No such file or directory"},
                {PLUGIN_DIR "/variant.so /nowhere/variant.json", 1, "cannot write /nowhere/variant.json"},
                {"", 2, "usage: "},
                {"--help", 2, "usage: "},
        };
        uint8_t build_id[BUILD_ID_SIZE];
        char hex[BUILD_ID_TEXT];
        int fd, status;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char *text = describe(cases[i].arguments, &status);

                ck_assert_msg(status == cases[i].status, "%s: %d: %s", cases[i].arguments, status, text);
                expect_in(text, cases[i].text);
        }
        fd = open(PLUGIN_DIR "/variant.so", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(elf_build_id(fd, build_id), 0);
        (void) close(fd);
        build_id_to_text(build_id, hex);
        expect_in(describe(PLUGIN_DIR "/variant.so", &status), hex);
}
END_TEST

static void forget_nursery(void) {
        if (nursery.pid > 0 && nursery.pidfd > 0)
                hosted_kill(&nursery);
        nursery = (struct hosted) {0};
}

static Suite *suite(void) {
        Suite *s = suite_create("host");
        TCase *worker = tcase_create("worker"), *births = tcase_create("nursery");

        tcase_set_timeout(worker, 60);
        tcase_set_timeout(births, 60);
        tcase_add_checked_fixture(worker, NULL, forget_nursery);
        tcase_add_checked_fixture(births, NULL, forget_nursery);
        tcase_add_loop_test(worker, answers, 0, WAYS);
        tcase_add_loop_test(worker, large_bodies, 0, WAYS);
        tcase_add_loop_test(worker, what_cannot_be_sent, 0, WAYS);
        tcase_add_loop_test(worker, garbage_of_a_gateway, 0, WAYS);
        tcase_add_loop_test(worker, past_its_deadline, 0, WAYS);
        tcase_add_loop_test(worker, gateway_that_does_not_read, 0, WAYS);
        tcase_add_loop_test(worker, does_not_load, 0, WAYS);
        tcase_add_loop_test(worker, crashes, 0, WAYS);
        tcase_add_loop_test(worker, crashes_at_start, 0, WAYS);
        tcase_add_loop_test(worker, drain_loses_nothing, 0, WAYS);
        tcase_add_loop_test(worker, supervisor_gone, 0, WAYS);
        tcase_add_loop_test(worker, on_demand, 0, WAYS);
        tcase_add_loop_test(worker, events, 0, WAYS);
        tcase_add_loop_test(worker, on_demand_with_relay, 0, WAYS);
        tcase_add_loop_test(worker, jobs_run_in_one_instance, 0, WAYS);
        tcase_add_loop_test(worker, supervisor_messages, 0, WAYS);
        tcase_add_loop_test(worker, born_clean, 0, WAYS);
        tcase_add_loop_test(worker, shown_by_ps, 0, WAYS);
        tcase_add_test(worker, describes);
        tcase_add_test(births, nursery_spare);
        tcase_add_test(births, nursery_many);
        if (!getenv("ASAN_OPTIONS")) /* which keeps books of its own, and has its own idea of RLIMIT_DATA */ {
                tcase_add_test(births, gives_back);
                tcase_add_test(births, small);
                tcase_add_test(births, nursery_limits);
        }
        tcase_add_test(births, nursery_death);
        tcase_add_test(births, nursery_end);
        suite_add_tcase(s, worker);
        suite_add_tcase(s, births);
        return s;
}

int main(void) {
        return check_run(suite());
}
