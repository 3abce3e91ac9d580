/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/publisher.h"

#include <stdio.h>

#include "lib/backoff.h"
#include "lib/log.h"
#include "lib/wire.h"
#include "workers/relay/outbox.h"

/* A larger one is no event. */
#define BODY_MAX (16U * 1024 * 1024)
/* What is confirmed is removed when so much of the window is, or nothing more is awaited, or after this time. */
#define SETTLE_PART 2
#define SETTLE_NSEC (20 * NSEC_PER_MSEC)
/* Rows that are read before the first of them leaves: a server that has confirmed all has nothing to do meanwhile. */
#define READ_AT_ONCE 32
/* Rows on their way, and rows whose end the database does not know, in windows: past it nothing is published. So many are sent
 * twice at most, when we are killed. */
#define OPEN_WINDOWS 4
/* Kept events are counted now and then. */
#define PURGE_STEP 64
/* The clock may have been set: a row never waits longer. */
#define HOLD_MAX_MSEC 60000

/* A row callback's way of saying that it will come back to this row. */
#define STOP (-ECANCELED)

/* ----- turns ----- */

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        publisher_work_soon(userdata);
        return 0;
}

static void at_least(uint64_t *when, uint64_t other) {
        *when = MIN(*when, other);
}

static uint64_t confirm_deadline(const struct publisher *p) {
        const struct window_entry *oldest = window_oldest(&p->window);
        struct broker_status status;

        if (!oldest)
                return NSEC_NEVER;
        broker_status(p->broker, &status);
        /* An alarm of the server may last. */
        if (status.state == BROKER_BLOCKED)
                return NSEC_NEVER;
        return MAX(oldest->sent, p->patient_at) + p->settings.confirm_msec * NSEC_PER_MSEC;
}

static void arm(struct publisher *p) {
        uint64_t when = MIN(p->settle_at, p->again_at), held = holds_next(&p->holds), now = outbox_now();

        at_least(&when, confirm_deadline(p));
        if (held != NSEC_NEVER)
                at_least(&when, now_monotonic() + (held > now ? held - now : 0) * NSEC_PER_MSEC + NSEC_PER_MSEC);
        if (when == NSEC_NEVER)
                (void) sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
        else if (sd_event_source_set_time(p->timer, when / NSEC_PER_USEC) < 0 ||
                 sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT) < 0)
                (void) sd_event_exit(p->event, -ENOMEM);
}

void publisher_work_soon(struct publisher *p) {
        if (sd_event_source_set_enabled(p->work, SD_EVENT_ONESHOT) < 0)
                (void) sd_event_exit(p->event, -ENOMEM);
}

/* ----- what the database is told ----- */

static int write_done(struct publisher *p, struct db *db) {
        char stamp[OUTBOX_STAMP_SIZE];
        int64_t above;
        int r;

        r = outbox_keep_above(db, p->settings.keep, &above);
        outbox_stamp(stamp);
        for (size_t i = 0; r >= 0 && i < p->n_done; i++) {
                bool keep = p->settings.keep > 0 && p->done[i] > above;

                p->kept += keep;
                r = outbox_remove(db, p->done[i], keep, stamp);
        }
        if (r >= 0 && p->kept > MIN((int64_t) PURGE_STEP, p->settings.keep / 8)) {
                p->kept = 0;
                r = outbox_purge(db, p->settings.keep);
        }
        return r;
}

static int write_refused(struct publisher *p, struct db *db) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < p->n_refused; i++) {
                const struct refusal *refusal = &p->refused[i];

                r = refusal->next_try ? outbox_refuse(db, refusal->id, refusal->tries, refusal->error, refusal->next_try)
                                      : outbox_park(db, refusal->id, refusal->tries, refusal->error);
        }
        return r;
}

/* Both, in one transaction. Whether it is done. */
static bool settle(struct publisher *p) {
        struct db *db;
        int r;

        if (p->n_done + p->n_refused == 0)
                return true;
        r = store_begin(p->store, &db);
        if (r >= 0) {
                r = write_done(p, db);
                if (r >= 0)
                        r = write_refused(p, db);
                r = store_end(p->store, r);
        }
        if (r < 0) {
                p->again_at = now_monotonic() + store_wait_msec(r) * NSEC_PER_MSEC;
                return false;
        }
        p->confirmed += p->n_done;
        p->n_done = p->n_refused = 0;
        p->settle_at = NSEC_NEVER;
        return true;
}

static bool is_due(const struct publisher *p) {
        return window_waiting(&p->window) == 0 || p->n_refused > 0 || p->n_done >= p->window.max / SETTLE_PART || p->rescan ||
               now_monotonic() >= p->settle_at;
}

static void settle_later(struct publisher *p) {
        if (p->settle_at == NSEC_NEVER)
                p->settle_at = now_monotonic() + SETTLE_NSEC;
        publisher_work_soon(p);
}

static void is_done(struct publisher *p, int64_t id) {
        p->done[p->n_done++] = id;
        settle_later(p);
}

