/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events and requests to sysconfd: collected during a request, written to the outbox in front of its COMMIT. */
#include <stdio.h>

#include "workers/kit/internal.h"

/* ----- paths into objects ----- */

/* As wazo_member(), but a list on the way gives the list of what is behind it. A new reference; null when absent. */
static json_t *collect_path(const json_t *object, const char *path) {
        const char *dot = strchr(path, '.');
        size_t n = dot ? (size_t) (dot - path) : strlen(path), i;
        json_t *next, *list;
        const json_t *item;
        char name[64];

        if (json_is_array(object)) {
                list = json_array();
                json_array_foreach(object, i, item)
                        if (json_array_append_new(list, collect_path(item, path)) < 0)
                                return NULL;
                return list;
        }
        if (n >= sizeof(name))
                return NULL;
        memcpy(name, path, n);
        name[n] = 0;
        next = json_object_get(object, name);
        if (!next)
                return json_null();
        return dot ? collect_path(next, dot + 1) : json_deep_copy(next);
}

/* Sets "line.id" as {"line": {"id": value}}. Steals @value. */
static int set_path(json_t *object, const char *path, json_t *value) {
        const char *dot = strchr(path, '.');
        json_t *nested;
        char name[64];

        if (!dot)
                return wazo_set(object, path, value);
        if ((size_t) (dot - path) >= sizeof(name)) {
                json_decref(value);
                return -EINVAL;
        }
        memcpy(name, path, (size_t) (dot - path));
        name[dot - path] = 0;
        nested = json_object_get(object, name);
        if (!json_is_object(nested)) {
                nested = json_object();
                if (json_object_set_new(object, name, nested) < 0) {
                        json_decref(value);
                        return -ENOMEM;
                }
        }
        return set_path(nested, dot + 1, value);
}

int data_collect(const char *paths, const json_t *object, json_t *data) {
        const char *at = paths;

        while (at && *at) {
                size_t n = strcspn(at, " "), equals;
                char word[160];
                int r;

                if (n >= sizeof(word))
                        return -EINVAL;
                memcpy(word, at, n);
                word[n] = 0;
                at += n + strspn(at + n, " ");
                if (streq(word, "*")) {
                        _wazo_unref_ json_t *copy = json_deep_copy(object);

                        if (!copy || json_object_update(data, copy) < 0)
                                return -ENOMEM;
                        continue;
                }
                equals = strcspn(word, "=");
                if (word[equals]) {
                        word[equals] = 0;
                        r = set_path(data, word, collect_path(object, word + equals + 1));
                } else
                        r = set_path(data, word, collect_path(object, word));
                if (r < 0)
                        return r;
        }
        return 0;
}

