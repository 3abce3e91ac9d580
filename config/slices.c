/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/slices.h"

#include <grp.h>

#include "config/section.h"

#define CRASHES_KEPT 10

/* Steals @json; NULL is out of memory. */
static int dump(json_t *json, char **ret) {
        char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

        json_decref(json);
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}

static json_t *listeners(const struct slice_facts *facts) {
        const struct plan *plan = facts->plan;
        json_t *list = json_array();

        for (size_t i = 0; list && i < plan->n_listeners; i++) {
                const struct plan_listener *l = &plan->listeners[i];
                json_t *one = json_pack("{s:s, s:s, s:i, s:b, s:s*}", "name", l->name, "address", l->address, "port", (int) l->port,
                                        "tls", *l->tls_cert != 0, "certificate", *facts->certificate ? facts->certificate : NULL);

                if (json_array_append_new(list, one) < 0) {
                        json_decref(list);
                        return NULL;
                }
        }
        return list;
}

static json_t *cors(const struct settings_cors *settings) {
        static const char *const usual[] = {"Content-Type", "X-Auth-Token", "Wazo-Tenant"};
        const struct yaml_node *given = settings->allow_headers;
        json_t *list = json_array();
        size_t n = given ? given->n : ELEMENTSOF(usual);

        for (size_t i = 0; list && i < n; i++)
                if (json_array_append_new(list, json_string(given ? given->entries[i].value->text : usual[i])) < 0) {
                        json_decref(list);
                        list = NULL;
                }
        return json_pack("{s:b, s:o}", "enabled", settings->enabled, "allow_headers", list);
}

static json_int_t seconds(int64_t msec) {
        return (msec + 999) / 1000;
}

static json_t *limits(const struct settings_limits *l) {
        return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
                         "connections", (json_int_t) l->connections,
                         "connections_idle_seconds", seconds(l->connections_idle),
                         "header_bytes", (json_int_t) l->header,
                         "header_seconds", seconds(l->header_time),
                         "body_bytes", (json_int_t) l->body,
                         "body_seconds", seconds(l->body_time),
                         "queue", (json_int_t) l->queue,
                         "executing", (json_int_t) l->executing,
                         "requests_held", (json_int_t) l->requests_held);
}

static json_t *deadlines(const struct slice_facts *facts) {
        const struct settings_deadlines *d = &facts->settings->deadlines;

        return json_pack("{s:I, s:I, s:I, s:I}",
                         "queue_ms", (json_int_t) d->queue,
                         "attempt_ms", (json_int_t) d->attempt,
                         "total_ms", (json_int_t) d->total,
                         "drain_ms", (json_int_t) facts->gateway_drain_msec);
}

static const char *master_tenant(const struct slice_facts *facts) {
        return *facts->tokens->master_tenant ? facts->tokens->master_tenant : NULL;
}

int slice_gateway(const struct slice_facts *facts, char **ret) {
        return dump(json_pack("{s:s, s:s, s:s, s:s?, s:o, s:o, s:o, s:o, s:O, s:O, s:s?, s:b, s:O, s:b}",
                              "service", facts->service,
                              "version", facts->version,
                              "prefix", facts->prefix,
                              "uuid", facts->uuid,
                              "listeners", listeners(facts),
                              "cors", cors(&facts->settings->rest_api.cors),
                              "limits", limits(&facts->settings->limits),
                              "deadlines", deadlines(facts),
                              "tokens", facts->tokens->tokens,
                              "tenants", facts->tokens->tenants,
                              "master_tenant", master_tenant(facts),
                              "on_demand", json_object_size(facts->idle) > 0,
                              "idle_ms", facts->idle,
                              "log_bodies", 1),
                    ret);
}

/* Looked up here: in its sandbox control could not. */
static json_t *control_gid(const char *name) {
        const struct group *group = *name ? getgrnam(name) : NULL;

        return group ? json_integer((json_int_t) group->gr_gid) : json_null();
}

int slice_control(const struct slice_facts *facts, char **ret) {
        return dump(json_pack("{s:s, s:{s:s, s:i}, s:o, s:s, s:b}",
                              "service", facts->service,
                              "crashes", "dir", facts->crashes_dir, "keep", CRASHES_KEPT,
                              "gid", control_gid(facts->control_group),
                              "interface", "io.wazo.suite",
                              "owner_commands", facts->owner_commands),
                    ret);
}

/* {"plugin": ["SQL", ...]}, of those that have some. */
static json_t *plugin_migrations(const struct descriptions *descriptions) {
        json_t *all = json_object();

        for (size_t i = 0; i < descriptions->n; i++) {
                const struct description *d = &descriptions->list[i];
                json_t *own = d->problem ? NULL : json_object_get(d->root, "migrations");

                if (json_array_size(own) > 0 && json_object_set(all, d->name, own) < 0) {
                        json_decref(all);
                        return NULL;
                }
        }
        return all;
}

