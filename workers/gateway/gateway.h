/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The gateway: one event loop that parses HTTP, decides who may do what, and hands requests to the workers of the plugins.
 *
 * main.c starts it, supervisor.c speaks with the supervisor, http.c with libmicrohttpd, flow.c decides about one request,
 * slots.c gives it to a worker. Nothing blocks, and everything is bounded.
 */
#pragma once

#include <systemd/sd-event.h>

#include "lib/uplink.h"
#include "lib/worker.h"
#include "workers/gateway/connection.h"
#include "workers/gateway/exchange.h"
#include "workers/gateway/metrics.h"
#include "workers/gateway/requestlog.h"
#include "workers/gateway/router.h"
#include "workers/gateway/settings.h"
#include "workers/gateway/slots.h"

struct listener {
        struct gateway *gateway;
        const struct listener_settings *settings;
        struct MHD_Daemon *daemon;
        sd_event_source *io, *timer;
        uint64_t armed; /* what the timer is set to; NSEC_NEVER */
        unsigned n;     /* connections */
        bool unfull;    /* there is room again: the library must run to accept */
};

struct gateway {
        struct worker worker;
        sd_event *event;
        struct settings settings;
        struct router router;     /* behind the prefix */
        struct router own_router; /* /metrics, which has none */
        int descriptions_fd; /* for the OpenAPI document, which is made when it is asked for */
        int openapi_fd;      /* what was made, -1 before */

        /* http.c */
        struct listener listeners[LISTENERS_MAX];
        sd_event_source *post;
        bool run_wanted; /* connections were resumed */
        char *tls_cert, *tls_key;

        struct connections connections;
        struct slots slots;
        struct requestlog log;
        struct metrics metrics;
        struct pack scratch; /* for encoding */
        uint64_t bodies;     /* bytes of bodies in memory files */
        struct exchange *spare; /* one kept for the next request, by ->next */
        size_t n_spare;

        /* supervisor.c */
        struct uplink uplink;
        bool draining;
        uint64_t drain_deadline;
        uint64_t drain_idle_nsec; /* how long one that sends nothing is waited for, when no gateway comes after this */
};

/* supervisor.c: each queues a message to the supervisor. */
int supervisor_watch(struct gateway *g) _must_check_;
void supervisor_want(struct gateway *g, uint32_t slot);
void supervisor_stalled(struct gateway *g, uint32_t slot, uint32_t generation, enum wire_cause cause);
void supervisor_inflight(struct gateway *g, const struct wire_inflight *inflight);

/* http.c */
int http_start(struct gateway *g) _must_check_;
/* No new connections; the loop ends when the last is gone, or soon behind the deadline. */
void http_drain(struct gateway *g, const struct wire_drain *drain);
/* Everybody is answered 503 and the daemons are stopped. */
void http_stop(struct gateway *g);
/* Hands the answered exchange back to libmicrohttpd, at the end of this turn of the loop. */
void http_resume(struct exchange *ex);
void http_suspend(struct exchange *ex);

/* flow.c: the steps of one request. The outcome is in ex->stage. */
void flow_begin(struct exchange *ex);
/* The body, if any, is complete. */
void flow_dispatch(struct exchange *ex);
/* A reply to something that the gateway asked for itself (metrics, status); @reply NULL: there was none. */
void flow_builtin_reply(struct exchange *ex, struct reply *reply);

/* status.c, openapi.c, metrics.c: answers of the gateway's own. */
/* With the relay's reply, or NULL where there is none. */
void status_answer(struct exchange *ex, const struct reply *reply);
void openapi_answer(struct exchange *ex);
