/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One request of a client and its answer, from the request line to the last byte.
 */
#pragma once

#include <microhttpd.h>

#include "lib/request.h"
#include "workers/gateway/access.h"
#include "workers/gateway/errors.h"
#include "workers/gateway/headers.h"
#include "workers/gateway/links.h"
#include "workers/gateway/router.h"

struct connection;
struct gateway;
struct errand;
struct pool;

enum stage {
        STAGE_LINE,     /* the request line is there */
        STAGE_BODY,     /* the body is being collected */
        STAGE_DISCARD,  /* the answer is known, the body is read and forgotten */
        STAGE_QUEUED,   /* suspended, in its pool's queue */
        STAGE_SENT,     /* suspended, with a worker */
        STAGE_ANSWERED, /* the answer is in reply */
        STAGE_GIVEN,    /* and with libmicrohttpd */
};

/* Up to this a body stays in memory. */
#define BODY_INLINE_MAX 6144

struct exchange {
        struct gateway *gateway;
        struct connection *connection;
        struct MHD_Connection *mhd;
        enum stage stage;
        bool suspended;
        bool http_1_1;
        bool close;      /* the connection is closed behind the answer */
        bool preflight;
        bool logged;     /* the request's line is in the log */

        uint64_t id;     /* of the message to the worker; each attempt has its own */
        char request_id[33], span_id[17], parent_id[17], trace_id[33];
        uint64_t started;

        const char *came_at; /* where the library has the URI: for comparing only */
        char *uri;       /* as it came */
        char *decoded;   /* the copy that is decoded, and cut up, in place */
        char *path;      /* what the worker is told: decoded, without the prefix. All three are one allocation */
        const char *method_name;
        enum method method;
        struct headers headers;
        struct links links;
        struct operation *operation; /* NULL where no URL was found */
        unsigned allowed;            /* for Allow, 1 << method */
        const struct token *token;
        struct request request;

        char *body;      /* up to BODY_INLINE_MAX, else in request.body_fd */
        size_t body_size;
        uint64_t discarded;
        uint64_t charged; /* its part of gateway.bodies */
        bool sealed, split; /* how body_fd is */

        struct reply reply;

        /* In the hands of slots.c. */
        struct exchange *previous, *next;
        struct pool *pool;
        struct errand *errand; /* a worker's, when it is with one */
        uint64_t queued, queue_deadline, total_deadline;
        unsigned attempts;
};

/* With @uri copied; NULL when there is no memory. */
struct exchange *exchange_new(struct gateway *g, struct connection *c, const char *uri) _must_check_;
struct exchange *exchange_free(struct exchange *ex);
/* Those kept for later requests. */
void exchange_free_spare(struct gateway *g);

/* Sets the answer, taking @body over; without one, of no memory, the answer is 500 and empty. */
void exchange_answer(struct exchange *ex, unsigned status, const char *content_type, struct error_body body);
/* The same for a worker's reply. */
void exchange_answer_reply(struct exchange *ex, struct reply *reply);
void exchange_answer_unavailable(struct exchange *ex, unsigned retry_after, struct error_body body);

/* Keeps a piece of the body. -EFBIG past the limit, -ENOBUFS past that of all bodies together, -ENOMEM. */
int exchange_collect(struct exchange *ex, const void *data, size_t size) _must_check_;
uint64_t exchange_body_limit(const struct exchange *ex);

/*
 * The request as a message into @p, which is emptied before; request.body_fd goes with it unless it is -1. The body's memory
 * file is sealed here.
 */
int exchange_pack(struct exchange *ex, struct pack *p) _must_check_;

/* Hands the answer to libmicrohttpd. */
enum MHD_Result exchange_give(struct exchange *ex);
