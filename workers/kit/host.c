/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plugin at work: made, asked, put to rest. */
#include "workers/kit/host.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/log.h"
#include "lib/memfd.h"
#include "lib/pages.h"
#include "workers/kit/internal.h"

/* ----- logging: the host's own log, since each shared object has a copy of lib/log ----- */

static struct wazo_host *logging;

_printf_(3, 0) static void logv(const struct wazo_host *host, unsigned level, const char *format, va_list ap) {
        char line[1024];

        (void) vsnprintf(line, sizeof(line), format, ap);
        if (host && host->setup.log)
                host->setup.log(host->setup.userdata, level, line);
        else
                (void) fprintf(stderr, "%s\n", line);
}

void kit_log(struct wazo_host *host, unsigned level, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        logv(host, level, format, ap);
        va_end(ap);
}

#define LOG_FUNCTION(name, level)                       \
        void name(const char *text, ...) {              \
                va_list ap;                             \
                                                        \
                va_start(ap, text);                     \
                logv(logging, (level), text, ap);       \
                va_end(ap);                             \
        }

LOG_FUNCTION(wazo_log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(wazo_log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(wazo_log_error, LOG_LEVEL_ERROR)

/* ----- settings ----- */

/* The section as the configuration checked it, with what it does not say. Checked again: the two may be of two ages. */
static int read_settings(struct wazo_host *host, char *error, size_t error_size) {
        const json_t *section = json_object_get(host->slice, "config");

        host->settings = json_object();
        if (!host->settings)
                return -ENOMEM;
        for (const struct wazo_setting *s = host->setup.plugin->settings; s && s->key; s++) {
                const struct wazo_field field = {.name = s->key, .type = s->type, .range = s->range, .preset = s->preset};
                const json_t *given = json_object_get(section, s->key);
                json_t *value = NULL, *messages = NULL;
                int r;

                if (given && !json_is_null(given))
                        r = validate_value(NULL, &field, given, &value, &messages);
                else
                        r = preset_value(&field, &value);
                if (messages) {
                        _cleanup_free_ char *text = wazo_python(messages);

                        (void) snprintf(error, error_size, "setting %s of plugin %s: %s", s->key,
                                        host->setup.plugin->name, strempty(text));
                        json_decref(messages);
                        return -EINVAL;
                }
                if (r >= 0)
                        r = wazo_set(host->settings, s->key, value);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ----- life ----- */

static int check_plugin(const struct wazo_plugin *plugin, char *error, size_t error_size) {
        if (plugin->abi == WAZO_PLUGIN_ABI && plugin->size >= sizeof(*plugin) && plugin->name)
                return 0;
        (void) snprintf(error, error_size, "the plugin was made for version %u of the kit, this is version %u",
                        plugin->abi, WAZO_PLUGIN_ABI);
        return -ELIBBAD;
}

static int init_plugin(struct wazo_host *host, char *error, size_t error_size) {
        struct wazo_context ctx = {.host = host, .reply = REPLY_NULL};
        int r;

        if (!host->setup.plugin->init)
                return 0;
        r = host->setup.plugin->init(&ctx);
        if (r < 0) {
                /* What it says with wazo_error_plain(). */
                _wazo_unref_ json_t *said = ctx.reply.body ? json_loadb(ctx.reply.body, ctx.reply.body_size, 0, NULL) : NULL;
                const char *text = json_string_value(json_array_get(said, 0));

                (void) snprintf(error, error_size, "plugin %s: %s", host->setup.plugin->name, text ? text : strerror(-r));
        }
        context_done(&ctx);
        return r < 0 ? r == -ECANCELED ? -EINVAL : r : 0;
}

int wazo_host_new(const struct wazo_host_setup *setup, struct wazo_host **ret, char *error, size_t error_size) {
        struct wazo_host *host = NULL;
        char unused[2];
        int r;

        if (!error) {
                error = unused;
                error_size = sizeof(unused);
        }
        error[0] = 0;
        r = check_plugin(setup->plugin, error, error_size);
        if (r < 0)
                return r;
        host = calloc(1, sizeof(*host));
        if (!host)
                return -ENOMEM;
        host->setup = *setup;
        host->slice = json_loadb(setup->slice, setup->slice_size, 0, NULL);
        host->setup.slice = NULL; /* not ours to keep */
        r = json_is_object(host->slice) ? 0 : -EINVAL;
        if (r < 0)
                (void) snprintf(error, error_size, "the worker's slice is not a JSON object");
        else if (!strcopy(host->driver_dir, sizeof(host->driver_dir), strempty(wazo_string(host->slice, "driver_dir"))))
                r = -ENAMETOOLONG;
        logging = host;
        if (r >= 0)
                r = read_settings(host, error, error_size);
        if (r >= 0)
                r = init_plugin(host, error, error_size);
        if (r < 0) {
                wazo_host_free(host);
                return r;
        }
        *ret = host;
        return 0;
}

static void close_database(struct wazo_host *host) {
        if (!host->db)
                return;
        host->db = db_close(host->db);
        if (host->driver->idle)
                host->driver->idle();
        (void) malloc_trim(0);
}

void wazo_host_trim(struct wazo_host *host) {
        if (host->db)
                db_trim(host->db);
}

void wazo_host_idle(struct wazo_host *host) {
        close_database(host);
        pages_give_back();
}

struct wazo_host *wazo_host_free(struct wazo_host *host) {
        if (!host)
                return NULL;
        close_database(host);
        if (logging == host)
                logging = NULL;
        json_decref(host->settings);
        json_decref(host->slice);
        free(host);
        return NULL;
}

/* ----- operations ----- */

static int dispatch(struct wazo_context *ctx) {
        if (ctx->operation.resource)
                return resource_run(ctx);
        if (ctx->operation.association)
                return association_run(ctx);
        return ctx->operation.route->handler(ctx);
}

/* The answer to what nobody answered. */
static int refuse_error(struct wazo_context *ctx, int error) {
        const char *id = ctx->request ? ctx->request->id : "";

        switch (error) {
        case -ECANCELED:
                return ctx->replied ? 0 : wazo_error_unexpected(ctx, "canceled without an answer");
        case -EBUSY:
        case -ETIMEDOUT:
                kit_log(ctx->host, LOG_LEVEL_WARNING, "request %s: %s: %s", id, strerror(-error), ctx->failure);
                return wazo_error_busy(ctx, 1, "The database is busy. Try again later.");
        default:
                kit_log(ctx->host, LOG_LEVEL_ERROR, "request %s: %s: %s", id, strerror(-error), ctx->failure);
                return wazo_error_unexpected(ctx, "%s", ctx->failure[0] ? ctx->failure : strerror(-error));
        }
}

/* Runs within a transaction: all of it, or nothing. */
static int transact(struct wazo_context *ctx, int (*run)(struct wazo_context *ctx, const void *data), const void *data) {
        int r = run(ctx, data);

        if (r > 0)
                r = -EINVAL; /* an outcome that nobody named an answer for */
        if (r >= 0)
                r = context_commit(ctx);
        if (r < 0)
                context_rollback(ctx);
        return r;
}

static int run_operation(struct wazo_context *ctx, const void *data) {
        int r = dispatch(ctx);

        if (r >= 0 && !ctx->replied)
                return wazo_error_unexpected(ctx, "the plugin gave no answer");
        /* A handler that answers an error without returning one has still refused. */
        return r == 0 && ctx->reply.status >= 400 ? -ECANCELED : r;
}

int wazo_plugin_run(struct wazo_host *host, const struct request *request, struct reply *reply) {
        struct wazo_context ctx = {.host = host, .request = request, .reply = REPLY_NULL};
        int r;

        r = operation_at(host->setup.plugin, request->operation, &ctx.operation);
        if (r == -ENOENT || (r >= 0 && !operation_fits(&ctx.operation, request)))
                /* Access was checked for something else. */
                r = wazo_error_busy(&ctx, 1, "Service Unavailable - plugin '%s' is being replaced", host->setup.plugin->name);
        else if (r >= 0) {
                ctx.write = ctx.operation.write;
                r = transact(&ctx, run_operation, NULL);
        } else
                (void) snprintf(ctx.failure, sizeof(ctx.failure), "plugin %s has no operation %u",
                                host->setup.plugin->name, request->operation);
        if (r < 0)
                r = refuse_error(&ctx, r);
        if (r < 0 && r != -ECANCELED) {
                context_done(&ctx);
                return r;
        }
        *reply = ctx.reply;
        ctx.reply = REPLY_NULL;
        context_done(&ctx);
        if (host->fresh) {
                host->fresh = false;
                (void) malloc_trim(0); /* what reading the schema took for a moment */
        }
        return 0;
}

/* ----- jobs ----- */

static int run_job(struct wazo_context *ctx, const void *data) {
        const struct wazo_job *job = data;

        return job->run(ctx);
}

int wazo_plugin_job(struct wazo_host *host, const char *name) {
        struct wazo_context ctx = {.host = host, .write = true, .reply = REPLY_NULL};
        const struct wazo_job *job = host->setup.plugin->jobs;
        int r;

        while (job && job->name && !streq(job->name, name))
                job++;
        if (!job || !job->name)
                return -ENOENT;
        r = transact(&ctx, run_job, job);
        if (r < 0)
                kit_log(host, LOG_LEVEL_ERROR, "%s: %s%s%s", name, strerror(-r), ctx.failure[0] ? ": " : "", ctx.failure);
        context_done(&ctx);
        return r;
}

/* ----- events ----- */

struct event_call {
        const struct wazo_subscription *subscription;
        const json_t *event;
};

static int run_event(struct wazo_context *ctx, const void *data) {
        const struct event_call *call = data;

        return call->subscription->handle(ctx, call->event);
}

/* 1: it is no object. */
static int read_event(const struct request *event, json_t **ret) {
        _cleanup_free_ char *copy = NULL;
        const char *body = event->body;
        size_t size = event->body_size, blank = 0;

        if (!body && event->body_fd >= 0) {
                int r = memfd_read(event->body_fd, PACK_MAX, &copy, &size);

                if (r < 0)
                        return r;
                body = copy;
        }
        while (body && blank < size && strchr(" \t\r\n", body[blank]) && body[blank])
                blank++;
        return body && blank < size && body[blank] == '{' ? body_parse(body, size, ret) : 1;
}

static int answer_event(struct reply *reply, unsigned status, const char *text) {
        reply->status = status;
        reply->body = text ? strdup(text) : NULL;
        if (text && !reply->body)
                return -ENOMEM;
        reply->body_size = text ? strlen(text) : 0;
        return 0;
}

/* What a handler said with a wazo_error_ function, or what else went wrong. */
static int answer_failed_event(const struct wazo_context *ctx, int error, struct reply *reply) {
        _wazo_unref_ json_t *said = NULL;
        const char *text;

        if (error == -ECANCELED && ctx->reply.status >= 400) {
                said = json_loadb(strempty(ctx->reply.body), ctx->reply.body_size, 0, NULL);
                text = json_string_value(json_array_get(said, 0));
                return answer_event(reply, ctx->reply.status, text ? text : "refused");
        }
        text = ctx->failure[0] ? ctx->failure : strerror(-error);
        return answer_event(reply, error == -EBUSY || error == -ETIMEDOUT ? 503 : 500, text);
}

int wazo_plugin_event(struct wazo_host *host, const struct request *event, struct reply *reply) {
        struct wazo_context ctx = {.host = host, .write = true, .deadline = event->deadline, .reply = REPLY_NULL};
        const struct wazo_subscription *s = host->setup.plugin->subscriptions;
        _wazo_unref_ json_t *object = NULL;
        int r;

        while (s && s->event && !streq(s->event, event->path))
                s++;
        if (!s || !s->event)
                return answer_event(reply, 404, "the plugin has not subscribed to it");
        r = read_event(event, &object);
        if (r > 0)
                return answer_event(reply, 415, "it is no JSON object");
        if (r >= 0)
                r = transact(&ctx, run_event, &(const struct event_call) {s, object});
        r = r < 0 ? answer_failed_event(&ctx, r, reply) : answer_event(reply, 204, NULL);
        context_done(&ctx);
        return r;
}
