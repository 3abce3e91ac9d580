/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers, and refusals with the sentences of the original. */
#include <stdarg.h>
#include <stdio.h>

#include "lib/memfd.h"
#include "workers/kit/internal.h"

static void start(struct wazo_context *ctx, unsigned status) {
        reply_done(&ctx->reply);
        ctx->reply = REPLY_NULL;
        ctx->reply.status = status;
        ctx->replied = true;
}

int wazo_reply_json(struct wazo_context *ctx, unsigned status, json_t *json) {
        _wazo_unref_ _unused_ json_t *owned = json;
        _cleanup_text_ struct text t = TEXT_NULL;
        int r;

        if (!json)
                return -ENOMEM;
        dump_add(&t, json);
        text_add_char(&t, '\n');
        r = text_end(&t);
        if (r < 0)
                return r;
        start(ctx, status);
        ctx->reply.body_size = t.size;
        ctx->reply.body = STEAL(t.data);
        return 0;
}

int wazo_reply_list(struct wazo_context *ctx, json_t *items, int64_t total) {
        return wazo_reply_json(ctx, 200, json_pack("{s:I,s:o}", "total", (json_int_t) total, "items", items));
}

int wazo_reply_empty(struct wazo_context *ctx, unsigned status) {
        start(ctx, status);
        return 0;
}

int wazo_reply_created(struct wazo_context *ctx, json_t *json, const char *path, const char *key) {
        int r = wazo_reply_json(ctx, 201, json);

        if (r < 0)
                return r;
        return asprintf(&ctx->reply.location, "%s%s%s", wazo_base_url(ctx), path, key) < 0 ? -ENOMEM : 0;
}

int wazo_reply_raw(struct wazo_context *ctx, unsigned status, const char *content_type, const void *data, size_t size) {
        char *body = malloc(size + 1), *type = strdup(content_type);

        if (!body || !type) {
                free(body);
                free(type);
                return -ENOMEM;
        }
        memcpy(body, data, size);
        body[size] = 0;
        start(ctx, status);
        ctx->reply.content_type = type;
        ctx->reply.body = body;
        ctx->reply.body_size = size;
        return 0;
}

int wazo_reply_fd(struct wazo_context *ctx, unsigned status, const char *content_type, int fd) {
        _cleanup_close_ int owned = fd;
        char *type;
        size_t size;
        int r;

        r = memfd_seal(owned);
        if (r >= 0)
                r = memfd_check(owned, SIZE_MAX, &size);
        if (r < 0)
                return r;
        type = strdup(content_type);
        if (!type)
                return -ENOMEM;
        start(ctx, status);
        ctx->reply.content_type = type;
        ctx->reply.body_fd = fd_steal(&owned);
        ctx->reply.body_size = size;
        return 0;
}

/* ----- refusals ----- */

static int refuse(struct wazo_context *ctx, unsigned status, const char *text) {
        int r = wazo_reply_json(ctx, status, json_pack("[s]", text));

        return r < 0 ? r : -ECANCELED;
}

/* "<category> - <sentence> ('key': value, ...)" */
_printf_(5, 0) static int refuse_sentence(struct wazo_context *ctx, unsigned status, const char *category,
                                          json_t *metadata, const char *format, va_list ap) {
        _wazo_unref_ _unused_ json_t *owned = metadata;
        _cleanup_text_ struct text t = TEXT_NULL;
        _cleanup_free_ char *sentence = NULL;
        const char *separator = " (";
        int r;

        if (vasprintf(&sentence, format, ap) < 0)
                return -ENOMEM;
        text_addf(&t, "%s - %s", category, sentence);
        for (void *at = json_object_iter(metadata); at; at = json_object_iter_next(metadata, at)) {
                text_addf(&t, "%s'%s': ", separator, json_object_iter_key(at));
                python_add(&t, json_object_iter_value(at));
                separator = ", ";
        }
        if (separator[0] == ',')
                text_add_char(&t, ')');
        r = text_end(&t);
        return r < 0 ? r : refuse(ctx, status, t.data);
}

#define SENTENCE(status, category)                                              \
        va_list ap;                                                             \
        int r;                                                                  \
                                                                                \
        va_start(ap, sentence);                                                 \
        r = refuse_sentence(ctx, (status), (category), metadata, sentence, ap); \
        va_end(ap);                                                             \
        return r

int wazo_error_resource(struct wazo_context *ctx, json_t *metadata, const char *sentence, ...) {
        SENTENCE(400, "Resource Error");
}

int wazo_error_input(struct wazo_context *ctx, json_t *metadata, const char *sentence, ...) {
        SENTENCE(400, "Input Error");
}

int wazo_error_not_found(struct wazo_context *ctx, json_t *metadata, const char *sentence, ...) {
        SENTENCE(404, "Resource Not Found");
}

_printf_(4, 0)
static int refuse_text(struct wazo_context *ctx, unsigned status, const char *prefix, const char *format, va_list ap) {
        _cleanup_text_ struct text t = TEXT_NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        if (vasprintf(&text, format, ap) < 0)
                return -ENOMEM;
        text_add(&t, prefix);
        text_add(&t, text);
        r = text_end(&t);
        return r < 0 ? r : refuse(ctx, status, t.data);
}

int wazo_error_plain(struct wazo_context *ctx, unsigned status, const char *text, ...) {
        va_list ap;
        int r;

        va_start(ap, text);
        r = refuse_text(ctx, status, "", text, ap);
        va_end(ap);
        return r;
}

int wazo_error_unexpected(struct wazo_context *ctx, const char *text, ...) {
        va_list ap;
        int r;

        va_start(ap, text);
        r = refuse_text(ctx, 500, "Unexpected error: ", text, ap);
        va_end(ap);
        return r;
}

int wazo_error_busy(struct wazo_context *ctx, unsigned retry_after, const char *text, ...) {
        va_list ap;
        int r;

        va_start(ap, text);
        r = refuse_text(ctx, 503, "", text, ap);
        va_end(ap);
        ctx->reply.retry_after = retry_after;
        return r;
}
