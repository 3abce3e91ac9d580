/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/exchange.h"

#include "lib/memfd.h"
#include "lib/wire.h"
#include "workers/gateway/gateway.h"

#define SPARE_MAX 64

struct exchange *exchange_new(struct gateway *g, struct connection *c, const char *uri) {
        size_t size = strlen(uri) + 1;
        struct exchange *ex = g->spare;

        if (ex) {
                g->spare = ex->next;
                g->n_spare--;
        } else {
                ex = malloc(sizeof(*ex));
                if (!ex)
                        return NULL;
        }
        *ex = (struct exchange) {
                .gateway = g,
                .connection = c,
                .came_at = uri,
                .reply = REPLY_NULL,
                .request = {.body_fd = -1},
                .started = now_monotonic(),
        };
        ex->uri = malloc(size * 3);
        if (!ex->uri) {
                free(ex);
                return NULL;
        }
        memcpy(ex->uri, uri, size);
        memcpy(ex->uri + size, uri, size);
        ex->decoded = ex->uri + size;
        ex->path = ex->decoded + size;
        *ex->path = 0;
        return ex;
}

struct exchange *exchange_free(struct exchange *ex) {
        struct gateway *g = ex->gateway;

        reply_done(&ex->reply);
        ex->request.body_fd = fd_close(ex->request.body_fd);
        g->bodies -= ex->charged;
        free(ex->body);
        free(ex->uri);
        if (g->n_spare < SPARE_MAX) {
                ex->next = g->spare;
                g->spare = ex;
                g->n_spare++;
        } else
                free(ex);
        return NULL;
}

void exchange_free_spare(struct gateway *g) {
        while (g->spare) {
                struct exchange *ex = g->spare;

                g->spare = ex->next;
                free(ex);
        }
        g->n_spare = 0;
}

void exchange_answer(struct exchange *ex, unsigned status, const char *content_type, struct error_body body) {
        reply_done(&ex->reply);
        ex->reply.status = body.data ? status : 500;
        ex->reply.body = body.data;
        ex->reply.body_size = body.size;
        if (content_type) {
                ex->reply.content_type = strdup(content_type);
                if (!ex->reply.content_type)
                        ex->reply.status = 500;
        }
        ex->stage = STAGE_ANSWERED;
}

void exchange_answer_unavailable(struct exchange *ex, unsigned retry_after, struct error_body body) {
        exchange_answer(ex, 503, NULL, body);
        ex->reply.retry_after = retry_after;
}

void exchange_answer_reply(struct exchange *ex, struct reply *reply) {
        reply_done(&ex->reply);
        ex->reply = *reply;
        *reply = REPLY_NULL;
        ex->stage = STAGE_ANSWERED;
}

uint64_t exchange_body_limit(const struct exchange *ex) {
        const struct operation *operation = ex->operation;

        return operation && operation->body_max > 0 ? operation->body_max : ex->gateway->settings.body_bytes;
}

/* The body has become too large for memory. */
static int spill(struct exchange *ex) {
        _cleanup_close_ int fd = memfd_open("body");
        int r;

        if (fd < 0)
                return fd;
        r = write_all(fd, ex->body, ex->body_size);
        if (r < 0)
                return r;
        ex->request.body_fd = fd_steal(&fd);
        free(ex->body);
        ex->body = NULL;
        return 0;
}

/* Memory files are no small thing when many clients send some at once. One that is alone is measured by its own limit only. */
static int charge(struct exchange *ex, uint64_t size) {
        struct gateway *g = ex->gateway;
        uint64_t others = g->bodies - ex->charged;

        if (others > 0 && others + size > g->settings.bodies_bytes)
                return -ENOBUFS;
        g->bodies = others + size;
        ex->charged = size;
        return 0;
}

int exchange_collect(struct exchange *ex, const void *data, size_t size) {
        int r;

        if (size > exchange_body_limit(ex) - ex->body_size)
                return -EFBIG;

        if (ex->body_size + size > BODY_INLINE_MAX) {
                r = charge(ex, ex->body_size + size);
                if (r < 0)
                        return r;
        }
        if (ex->request.body_fd < 0 && ex->body_size + size > BODY_INLINE_MAX) {
                r = spill(ex);
                if (r < 0)
                        return r;
        }
        if (ex->request.body_fd >= 0) {
                r = write_all(ex->request.body_fd, data, size);
                if (r < 0)
                        return r;
        } else {
                char *body = realloc(ex->body, ex->body_size + size);

                if (!body)
                        return -ENOMEM;
                memcpy(body + ex->body_size, data, size);
                ex->body = body;
        }
        ex->body_size += size;
        return 0;
}

static int pack_split(struct exchange *ex, struct pack *p) {
        struct pack tail = PACK_NULL;
        int r;

        p->size = 0;
        r = request_encode_split(&ex->request, p, &tail);
        if (r >= 0 && !ex->split)
                r = write_all(ex->request.body_fd, tail.data, tail.size);
        pack_done(&tail);
        ex->split = r >= 0;
        return r;
}

int exchange_pack(struct exchange *ex, struct pack *p) {
        struct request *request = &ex->request;
        int r;

        request->body = ex->body;
        request->body_size = ex->body_size;
        if (!ex->split) {
                p->size = 0;
                r = request_encode(request, p);
                if (r < 0)
                        return r;
                if (p->size > WIRE_INLINE_MAX && request->body_fd < 0) {
                        r = spill(ex);
                        if (r < 0)
                                return r;
                        p->size = 0;
                        request->body = NULL;
                        r = request_encode(request, p);
                        if (r < 0)
                                return r;
                }
        }
        if (ex->split || p->size > WIRE_INLINE_MAX) {
                r = pack_split(ex, p);
                if (r < 0)
                        return r;
        }
        if (request->body_fd >= 0 && !ex->sealed) {
                r = memfd_seal(request->body_fd);
                if (r < 0)
                        return r;
                ex->sealed = true;
        }
        return 0;
}
