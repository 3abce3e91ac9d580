/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/requestlog.h"

#include <stdio.h>
#include <strings.h>

#include "lib/memfd.h"
#include "lib/mask.h"
#include "lib/secret.h"
#include "workers/gateway/gateway.h"
#include "workers/gateway/uri.h"

#define FLUSH_SIZE (64U * 1024)
#define HIDDEN "<hidden>"

void requestlog_setup(struct requestlog *l, int fd, const char *service) {
        l->fd = fd;
        (void) strcopy(l->logger, sizeof(l->logger), service);
        for (char *c = l->logger; *c; c++)
                if (*c == '-')
                        *c = '_';
}

void requestlog_flush(struct requestlog *l) {
        if (l->text.size == 0 && !l->text.failed)
                return;
        if (l->text.failed || write_all(l->fd, l->text.data, l->text.size) < 0)
                l->lost++;
        l->text.size = 0;
        l->text.failed = false;
        /* One huge line must not stay in memory for ever. */
        if (l->text.allocated > 4 * FLUSH_SIZE)
                text_done(&l->text);
}

void requestlog_done(struct requestlog *l) {
        text_done(&l->text);
}

/* All but the milliseconds changes once a second. */
static void add_prefix(struct requestlog *l) {
        struct timespec now;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        if (now.tv_sec != l->second) {
                char zone[16];
                struct tm tm;

                l->second = now.tv_sec;
                (void) localtime_r(&now.tv_sec, &tm);
                (void) strftime(l->stamp, sizeof(l->stamp), "%Y-%m-%d %H:%M:%S,", &tm);
                (void) strftime(zone, sizeof(zone), "%Z", &tm);
                (void) snprintf(l->behind, sizeof(l->behind), " %s [pid %d] [tid %d] (INFO) (%.48s): ", zone, (int) getpid(),
                                (int) getpid(), l->logger);
        }
        text_add_string(&l->text, l->stamp);
        text_add_number(&l->text, (uint64_t) now.tv_nsec / NSEC_PER_MSEC, 3);
        text_add_string(&l->text, l->behind);
}

static bool wanted(const struct requestlog *l) {
        return l->fd >= 0 && log_get_level() >= LOG_LEVEL_INFO;
}

static void add_masked_token(struct text *t, const char *token) {
        _cleanup_free_ char *masked = mask_token(token);

        text_add_repr(t, masked ? masked : HIDDEN);
}

void requestlog_add_header(struct text *t, const char *name, const char *value) {
        text_add_repr(t, name);
        text_add_string(t, ": ");
        if (strcasecmp(name, "X-Auth-Token") == 0)
                add_masked_token(t, value);
        else if (strcasecmp(name, "Authorization") == 0)
                text_add_repr(t, strncasecmp(value, "Basic ", 6) == 0 ? "Basic " HIDDEN : HIDDEN);
        else if (strcasecmp(name, "Cookie") == 0 || strcasecmp(name, "Proxy-Authorization") == 0)
                text_add_repr(t, HIDDEN);
        else
                text_add_repr(t, value);
}

struct header_lines {
        struct text *text;
        bool any;
};

static enum MHD_Result on_header(void *userdata, enum MHD_ValueKind kind, const char *name, const char *value) {
        struct header_lines *lines = userdata;

        if (lines->any)
                text_add_string(lines->text, ", ");
        lines->any = true;
        requestlog_add_header(lines->text, name, strempty(value));
        return MHD_YES;
}

static bool is_secret_parameter(const struct exchange *ex, const char *name) {
        char *const *own = ex->operation ? ex->operation->secrets : NULL;

        if (strcasestr(name, "token") || strcasestr(name, "password") || strcasestr(name, "secret"))
                return true;
        for (; own && *own; own++)
                if (streq(*own, name))
                        return true;
        return false;
}

/*
 * Secrets do not belong into a query, but some put them there: to find a voicemail by its password, say. What is hidden is
 * found before anything is decoded, because a value may hold an encoded '&'.
 */
static void mask_query(struct text *t, const struct exchange *ex, const char *query) {
        char name[WIRE_NAME_MAX];

        while (*query) {
                size_t size = strcspn(query, "&"), length = strcspn(query, "=&");

                name[0] = 0;
                if (length < size && length < sizeof(name)) {
                        memcpy(name, query, length);
                        name[length] = 0;
                        uri_decode_all(name, name);
                }
                /* Nobody of ours has a parameter with so long a name. */
                if (length < size && (length >= sizeof(name) || is_secret_parameter(ex, name))) {
                        text_add(t, query, length + 1);
                        text_add_string(t, HIDDEN);
                } else
                        text_add(t, query, size);
                query += size;
                if (*query == '&') {
                        text_add(t, "&", 1);
                        query++;
                }
        }
}

