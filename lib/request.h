/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One HTTP request on its way from a gateway to a worker, and the reply on its way back: what the messages REQUEST and
 * REPLY hold, and what the plugin kit is called with.
 *
 * All strings are UTF-8 and NUL-terminated; the gateway has refused NUL, invalid UTF-8 and %2F in paths before. A decoded
 * request points into the packet it was decoded from, which must outlive it.
 */
#pragma once

#include "lib/pack.h"
#include "lib/util.h"

#define REQUEST_PAIRS_MAX 64
#define REQUEST_PARAMS_MAX 8

struct request_pair {
        const char *name, *value;
};

struct request {
        uint32_t operation; /* index in the plugin's description */
        bool head;          /* a HEAD served by a GET operation: the gateway cuts the body */
        bool retry;         /* sent before, to a worker that died */
        bool master_tenant; /* the effective tenant is the master tenant */

        uint64_t deadline;  /* CLOCK_MONOTONIC nsec: past it nobody waits for this attempt any more */

        const char *id;          /* the request's identifier, 32 hex digits: in logs, records and X-Request-Id */
        const char *method;
        const char *path;        /* as routed: /users/7 */
        const char *base_url;    /* for links: scheme://host[/script-name]/1.1 */
        const char *script_name; /* of X-Script-Name, or "" */
        const char *tenant;      /* uuid of the effective tenant; "" where the operation needs none */
        const char *auth_id;     /* uuid of who asks, "" without a token */
        const char *accept;      /* the Accept header, or "" */
        const char *content_type; /* of the body, or "" */
        const char *idempotency_key; /* or "" */

        /* The effective tenant and all below it. */
        const char **tenants;
        size_t n_tenants;
        struct request_pair params[REQUEST_PARAMS_MAX]; /* of the path, in its order: {"user_id", "7"} */
        size_t n_params;
        struct request_pair query[REQUEST_PAIRS_MAX];   /* decoded, in the client's order */
        size_t n_query;

        const void *body; /* in memory, or NULL when it is in body_fd or there is none; its end is not a NUL */
        size_t body_size;
        int body_fd;      /* sealed memory file, or -1; owned by whoever received the message. Not to be read when body
                           * is set: then it holds more than the body */
        void *storage;    /* request_decode()'s own, of a request too large for its packet */
};

struct reply {
        unsigned status;
        char *content_type; /* NULL: application/json */
        char *location;     /* absolute URL, or NULL */
        char *body;         /* allocated, or NULL when it is in body_fd or empty */
        size_t body_size;
        int body_fd;        /* sealed memory file, or -1 */
        unsigned retry_after; /* seconds for Retry-After; 0: no such header */
};

#define REPLY_NULL ((struct reply) {.body_fd = -1})

void reply_done(struct reply *r);

/* Packs all but the body when it is in body_fd. */
int request_encode(const struct request *r, struct pack *p) _must_check_;
/* For a request that is larger than a packet even without its body (hundreds of tenants, a long query): the packet in @p, and
 * in @tail what is to be appended to the body in the memory file that goes with it. */
int request_encode_split(const struct request *r, struct pack *p, struct pack *tail) _must_check_;
/* *ret borrows from @data, but for what request_done() frees. @body_fd: what came with the message, or -1; it stays the
 * caller's. -EBADMSG on anything malformed. */
int request_decode(const void *data, size_t size, int body_fd, struct request *ret) _must_check_;
void request_done(struct request *r);

int reply_encode(const struct reply *r, struct pack *p) _must_check_;
/* Sends it without waiting, in one packet when it fits, else with its body in a memory file, of which @reply then has
 * the descriptor. -EAGAIN when the channel is full, and what channel_send() gives. */
int reply_send(int channel, uint64_t id, struct reply *reply) _must_check_;
/* Copies into newly allocated strings; takes @body_fd over on success. */
int reply_decode(const void *data, size_t size, int body_fd, struct reply *ret) _must_check_;

/* The first value of a query parameter or path parameter, or NULL. */
const char *request_query(const struct request *r, const char *name);
const char *request_param(const struct request *r, const char *name);
