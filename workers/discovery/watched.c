/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/discovery/watched.h"

#include <stdio.h>

#include "config/consul.h"
#include "config/settings.h"
#include "lib/log.h"
#include "workers/discovery/address.h"

#define PROBE_MSEC 3000
/* Changes of units come in swarms. */
#define SOON_USEC 100000
#define UNITS_PREFIX SYSTEMD_PATH "/unit"

/* ---- which services ---- */

/* Whether its own configuration has it registered: what the file says when it is started is what counts. One that cannot be read
 * may say so. */
static bool registers_itself(const struct watch *w, const struct manifest *m) {
        _cleanup_(settings_done) struct settings settings = SETTINGS_NULL;
        char path[512], extra[512];
        struct findings ignored = {0};
        const char *slash;
        bool answer = true;

        if (m->facts.discovery.by == FACTS_DISCOVERY_SUITE || !m->config)
                return false;
        slash = strrchr(m->config, '/');
        if (snprintf(path, sizeof(path), "%s%s", w->root, m->config) >= (int) sizeof(path) ||
            snprintf(extra, sizeof(extra), "%s%.*s/conf.d", w->root, (int) (slash - m->config), m->config) >= (int) sizeof(extra))
                return true;
        if (access(path, R_OK) < 0 && errno != ENOENT)
                log_info("%s cannot be read: %s is left to register itself", path, m->service);
        else if (settings_read(path, false, extra, &ignored, &settings) == 0)
                answer = settings.discovery.enabled;
        findings_done(&ignored);
        return answer;
}

static bool is_for_us(const struct manifest *m) {
        return m->kind == MANIFEST_UNIT && m->facts.discovery.by != FACTS_DISCOVERY_NONE && m->port > 0 &&
               !strchr(m->facts.unit.name, '*');
}

/* ---- what is told ---- */

static void tell(struct watch *w, struct watched *s, enum registrar_health health, const char *output) {
        char address[64];

        if (streq(w->address, "auto"))
                address_find(w->interface, address, sizeof(address));
        registration_tell(s->registration, streq(w->address, "auto") ? address : w->address, health, output);
}

static void probe_next(struct watch *w);

/* One that has not answered yet is not known to others; one that did is critical when it does not. */
static void on_probe(void *userdata, const struct http_answer *answer) {
        struct watch *w = userdata;
        struct watched *s = &w->list[w->probing];
        char output[200];

        if (answer->status == 0) {
                (void) snprintf(output, sizeof(output), "its unit is active, but it does not answer: %s", answer->reason);
                if (s->registration->wanted)
                        tell(w, s, REGISTRAR_CRITICAL, output);
        } else if (answer->status >= 500) {
                (void) snprintf(output, sizeof(output), "its unit is active, and it answers %u", answer->status);
                tell(w, s, REGISTRAR_WARNING, output);
        } else
                tell(w, s, REGISTRAR_PASSING, "its unit is active, and it answers");
        s->to_probe = false;
        probe_next(w);
}

/* Any answer will do: without a token most are refusals. */
static int probe(struct watch *w, const struct manifest *m) {
        const char *address = streq(m->facts.listen, "0.0.0.0") ? "127.0.0.1"
                              : streq(m->facts.listen, "::")    ? "::1"
                                                                : m->facts.listen;

        (void) snprintf(w->url, sizeof(w->url), strchr(address, ':') ? "http://[%s]:%d%s" : "http://%s:%d%s", address,
                        (int) m->port,
                        m->facts.reach.path ? m->facts.reach.path : "/");
        return w->driver->send(w->http, &(struct http_request) {.method = "GET", .url = w->url,
                                                                .timeout_msec = PROBE_MSEC}, on_probe, w);
}

static void probe_next(struct watch *w) {
        for (w->probing = 0; w->probing < w->n; w->probing++) {
                struct watched *s = &w->list[w->probing];
                int r;

                if (!s->to_probe)
                        continue;
                r = probe(w, s->manifest);
                if (r >= 0)
                        return;
                s->to_probe = false;
                log_warning("%s cannot be asked: %s", s->manifest->service, strerror(-r));
        }
}

/* ---- what systemd says ---- */

static bool is_up(const char *state) {
        return streq(state, "active") || streq(state, "reloading");
}

static void look_at(struct watch *w, struct watched *s, const char *state) {
        bool up = is_up(state);
        char output[64];

        if (up && !is_up(s->state))
                s->by_itself = registers_itself(w, s->manifest);
        (void) strcopy(s->state, sizeof(s->state), state);
        s->to_probe = up && !s->by_itself;
        if (s->to_probe)
                return;
        if (s->by_itself || streq(state, "inactive") || streq(state, "deactivating"))
                registration_withdraw(s->registration);
        else if (s->registration->wanted) {
                (void) snprintf(output, sizeof(output), "its unit is %s", state);
                tell(w, s, REGISTRAR_CRITICAL, output);
        }
}

