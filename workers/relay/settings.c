/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/relay.h"

static const char *text(const json_t *object, const char *name) {
        return json_string_value(json_object_get(object, name));
}

static uint64_t number(const json_t *object, const char *name) {
        const json_t *value = json_object_get(object, name);

        return json_is_integer(value) && json_integer_value(value) > 0 ? (uint64_t) json_integer_value(value) : 0;
}

static int read_bus(struct relay *r, const json_t *bus) {
        const json_t *ssl = json_object_get(bus, "ssl");

        r->bus = (struct broker_settings) {
                .host = text(bus, "host"),
                .port = (unsigned) number(bus, "port"),
                .username = text(bus, "username"),
                .password = text(bus, "password"),
                .vhost = text(bus, "vhost"),
                .name = r->service,
                .exchange = text(bus, "exchange"),
                .exchange_type = text(bus, "exchange_type"),
                .heartbeat = (unsigned) ((number(bus, "heartbeat_ms") + 999) / 1000),
                .connect_msec = number(bus, "connect_ms"),
                .tls = json_is_true(json_object_get(ssl, "enabled")),
                .verify = !json_is_false(json_object_get(ssl, "verify")),
                .ca = text(ssl, "ca"),
                .certificate = text(ssl, "certificate"),
                .key = text(ssl, "key"),
        };
        r->publishing.window = (size_t) number(bus, "window");
        r->publishing.confirm_msec = number(bus, "confirm_ms");
        r->with_bus = true;
        return r->bus.host && r->bus.port && r->bus.username && r->bus.password && r->bus.vhost && r->bus.exchange &&
                               r->bus.exchange_type && r->bus.connect_msec && r->publishing.window && r->publishing.confirm_msec
                       ? 0
                       : -EBADMSG;
}

static int read_sysconfd(struct relay *r, const json_t *sysconfd) {
        r->requests.host = text(sysconfd, "host");
        r->requests.port = (unsigned) number(sysconfd, "port");
        r->requests.timeout_msec = number(sysconfd, "timeout_ms");
        return r->requests.host && r->requests.port && r->requests.timeout_msec ? 0 : -EBADMSG;
}

int settings_read_slice(struct relay *r) {
        _cleanup_free_ char *slice = NULL;
        const json_t *bus, *sysconfd, *keep;
        size_t size;
        int e;

        e = worker_read_slice(&r->worker, &slice, &size);
        if (e < 0)
                return e;
        r->slice = json_loadb(slice, size, JSON_REJECT_DUPLICATES, NULL);
        explicit_bzero(slice, size);
        r->service = text(r->slice, "service");
        r->store.uri = text(json_object_get(r->slice, "db"), "uri");
        r->store.driver_dir = r->requests.driver_dir = text(r->slice, "driver_dir");
        r->publishing.tries = r->requests.tries = (unsigned) number(r->slice, "tries");
        if (!r->service || !r->store.uri || !r->store.driver_dir || r->publishing.tries == 0)
                return -EBADMSG;
        keep = json_object_get(r->slice, "keep");
        r->publishing.service = r->service;
        r->publishing.keep = r->keeping.keep = (int64_t) number(keep, "events");
        r->keeping.age_msec = number(keep, "age_ms");

        bus = json_object_get(r->slice, "bus");
        sysconfd = json_object_get(r->slice, "sysconfd");
        if (json_is_object(bus))
                e = read_bus(r, bus);
        if (e >= 0 && json_is_object(sysconfd))
                e = read_sysconfd(r, sysconfd);
        r->keeping.events = !r->with_bus;
        r->keeping.requests = !r->requests.host;
        return e;
}
