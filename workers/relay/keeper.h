/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What nobody wants: without RabbitMQ events go from the outbox to the kept ones, without sysconfd its requests go nowhere.
 * Not for each row by itself: rows are let gather for a moment. And kept events that have become too old are deleted.
 */
#pragma once

#include <systemd/sd-event.h>

#include "workers/relay/store.h"

struct keeper_settings {
        bool events, requests; /* what nobody else takes */
        int64_t keep;          /* of the last events */
        uint64_t age_msec;
};

struct keeper {
        sd_event *event;     /* borrowed */
        struct store *store; /* borrowed */
        struct keeper_settings settings;
        sd_event_source *timer;
        bool armed;
        uint64_t aged_at;    /* CLOCK_MONOTONIC nsec: when the old ones were last looked for */
        uint64_t dropped;    /* requests */
};

int keeper_init(struct keeper *k, sd_event *event, struct store *store, const struct keeper_settings *settings) _must_check_;
void keeper_done(struct keeper *k);

/* There may be rows. */
void keeper_nudge(struct keeper *k);

/* From time to time. */
void keeper_tick(struct keeper *k);
