/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/sysconfd.h"

#include <stdio.h>

#include "lib/log.h"
#include "workers/relay/holds.h"
#include "workers/relay/outbox.h"

#define BACKOFF_BASE_MSEC 500
#define BACKOFF_CAP_MSEC 30000
#define HOLD_MAX_MSEC 60000

/* ----- turns ----- */

static void work_soon(struct sysconfd *s) {
        if (sd_event_source_set_enabled(s->work, SD_EVENT_ONESHOT) < 0)
                (void) sd_event_exit(s->event, -ENOMEM);
}

static void wait_msec(struct sysconfd *s, uint64_t msec) {
        s->wait_until = now_monotonic() + msec * NSEC_PER_MSEC;
        if (sd_event_source_set_time(s->timer, s->wait_until / NSEC_PER_USEC) < 0 ||
            sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT) < 0)
                (void) sd_event_exit(s->event, -ENOMEM);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct sysconfd *s = userdata;

        s->wait_until = 0;
        work_soon(s);
        return 0;
}

/* ----- what came of it ----- */

static void tell_away(struct sysconfd *s, bool away) {
        if (away == s->away)
                return;
        s->away = away;
        s->since = now_realtime();
        if (away)
                log_warning("sysconfd cannot be reached: %s", s->error);
        else
                log_info("sysconfd is reached again");
}

static void refused(struct sysconfd *s, const char *format, ...) _printf_(2, 3);
static void refused(struct sysconfd *s, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(s->error, sizeof(s->error), format, ap);
        va_end(ap);
        s->outcome = SYSCONFD_REFUSED;
}

static void on_answer(void *userdata, const struct http_answer *answer) {
        struct sysconfd *s = userdata;
        bool failed;

        s->sending = false;
        /* Whether it is not there, or hangs, or is somebody else: it says nothing about the request. */
        if (answer->status == 0) {
                (void) strcopy(s->error, sizeof(s->error), answer->reason);
                tell_away(s, true);
                s->failures += s->failures < UINT32_MAX;
                s->retried++;
                wait_msec(s, backoff_wait(&s->backoff, s->failures, backoff_random(), &failed) / NSEC_PER_MSEC);
                return;
        }
        s->failures = 0;
        tell_away(s, false);
        if (answer->status >= 200 && answer->status < 300) {
                *s->error = 0;
                s->outcome = SYSCONFD_DONE;
                s->sent++;
        } else
                refused(s, "sysconfd answered %u", answer->status);
        work_soon(s);
}

/* Tells the database. 0; 1 when the row waits for another try. */
static int settle_in(struct sysconfd *s, struct db *db) {
        unsigned tries = s->id_tries + 1;
        int r;

        if (s->outcome == SYSCONFD_DONE)
                return outbox_remove(db, s->id, false, NULL);
        if (tries >= s->settings.tries) {
                r = outbox_park(db, s->id, tries, s->error);
                return r;
        }
        r = outbox_refuse(db, s->id, tries, s->error, outbox_now() + retry_wait_msec(tries, backoff_random()));
        return r < 0 ? r : 1;
}

static void tell_refusal(struct sysconfd *s, bool again) {
        if (again) {
                s->retried++;
                if (s->id_tries == 0)
                        log_warning("request %lld to sysconfd is tried again: %s", (long long) s->id, s->error);
        } else {
                s->parked++;
                log_error("request %lld to sysconfd is parked after %u tries: %s", (long long) s->id, s->id_tries + 1, s->error);
        }
}

static bool settle(struct sysconfd *s) {
        struct db *db;
        int r;

        if (s->outcome == SYSCONFD_UNSETTLED)
                return true;
        r = store_begin(s->store, &db);
        if (r >= 0)
                r = store_end(s->store, settle_in(s, db));
        if (r < 0) {
                wait_msec(s, store_wait_msec(r));
                return false;
        }
        if (s->outcome == SYSCONFD_REFUSED)
                tell_refusal(s, r > 0);
        s->outcome = SYSCONFD_UNSETTLED;
        return true;
}

/* ----- sending ----- */

/* 0: it is on its way; -EINVAL: it never can be. */
static int send_row(struct sysconfd *s, const struct outbox_row *row) {
        _cleanup_free_ char *url = NULL;
        char method[16], error[256] = "";
        int r = 0;

        if (!s->driver)
                r = http_load(s->settings.driver_dir, &s->driver, error, sizeof(error));
        if (r < 0) {
                (void) strcopy(s->error, sizeof(s->error), error);
                tell_away(s, true);
                return r;
        }
        if (!s->http && (r = s->driver->new(s->event, &s->http)) < 0)
                return r;
        r = sysconfd_request(row, s->settings.host, s->settings.port, method, &url);
        if (r < 0)
                return r;
        return s->driver->send(s->http,
                               &(struct http_request) {.method = method,
                                                       .url = url,
                                                       .body = row->payload_size > 0 ? row->payload : NULL,
                                                       .timeout_msec = s->settings.timeout_msec},
                               on_answer, s);
}

static int take_row(void *userdata, const struct outbox_row *row) {
        struct sysconfd *s = userdata;
        uint64_t now = outbox_now();
        int r;

        s->id = row->id;
        s->id_tries = row->tries;
        if (row->next_try > now) {
                wait_msec(s, MIN(row->next_try - now, (uint64_t) HOLD_MAX_MSEC));
                return 0;
        }
        r = send_row(s, row);
        if (r == -EINVAL) {
                s->id_tries = s->settings.tries;
                refused(s, "it is no request: headers with a method, and a path");
                work_soon(s);
        } else if (r < 0)
                wait_msec(s, BACKOFF_CAP_MSEC);
        else
                s->sending = true;
        return 0;
}

static int on_work(sd_event_source *source, void *userdata) {
        struct sysconfd *s = userdata;
        struct db *db;
        int r;

        if (s->sending || s->wait_until > now_monotonic() || !settle(s) || s->draining || !s->more)
                return 0;
        s->id = 0;
        r = store_open(s->store, &db);
        if (r >= 0)
                r = store_result(s->store, outbox_read(db, OUTBOX_SYSCONFD, 0, 1, take_row, s));
        if (r < 0)
                wait_msec(s, store_wait_msec(r));
        else if (s->id == 0) {
                s->more = false;
                /* Its connection goes, too. */
                if (s->http)
                        s->driver->free(s->http);
                s->http = NULL;
        }
        return 0;
}

/* ----- life ----- */

int sysconfd_init(struct sysconfd *s, sd_event *event, struct store *store, const struct sysconfd_settings *settings) {
        int r;

        *s = (struct sysconfd) {
                .event = event,
                .store = store,
                .settings = *settings,
                .backoff = {.base_msec = BACKOFF_BASE_MSEC, .cap_msec = BACKOFF_CAP_MSEC},
                .since = now_realtime(),
        };
        r = sd_event_add_defer(event, &s->work, on_work, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->work, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &s->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, s);
        return r < 0 ? r : sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
}

void sysconfd_done(struct sysconfd *s) {
        if (s->http)
                s->driver->free(s->http);
        s->http = NULL;
        s->work = sd_event_source_disable_unref(s->work);
        s->timer = sd_event_source_disable_unref(s->timer);
}

void sysconfd_nudge(struct sysconfd *s) {
        if (!s->settings.host || s->draining)
                return;
        s->more = true;
        work_soon(s);
}

void sysconfd_drain(struct sysconfd *s) {
        s->draining = true;
}

bool sysconfd_is_idle(const struct sysconfd *s) {
        return !s->sending && s->outcome == SYSCONFD_UNSETTLED;
}
