/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events of others: what the plugins subscribed to, taken from RabbitMQ, handed to them on their channels, and acknowledged
 * when they have committed. It owns the channels to plugins, on which they also say that they wrote to the outbox (NUDGE).
 *
 * The queue's callbacks of broker.h (delivery, opened and lost of BROKER_CONSUMER) come with the consumer for userdata: they
 * are to call consumer_delivery() and its sisters.
 */
#pragma once

#include <jansson.h>
#include <systemd/sd-event.h>

#include "lib/wire.h"
#include "workers/relay/broker.h"
#include "workers/relay/store.h"

struct consumer;

/* All borrowed. */
struct consumer_setup {
        sd_event *event;
        struct store *store;
        struct broker *broker; /* NULL: there is no RabbitMQ, or it cannot be used */
        const json_t *slice;   /* the relay's; "subscriptions": {"plugin": ["event", ...]}, "service", "uuid", "db", "tries", "bus": {"keep_queue_ms"} */
        /* There may be rows in the outbox: a plugin said so, or its channel ended. */
        void (*nudged)(void *userdata);
        /* To the supervisor: WANT, STALLED, INFLIGHT. */
        void (*tell)(void *userdata, enum wire_type type, const void *body, size_t size);
        void *userdata;
};

int consumer_new(const struct consumer_setup *setup, struct consumer **ret) _must_check_;
/* Accepts NULL and returns NULL. */
struct consumer *consumer_free(struct consumer *c);

/* A channel to a plugin's worker. Takes @fd over, whatever it returns. */
int consumer_add_plugin(struct consumer *c, const struct wire_peer *peer, int fd) _must_check_;

/* What the supervisor says of a worker (SLOT): whether it rests, and what it died of. Those of no plugin are ignored. */
void consumer_slot(struct consumer *c, const struct wire_slot *slot);

/* Of the broker, see above. */
void consumer_opened(struct consumer *c, unsigned epoch);
void consumer_lost(struct consumer *c, enum broker_loss loss, const char *reason);
void consumer_delivery(struct consumer *c, const struct broker_delivery *delivery);

/* The end is near: takes nothing more from the broker; but while a successor (@replaced) cannot have a queue of its own yet, a
 * moment longer. What it will lose with its queue, it hands on as long as the plugins are there, else no more than they have
 * already; consumer_is_idle() says when that is done. */
void consumer_drain(struct consumer *c, bool replaced);
bool consumer_is_idle(const struct consumer *c);

/* Its part of GET /status: a new reference, NULL when out of memory. */
json_t *consumer_status(struct consumer *c);

/* An event of inbox_parked is handed to its plugin again, and deleted when that has committed: 0, -ENOENT, -EALREADY while it is
 * on its way, -EAGAIN when too many are, or what the database said. */
int consumer_retry(struct consumer *c, int64_t id) _must_check_;
