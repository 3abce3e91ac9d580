/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/keeper.h"

#include "lib/log.h"
#include "workers/relay/outbox.h"

#define GATHER_MSEC 200
/* Rows of one transaction: other writers wait meanwhile. */
#define ROWS_AT_ONCE 500
#define AGE_NSEC (3600 * NSEC_PER_SEC)

static void arm(struct keeper *k, uint64_t msec) {
        if (sd_event_source_set_time_relative(k->timer, msec * 1000) < 0 ||
            sd_event_source_set_enabled(k->timer, SD_EVENT_ONESHOT) < 0)
                (void) sd_event_exit(k->event, -ENOMEM);
        k->armed = true;
}

/* 1: there may be more. */
static int take_events(struct keeper *k, struct db *db) {
        int64_t above, n;
        int r;

        r = outbox_keep_above(db, k->settings.keep, &above);
        if (r >= 0)
                r = outbox_remove_many(db, OUTBOX_EVENT, ROWS_AT_ONCE, k->settings.keep > 0 ? above : INT64_MAX, &n);
        if (r >= 0 && n > 0)
                r = outbox_purge(db, k->settings.keep);
        return r < 0 ? r : n == ROWS_AT_ONCE;
}

static int take_requests(struct keeper *k, struct db *db) {
        int64_t n;
        int r = outbox_remove_many(db, OUTBOX_SYSCONFD, ROWS_AT_ONCE, INT64_MAX, &n);

        if (r < 0)
                return r;
        k->dropped += (uint64_t) n;
        return n == ROWS_AT_ONCE;
}

static int take(struct keeper *k, struct db *db) {
        int more = 0, r = 0;

        if (k->settings.events)
                more = take_events(k, db);
        if (more >= 0 && k->settings.requests)
                r = take_requests(k, db);
        return more < 0 ? more : r < 0 ? r : more || r;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct keeper *k = userdata;
        struct db *db;
        int r;

        k->armed = false;
        r = store_begin(k->store, &db);
        if (r >= 0)
                r = store_end(k->store, take(k, db));
        if (r != 0)
                arm(k, r > 0 ? 0 : store_wait_msec(r));
        return 0;
}

void keeper_nudge(struct keeper *k) {
        if ((k->settings.events || k->settings.requests) && !k->armed)
                arm(k, GATHER_MSEC);
}

void keeper_tick(struct keeper *k) {
        uint64_t now = now_monotonic(), wall = outbox_now();
        struct db *db;
        int r;

        if (k->aged_at > 0 && now - k->aged_at < AGE_NSEC)
                return;
        r = store_begin(k->store, &db);
        if (r >= 0)
                r = store_end(k->store, outbox_purge_old(db, wall > k->settings.age_msec ? wall - k->settings.age_msec : 0));
        if (r >= 0)
                k->aged_at = now;
}

int keeper_init(struct keeper *k, sd_event *event, struct store *store, const struct keeper_settings *settings) {
        int r;

        *k = (struct keeper) {.event = event, .store = store, .settings = *settings};
        r = sd_event_add_time(event, &k->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, k);
        return r < 0 ? r : sd_event_source_set_enabled(k->timer, SD_EVENT_OFF);
}

void keeper_done(struct keeper *k) {
        k->timer = sd_event_source_disable_unref(k->timer);
}