static void add_absolute(struct text *t, const struct exchange *ex, const char *url) {
        if (*url == '/') {
                text_add_string(t, ex->links.origin);
                text_add_string(t, ex->links.script_name);
        }
        text_add_printable(t, url, strlen(url));
}

/* Absolute and percent-decoded. */
static void add_url(struct text *t, const struct exchange *ex) {
        size_t path = strcspn(ex->uri, "?");
        struct text masked = TEXT_NULL;

        if (!ex->uri[path] && !strchr(ex->uri, '%')) {
                add_absolute(t, ex, ex->uri);
                return;
        }
        if (ex->uri[path])
                path++;
        text_add(&masked, ex->uri, path);
        mask_query(&masked, ex, ex->uri + path);
        text_add(&masked, "", 1);
        if (!masked.failed) {
                uri_decode_all(masked.data, masked.data);
                add_absolute(t, ex, masked.data);
        }
        text_done(&masked);
}

static void add_trace(struct text *t, const struct exchange *ex) {
        text_add_string(t, " [span_id=");
        text_add(t, ex->span_id, 16);
        text_add_string(t, " parent_id=");
        text_add_string(t, ex->parent_id);
        text_add_string(t, " trace_id=");
        text_add(t, ex->trace_id, 32);
        text_add_string(t, "]\n");
}

/* Only what was understood can be masked, and only what was masked is written. */
static void add_body(struct text *t, const struct exchange *ex) {
        _cleanup_free_ char *shown = NULL;
        json_t *value, *masked;

        text_add_string(t, " with data ");
        value = ex->body ? json_loadb(ex->body, ex->body_size, JSON_DECODE_ANY, NULL) : NULL;
        masked = value ? secret_mask_json(value, (const char *const *) ex->operation->secrets) : NULL;
        shown = masked ? json_dumps(masked, JSON_ENCODE_ANY) : NULL;
        json_decref(value);
        json_decref(masked);
        if (shown)
                text_add_printable(t, shown, strlen(shown));
        else
                text_printf(t, "<%zu bytes>", ex->body_size);
}

void requestlog_request(struct exchange *ex) {
        struct requestlog *l = &ex->gateway->log;
        struct header_lines lines = {.text = &l->text};

        if (ex->logged || !wanted(l))
                return;
        ex->logged = true;
        add_prefix(l);
        text_add_string(&l->text, "request: ");
        text_add_printable(&l->text, ex->method_name, strlen(ex->method_name));
        text_add_string(&l->text, " ");
        add_url(&l->text, ex);
        text_add_string(&l->text, " {");
        (void) MHD_get_connection_values(ex->mhd, MHD_HEADER_KIND, on_header, &lines);
        text_add_string(&l->text, "}");
        if (ex->body_size > 0 && ex->operation && ex->gateway->settings.log_bodies &&
            streq(header_get(&ex->headers, HEADER_CONTENT_TYPE), "application/json"))
                add_body(&l->text, ex);
        add_trace(&l->text, ex);
}

void requestlog_response(struct exchange *ex) {
        struct requestlog *l = &ex->gateway->log;
        uint64_t hundredths;
        char remote[64];

        if (!wanted(l))
                return;
        links_remote(&ex->headers, ex->connection->peer, remote, sizeof(remote));
        add_prefix(l);
        hundredths = (now_monotonic() - ex->started + 5 * NSEC_PER_MSEC) / (10 * NSEC_PER_MSEC);
        text_add_string(&l->text, "response to ");
        text_add_string(&l->text, remote);
        text_add_string(&l->text, " in ");
        text_add_number(&l->text, hundredths / 100, 1);
        text_add_string(&l->text, ".");
        text_add_number(&l->text, hundredths % 100, 2);
        text_add_string(&l->text, "s: ");
        text_add_printable(&l->text, ex->method_name, strlen(ex->method_name));
        text_add_string(&l->text, " ");
        add_url(&l->text, ex);
        text_add_string(&l->text, " ");
        text_add_number(&l->text, ex->reply.status, 1);
        add_trace(&l->text, ex);
        if (l->text.size > FLUSH_SIZE)
                requestlog_flush(l);
}
