/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/host-harness.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/memfd.h"
#include "lib/ring.h"
#include "lib/elf.h"

#define PATIENCE (30 * NSEC_PER_SEC)
#define TENANT "2f4b1a3e-0000-4000-8000-000000000001"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* Channel, standard error, log, ring: the worker's ends, in the order of WIRE_FORK; ours go into @h. */
static void make_fds(struct hosted *h, int fds[4]) {
        int channel[2], err[2];

        ck_assert_int_eq(channel_pair(channel), 0);
        ck_assert_int_eq(pipe2(err, O_CLOEXEC | O_NONBLOCK), 0);
        h->channel = channel[0];
        h->err = err[0];
        h->ring = ring_open();
        ck_assert_int_ge(h->ring, 0);
        fds[0] = channel[1];
        fds[1] = err[1];
        fds[2] = open("/dev/null", O_WRONLY | O_APPEND | O_CLOEXEC);
        fds[3] = fcntl(h->ring, F_DUPFD_CLOEXEC, 3);
}

static void close_fds(int fds[4]) {
        for (int i = 0; i < 4; i++)
                (void) close(fds[i]);
}

_noreturn_ static void become_host(const int fds[4], bool nursery) {
        static const int places[] = {-1, 1, 1, 0, 2, 3};
        static char *environment[] = {(char *) "TZ=UTC", (char *) "MARK=of the environment", NULL, NULL};
        char *argv[] = {(char *) "wazo-host", (char *) (nursery ? "--nursery" : "test"), NULL};
        int moved[4];

        if (getenv("ASAN_OPTIONS"))
                (void) asprintf(&environment[2], "ASAN_OPTIONS=%s", getenv("ASAN_OPTIONS"));
        for (int i = 0; i < 4; i++)
                moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 16);
        for (int i = 0; i < 6; i++)
                (void) dup2(places[i] < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : moved[places[i]], i);
        (void) execve(HOST_PROGRAM, argv, environment);
        _exit(127);
}

static void expect_hello(struct hosted *h, enum wire_kind kind) {
        struct channel_message m;

        hosted_expect(h, WIRE_HELLO, &m);
        ck_assert_uint_eq(((const struct wire_hello *) m.body)->kind, kind);
        channel_message_done(&m);
}

void hosted_exec(struct hosted *h, bool nursery) {
        int fds[4];

        make_fds(h, fds);
        h->pid = fork();
        ck_assert_int_ge(h->pid, 0);
        if (h->pid == 0)
                become_host(fds, nursery);
        close_fds(fds);
        h->pidfd = (int) syscall(SYS_pidfd_open, h->pid, 0);
        ck_assert_int_ge(h->pidfd, 0);
        expect_hello(h, nursery ? WIRE_KIND_NURSERY : WIRE_KIND_PLUGIN);
}

void hosted_fork(struct hosted *h, struct hosted *nursery, const struct wire_fork *order) {
        const struct wire_forked *forked;
        struct channel_message m;
        int fds[4];

        make_fds(h, fds);
        ck_assert_int_eq(channel_send(nursery->channel, WIRE_FORK, 5, order, sizeof(*order), fds, 4), 0);
        close_fds(fds);
        hosted_expect(nursery, WIRE_FORKED, &m);
        forked = m.body;
        ck_assert_int_eq(forked->error, 0);
        ck_assert_uint_eq(forked->slot, order->slot);
        ck_assert_uint_eq(forked->generation, order->generation);
        ck_assert_uint_eq(m.header.id, 5);
        h->pid = forked->pid;
        h->pidfd = channel_message_take_fd(&m, 0);
        ck_assert_int_ge(h->pidfd, 0);
        channel_message_done(&m);
        expect_hello(h, WIRE_KIND_PLUGIN);
}

