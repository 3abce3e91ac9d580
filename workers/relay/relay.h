/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The relay worker, whole: its configuration (settings.c), what it does to the outside (publisher, sysconfd, keeper, consumer),
 * whom it answers (askers.c, answers.c), and its line to the supervisor (link.c). One loop, on which nothing waits.
 */
#pragma once

#include <jansson.h>
#include <systemd/sd-event.h>

#include "lib/request.h"
#include "lib/uplink.h"
#include "lib/worker.h"
#include "workers/relay/broker.h"
#include "workers/relay/consumer.h"
#include "workers/relay/keeper.h"
#include "workers/relay/lead.h"
#include "workers/relay/publisher.h"
#include "workers/relay/store.h"
#include "workers/relay/sysconfd.h"

/* Messages that wait for the supervisor to read. */
#define RELAY_QUEUE_MAX 256
/* Gateways and control, those that drain included. */
#define RELAY_ASKERS_MAX 64

struct asker;

struct relay {
        struct worker worker;
        sd_event *event;
        sd_event_source *deadline, *after, *rest;
        struct uplink uplink;

        json_t *slice; /* all texts below are its */
        const char *service;
        bool with_bus;
        struct broker_settings bus;
        struct publisher_settings publishing;
        struct sysconfd_settings requests;
        struct keeper_settings keeping;

        struct lead lead;
        struct store store;
        const struct broker_driver *driver;
        struct broker *broker; /* NULL: there is no RabbitMQ, or it cannot be used */
        char bus_failure[256]; /* then: why */
        char told[384];        /* the reason that was logged last */
        struct publisher publisher;
        struct sysconfd sysconfd;
        struct keeper keeper;
        struct consumer *consumer;
        struct asker *askers;
        unsigned n_askers, n_plugins; /* plugins: ever introduced */
        bool draining, goodbye;
};

/* ----- settings.c ----- */

/* -EBADMSG: it is not what docs/slices.md says. */
int settings_read_slice(struct relay *r) _must_check_;

/* ----- relay.c ----- */

int relay_start(struct relay *r) _must_check_;
void relay_done(struct relay *r);
/* There may be rows in the outbox. */
void relay_nudge(struct relay *r);
/* Whatever it looks after by itself, every half minute or so. */
void relay_tick(struct relay *r);
/* Ends what is under way, and then the loop; at the CLOCK_MONOTONIC @deadline in any case. */
int relay_drain(struct relay *r, uint64_t deadline, bool replaced) _must_check_;

/* ----- link.c ----- */

int relay_link(struct relay *r) _must_check_;

/* ----- askers.c ----- */

/* Takes @fd over, whatever it returns. -ENOBUFS past RELAY_ASKERS_MAX. */
int askers_add(struct relay *r, const struct wire_peer *peer, int fd) _must_check_;
void askers_done(struct relay *r);

/* ----- answers.c ----- */

/* docs/relay.md: status and JSON body. -ENOMEM. */
int answers_make(struct relay *r, const struct request *request, struct reply *ret) _must_check_;