void template_add(struct text *t, const char *pattern, const json_t *object) {
        while (*pattern) {
                size_t n = strcspn(pattern, "{"), m;
                const json_t *value;
                char path[96];

                text_add_bytes(t, pattern, n);
                pattern += n;
                if (!*pattern)
                        return;
                m = strcspn(++pattern, "}");
                if (m >= sizeof(path)) {
                        t->failed = true;
                        return;
                }
                memcpy(path, pattern, m);
                path[m] = 0;
                value = wazo_member(object, path);
                if (json_is_integer(value))
                        text_addf(t, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
                else
                        text_add(t, strempty(json_string_value(value)));
                pattern += m + (pattern[m] == '}');
        }
}

/* ----- events ----- */

/* The server's uuid: the environment's, or the one kept in table infos. */
static int origin(struct wazo_context *ctx, json_t **ret) {
        const char *uuid = wazo_server_uuid(ctx);
        _wazo_unref_ json_t *row = NULL;
        int r;

        if (uuid)
                return (*ret = json_string(uuid)) ? 0 : -ENOMEM;
        r = wazo_select_row(ctx, &row, "SELECT uuid FROM infos", NULL);
        if (r < 0)
                return r;
        *ret = r > 0 ? json_null() : json_incref(json_object_get(row, "uuid"));
        return 0;
}

static int user_header(const struct wazo_event *event, const json_t *object, json_t *headers) {
        const char *uuid;
        char name[64];

        if (event->scope == WAZO_TO_TENANT)
                return wazo_set(headers, "user_uuid:*", json_true());
        uuid = json_string_value(wazo_member(object, event->user ? event->user : "uuid"));
        if (!uuid)
                return -EINVAL;
        (void) snprintf(name, sizeof(name), "user_uuid:%s", uuid);
        return wazo_set(headers, name, json_true());
}

/* The tenant of an object, or of the first of an association's two. */
static const json_t *tenant_of(const struct wazo_event *event, const json_t *object) {
        const json_t *tenant = wazo_member(object, event->tenant ? event->tenant : "tenant_uuid");

        if (!tenant && !event->tenant)
                tenant = json_object_get(json_object_iter_value(json_object_iter((json_t *) object)), "tenant_uuid");
        return tenant;
}

static int make_headers(struct wazo_context *ctx, const struct wazo_event *event, const json_t *object, const char *routing_key,
                        json_t **ret) {
        _wazo_unref_ json_t *headers = NULL, *uuid = NULL;
        char stamp[STAMP_SIZE], access[160];
        const json_t *tenant;
        int r;

        r = origin(ctx, &uuid);
        if (r < 0)
                return r;
        stamp_now(stamp, 'T', true); /* local time without a zone, as the original stamps its events */
        (void) snprintf(access, sizeof(access), "event.%s", event->name);
        headers = json_pack("{s:s,s:O,s:s,s:s,s:o}", "name", event->name, "origin_uuid", uuid, "timestamp", stamp,
                            "required_access", access, "required_acl", json_sprintf("events.%s", routing_key));
        if (!headers)
                return -ENOMEM;
        if (event->scope != WAZO_TO_SYSTEM) {
                tenant = tenant_of(event, object);
                r = wazo_set(headers, "tenant_uuid", tenant ? json_deep_copy(tenant) : json_string(wazo_tenant(ctx)));
                if (r >= 0)
                        r = user_header(event, object, headers);
        }
        if (r >= 0)
                r = data_collect(event->headers, object, headers);
        if (r < 0)
                return r;
        *ret = STEAL(headers);
        return 0;
}

static const json_t *key_of(const json_t *object) {
        const json_t *uuid = json_object_get(object, "uuid");

        return uuid ? uuid : json_object_get(object, "id");
}

/*
 * What keeps the events of one object in order, whether they are of itself or of what it is associated with: "user/<uuid>",
 * "line/7". An object's kind is the second word of its routing key, which some say in the plural; that of an association's first
 * is its name.
 */
static json_t *resource_of(const char *routing_key, const json_t *object) {
        const char *kind = strncmp(routing_key, "config.", 7) == 0 ? routing_key + 7 : routing_key;
        const json_t *key = key_of(object);
        size_t n = strcspn(kind, ".");

        if (n > 1 && kind[n - 1] == 's')
                n--;
        if (!key) {
                void *first = json_object_iter((json_t *) object);

                key = key_of(json_object_iter_value(first));
                if (key) {
                        kind = json_object_iter_key(first);
                        n = strlen(kind);
                }
        }
        if (json_is_integer(key))
                return json_sprintf("%.*s/%lld", (int) n, kind, (long long) json_integer_value(key));
        return json_sprintf("%.*s/%s", (int) n, kind, strempty(json_string_value(key)));
}

int wazo_event_send(struct wazo_context *ctx, const struct wazo_event *event, const json_t *object) {
        _wazo_unref_ json_t *data = json_object(), *headers = NULL, *payload = NULL;
        _cleanup_text_ struct text routing_key = TEXT_NULL;
        int r;

        if (!data)
                return -ENOMEM;
        template_add(&routing_key, event->routing_key, object);
        r = text_end(&routing_key);
        if (r >= 0)
                r = data_collect(event->data, object, data);
        if (r >= 0 && event->fill)
                r = event->fill(ctx, object, data);
        if (r >= 0)
                r = make_headers(ctx, event, object, routing_key.data, &headers);
        if (r < 0)
                return r;
        payload = json_copy(headers);
        if (!payload || json_object_set(payload, "data", data) < 0)
                return -ENOMEM;
        if (!ctx->events && !(ctx->events = json_array()))
                return -ENOMEM;
        return json_array_append_new(ctx->events, json_pack("{s:s,s:o,s:s,s:s,s:O,s:O}", "kind", "event", "resource",
                                                            resource_of(routing_key.data, object), "name",
                                                            event->name, "routing_key", routing_key.data, "headers",
                                                            headers, "payload", payload)) < 0
                       ? -ENOMEM
                       : 0;
}

/* ----- sysconfd ----- */

int wazo_reload(struct wazo_context *ctx, const char *commands) {
        const char *at = commands;
        const json_t *known;
        size_t i;

        if (!ctx->reload && !(ctx->reload = json_array()))
                return -ENOMEM;
        while (at && *at) {
                size_t n = strcspn(at, ",");
                bool there = false;

                json_array_foreach(ctx->reload, i, known)
                        there |= strlen(json_string_value(known)) == n && strncmp(json_string_value(known), at, n) == 0;
                if (!there && json_array_append_new(ctx->reload, json_stringn(at, n)) < 0)
                        return -ENOMEM;
                at += n + (at[n] == ',');
        }
        return 0;
}

int wazo_sysconfd(struct wazo_context *ctx, const char *method, const char *path, const json_t *query, const json_t *body) {
        if (!ctx->calls && !(ctx->calls = json_array()))
                return -ENOMEM;
        return json_array_append_new(ctx->calls,
                                     json_pack("{s:s,s:s,s:s,s:s,s:{s:s,s:O?},s:O?}", "kind", "sysconfd", "resource",
                                               "sysconfd", "name", path, "routing_key", "", "headers", "method",
                                               method, "query", query, "payload", body)) < 0
                       ? -ENOMEM
                       : 0;
}

/* All reload commands of a request are one request to sysconfd; none while live reload is switched off. */
static int merge_reload(struct wazo_context *ctx, json_t **ret) {
        _wazo_unref_ json_t *row = NULL;
        int r;

        if (!ctx->reload || json_array_size(ctx->reload) == 0)
                return 1;
        r = wazo_select_row(ctx, &row, "SELECT live_reload_enabled FROM infos", NULL);
        if (r < 0)
                return r;
        if (r == 0 && !wazo_boolean(row, "live_reload_enabled"))
                return 1;
        *ret = json_pack("{s:s,s:s,s:s,s:s,s:{s:s},s:{s:O}}", "kind", "sysconfd", "resource", "sysconfd", "name",
                         "/exec_request_handlers", "routing_key", "", "headers", "method", "POST", "payload", "ipbx",
                         ctx->reload);
        return *ret ? 0 : -ENOMEM;
}

/* ----- outbox ----- */

static int write_row(struct wazo_context *ctx, const json_t *row) {
        _cleanup_text_ struct text headers = TEXT_NULL, payload = TEXT_NULL;
        const json_t *body = json_object_get(row, "payload");
        char stamp[STAMP_SIZE];
        int r;

        dump_add(&headers, json_object_get(row, "headers"));
        if (body)
                dump_add(&payload, body);
        if (text_end(&headers) < 0 || text_end(&payload) < 0)
                return -ENOMEM;
        stamp_now(stamp, ' ', false);
        r = wazo_execute(ctx,
                         "INSERT INTO outbox (created_at, kind, resource, name, routing_key, headers, payload) "
                         "VALUES (?, ?, ?, ?, ?, ?, ?)",
                         "sssssss", stamp, wazo_string(row, "kind"), wazo_string(row, "resource"), wazo_string(row, "name"),
                         wazo_string(row, "routing_key"), headers.data, payload.data);
        return r < 0 ? r : 0;
}

static int write_rows(struct wazo_context *ctx, const json_t *rows) {
        const json_t *row;
        size_t i;

        json_array_foreach(rows, i, row) {
                int r = write_row(ctx, row);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* In the order in which the original acts: reload, sysconfd's other calls, events. */
int outbox_write(struct wazo_context *ctx) {
        _wazo_unref_ json_t *reload = NULL;
        int r;

        r = merge_reload(ctx, &reload);
        if (r == 0)
                r = write_row(ctx, reload);
        if (r >= 0)
                r = write_rows(ctx, ctx->calls);
        if (r >= 0)
                r = write_rows(ctx, ctx->events);
        return r < 0 ? r : 0;
}
