/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the outbox to RabbitMQ: reads rows in order, publishes them up to a window of confirms, removes what was confirmed.
 * In memory are the numbers of the rows in the window, never the rows.
 */
#pragma once

#include <jansson.h>
#include <systemd/sd-event.h>

#include "workers/relay/broker.h"
#include "workers/relay/holds.h"
#include "workers/relay/store.h"
#include "workers/relay/window.h"

#define PUBLISHER_ERROR_MAX 160

struct publisher_settings {
        size_t window;
        uint64_t confirm_msec; /* for a message's confirm */
        unsigned tries;        /* then it is parked */
        int64_t keep;          /* of the last events */
        const char *service;   /* message ids begin with it */
};

/* A row that the server, or we, did not take; until the database knows. */
struct refusal {
        int64_t id;
        unsigned tries;
        uint64_t next_try; /* CLOCK_REALTIME msec; 0: it is given up */
        char error[PUBLISHER_ERROR_MAX];
};

struct publisher {
        sd_event *event;       /* borrowed */
        struct store *store;   /* borrowed */
        struct broker *broker; /* borrowed */
        struct publisher_settings settings;

        struct window window;
        struct holds holds;
        bool holds_full;     /* a row could not be held: nothing is read until one ends */
        int64_t cursor;      /* of the rows read */
        size_t seen;         /* by this reading */
        bool more, rescan;   /* there may be rows behind it; in front of it. Nothing is read before the first nudge */
        int64_t suspects;    /* the server closed its channel over one of the rows up to this: they go one at a time */
        int64_t *done;       /* confirmed, and still in the outbox */
        size_t n_done;
        struct refusal *refused;
        size_t n_refused;
        uint64_t settle_at;  /* CLOCK_MONOTONIC nsec: when the database is told of both; NSEC_NEVER */
        uint64_t again_at;   /* ... when it is tried again after a lock */
        uint64_t patient_at; /* ... since when confirms can be expected */
        unsigned kept;       /* events kept since the last purge */
        bool nudged, draining;
        sd_event_source *work, *timer;

        uint64_t published, confirmed, nacked, returned, retried, parked;
};

/* Its member broker is set by the caller, before that starts. */
int publisher_init(struct publisher *p, sd_event *event, struct store *store,
                   const struct publisher_settings *settings) _must_check_;
void publisher_done(struct publisher *p);

/* There may be rows. */
void publisher_nudge(struct publisher *p);

/* Publishes nothing more; idle when all that is on its way is confirmed, and removed. */
void publisher_drain(struct publisher *p);
bool publisher_is_idle(const struct publisher *p);

/* The broker's callbacks. */
void publisher_opened(struct publisher *p);
void publisher_lost(struct publisher *p, enum broker_loss loss, const char *reason);
void publisher_work_soon(struct publisher *p);
void publisher_patient(struct publisher *p);
void publisher_confirmed(struct publisher *p, uint64_t tag, bool multiple, bool ok);