void hosted_expect(struct hosted *h, enum wire_type type, struct channel_message *ret) {
        for (;;) {
                ck_assert_msg(channel_wait(h->channel, now_monotonic() + PATIENCE) == 1, "no %s came",
                              wire_message_info(type)->name);
                ck_assert_msg(channel_receive(h->channel, WIRE_UP, ret) == 1, "the end came instead of %s",
                              wire_message_info(type)->name);
                if (ret->header.type == type)
                        return;
                if (ret->header.type == WIRE_FAILED)
                        ck_abort_msg("FAILED: %s", ((const struct wire_failed *) ret->body)->text);
                ck_assert_uint_eq(ret->header.type, WIRE_NOTE);
                channel_message_done(ret);
        }
}

static int open_plugin(const char *file, char path[512]) {
        int fd;

        (void) snprintf(path, 512, "%s/%s.so", PLUGIN_DIR, file);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd;
}

static int make_slice(const struct hosted_setup *s) {
        const char *start = s->start, *database = s->database;
        char slice[1024];
        int n = snprintf(slice, sizeof(slice), "{\"db\": {\"uri\": \"sqlite://%s\"}, \"uuid\": null, \"version\": \"26.08\", "
                         "\"master_tenant\": \"%s\", \"driver_dir\": \"%s\", \"config\": {%s%s%s}}", database ? database : ":memory:", TENANT, DRIVER_DIR,
                         start ? "\"start\": \"" : "", start ? start : "", start ? "\"" : "");
        int fd = memfd_sealed("slice", slice, (size_t) n);

        ck_assert_int_ge(fd, 0);
        return fd;
}

void hosted_setup(struct hosted *h, const struct hosted_setup *s) {
        const char *plugin = s->plugin ? s->plugin : s->file;
        struct wire_setup setup = {
                .slot = 1,
                .generation = 1,
                .kind = WIRE_KIND_PLUGIN,
                .log_level = 3,
                .idle_nsec = s->idle_nsec,
                .service = "wazo-test",
                .class = "default",
                .fd_roles = {WIRE_FD_SLICE, WIRE_FD_PLUGIN},
        };
        int fds[2] = {make_slice(s), open_plugin(s->file, setup.plugin_path)};

        (void) strcopy(setup.plugin, sizeof(setup.plugin), plugin);
        (void) strcopy(setup.name, sizeof(setup.name), s->name ? s->name : plugin);
        /* A file that is no plugin has none; one that is not there is left out, as the supervisor does. */
        (void) !elf_build_id(fds[1], setup.plugin_build_id);
        if (s->other_build_id)
                setup.plugin_build_id[0] ^= 1;
        ck_assert_int_eq(channel_send(h->channel, WIRE_SETUP, 0, &setup, sizeof(setup), fds, fds[1] >= 0 ? 2 : 1), 0);
        (void) close(fds[0]);
        (void) fd_close(fds[1]);
}

static void expect_ready(struct hosted *h) {
        struct channel_message m;

        hosted_expect(h, WIRE_READY, &m);
        channel_message_done(&m);
}

void hosted_start(struct hosted *h, const struct hosted_setup *setup) {
        hosted_setup(h, setup);
        expect_ready(h);
}

void hosted_nursery(struct hosted *h) {
        struct wire_setup setup = {.kind = WIRE_KIND_NURSERY, .log_level = 3, .service = "wazo-test", .name = "nursery"};

        hosted_exec(h, true);
        ck_assert_int_eq(channel_send(h->channel, WIRE_SETUP, 0, &setup, sizeof(setup), NULL, 0), 0);
        expect_ready(h);
}

void hosted_expect_failure(struct hosted *h, enum wire_cause cause, const char *part, int status) {
        const struct wire_failed *failed;
        struct channel_message m;

        hosted_expect(h, WIRE_FAILED, &m);
        failed = m.body;
        ck_assert_msg(failed->cause == cause, "%s: %s", wire_cause_to_string(failed->cause), failed->text);
        ck_assert_msg(strstr(failed->text, part) != NULL, "%s", failed->text);
        channel_message_done(&m);
        hosted_expect_exit(h, status);
}

