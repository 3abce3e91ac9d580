/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-gateway: the worker that clients talk to.
 */
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include "lib/memfd.h"
#include "lib/pages.h"
#include "workers/gateway/gateway.h"

#define PEM_MAX (256U * 1024)
/* An answer is looked for this long behind another event. */
#define LINGER_NSEC (50 * NSEC_PER_USEC)

static void on_problem(void *userdata, const char *plugin, const char *text) {
        struct gateway *g = userdata;

        log_error("plugin '%s': %s", plugin, text);
        (void) worker_note(&g->worker, "routes", "plugin '%s': %s", plugin, text);
}

static void load_settings(struct gateway *g) {
        _cleanup_free_ char *json = NULL;
        const char *error = "";
        size_t size;
        int r;

        r = worker_read_slice(&g->worker, &json, &size);
        if (r < 0)
                worker_fail(&g->worker, WIRE_CAUSE_CONFIG, "the slice cannot be read: %s", strerror(-r));
        r = settings_load(&g->settings, json, size, &error);
        if (r < 0)
                worker_fail(&g->worker, WIRE_CAUSE_CONFIG, "the slice cannot be used: %s", *error ? error : strerror(-r));
        explicit_bzero(json, size);
}

static int add_builtins(struct gateway *g) {
        char right[96];
        int r;

        (void) snprintf(right, sizeof(right), "%s.status.read", g->settings.right_prefix);
        r = router_add_builtin(&g->router, "/status", BUILTIN_STATUS, right);
        if (r < 0)
                return r;
        r = router_add_builtin(&g->router, "/api/api.yml", BUILTIN_OPENAPI, NULL);
        if (r < 0)
                return r;
        (void) snprintf(right, sizeof(right), "%s.metrics.read", g->settings.right_prefix);
        return router_add_builtin(&g->own_router, "/metrics", BUILTIN_METRICS, right);
}

static void load_routes(struct gateway *g) {
        _cleanup_free_ char *text = NULL;
        json_error_t error;
        json_t *descriptions;
        size_t size;
        int r;

        /* Ours first: a plugin cannot take them. */
        r = add_builtins(g);
        if (r < 0)
                worker_fail(&g->worker, WIRE_CAUSE_EXIT, "no routes: %s", strerror(-r));

        g->descriptions_fd = worker_take_fd(&g->worker, WIRE_FD_DESCRIPTIONS, 0);
        r = g->descriptions_fd < 0 ? g->descriptions_fd : memfd_read(g->descriptions_fd, PACK_MAX, &text, &size);
        if (r < 0)
                worker_fail(&g->worker, WIRE_CAUSE_CONFIG, "the descriptions cannot be read: %s", strerror(-r));
        descriptions = json_loadb(text, size, 0, &error);
        r = descriptions ? router_load(&g->router, descriptions_list(descriptions), on_problem, g) : -EINVAL;
        json_decref(descriptions);
        if (r < 0)
                worker_fail(&g->worker, WIRE_CAUSE_CONFIG, "the descriptions cannot be used: %s", descriptions ? strerror(-r) : error.text);
}

/* One certificate and one key for all listeners with TLS. They stay as long as we do: libmicrohttpd refers to them. */
static char *read_pem(struct gateway *g, enum wire_fd_role role) {
        _cleanup_close_ int fd = worker_take_fd(&g->worker, role, 0);
        _cleanup_free_ char *pem = NULL;
        size_t size = 0;
        ssize_t n;

        if (fd < 0)
                return NULL;
        pem = malloc(PEM_MAX + 1);
        if (!pem)
                return NULL;
        /* Another gateway may have read from the same descriptor: its offset is not ours. */
        while (size < PEM_MAX && (n = pread(fd, pem + size, PEM_MAX - size, (off_t) size)) != 0) {
                if (n < 0 && errno != EINTR)
                        return NULL;
                size += n > 0 ? (size_t) n : 0;
        }
        pem[size] = 0;
        return STEAL(pem);
}

static void start(struct gateway *g) {
        int r;

        load_settings(g);
        load_routes(g);
        g->tls_cert = read_pem(g, WIRE_FD_TLS_CERT);
        g->tls_key = read_pem(g, WIRE_FD_TLS_KEY);
        requestlog_setup(&g->log, WORKER_FD_LOG, g->settings.service);

        r = sd_event_new(&g->event);
        if (r >= 0)
                r = slots_start(g);
        if (r >= 0)
                r = supervisor_watch(g);
        if (r < 0)
                worker_fail(&g->worker, WIRE_CAUSE_EXIT, "no event loop: %s", strerror(-r));
        r = http_start(g);
        if (r < 0)
                worker_fail(&g->worker, r == -EINVAL || r == -ENOENT ? WIRE_CAUSE_CONFIG : WIRE_CAUSE_EXIT,
                            "the listeners cannot be served: %s", strerror(-r));
        /* What parsing the configuration took is not needed again. */
        (void) malloc_trim(0);
        r = worker_ready(&g->worker);
        if (r < 0)
                exit(EXIT_FAILURE);
        pages_give_back();
}

static void stop(struct gateway *g) {
        http_stop(g);
        slots_done(g);
        uplink_close(&g->uplink);
        (void) sd_event_unref(g->event);
        requestlog_done(&g->log);
        router_done(&g->router);
        router_done(&g->own_router);
        settings_done(&g->settings);
        pack_done(&g->scratch);
        exchange_free_spare(g);
        free(g->tls_cert);
        free(g->tls_key);
        g->descriptions_fd = fd_close(g->descriptions_fd);
        g->openapi_fd = fd_close(g->openapi_fd);
}

/*
 * While workers are at their requests an answer is a moment away: to sleep and be woken for it costs more than to look
 * again. So the loop turns without sleeping for a moment, and lets everybody else have the processor meanwhile.
 */
static int run(struct gateway *g) {
        uint64_t busy = 0;
        int r;

        while (sd_event_get_state(g->event) != SD_EVENT_FINISHED) {
                bool linger = g->slots.executing > 0 && now_monotonic() < busy + LINGER_NSEC;

                r = sd_event_run(g->event, linger ? 0 : UINT64_MAX);
                if (r < 0)
                        return r;
                if (r > 0)
                        busy = now_monotonic();
                else if (linger)
                        (void) sched_yield();
        }
        return sd_event_get_exit_code(g->event, &r) < 0 ? -EIO : r;
}

int main(void) {
        static struct gateway g = {.descriptions_fd = -1, .openapi_fd = -1};
        int r;

        (void) signal(SIGPIPE, SIG_IGN);
        r = worker_begin(&g.worker, WIRE_KIND_GATEWAY);
        if (r < 0) {
                (void) fprintf(stderr, "wazo-gateway: started by no supervisor: %s\n", strerror(-r));
                return EXIT_FAILURE;
        }
        start(&g);
        r = run(&g);
        stop(&g);
        return r < 0 ? EXIT_FAILURE : r;
}
