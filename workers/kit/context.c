/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request's transaction and what is staged in it; what handlers ask of their request. */
#include <stdarg.h>
#include <stdio.h>

#include "lib/log.h"
#include "lib/memfd.h"
#include "workers/kit/internal.h"

/* ----- the transaction ----- */

static void tell_lock(struct wazo_host *host, enum wazo_lock lock) {
        if (host->setup.lock)
                host->setup.lock(host->setup.userdata, lock);
}

static int open_database(struct wazo_context *ctx) {
        struct wazo_host *host = ctx->host;
        const char *uri = json_string_value(wazo_member(host->slice, "db.uri"));
        int r;

        if (host->db)
                return 0;
        if (!uri) {
                (void) snprintf(ctx->failure, sizeof(ctx->failure), "no database is configured");
                return -ENODEV;
        }
        r = db_load(host->driver_dir, uri, &host->driver, ctx->failure, sizeof(ctx->failure));
        if (r >= 0)
                r = db_open(host->driver, uri, &host->db, ctx->failure, sizeof(ctx->failure));
        host->fresh = r >= 0;
        return r;
}

/* What a request may take, and how much of that it may wait for a lock. */
static void set_deadlines(struct wazo_context *ctx) {
        uint64_t now = now_monotonic(), attempt = ctx->host->setup.attempt;

        if (attempt == 0)
                attempt = 10 * NSEC_PER_SEC;
        if (ctx->operation.terms && ctx->operation.terms->attempt)
                attempt = ctx->operation.terms->attempt * NSEC_PER_SEC;
        ctx->host->db->deadline = wazo_deadline(ctx);
        ctx->host->db->lock_deadline = MIN(now + attempt / 4, ctx->host->db->deadline);
}

/*
 * The transaction begins with the first statement, so that a body that is refused never takes the lock. Here, as the first
 * statement of a write, is the place of the journal's row (INSERT ... ON CONFLICT DO NOTHING), which tells a retried
 * request from a new one.
 */
int context_db(struct wazo_context *ctx, struct db **ret) {
        int r = 0;

        if (!ctx->begun) {
                r = open_database(ctx);
                if (r < 0)
                        return r;
                set_deadlines(ctx);
                if (ctx->write)
                        tell_lock(ctx->host, WAZO_LOCK_WAITING);
                r = db_begin(ctx->host->db, ctx->write);
                if (ctx->write)
                        tell_lock(ctx->host, r < 0 ? WAZO_LOCK_NONE : WAZO_LOCK_HELD);
        }
        if (r < 0) {
                (void) snprintf(ctx->failure, sizeof(ctx->failure), "%s", db_error(ctx->host->db));
                return r;
        }
        ctx->begun = true;
        *ret = ctx->host->db;
        return 0;
}

static int prepare_effects(struct wazo_context *ctx) {
        for (size_t i = 0; i < ctx->n_staged; i++) {
                struct staged *s = &ctx->staged[i];
                int r = s->effect->prepare ? s->effect->prepare(ctx, s->data) : 0;

                if (r < 0)
                        return r;
                s->prepared = true;
        }
        return 0;
}

static void end_effects(struct wazo_context *ctx, bool committed) {
        for (size_t i = 0; i < ctx->n_staged; i++) {
                struct staged *s = &ctx->staged[i];
                void (*end)(void *) = committed ? s->effect->commit : s->prepared ? s->effect->rollback : NULL;

                if (end)
                        end(s->data);
                if (s->effect->done)
                        s->effect->done(s->data);
        }
        ctx->n_staged = 0;
}

static bool has_outbox(const struct wazo_context *ctx) {
        return json_array_size(ctx->reload) + json_array_size(ctx->calls) + json_array_size(ctx->events) > 0;
}

int context_commit(struct wazo_context *ctx) {
        int r = 0;

        if (has_outbox(ctx))
                r = outbox_write(ctx);
        if (r >= 0)
                r = prepare_effects(ctx);
        if (r < 0)
                return r;
        if (ctx->begun) {
                r = db_commit(ctx->host->db);
                if (r < 0) {
                        (void) snprintf(ctx->failure, sizeof(ctx->failure), "%s", db_error(ctx->host->db));
                        return r;
                }
                if (ctx->write)
                        tell_lock(ctx->host, WAZO_LOCK_NONE);
        }
        ctx->begun = false;
        end_effects(ctx, true);
        if (has_outbox(ctx) && ctx->host->setup.outbox)
                ctx->host->setup.outbox(ctx->host->setup.userdata);
        return 0;
}

void context_rollback(struct wazo_context *ctx) {
        if (ctx->begun) {
                db_rollback(ctx->host->db);
                if (ctx->write)
                        tell_lock(ctx->host, WAZO_LOCK_NONE);
        }
        ctx->begun = false;
        end_effects(ctx, false);
}

