/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/control-harness.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "lib/memfd.h"
#include "lib/ring.h"
#include "lib/worker.h"

#define PATIENCE (20 * NSEC_PER_SEC)

static void run_worker(struct harness *h, int channel, int ring) {
        const char *program = getenv("WAZO_CONTROL");
        /* Above those that they are to become. */
        int wanted[] = {channel, h->log, ring};

        for (unsigned i = 0; i < ELEMENTSOF(wanted); i++)
                wanted[i] = fcntl(wanted[i], F_DUPFD, 100);
        for (unsigned i = 0; i < ELEMENTSOF(wanted); i++)
                (void) dup2(wanted[i], WORKER_FD_CHANNEL + (int) i);
        for (int fd = WORKER_FD_RING + 1; fd < 200; fd++)
                (void) close(fd);
        (void) execl(program, program, NULL);
        _exit(127);
}

static int listen_at(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        ck_assert(strcopy(address.sun_path, sizeof(address.sun_path), path));
        ck_assert_int_eq(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        ck_assert_int_eq(listen(fd, 64), 0);
        return fd;
}

static void send_setup(struct harness *h, const struct plan *plan, const char *extra) {
        struct wire_setup setup = {.slot = 1, .generation = 1, .kind = WIRE_KIND_CONTROL, .log_level = LOG_LEVEL_DEBUG};
        struct pack p = PACK_NULL;
        char slice[512];
        int fds[3], n;

        (void) snprintf(setup.service, sizeof(setup.service), "wazo-confd");
        (void) snprintf(setup.name, sizeof(setup.name), "control");
        n = snprintf(slice, sizeof(slice), "{\"service\": \"wazo-confd\", \"crashes\": {\"dir\": \"%s\", \"keep\": 3}, "
                     "\"group\": \"\", \"interface\": \"io.wazo.suite\"%s}", h->crashes, extra);
        fds[0] = memfd_sealed("slice", slice, (size_t) n);
        ck_assert_int_eq(plan_encode(plan, &p), 0);
        fds[1] = memfd_sealed("plan", p.data, p.size);
        pack_done(&p);
        fds[2] = listen_at(h->socket);
        setup.fd_roles[0] = WIRE_FD_SLICE;
        setup.fd_roles[1] = WIRE_FD_PLAN;
        setup.fd_roles[2] = WIRE_FD_CONTROL;
        harness_send(h, WIRE_SETUP, 0, &setup, sizeof(setup), fds, 3);
        for (unsigned i = 0; i < 3; i++)
                (void) close(fds[i]);
}

void harness_start(struct harness *h, const struct plan *plan, const char *extra) {
        struct channel_message m;
        int pair[2], ring = ring_open();

        *h = (struct harness) {.dir = "/tmp/wazo-control-XXXXXX"};
        ck_assert_ptr_nonnull(mkdtemp(h->dir));
        (void) snprintf(h->socket, sizeof(h->socket), "%s/control.sock", h->dir);
        (void) snprintf(h->crashes, sizeof(h->crashes), "%s/crashes", h->dir);
        h->log = memfd_open("log");
        ck_assert_int_ge(h->log, 0);
        ck_assert_int_ge(ring, 0);
        ck_assert_int_eq(channel_pair(pair), 0);
        h->channel = pair[0];
        h->pid = fork();
        ck_assert_int_ge(h->pid, 0);
        if (h->pid == 0)
                run_worker(h, pair[1], ring);
        (void) close(pair[1]);
        (void) close(ring);

        harness_expect(h, WIRE_HELLO, &m);
        send_setup(h, plan, extra);
        harness_expect(h, WIRE_READY, &m);
}

int harness_stop(struct harness *h) {
        char command[128];
        int status = 0;

        h->channel = fd_close(h->channel);
        for (unsigned i = 0; i < 200 && waitpid(h->pid, &status, WNOHANG) == 0; i++) {
                if (i == 199) {
                        (void) kill(h->pid, SIGKILL);
                        ck_abort_msg("control outlived its supervisor");
                }
                (void) usleep(50000);
        }
        h->log = fd_close(h->log);
        (void) snprintf(command, sizeof(command), "rm -r %s", h->dir);
        ck_assert_int_eq(system(command), 0);
        return status;
}

void harness_send(struct harness *h, enum wire_type type, uint64_t id, const void *body, size_t size, const int *fds,
                  size_t n_fds) {
        int r;

        for (unsigned i = 0; (r = channel_send(h->channel, type, id, body, size, fds, n_fds)) == -EAGAIN && i < 2000; i++)
                (void) usleep(10000);
        ck_assert_msg(r == 0, "sending: %s", strerror(-r));
}

void harness_expect(struct harness *h, enum wire_type type, struct channel_message *m) {
        for (;;) {
                int r;

                ck_assert_int_eq(channel_wait(h->channel, now_monotonic() + PATIENCE), 1);
                r = channel_receive(h->channel, WIRE_UP, m);
                if (r != 1) {
                        _cleanup_free_ char *log = harness_log(h);

                        ck_abort_msg("waiting for %s: %d; log:\n%s", wire_message_info(type)->name, r, log);
                }
                if (m->header.type == WIRE_NOTE)
                        continue;
                ck_assert_msg(m->header.type == type, "%s instead of %s", wire_message_info(m->header.type)->name,
                              wire_message_info(type)->name);
                return;
        }
}

void harness_sync(struct harness *h) {
        struct channel_message m;

        harness_send(h, WIRE_PING, 0, NULL, 0, NULL, 0);
        harness_expect(h, WIRE_PONG, &m);
}

struct wire_slot harness_slot(uint32_t number, const char *name, unsigned kind, unsigned state) {
        struct wire_slot slot = {
                .slot = number, .kind = kind, .state = state, .generation = 1, .pid = 1000 + (int) number,
                .since = now_monotonic() - 3 * NSEC_PER_SEC, .since_wall = now_realtime() - 3 * NSEC_PER_SEC,
                .ready_nsec = 4 * NSEC_PER_MSEC, .class = "",
        };

        (void) strcopy(slot.name, sizeof(slot.name), name);
        if (kind == WIRE_KIND_PLUGIN) {
                (void) strcopy(slot.plugin, sizeof(slot.plugin), name);
                slot.plugin[strcspn(slot.plugin, "#")] = 0;
                (void) strcopy(slot.class, sizeof(slot.class), "default");
        }
        (void) strcopy(slot.hardening, sizeof(slot.hardening), "no_new_privs, seccomp, landlock 3");
        return slot;
}

struct wire_service harness_service(void) {
        return (struct wire_service) {
                .name = "wazo-confd", .version = "26.08", .status = "Serving on 127.0.0.1:9486", .ready = 1,
                .log_level = LOG_LEVEL_INFO, .pid = 999, .started_wall = now_realtime() - 10 * NSEC_PER_SEC,
                .started = now_monotonic() - 10 * NSEC_PER_SEC, .plan_serial = 1, .uuid_source = "from table infos",
        };
}

int harness_connect(struct harness *h) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        ck_assert(strcopy(address.sun_path, sizeof(address.sun_path), h->socket));
        ck_assert_int_eq(connect(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        return fd;
}

void harness_write(int fd, const void *data, size_t size) {
        const char *at = data;

        while (size > 0) {
                ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

                if (n < 0)
                        return;
                at += n;
                size -= (size_t) n;
        }
}

char *harness_read(int fd) {
        char *text = NULL, c;
        size_t n = 0;

        for (;;) {
                struct pollfd p = {.fd = fd, .events = POLLIN};

                ck_assert_int_eq(poll(&p, 1, (int) (PATIENCE / NSEC_PER_MSEC)), 1);
                if (recv(fd, &c, 1, 0) != 1) {
                        free(text);
                        return NULL;
                }
                if (n % 4096 == 0) {
                        text = realloc(text, n + 4096);
                        ck_assert_ptr_nonnull(text);
                }
                text[n++] = c;
                if (!c)
                        return text;
        }
}

json_t *harness_call(struct harness *h, const char *method, const char *parameters) {
        _cleanup_close_ int fd = harness_connect(h);
        _cleanup_free_ char *answer = NULL;
        char call[1024];
        json_t *message;
        int n;

        n = snprintf(call, sizeof(call), "{\"method\": \"%s\", \"parameters\": %s}", method, parameters);
        harness_write(fd, call, (size_t) n + 1);
        answer = harness_read(fd);
        ck_assert_msg(answer != NULL, "no answer to %s", method);
        message = json_loads(answer, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_msg(json_is_object(message), "answer: %s", answer);
        return message;
}

char *harness_log(struct harness *h) {
        char *text = calloc(1, 65536);

        ck_assert_ptr_nonnull(text);
        (void) !pread(h->log, text, 65535, 0);
        return text;
}
