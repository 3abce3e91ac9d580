/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events of others: what the plugins subscribed to, taken from RabbitMQ, handed to them on their channels, and acknowledged
 * when they have committed. It owns the channels to plugins, on which they also say that they wrote to the outbox (NUDGE).
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
        const json_t *slice;   /* the relay's; "subscriptions": {"plugin": ["event", ...]}, "service", "queue" */
        /* There may be rows in the outbox: a plugin said so, or its channel ended. */
        void (*nudged)(void *userdata);
        void *userdata;
};

int consumer_new(const struct consumer_setup *setup, struct consumer **ret) _must_check_;
/* Accepts NULL and returns NULL. */
struct consumer *consumer_free(struct consumer *c);

/* A channel to a plugin's worker. Takes @fd over, whatever it returns. */
int consumer_add_plugin(struct consumer *c, const struct wire_peer *peer, int fd) _must_check_;

/* Hands nothing more to plugins; what they have already is waited for by consumer_is_idle(). */
void consumer_drain(struct consumer *c);
bool consumer_is_idle(const struct consumer *c);

/* Its part of GET /status: a new reference, NULL when out of memory. */
json_t *consumer_status(struct consumer *c);

/* An event of inbox_parked is handed to its plugin again: 0, -ENOENT, or what the database said. */
int consumer_retry(struct consumer *c, int64_t id) _must_check_;