void context_done(struct wazo_context *ctx) {
        json_decref(ctx->body);
        json_decref(ctx->reload);
        json_decref(ctx->calls);
        json_decref(ctx->events);
        free(ctx->staged);
        reply_done(&ctx->reply);
}

int wazo_stage(struct wazo_context *ctx, const struct wazo_effect *effect, void *data) {
        struct staged *staged = realloc(ctx->staged, (ctx->n_staged + 1) * sizeof(*staged));

        if (!staged)
                return -ENOMEM;
        ctx->staged = staged;
        ctx->staged[ctx->n_staged++] = (struct staged) {.effect = effect, .data = data};
        return 0;
}

/* ----- the request ----- */

const char *wazo_parameter(const struct wazo_context *ctx, const char *name) {
        return ctx->request ? request_param(ctx->request, name) : NULL;
}

const char *wazo_query_value(const struct wazo_context *ctx, const char *name) {
        return ctx->request ? request_query(ctx->request, name) : NULL;
}

const void *wazo_route_data(const struct wazo_context *ctx) {
        return ctx->operation.route ? ctx->operation.route->data : NULL;
}

const char *wazo_accept(const struct wazo_context *ctx) {
        return ctx->request ? ctx->request->accept : "";
}

const char *wazo_content_type(const struct wazo_context *ctx) {
        return ctx->request ? ctx->request->content_type : "";
}

const char *wazo_tenant(const struct wazo_context *ctx) {
        return ctx->request ? ctx->request->tenant : strempty(wazo_master_tenant(ctx));
}

const char *wazo_auth_id(const struct wazo_context *ctx) {
        return ctx->request ? ctx->request->auth_id : "";
}

const char *wazo_base_url(const struct wazo_context *ctx) {
        return ctx->request ? ctx->request->base_url : "";
}

const char *wazo_server_uuid(const struct wazo_context *ctx) {
        return wazo_string(ctx->host->slice, "uuid");
}

const char *wazo_version(const struct wazo_context *ctx) {
        return strempty(wazo_string(ctx->host->slice, "version"));
}

const char *wazo_master_tenant(const struct wazo_context *ctx) {
        return wazo_string(ctx->host->slice, "master_tenant");
}

uint64_t wazo_deadline(const struct wazo_context *ctx) {
        uint64_t deadline = ctx->request ? ctx->request->deadline : ctx->deadline;

        return deadline ? deadline : NSEC_NEVER;
}

const void *wazo_body(const struct wazo_context *ctx, size_t *ret_size) {
        *ret_size = ctx->request ? ctx->request->body_size : 0;
        return ctx->request ? ctx->request->body : NULL;
}

int wazo_body_fd(const struct wazo_context *ctx, size_t *ret_size) {
        *ret_size = ctx->request ? ctx->request->body_size : 0;
        return ctx->request ? ctx->request->body_fd : -1;
}

int wazo_json_body(struct wazo_context *ctx, json_t **ret_body) {
        _cleanup_free_ char *copy = NULL;
        const struct request *request = ctx->request;
        const char *data = request ? request->body : NULL;
        size_t size = request ? request->body_size : 0;
        int r = 1;

        if (!ctx->body) {
                if (request && request->body_fd >= 0) {
                        r = memfd_read(request->body_fd, size, &copy, &size);
                        if (r < 0)
                                return r;
                        data = copy;
                }
                r = data ? body_parse(data, size, &ctx->body) : 1;
        } else
                r = 0;
        if (r > 0)
                return wazo_error_plain(ctx, 400, "The browser (or proxy) sent a request that this server could not understand.");
        if (r == 0)
                *ret_body = ctx->body;
        return r;
}

/* ----- the host ----- */

int wazo_call(struct wazo_context *ctx, const struct wazo_call *call, struct wazo_answer *ret) {
        const struct wazo_host_setup *setup = &ctx->host->setup;

        return setup->call ? setup->call(setup->userdata, wazo_deadline(ctx), call, ret) : -ENOTCONN;
}

const char *wazo_setting_string(const struct wazo_context *ctx, const char *key) {
        return wazo_string(ctx->host->settings, key);
}

int64_t wazo_setting_integer(const struct wazo_context *ctx, const char *key) {
        return wazo_integer(ctx->host->settings, key);
}

double wazo_setting_float(const struct wazo_context *ctx, const char *key) {
        return json_number_value(json_object_get(ctx->host->settings, key));
}

bool wazo_setting_boolean(const struct wazo_context *ctx, const char *key) {
        return wazo_boolean(ctx->host->settings, key);
}
