/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/relay.h"

#include "workers/relay/outbox.h"

/* A database that nothing is asked of is closed. */
#define REST_NSEC (10 * NSEC_PER_SEC)

/* ----- what the broker says ----- */

static void on_changed(void *userdata, enum broker_state state, const char *reason) {
        struct relay *r = userdata;

        (void) worker_note(&r->worker, "rabbitmq", "%s%s%s", broker_state_to_string(state), *reason ? ": " : "", reason);
        switch (state) {
        case BROKER_READY:
                *r->told = 0;
                log_info("RabbitMQ at %s:%u is connected", r->bus.host, r->bus.port);
                publisher_patient(&r->publisher);
                break;
        case BROKER_BACKOFF:
                /* The same again is no news. */
                if (!streq(r->told, reason))
                        log_warning("RabbitMQ: %s", strempty(reason));
                (void) strcopy(r->told, sizeof(r->told), reason);
                break;
        case BROKER_BLOCKED:
                log_warning("RabbitMQ: %s", strempty(reason));
                break;
        default:
                break;
        }
}

/* The publisher's come with the relay, the consumer's with the consumer. */
static void on_opened(void *userdata, enum broker_channel channel, unsigned epoch) {
        if (channel == BROKER_CONSUMER)
                consumer_opened(userdata, epoch);
        else
                publisher_opened(&((struct relay *) userdata)->publisher);
}

static void on_lost(void *userdata, enum broker_channel channel, enum broker_loss loss, const char *reason) {
        /* With the connection's end goes a change of state, which is logged. */
        if (loss != BROKER_LOSS_CONNECTION)
                log_warning("RabbitMQ: %s", reason);
        if (channel == BROKER_CONSUMER)
                consumer_lost(userdata, loss, reason);
        else
                publisher_lost(&((struct relay *) userdata)->publisher, loss, reason);
}

static void on_room(void *userdata) {
        publisher_work_soon(&((struct relay *) userdata)->publisher);
}

static void on_confirmed(void *userdata, uint64_t tag, bool multiple, bool ok) {
        publisher_confirmed(&((struct relay *) userdata)->publisher, tag, multiple, ok);
}

static void on_returned(void *userdata, unsigned code, const char *text, const char *message_id) {
        ((struct relay *) userdata)->publisher.returned++;
        log_warning("RabbitMQ returned %s: %u %s", message_id, code, text);
}

static void on_delivery(void *userdata, const struct broker_delivery *delivery) {
        consumer_delivery(userdata, delivery);
}

static const struct broker_callbacks broker_callbacks = {
        .changed = on_changed,
        .opened = on_opened,
        .lost = on_lost,
        .room = on_room,
        .confirmed = on_confirmed,
        .returned = on_returned,
        .delivery = on_delivery,
};

/* ----- looking ----- */

void relay_nudge(struct relay *r) {
        if (r->draining || !r->lead.leads)
                return;
        if (r->broker)
                publisher_nudge(&r->publisher);
        sysconfd_nudge(&r->sysconfd);
        keeper_nudge(&r->keeper);
}

void relay_tick(struct relay *r) {
        if (r->n_plugins == 0)
                relay_nudge(r);
        if (r->lead.leads)
                keeper_tick(&r->keeper);
}

static int on_rest(sd_event_source *source, uint64_t usec, void *userdata) {
        struct relay *r = userdata;

        r->rest = sd_event_source_disable_unref(r->rest);
        (void) store_rest(&r->store, REST_NSEC);
        return 0;
}

/* All that the outbox is told by us is told. */
static bool outbox_is_idle(const struct relay *r) {
        return publisher_is_idle(&r->publisher) && sysconfd_is_idle(&r->sysconfd);
}

