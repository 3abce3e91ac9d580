/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/host/nursery.h"

#include <dlfcn.h>
#include <jansson.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "workers/host/birth.h"
#include "workers/host/hardening.h"
#include "workers/host/plugin-worker.h"
#include "workers/host/title.h"

/* The supervisor has one fork outstanding and reads its channel: an answer never waits for longer. */
#define ANSWER_MSEC 10000

/* Outcomes of handling one message. */
enum { GO_ON, FINISHED };

struct nursery {
        struct worker *worker;
        int parent_death_signal;
        pid_t parent;
};

/* <driver_dir>/db-<scheme>.so, by the slice. What cannot be loaded here is loaded, and reported, by who needs it. */
static void preload_driver(const char *slice, size_t size) {
        json_t *root = json_loadb(slice, size, 0, NULL);
        const char *dir = NULL, *uri = NULL, *scheme_end;
        char path[1024];

        if (root && json_unpack(root, "{s:s, s:{s:s}}", "driver_dir", &dir, "db", "uri", &uri) == 0) {
                scheme_end = strstr(uri, "://");
                if (scheme_end && snprintf(path, sizeof(path), "%s/db-%.*s.so", dir, (int) (scheme_end - uri), uri) < (int) sizeof(path) &&
                    !dlopen(path, RTLD_NOW | RTLD_LOCAL))
                        log_warning("%s is not loaded in advance: %s", path, strempty(dlerror()));
        }
        json_decref(root);
}

static void preload(struct worker *w) {
        _cleanup_free_ char *slice = NULL;
        size_t size;

        /* Once, of the kernel's random numbers: clients do not learn it from one worker to use it on another. */
        json_object_seed(0);
        if (worker_read_slice(w, &slice, &size) >= 0)
                preload_driver(slice, size);
        /* What is free now would otherwise be copied by each worker that uses it. */
        (void) malloc_trim(0);
}

/* The child's whole life. */
_noreturn_ static void live(const struct birth *birth) {
        struct worker w;
        int r;

        r = birth_settle(birth);
        if (r >= 0)
                r = worker_begin_forked(&w, WIRE_KIND_PLUGIN);
        if (r < 0)
                _exit(EXIT_FAILURE);
        exit(plugin_worker_run(&w));
}

static int answer(struct nursery *n, uint64_t id, const struct wire_forked *forked, int pidfd) {
        for (;;) {
                struct pollfd pollfd = {.fd = n->worker->channel, .events = POLLOUT};
                int r;

                r = channel_send(n->worker->channel, WIRE_FORKED, id, forked, sizeof(*forked), &pidfd, pidfd >= 0 ? 1 : 0);
                if (r != -EAGAIN)
                        return r;
                if (poll(&pollfd, 1, ANSWER_MSEC) == 0)
                        return -ETIMEDOUT;
        }
}

static int on_fork(struct nursery *n, struct channel_message *m) {
        const struct wire_fork *order = m->body;
        const struct birth birth = {
                .order = order,
                .fds = m->fds,
                .parent_death_signal = n->parent_death_signal,
                .parent = n->parent,
        };
        struct wire_forked forked = {.slot = order->slot, .generation = order->generation};
        _cleanup_close_ int pidfd = -1;
        int r = -EBADMSG;

        if (m->n_fds == BIRTH_FDS)
                r = birth_fork(&pidfd);
        if (r == 0)
                live(&birth);
        if (r < 0)
                forked.error = r;
        else
                forked.pid = r;
        return answer(n, m->header.id, &forked, pidfd);
}

static int on_ping(struct nursery *n, struct channel_message *m) {
        return channel_send(n->worker->channel, WIRE_PONG, m->header.id, NULL, 0, NULL, 0);
}

static int on_drain(struct nursery *n, struct channel_message *m) {
        return FINISHED;
}

static int on_log_level(struct nursery *n, struct channel_message *m) {
        uint32_t level = ((const struct wire_log_level *) m->body)->level;

        if (level < LOG_LEVEL_MAX)
                log_set_level((enum log_level) level);
        return GO_ON;
}

static const struct {
        enum wire_type type;
        int (*handle)(struct nursery *n, struct channel_message *m);
} handlers[] = {
        {WIRE_FORK, on_fork},
        {WIRE_PING, on_ping},
        {WIRE_DRAIN, on_drain},
        {WIRE_LOG_LEVEL, on_log_level},
};

static int serve_one(struct nursery *n) {
        struct channel_message m;
        int r;

        r = channel_wait(n->worker->channel, NSEC_NEVER);
        if (r < 0)
                return r;
        r = channel_receive(n->worker->channel, WIRE_DOWN, &m);
        if (r <= 0)
                return r == -EAGAIN ? GO_ON : r < 0 ? r : FINISHED;
        r = -EBADMSG;
        for (size_t i = 0; i < ELEMENTSOF(handlers); i++)
                if (handlers[i].type == m.header.type)
                        r = handlers[i].handle(n, &m);
        channel_message_done(&m);
        return r;
}

int nursery_run(struct worker *w) {
        struct nursery n = {.worker = w, .parent = getppid()};
        char hardening[WIRE_TEXT_MAX];
        int r;

        /* exec has kept it for us; a fork does not. */
        if (prctl(PR_GET_PDEATHSIG, &n.parent_death_signal) < 0)
                n.parent_death_signal = 0;
        title_set(w->setup.service, w->setup.name);
        preload(w);

        hardening_describe(hardening, sizeof(hardening));
        r = worker_note(w, "hardening", "%s", hardening);
        if (r >= 0)
                r = worker_ready(w);
        while (r == GO_ON)
                r = serve_one(&n);
        if (r < 0 && r != -EPIPE && r != -ECONNRESET) {
                log_error("the supervisor's channel failed: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