void hosted_drain(struct hosted *h, uint64_t deadline) {
        struct wire_drain drain = {.deadline = deadline};

        ck_assert_int_eq(channel_send(h->channel, WIRE_DRAIN, 0, &drain, sizeof(drain), NULL, 0), 0);
}

static void hosted_close(struct hosted *h) {
        h->pidfd = fd_close(h->pidfd);
        h->channel = fd_close(h->channel);
        h->err = fd_close(h->err);
}

void hosted_wait(struct hosted *h, siginfo_t *ret) {
        struct pollfd pollfd = {.fd = h->pidfd, .events = POLLIN};

        ck_assert_msg(poll(&pollfd, 1, (int) (PATIENCE / NSEC_PER_MSEC)) == 1, "process %d does not end", (int) h->pid);
        ck_assert_int_eq(waitid((idtype_t) P_PIDFD, (id_t) h->pidfd, ret, WEXITED), 0);
        ck_assert_int_eq(ret->si_pid, h->pid);
        hosted_close(h);
}

void hosted_expect_exit(struct hosted *h, int code) {
        siginfo_t info;

        hosted_wait(h, &info);
        ck_assert_int_eq(info.si_code, CLD_EXITED);
        ck_assert_int_eq(info.si_status, code);
}

void hosted_kill(struct hosted *h) {
        siginfo_t info;

        ck_assert_int_eq(syscall(SYS_pidfd_send_signal, h->pidfd, SIGKILL, NULL, 0), 0);
        hosted_wait(h, &info);
        h->ring = fd_close(h->ring);
}

char *hosted_last_words(struct hosted *h) {
        char *text;

        ck_assert_int_eq(ring_read(h->ring, &text), 0);
        return text;
}

/* ---- the gateway ---- */

static int introduce(struct hosted *h, enum wire_kind kind) {
        struct wire_peer peer = {.kind = kind};
        int pair[2];

        (void) strcopy(peer.name, sizeof(peer.name), wire_kind_to_string(kind));
        ck_assert_int_eq(channel_pair(pair), 0);
        ck_assert_int_eq(channel_send(h->channel, WIRE_PEER, 0, &peer, sizeof(peer), &pair[1], 1), 0);
        (void) close(pair[1]);
        return pair[0];
}

int hosted_peer(struct hosted *h) {
        return introduce(h, WIRE_KIND_GATEWAY);
}

void gateway_send(int channel, uint64_t id, uint32_t operation, const char *what, const char *n, const void *body, size_t size) {
        static const char *const methods[] = {"GET", "POST", "PUT"};
        char path[256];
        struct request request = {
                .operation = operation,
                .deadline = now_monotonic() + PATIENCE,
                .id = "0123456789abcdef0123456789abcdef",
                .method = methods[operation],
                .path = path,
                .base_url = "http://127.0.0.1:9486/1.1",
                .script_name = "",
                .tenant = TENANT,
                .auth_id = TENANT,
                .accept = "",
                .content_type = "application/octet-stream",
                .idempotency_key = "",
                .tenants = (const char *[]) {TENANT},
                .n_tenants = 1,
                .params = {{"what", what}},
                .n_params = 1,
                .query = {{"n", n}},
                .n_query = n ? 1 : 0,
                .body = body,
                .body_size = size,
                .body_fd = -1,
        };
        struct pack p = PACK_NULL;

        (void) snprintf(path, sizeof(path), "%s%s", what[0] == '/' ? "" : "/crashdummy/", what);
        if (size > WIRE_INLINE_MAX / 2) {
                request.body_fd = memfd_sealed("body", body, size);
                ck_assert_int_ge(request.body_fd, 0);
        }
        ck_assert_int_eq(request_encode(&request, &p), 0);
        ck_assert_int_eq(channel_send(channel, WIRE_REQUEST, id, p.data, p.size, &request.body_fd,
                                      request.body_fd >= 0 ? 1 : 0),
                         0);
        pack_done(&p);
        (void) fd_close(request.body_fd);
}

