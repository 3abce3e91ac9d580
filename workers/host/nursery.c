/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/host/nursery.h"

#include <dlfcn.h>
#include <jansson.h>
#include <malloc.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "lib/pages.h"
#include "lib/paths.h"
#include "workers/host/birth.h"
#include "workers/host/plugin-worker.h"
#include "workers/host/title.h"

/* The supervisor has one fork outstanding and reads its channel: an answer never waits for longer. */
#define ANSWER_MSEC 10000

/* The embedded default. libpq, four times as large, is loaded by who has a PostgreSQL to talk to. */
#define DRIVER "db-sqlite.so"

/* What ps shows of a worker that waits for its name. */
#define SPARE_NAME "spare"

/* Outcomes of handling one message. */
enum { GO_ON, FINISHED };

struct nursery {
        struct worker *worker;
        int parent_death_signal;
        pid_t parent;
};

static void load(const char *format, ...) _printf_(1, 2);
static void load(const char *format, ...) {
        char path[1024];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(path, sizeof(path), format, ap);
        va_end(ap);
        if (!dlopen(path, RTLD_NOW | RTLD_LOCAL))
                log_debug("not loaded in advance: %s", strempty(dlerror()));
}

/* What every plugin worker would otherwise load, relocate and read for itself. What fails here is done, and reported, by who
 * needs it. */
static void preload(const char *service) {
        struct paths paths;

        if (paths_find(&paths) >= 0) {
                load("%s/%s", paths.drivers, DRIVER);
                /* What the plugins of the service share, if they share anything. */
                if (paths.build_tree)
                        load("%s/lib%s-services.so", paths.plugins, service);
                else
                        load("%s/%s/lib%s-services.so", paths.plugins, service, service);
        }
        /* Once, of the kernel's random numbers: no client can learn it, that workers share it gives nothing away. */
        json_object_seed(0);
        tzset();
        /* What is free now would otherwise be copied by each worker that uses it. */
        (void) malloc_trim(0);
}

/*
 * A spare has time: what loading a plugin and reading its configuration write to, or call for the first time, is touched now,
 * and mapped when it counts. There is nothing at this path, and nothing is looked for.
 */
static void rehearse(void) {
        if (!dlopen("/", RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD))
                (void) dlerror();
        json_decref(json_loads("{\"spare\": [true]}", 0, NULL));
}

/* The child's whole life. */
_noreturn_ static void live(const struct nursery *n, const struct birth *birth) {
        struct worker w;
        int r;

        r = birth_settle(birth);
        if (birth->order->generation == 0) {
                title_set(n->worker->setup.service, SPARE_NAME);
                rehearse();
        }
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
                live(n, &birth);
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

/* Our own cores are nobody's wish; how large a worker's may be is left as it was given to us. */
static void want_no_core(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_CORE, &limit) == 0) {
                limit.rlim_cur = 0;
                (void) setrlimit(RLIMIT_CORE, &limit);
        }
}

int nursery_run(struct worker *w) {
        struct nursery n = {.worker = w, .parent = getppid()};
        int r;

        /* exec has kept it for us; a fork does not. */
        if (prctl(PR_GET_PDEATHSIG, &n.parent_death_signal) < 0)
                n.parent_death_signal = 0;
        title_set(w->setup.service, w->setup.name);
        want_no_core();
        preload(w->setup.service);

        r = worker_ready(w);
        pages_give_back();
        while (r == GO_ON)
                r = serve_one(&n);
        if (r < 0 && r != -EPIPE && r != -ECONNRESET) {
                log_error("the supervisor's channel failed: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