static int look_soon(struct watch *w, uint64_t usec) {
        int r = sd_event_source_set_time_relative(w->timer, usec);

        return r < 0 ? r : sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

static bool is_watched(const struct watch *w, const char *path) {
        _cleanup_free_ char *unit = NULL;

        if (!path || sd_bus_path_decode(path, UNITS_PREFIX, &unit) <= 0)
                return false;
        for (size_t i = 0; i < w->n; i++)
                if (streq(w->list[i].manifest->facts.unit.name, unit))
                        return true;
        return false;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct watch *w = userdata;

        return is_watched(w, sd_bus_message_get_path(m)) ? look_soon(w, SOON_USEC) : 0;
}

/* Where there are no signals there is still the timer. */
static int on_match(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return 0;
}

static int connect_bus(struct watch *w) {
        int r;

        if (w->bus && sd_bus_is_open(w->bus) > 0)
                return 0;
        w->bus = sd_bus_close_unref(w->bus);
        r = systemd_open(&w->bus);
        if (r < 0)
                return r;
        r = sd_bus_match_signal_async(w->bus, NULL, NULL, NULL, "org.freedesktop.DBus.Properties",
                                      "PropertiesChanged", on_changed, on_match, w);
        if (r >= 0)
                r = sd_bus_call_method_async(w->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "Subscribe",
                                             on_match, NULL, NULL);
        if (r >= 0)
                r = sd_bus_attach_event(w->bus, w->event, SD_EVENT_PRIORITY_NORMAL);
        return r;
}

static int look(struct watch *w) {
        struct systemd_unit units[WATCHED_MAX];
        const char *names[WATCHED_MAX];
        int r = connect_bus(w);

        for (size_t i = 0; i < w->n; i++)
                names[i] = w->list[i].manifest->facts.unit.name;
        if (r >= 0)
                r = systemd_units(w->bus, names, w->n, units);
        for (size_t i = 0; i < w->n && r >= 0; i++)
                look_at(w, &w->list[i], units[i].active);
        return r;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct watch *w = userdata;
        int r;

        /* The answers to the last look first. */
        if (w->probing == w->n) {
                r = look(w);
                if (r < 0 && !w->bus_failed)
                        log_warning("systemd cannot be asked: %s; it is tried again", strerror(-r));
                w->bus_failed = r < 0;
                /* Then what was up is believed to be so, if it answers. */
                for (size_t i = 0; i < w->n && r < 0; i++)
                        w->list[i].to_probe = is_up(w->list[i].state) && !w->list[i].by_itself;
                probe_next(w);
        }
        return look_soon(w, w->every_usec);
}

/* ---- life ---- */

int watch_init(struct watch *w, sd_event *event, struct registrar *registrar, const struct suite *suite,
               const char *root, const char *address, const char *interface, const char *uuid,
               json_t *(*tags)(void *userdata, const char *name), void *userdata, uint64_t every_msec) {
        char error[200] = "";
        int r;

        *w = (struct watch) {
                .event = event,
                .registrar = registrar,
                .root = root,
                .address = address,
                .interface = interface,
                .every_usec = every_msec * 1000,
        };
        for (size_t i = 0; i < suite->n && w->n < WATCHED_MAX; i++) {
                struct watched *s = &w->list[w->n];
                const struct manifest *m = &suite->services[i];
                char id[128];

                if (!is_for_us(m))
                        continue;
                consul_id(m->service, uuid, id, sizeof(id));
                r = registrar_add(registrar, id, m->service, tags(userdata, m->service), (uint32_t) m->port, &s->registration);
                if (r < 0)
                        return r;
                s->manifest = m;
                w->n++;
        }
        w->probing = w->n;
        r = http_load(registrar->settings.driver_dir, &w->driver, error, sizeof(error));
        if (r < 0)
                log_error("%s", error);
        if (r >= 0)
                r = w->driver->new(event, &w->http);
        return r < 0 ? r : sd_event_add_time_relative(event, &w->timer, CLOCK_MONOTONIC, 0, 10000, on_timer, w);
}

void watch_done(struct watch *w) {
        w->timer = sd_event_source_disable_unref(w->timer);
        if (w->http)
                w->driver->free(w->http);
        w->http = NULL;
        w->bus = sd_bus_close_unref(w->bus);
}