bool gateway_receive(int channel, uint64_t id, struct reply *ret) {
        struct channel_message m;
        int r;

        ck_assert_msg(channel_wait(channel, now_monotonic() + PATIENCE) == 1, "no answer");
        r = channel_receive(channel, WIRE_TELL, &m);
        if (r == 0)
                return false;
        ck_assert_int_eq(r, 1);
        ck_assert_uint_eq(m.header.type, WIRE_REPLY);
        ck_assert_uint_eq(m.header.id, id);
        ck_assert_int_eq(reply_decode(m.body, m.header.size, channel_message_take_fd(&m, 0), ret), 0);
        channel_message_done(&m);
        return true;
}

static char *ask(int channel, uint32_t operation, const char *what, const char *n) {
        struct reply reply;
        char *text = NULL;
        size_t size;

        gateway_send(channel, 7, operation, what, n, NULL, 0);
        ck_assert(gateway_receive(channel, 7, &reply));
        if (reply.body_fd >= 0)
                ck_assert_int_eq(memfd_read(reply.body_fd, PACK_MAX, &text, &size), 0);
        else
                text = strndup(strempty(reply.body), reply.body_size);
        ck_assert_msg(reply.status == 200, "%u: %s", reply.status, text);
        reply_done(&reply);
        return text;
}

char *gateway_get(int channel, const char *what, const char *n) {
        return ask(channel, CRASHDUMMY_GET, what, n);
}

char *gateway_put(int channel, const char *what, const char *n) {
        return ask(channel, CRASHDUMMY_PUT, what, n);
}

/* ---- relay ---- */

int hosted_relay(struct hosted *h) {
        return introduce(h, WIRE_KIND_RELAY);
}

void relay_send(int channel, uint64_t id, const char *event, const char *what, const char *n, size_t padding) {
        struct request request = {.deadline = now_monotonic() + PATIENCE, .id = "1f", .method = "EVENT",
                                  .path = event, .base_url = "",
                                  .script_name = "", .tenant = "", .auth_id = "", .accept = "", .content_type = "",
                                  .idempotency_key = "", .body_fd = -1};
        struct pack p = PACK_NULL;
        char *body;

        ck_assert_int_gt(asprintf(&body, "{%*s\"data\": {\"what\": \"%s\", \"n\": \"%s\"}}", (int) padding, "", what, n), 0);
        request.body_size = strlen(body);
        request.body = body;
        if (padding > WIRE_INLINE_MAX / 2) {
                request.body_fd = memfd_sealed("event", body, request.body_size);
                ck_assert_int_ge(request.body_fd, 0);
        }
        ck_assert_int_eq(request_encode(&request, &p), 0);
        ck_assert_int_eq(channel_send(channel, WIRE_REQUEST, id, p.data, p.size, &request.body_fd,
                                      request.body_fd >= 0 ? 1 : 0),
                         0);
        pack_done(&p);
        (void) fd_close(request.body_fd);
        free(body);
}

bool relay_receive(int channel, uint64_t id, struct reply *ret, unsigned *ret_nudges) {
        struct channel_message m;
        int r;

        for (*ret_nudges = 0;; (*ret_nudges)++) {
                ck_assert_msg(channel_wait(channel, now_monotonic() + PATIENCE) == 1, "no answer");
                r = channel_receive(channel, WIRE_TELL, &m);
                if (r == 0)
                        return false;
                ck_assert_int_eq(r, 1);
                if (m.header.type != WIRE_NUDGE)
                        break;
                channel_message_done(&m);
        }
        ck_assert_uint_eq(m.header.type, WIRE_REPLY);
        ck_assert_uint_eq(m.header.id, id);
        ck_assert_int_eq(reply_decode(m.body, m.header.size, channel_message_take_fd(&m, 0), ret), 0);
        channel_message_done(&m);
        return true;
}