/* After each turn: whether all is done that the end waits for, and whether the database is to be closed some time. */
static int after_turn(sd_event_source *source, void *userdata) {
        struct relay *r = userdata;

        if (r->draining && r->lead.leads && outbox_is_idle(r))
                lead_release(&r->lead);
        if (r->draining && !r->goodbye && outbox_is_idle(r) && (!r->consumer || consumer_is_idle(r->consumer))) {
                r->goodbye = true;
                if (r->broker)
                        broker_close(r->broker, now_monotonic() + NSEC_PER_SEC);
        }
        if (r->goodbye) {
                struct broker_status status = {.state = BROKER_OFF};

                if (r->broker)
                        broker_status(r->broker, &status);
                if (status.state == BROKER_OFF)
                        return sd_event_exit(r->event, 0);
        }
        /* When it is used meanwhile, it is looked at again. */
        if (r->store.db && !r->rest)
                return sd_event_add_time(r->event, &r->rest, CLOCK_MONOTONIC,
                                         (r->store.used + REST_NSEC) / NSEC_PER_USEC, 1000000, on_rest, r);
        return 0;
}

/* ----- life ----- */

static void nudged(void *userdata) {
        relay_nudge(userdata);
}

static void tell(void *userdata, enum wire_type type, const void *body, size_t size) {
        struct relay *r = userdata;

        uplink_tell(&r->uplink, type, body, size);
}

/* Without its library all else goes on, and status says why events stay. */
static int start_broker(struct relay *r) {
        int e;

        if (!r->with_bus)
                return 0;
        e = broker_load(r->store.driver_dir, &r->driver, r->bus_failure, sizeof(r->bus_failure));
        if (e < 0) {
                log_error("%s", r->bus_failure);
                (void) worker_note(&r->worker, "rabbitmq", "off: %s", r->bus_failure);
                return 0;
        }
        e = publisher_init(&r->publisher, r->event, &r->store, &r->publishing);
        if (e >= 0)
                e = broker_new(r->driver, r->event, &r->bus, &broker_callbacks, r, &r->broker);
        r->publisher.broker = r->broker;
        return e;
}

static int start_consumer(struct relay *r) {
        const struct consumer_setup setup = {
                .event = r->event,
                .store = &r->store,
                .broker = r->broker,
                .slice = r->slice,
                .nudged = nudged,
                .tell = tell,
                .userdata = r,
        };

        return consumer_new(&setup, &r->consumer);
}

int relay_start(struct relay *r) {
        int e;

        e = sysconfd_init(&r->sysconfd, r->event, &r->store, &r->requests);
        if (e >= 0)
                e = keeper_init(&r->keeper, r->event, &r->store, &r->keeping);
        if (e >= 0)
                e = start_broker(r);
        if (e >= 0)
                e = start_consumer(r);
        if (e >= 0 && r->broker)
                e = broker_start(r->broker);
        if (e >= 0)
                e = sd_event_add_post(r->event, &r->after, after_turn, r);
        if (e >= 0)
                e = lead_init(&r->lead, r->event, r->store.uri, nudged, r);
        return e;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

int relay_drain(struct relay *r, uint64_t deadline, bool replaced) {
        if (r->draining)
                return 0;
        r->draining = true;
        if (r->broker)
                publisher_drain(&r->publisher);
        sysconfd_drain(&r->sysconfd);
        if (r->consumer)
                consumer_drain(r->consumer, replaced);
        return sd_event_add_time(r->event, &r->deadline, CLOCK_MONOTONIC, deadline / NSEC_PER_USEC, 0, on_deadline, r);
}

void relay_done(struct relay *r) {
        askers_done(r);
        lead_release(&r->lead);
        r->consumer = consumer_free(r->consumer);
        r->broker = broker_free(r->broker);
        publisher_done(&r->publisher);
        sysconfd_done(&r->sysconfd);
        keeper_done(&r->keeper);
        store_done(&r->store);
        uplink_close(&r->uplink);
        r->deadline = sd_event_source_disable_unref(r->deadline);
        r->after = sd_event_source_disable_unref(r->after);
        r->rest = sd_event_source_disable_unref(r->rest);
        json_decref(r->slice);
        r->event = sd_event_unref(r->event);
}