/* @tries: with this one; 0: trying again is of no use. */
static void refuse(struct publisher *p, int64_t id, uint64_t resource, unsigned tries, const char *error) {
        struct refusal *refusal = &p->refused[p->n_refused++];

        *refusal = (struct refusal) {.id = id, .tries = MAX(tries, 1U)};
        (void) strcopy(refusal->error, sizeof(refusal->error), error);
        if (tries == 0 || tries >= p->settings.tries) {
                log_error("event %lld is parked after %u tries: %s", (long long) id, refusal->tries, error);
                p->parked++;
        } else {
                if (tries == 1)
                        log_warning("event %lld is tried again: %s", (long long) id, error);
                p->retried++;
                refusal->next_try = outbox_now() + retry_wait_msec(tries, backoff_random());
                p->holds_full |= holds_add(&p->holds, id, resource, refusal->next_try) < 0;
        }
        settle_later(p);
}

/* ----- publishing ----- */

static const char *why_not(int error) {
        switch (error) {
        case -EINVAL:
                return "its headers cannot be sent: no JSON object, or nested too deeply";
        case -ENAMETOOLONG:
                return "its routing key, or the name of a header, is longer than AMQP can say";
        case -E2BIG:
                return "its headers are larger than a frame";
        case -EMSGSIZE:
                return "it is larger than any event";
        default:
                return strerror(-error);
        }
}

static int send_row(struct publisher *p, const struct outbox_row *row) {
        json_t *headers = json_loads(row->headers, JSON_REJECT_DUPLICATES, NULL);
        char id[WIRE_NAME_MAX + 24];
        int r;

        (void) snprintf(id, sizeof(id), "%s/%lld", p->settings.service, (long long) row->id);
        r = !headers ? -EINVAL : row->payload_size > BODY_MAX ? -EMSGSIZE : 0;
        if (r >= 0)
                r = broker_publish(p->broker, &(struct broker_message) {
                                                      .routing_key = row->routing_key,
                                                      .message_id = id,
                                                      .headers = headers,
                                                      .body = row->payload,
                                                      .body_size = row->payload_size,
                                              });
        json_decref(headers);
        return r;
}

/* Waits it for its next try, or for an earlier one of its resource? STOP when that cannot even be noted. */
static int check_hold(struct publisher *p, const struct outbox_row *row, uint64_t resource) {
        uint64_t now = outbox_now();

        if (holds_has(&p->holds, row->id, resource))
                return 1;
        if (row->next_try <= now)
                return 0;
        if (holds_add(&p->holds, row->id, resource, MIN(row->next_try, now + HOLD_MAX_MSEC)) < 0) {
                p->holds_full = true;
                return STOP;
        }
        return 1;
}

static int take_row(void *userdata, const struct outbox_row *row) {
        struct publisher *p = userdata;
        uint64_t resource = window_digest(row->resource);
        int r;

        /* Behind a rescan there are rows that are on their way. */
        r = window_has(&p->window, row->id) ? 1 : check_hold(p, row, resource);
        if (r == 0) {
                r = send_row(p, row);
                if (r == -EAGAIN || r == -ENOMEM)
                        return STOP;
                if (r >= 0) {
                        window_add(&p->window, row->id, resource, row->tries, now_monotonic());
                        p->published++;
                } else
                        refuse(p, row->id, resource, 0, why_not(r));
        }
        if (r == STOP)
                return STOP;
        p->cursor = row->id;
        p->seen++;
        return 0;
}

/* One at a time, while the culprit is sought among those up to p->suspects. */
static size_t free_slots(struct publisher *p) {
        if (p->suspects > 0 && p->cursor >= p->suspects && window_waiting(&p->window) == 0)
                p->suspects = 0;
        if (p->suspects > 0)
                return window_waiting(&p->window) == 0 && p->window.n == 0 ? 1 : 0;
        return p->window.max - p->window.n;
}

static bool worth_reading(struct publisher *p) {
        size_t slots = free_slots(p);

        if (!p->more || p->draining || p->holds_full || slots == 0)
                return false;
        /* The database is behind. */
        if (p->n_done + p->window.max > OPEN_WINDOWS * p->window.max || p->n_refused > 0)
                return false;
        return broker_room(p->broker) > 0;
}

/* 1: there is a row that did not fit. */
static int read_rows(struct publisher *p) {
        size_t limit = MIN(free_slots(p), (size_t) READ_AT_ONCE);
        struct db *db;
        int r;

        p->seen = 0;
        r = store_open(p->store, &db);
        if (r >= 0)
                r = outbox_read(db, OUTBOX_EVENT, p->cursor, limit, take_row, p);
        if (r < 0 && r != STOP)
                return store_result(p->store, r);
        (void) store_result(p->store, 0);
        if (r != STOP && p->seen < limit)
                p->more = false;
        return r == STOP;
}

