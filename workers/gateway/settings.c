/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/settings.h"

#include <stdio.h>

/* A number of the slice, within bounds, or its default where it is absent. */
static uint64_t number(const json_t *object, const char *name, uint64_t least, uint64_t most, uint64_t fallback) {
        const json_t *value = json_object_get(object, name);
        double n = json_number_value(value);

        if (!json_is_number(value))
                return fallback;
        return n < (double) least ? least : n > (double) most ? most : (uint64_t) n;
}

/* The same for a time, which may be a fraction: in nanoseconds. */
static uint64_t duration(const json_t *object, const char *name, uint64_t unit, uint64_t fallback) {
        const json_t *value = json_object_get(object, name);
        double n = json_number_value(value);

        return json_is_number(value) && n > 0 && n < 1e9 ? (uint64_t) (n * (double) unit) : fallback * unit;
}

static char *string(const json_t *object, const char *name, const char *fallback) {
        const char *value = json_string_value(json_object_get(object, name));

        return strdup(value ? value : fallback);
}

static int load_listeners(struct settings *s, const json_t *array, const char **reterr) {
        json_t *object;
        size_t i;

        json_array_foreach((json_t *) array, i, object) {
                struct listener_settings *l = &s->listeners[i];
                const char *address = strempty(json_string_value(json_object_get(object, "address")));
                int port = (int) json_integer_value(json_object_get(object, "port"));

                if (i >= LISTENERS_MAX) {
                        *reterr = "too many listeners";
                        return -EINVAL;
                }
                l->name = string(object, "name", "http");
                if (!l->name)
                        return -ENOMEM;
                l->tls = json_is_true(json_object_get(object, "tls"));
                if (address[0] == '/' || !*address)
                        (void) strcopy(l->host, sizeof(l->host), "localhost");
                else
                        (void) snprintf(l->host, sizeof(l->host), strchr(address, ':') ? "[%s]:%d" : "%s:%d", address, port);
                s->n_listeners++;
        }
        return 0;
}

static int load_cors(struct cors *c, const json_t *object) {
        const json_t *array = json_object_get(object, "allow_headers");
        json_t *name;
        size_t i, n = 0;

        c->enabled = !json_is_false(json_object_get(object, "enabled"));
        c->allow_headers = calloc(json_array_size(array) + 1, sizeof(*c->allow_headers));
        if (!c->allow_headers)
                return -ENOMEM;
        json_array_foreach((json_t *) array, i, name) {
                if (!json_is_string(name))
                        continue;
                c->allow_headers[n] = strdup(json_string_value(name));
                if (!c->allow_headers[n++])
                        return -ENOMEM;
        }
        return 0;
}

static int load_idle(struct settings *s, const json_t *object) {
        const char *worker;
        json_t *msec;

        s->idle = calloc(json_object_size(object) + 1, sizeof(*s->idle));
        if (!s->idle)
                return -ENOMEM;
        json_object_foreach((json_t *) object, worker, msec) {
                s->idle[s->n_idle].nsec = duration(object, worker, NSEC_PER_MSEC, 0);
                s->idle[s->n_idle].worker = strdup(worker);
                if (!s->idle[s->n_idle++].worker)
                        return -ENOMEM;
        }
        return 0;
}

uint64_t settings_idle(const struct settings *s, const char *worker) {
        for (size_t i = 0; i < s->n_idle; i++)
                if (streq(s->idle[i].worker, worker))
                        return s->idle[i].nsec;
        return 0;
}

static void load_limits(struct settings *s, const json_t *object) {
        s->connections = (unsigned) number(object, "connections", 1, 65536, 1024);
        s->idle_seconds = (unsigned) number(object, "connections_idle_seconds", 1, 86400, 75);
        s->header_bytes = number(object, "header_bytes", 2048, 1024 * 1024, 32768);
        s->header_nsec = duration(object, "header_seconds", NSEC_PER_SEC, 10);
        s->body_bytes = number(object, "body_bytes", 1024, 60U * 1024 * 1024, 40U * 1024 * 1024);
        s->bodies_bytes = number(object, "bodies_bytes", 1024, 1024U * 1024 * 1024, 256U * 1024 * 1024);
        s->body_nsec = duration(object, "body_seconds", NSEC_PER_SEC, 60);
        s->queue = number(object, "queue", 1, 65536, 256);
        s->executing = number(object, "executing", 1, 65536, 24);
        s->requests_held = number(object, "requests_held", 1, 65536, 512);
}

static void load_deadlines(struct settings *s, const json_t *object) {
        s->queue_nsec = duration(object, "queue_ms", NSEC_PER_MSEC, 2000);
        s->attempt_nsec = duration(object, "attempt_ms", NSEC_PER_MSEC, 10000);
        s->total_nsec = duration(object, "total_ms", NSEC_PER_MSEC, 30000);
        s->drain_nsec = duration(object, "drain_ms", NSEC_PER_MSEC, 75000);
        s->quick_nsec = duration(object, "quick_ms", NSEC_PER_MSEC, 1);
}

static int load(struct settings *s, const json_t *slice, const char **reterr) {
        size_t bad;
        int r;

        if (!json_is_object(slice)) {
                *reterr = "the slice is no object";
                return -EINVAL;
        }
        s->service = string(slice, "service", "wazo-confd");
        s->version = string(slice, "version", "");
        s->prefix = string(slice, "prefix", "/1.1");
        if (!s->service || !s->version || !s->prefix)
                return -ENOMEM;
        (void) strcopy(s->right_prefix, sizeof(s->right_prefix), s->service + (strncmp(s->service, "wazo-", 5) == 0 ? 5 : 0));
        s->log_bodies = !json_is_false(json_object_get(slice, "log_bodies"));
        load_limits(s, json_object_get(slice, "limits"));
        load_deadlines(s, json_object_get(slice, "deadlines"));

        r = load_listeners(s, json_object_get(slice, "listeners"), reterr);
        if (r < 0)
                return r;
        r = load_idle(s, json_object_get(slice, "idle_ms"));
        if (r < 0)
                return r;
        r = load_cors(&s->cors, json_object_get(slice, "cors"));
        if (r < 0)
                return r;
        r = tokens_load(&s->tokens, json_object_get(slice, "tokens"), &bad);
        if (r == -EINVAL)
                *reterr = "a token is malformed";
        if (r < 0)
                return r;
        r = tenants_load(&s->tenants, json_object_get(slice, "tenants"), json_string_value(json_object_get(slice, "master_tenant")));
        if (r == -EINVAL)
                *reterr = "a tenant is malformed";
        return r;
}

int settings_load(struct settings *s, const char *json, size_t size, const char **reterr) {
        json_error_t error;
        json_t *slice = json_loadb(json, size, 0, &error);
        int r;

        *reterr = "";
        if (!slice) {
                *reterr = "the slice is no JSON";
                return -EINVAL;
        }
        r = load(s, slice, reterr);
        json_decref(slice);
        return r;
}

void settings_done(struct settings *s) {
        for (size_t i = 0; i < s->n_listeners; i++)
                free(s->listeners[i].name);
        for (char **name = s->cors.allow_headers; name && *name; name++)
                free(*name);
        free(s->cors.allow_headers);
        for (size_t i = 0; i < s->n_idle; i++)
                free(s->idle[i].worker);
        free(s->idle);
        tokens_done(&s->tokens);
        tenants_done(&s->tenants);
        free(s->service);
        free(s->version);
        free(s->prefix);
        *s = (struct settings) {0};
}
