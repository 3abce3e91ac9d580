/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The gateway's slice (docs/slices.md), checked.
 */
#pragma once

#include "workers/gateway/access.h"
#include "workers/gateway/cors.h"
#include "workers/gateway/tenants.h"

#define LISTENERS_MAX 8

struct listener_settings {
        char *name;
        char host[80]; /* address:port, for a request without Host */
        bool tls;
};

struct idle_settings {
        char *worker;
        uint64_t nsec;
};

struct settings {
        char *service, *version, *prefix;
        char right_prefix[64]; /* confd, of wazo-confd */
        struct listener_settings listeners[LISTENERS_MAX];
        size_t n_listeners;
        struct cors cors;

        /* Limits. */
        unsigned connections, idle_seconds;
        size_t header_bytes;
        uint64_t header_nsec, body_nsec;
        uint64_t body_bytes, bodies_bytes; /* one; all that are in memory files */
        size_t queue, executing, requests_held;

        /* Deadlines. */
        uint64_t queue_nsec, attempt_nsec, total_nsec, drain_nsec;
        uint64_t quick_nsec; /* a worker that answers within it is sent more than one request */

        struct tokens tokens;
        struct tenants tenants;
        struct idle_settings *idle; /* workers on demand */
        size_t n_idle;
        bool log_bodies;
};

/* @json: the slice's text. *reterr: a static text that says what is wrong, with -EINVAL. */
int settings_load(struct settings *s, const char *json, size_t size, const char **reterr) _must_check_;
void settings_done(struct settings *s);

/* After which time without a request this worker may rest; 0: never. */
uint64_t settings_idle(const struct settings *s, const char *worker);