static void fill(struct publisher *p) {
        int r = 0;

        while (r == 0 && worth_reading(p)) {
                r = read_rows(p);
                broker_flush(p->broker);
        }
        if (r < 0)
                p->again_at = now_monotonic() + store_wait_msec(r) * NSEC_PER_MSEC;
}

static void check_deadline(struct publisher *p) {
        const struct window_entry *oldest = window_oldest(&p->window);
        char reason[128];

        if (!oldest || now_monotonic() < confirm_deadline(p))
                return;
        (void) snprintf(reason, sizeof(reason), "no confirm of event %lld for %llu ms", (long long) oldest->id,
                        (unsigned long long) p->settings.confirm_msec);
        broker_reconnect(p->broker, reason);
}

static bool may_use_database(const struct publisher *p) {
        return p->again_at == NSEC_NEVER;
}

static int on_work(sd_event_source *source, void *userdata) {
        struct publisher *p = userdata;

        if (now_monotonic() >= p->again_at)
                p->again_at = NSEC_NEVER;
        if (holds_end(&p->holds, outbox_now())) {
                p->rescan = true;
                p->holds_full = false;
        }
        /* While the database is written to, the server has something to do. But what is in front of the cursor goes first. */
        if (!p->rescan && may_use_database(p))
                fill(p);
        if (is_due(p) && may_use_database(p) && settle(p)) {
                if (p->rescan) {
                        p->rescan = false;
                        p->more = p->nudged;
                        p->cursor = 0;
                }
                fill(p);
        }
        check_deadline(p);
        arm(p);
        return 0;
}

void publisher_nudge(struct publisher *p) {
        p->more = p->nudged = true;
        publisher_work_soon(p);
}

/* ----- what the broker says ----- */

void publisher_opened(struct publisher *p) {
        window_reset(&p->window);
        p->rescan = true;
        publisher_patient(p);
}

void publisher_patient(struct publisher *p) {
        p->patient_at = now_monotonic();
        publisher_work_soon(p);
}

void publisher_lost(struct publisher *p, enum broker_loss loss, const char *reason) {
        const struct window_entry *oldest = window_oldest(&p->window);

        p->retried += window_waiting(&p->window);
        if (loss == BROKER_LOSS_REFUSED && oldest) {
                if (window_waiting(&p->window) == 1)
                        refuse(p, oldest->id, oldest->resource, oldest->tries + 1, reason);
                else
                        p->suspects = MAX(p->suspects, window_highest(&p->window));
        }
        window_reset(&p->window);
        p->rescan = true;
        publisher_work_soon(p);
}

static void settle_entry(void *userdata, const struct window_entry *entry, bool ok) {
        struct publisher *p = userdata;

        if (!ok) {
                p->nacked++;
                refuse(p, entry->id, entry->resource, entry->tries + 1,
                       "the server did not take it (nack): a queue is full, or cannot write");
        } else if (entry->again) {
                p->retried++;
                p->rescan = true;
        } else
                is_done(p, entry->id);
}

void publisher_confirmed(struct publisher *p, uint64_t tag, bool multiple, bool ok) {
        if (window_settle(&p->window, tag, multiple, ok, settle_entry, p) < 0)
                broker_reconnect(p->broker, "the server confirmed what was never sent");
        publisher_work_soon(p);
}

/* ----- life ----- */

int publisher_init(struct publisher *p, sd_event *event, struct store *store, const struct publisher_settings *settings) {
        int r;

        *p = (struct publisher) {
                .event = event,
                .store = store,
                .settings = *settings,
                .settle_at = NSEC_NEVER,
                .again_at = NSEC_NEVER,
        };
        r = window_init(&p->window, settings->window);
        if (r < 0)
                return r;
        p->done = calloc(OPEN_WINDOWS * p->window.max, sizeof(*p->done));
        /* Of those read at once, of those on their way then, and the one that the server closed its channel over. */
        p->refused = calloc(2 * p->window.max + 1, sizeof(*p->refused));
        if (!p->done || !p->refused)
                return -ENOMEM;
        r = sd_event_add_defer(event, &p->work, on_work, p);
        if (r >= 0)
                r = sd_event_source_set_enabled(p->work, SD_EVENT_OFF);
        /* Behind whatever came in this turn: what is confirmed together is removed together. */
        if (r >= 0)
                r = sd_event_source_set_priority(p->work, SD_EVENT_PRIORITY_NORMAL + 10);
        if (r >= 0)
                r = sd_event_add_time(event, &p->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, p);
        return r < 0 ? r : sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
}

void publisher_done(struct publisher *p) {
        p->work = sd_event_source_disable_unref(p->work);
        p->timer = sd_event_source_disable_unref(p->timer);
        window_done(&p->window);
        free(p->done);
        free(p->refused);
}

void publisher_drain(struct publisher *p) {
        p->draining = true;
        publisher_work_soon(p);
}

bool publisher_is_idle(const struct publisher *p) {
        return window_waiting(&p->window) == 0 && p->n_done + p->n_refused == 0;
}
