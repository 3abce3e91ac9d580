/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-discovery: the worker that tells consul of its service. It registers it when it is ready, says every now and
 * then, and whenever that changes, how it is, and deregisters it before its listeners close. What becomes of consul
 * is nobody else's business.
 */
#include <signal.h>

#include "lib/pages.h"
#include "workers/discovery/address.h"
#include "workers/discovery/discovery.h"

/* What is mended before is told to nobody: workers are back in milliseconds. */
#define PATIENCE_NSEC (500 * NSEC_PER_MSEC)

/* ---- configuration ---- */

static json_t *tags_of(const struct discovery *d) {
        const char *uuid = json_string_value(json_object_get(d->slice, "uuid"));
        const json_t *extra = json_object_get(d->slice, "extra_tags");
        json_t *tags = json_array();
        int e = 0;

        if (uuid)
                e |= json_array_append_new(tags, json_string(uuid));
        e |= json_array_append_new(tags, json_string(d->service));
        e |= json_array_extend(tags, (json_t *) extra);
        if (e == 0)
                return tags;
        json_decref(tags);
        return NULL;
}

static void say(void *userdata);
static void leave(void *userdata);

static int read_slice(struct discovery *d) {
        struct registrar_settings settings;
        _cleanup_free_ char *text = NULL;
        const json_t *port;
        const char *id;
        size_t size;
        int e;

        e = worker_read_slice(&d->worker, &text, &size);
        if (e < 0)
                return e;
        d->slice = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        explicit_bzero(text, size);
        e = registrar_settings_read(d->slice, &settings);
        if (e < 0)
                return e;
        settings.driver_dir = json_string_value(json_object_get(d->slice, "driver_dir"));
        settings.version = json_string_value(json_object_get(d->slice, "version"));
        d->service = json_string_value(json_object_get(d->slice, "service"));
        d->address = json_string_value(json_object_get(d->slice, "address"));
        d->interface = json_string_value(json_object_get(d->slice, "interface"));
        d->look_usec = settings.refresh_msec * 1000;
        id = json_string_value(json_object_get(d->slice, "id"));
        port = json_object_get(d->slice, "port");
        if (!settings.driver_dir || !d->service || !d->address || !d->interface || !id || !json_is_integer(port))
                return -EBADMSG;
        e = registrar_init(&d->registrar, d->event, &settings, say, leave, d);
        return e < 0 ? e
                     : registrar_add(&d->registrar, id, d->service, tags_of(d), (uint32_t) json_integer_value(port),
                                     &d->registration);
}

/* ---- what is told, and to whom ---- */

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata) {
        discovery_tell(userdata);
        return 0;
}

/* Whether it has been that bad for long enough. */
static bool is_true(struct discovery *d, enum registrar_health health) {
        uint64_t now = now_monotonic();

        if (!d->registration->wanted || health <= d->registration->health) {
                d->worse_since = 0;
                return true;
        }
        if (d->worse_since == 0)
                d->worse_since = now;
        if (now >= d->worse_since + PATIENCE_NSEC)
                return true;
        if (sd_event_source_set_time(d->patience, (d->worse_since + PATIENCE_NSEC) / NSEC_PER_USEC) < 0 ||
            sd_event_source_set_enabled(d->patience, SD_EVENT_ONESHOT) < 0)
                (void) sd_event_exit(d->event, -ENOMEM);
        return false;
}

void discovery_tell(struct discovery *d) {
        char address[256] = "";
        enum registrar_health health;
        const char *text;

        if (d->draining || !health_look(&d->health, &health, &text) || !is_true(d, health))
                return;
        if (streq(d->address, "auto"))
                address_find(d->interface, address, sizeof(address));
        else
                (void) strcopy(address, sizeof(address), d->address);
        registration_tell(d->registration, address, health, text);
}

/* For status and metrics. */
static void say(void *userdata) {
        struct discovery *d = userdata;
        const struct registrar_status *s = &d->registrar.status;
        const struct registration *g = d->registration;
        const struct wire_figures figures = {.values = {
                [WIRE_FIGURE_REGISTERED] = g->known,
                [WIRE_FIGURE_REGISTRATIONS] = s->registrations,
                [WIRE_FIGURE_REFUSALS] = s->failures,
        }};

        uplink_tell(&d->uplink, WIRE_FIGURES, &figures, sizeof(figures));
        if (*s->reason)
                (void) worker_note(&d->worker, "work", "%s; %s", g->known ? "registered" : "not registered", s->reason);
        else if (g->known)
                (void) worker_note(&d->worker, "work", "registered as %s at %s:%u", g->id, g->address, g->port);
        else
                (void) worker_note(&d->worker, "work", "not registered");
}

/* An address may come, or change. */
static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
        struct discovery *d = userdata;
        int e;

        discovery_tell(d);
        e = sd_event_source_set_time_relative(source, d->look_usec);
        return e < 0 ? e : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- life ---- */

static void leave(void *userdata) {
        struct discovery *d = userdata;

        (void) sd_event_exit(d->event, 0);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        log_warning("consul has not been told in time that the service ends");
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

int discovery_drain(struct discovery *d, uint64_t deadline, bool replaced) {
        /* Before the deadline of who waits for us. */
        const uint64_t early = 200 * NSEC_PER_MSEC;

        if (d->draining)
                return 0;
        d->draining = true;
        if (replaced)
                return sd_event_exit(d->event, 0);
        /* What a worker before us has registered is ours. */
        d->registration->maybe = true;
        registrar_leave(&d->registrar);
        return sd_event_add_time(d->event, &d->deadline, CLOCK_MONOTONIC,
                                 (deadline - MIN(early, deadline)) / NSEC_PER_USEC, 0, on_deadline, d);
}

static int run(struct discovery *d) {
        int e;

        e = sd_event_default(&d->event);
        if (e < 0)
                return e;
        e = read_slice(d);
        if (e < 0)
                worker_fail(&d->worker, WIRE_CAUSE_CONFIG, "discovery's configuration cannot be read: %s", strerror(-e));
        e = sd_event_add_time(d->event, &d->patience, CLOCK_MONOTONIC, 0, 1000, on_patience, d);
        if (e >= 0)
                e = sd_event_source_set_enabled(d->patience, SD_EVENT_OFF);
        if (e >= 0)
                e = discovery_link(d);
        if (e >= 0 && streq(d->address, "auto"))
                e = sd_event_add_time_relative(d->event, &d->look, CLOCK_MONOTONIC, d->look_usec, d->look_usec / 10, on_look, d);
        if (e >= 0)
                e = worker_ready(&d->worker);
        pages_give_back();
        if (e >= 0)
                e = sd_event_loop(d->event);
        return e;
}

static void discovery_done(struct discovery *d) {
        registrar_done(&d->registrar);
        health_done(&d->health);
        uplink_close(&d->uplink);
        d->deadline = sd_event_source_disable_unref(d->deadline);
        d->patience = sd_event_source_disable_unref(d->patience);
        d->look = sd_event_source_disable_unref(d->look);
        json_decref(d->slice);
        d->event = sd_event_unref(d->event);
}

int main(void) {
        static struct discovery d;
        int e;

        /* TLS writes to sockets by write(). */
        (void) signal(SIGPIPE, SIG_IGN);
        json_object_seed(0);
        if (worker_begin(&d.worker, WIRE_KIND_DISCOVERY) < 0)
                return EXIT_FAILURE;
        e = run(&d);
        if (e < 0)
                log_error("discovery ended: %s", strerror(-e));
        discovery_done(&d);
        return e < 0 ? EXIT_FAILURE : e;
}