int slice_migrate(const struct slice_facts *facts, char **ret) {
        return dump(json_pack("{s:{s:s}, s:s?, s:s, s:s, s:s, s:o}",
                              "db", "uri", facts->db_uri,
                              "uuid", facts->uuid,
                              "version", facts->version,
                              "migrations", facts->migrations,
                              "driver_dir", facts->driver_dir,
                              "plugins", plugin_migrations(facts->descriptions)),
                    ret);
}

/* Who wants to hear of what: {"plugin": ["event", ...]}, of those that do. */
static json_t *subscriptions(const struct descriptions *descriptions) {
        json_t *all = json_object(), *subscription;
        size_t j;

        for (size_t i = 0; all && i < descriptions->n; i++) {
                const struct description *d = &descriptions->list[i];
                json_t *own = d->problem ? NULL : json_object_get(d->root, "subscriptions"), *events;

                if (json_array_size(own) == 0)
                        continue;
                events = json_array();
                json_array_foreach(own, j, subscription)
                        if (json_array_append(events, json_object_get(subscription, "event")) < 0) {
                                json_decref(events);
                                events = NULL;
                                break;
                        }
                if (json_object_set_new(all, d->name, events) < 0) {
                        json_decref(all);
                        return NULL;
                }
        }
        return all;
}

static json_t *bus_ssl(const struct settings_bus_ssl *s) {
        return json_pack("{s:b, s:b, s:s?, s:s?, s:s?}", "enabled", s->enabled, "verify", s->verify, "ca", s->ca,
                         "certificate", s->certificate, "key", s->key);
}

/* What does not concern a service without RabbitMQ does not change its relay. */
static json_t *bus(const struct settings *settings) {
        const struct settings_bus *b = &settings->bus;

        if (!settings_in_use(settings, "bus", b->enabled))
                return json_null();
        return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I}",
                         "host", b->host,
                         "port", (int) b->port,
                         "username", b->username,
                         "password", b->password,
                         "vhost", b->vhost,
                         "exchange", b->exchange_name,
                         "exchange_type", b->exchange_type,
                         "ssl", bus_ssl(&b->ssl),
                         "heartbeat_ms", (json_int_t) b->heartbeat,
                         "connect_ms", (json_int_t) b->connect,
                         "confirm_ms", (json_int_t) b->confirm,
                         "window", (json_int_t) b->window,
                         "keep_queue_ms", (json_int_t) b->keep_queue);
}

static json_t *sysconfd(const struct settings *settings) {
        const struct settings_sysconfd *s = &settings->sysconfd;

        if (!settings_in_use(settings, "sysconfd", s->enabled))
                return json_null();
        return json_pack("{s:s, s:i, s:I}", "host", s->host, "port", (int) s->port, "timeout_ms", (json_int_t) s->timeout);
}

int slice_relay(const struct slice_facts *facts, char **ret) {
        const struct settings_outbox *o = &facts->settings->outbox;

        return dump(json_pack("{s:s, s:s?, s:{s:s}, s:s, s:o, s:o, s:I, s:{s:I, s:I}, s:o}",
                              "service", facts->service,
                              "uuid", facts->uuid,
                              "db", "uri", facts->db_uri,
                              "driver_dir", facts->driver_dir,
                              "bus", bus(facts->settings),
                              "sysconfd", sysconfd(facts->settings),
                              "tries", (json_int_t) o->tries,
                              "keep", "events", (json_int_t) o->keep, "age_ms", (json_int_t) o->age,
                              "subscriptions", subscriptions(facts->descriptions)),
                    ret);
}

int slice_discovery(const struct slice_facts *facts, char **ret) {
        const struct settings *settings = facts->settings;
        uint32_t port = facts->plan->n_listeners > 0 ? facts->plan->listeners[0].port : 0;
        json_t *slice = consul_json(&settings->consul, &settings->discovery);
        char id[128];

        consul_id(facts->service, facts->uuid, id, sizeof(id));
        if (!slice || json_object_update_new(slice, json_pack("{s:s, s:s, s:s, s:s?, s:s, s:I}",
                                                              "service", facts->service,
                                                              "version", facts->version,
                                                              "id", id,
                                                              "uuid", facts->uuid,
                                                              "driver_dir", facts->driver_dir,
                                                              "port", settings->discovery.advertise_port > 0
                                                                              ? (json_int_t) settings->discovery.advertise_port
                                                                              : (json_int_t) port)) < 0) {
                json_decref(slice);
                return -ENOMEM;
        }
        return dump(slice, ret);
}

int slice_plugin(const struct slice_facts *facts, const struct description *description, char **ret) {
        json_t *section;
        int r;

        r = section_read(json_object_get(description->root, "config"), description->name,
                         yaml_entry(facts->settings->plugins, description->name), facts->findings, &section);
        if (r < 0)
                return r;
        return dump(json_pack("{s:{s:s}, s:s?, s:s, s:s?, s:s, s:o}",
                              "db", "uri", facts->db_uri,
                              "uuid", facts->uuid,
                              "version", facts->version,
                              "master_tenant", master_tenant(facts),
                              "driver_dir", facts->driver_dir,
                              "config", section),
                    ret);
}
