/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/deliver-internal.h"

#include <stdio.h>

#include "lib/log.h"
#include "lib/mask.h"
#include "workers/relay/store.h"

/* The first wait behind a failure, and the longest. */
#define RETRY_NSEC (500 * NSEC_PER_MSEC)
#define RETRY_MAX_NSEC (60 * NSEC_PER_SEC)
/* Behind a death: until the supervisor has told what it was. */
#define DEATH_NSEC (100 * NSEC_PER_MSEC)
#define STRIKES_MAX 2
#define ACCURACY_USEC 10000

int deliver_new(const struct deliver_setup *setup, struct deliver **ret) {
        struct deliver *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->setup = *setup;
        *ret = d;
        return 0;
}

int deliver_add_plugin(struct deliver *d, const char *name) {
        struct plugin *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        if (!strcopy(p->name, sizeof(p->name), name)) {
                free(p);
                return -ENAMETOOLONG;
        }
        p->deliver = d;
        p->next = d->plugins;
        d->plugins = p;
        return 0;
}

/* Takes a handover off its place. Returns its event when nobody else has that. */
static struct event *take_off(struct plugin *p, struct handover **at) {
        struct handover *h = *at;
        struct event *e = h->event;

        *at = h->next;
        if (p->last == h) {
                p->last = p->first;
                while (p->last && p->last->next)
                        p->last = p->last->next;
        }
        p->deliver->n_held--;
        free(h);
        return --e->pending == 0 ? e : NULL;
}

static void finish(struct plugin *p, struct handover **at) {
        struct event *e = take_off(p, at);

        if (e)
                p->deliver->setup.finished(p->deliver->setup.userdata, e);
}

struct deliver *deliver_free(struct deliver *d) {
        if (!d)
                return NULL;
        while (d->peers)
                peer_free(d->peers);
        while (d->slots) {
                struct slot *next = d->slots->next;

                free(d->slots);
                d->slots = next;
        }
        while (d->plugins) {
                struct plugin *p = d->plugins;

                while (p->first)
                        (void) event_free(take_off(p, &p->first));
                d->plugins = p->next;
                free(p);
        }
        (void) sd_event_source_disable_unref(d->timer);
        free(d);
        return NULL;
}

/* ---- time ---- */

static uint64_t next_time(const struct plugin *p) {
        if (p->busy)
                return p->busy->unusable ? NSEC_NEVER : p->deadline;
        return p->first && p->first->retry_at > 0 ? p->first->retry_at : NSEC_NEVER;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        deliver_flush(userdata);
        return 0;
}

/* Without the timer events would wait for the next occasion: that is told, and lived with. */
static void arm(struct deliver *d) {
        uint64_t next = NSEC_NEVER;
        int r;

        for (const struct plugin *p = d->plugins; p; p = p->next)
                next = MIN(next, next_time(p));
        if (!d->timer && next == NSEC_NEVER)
                return;
        if (!d->timer)
                r = sd_event_add_time(d->setup.event, &d->timer, CLOCK_MONOTONIC, next / NSEC_PER_USEC + 1,
                                      ACCURACY_USEC, on_time, d);
        else {
                r = next == NSEC_NEVER ? 0 : sd_event_source_set_time(d->timer, next / NSEC_PER_USEC + 1);
                if (r >= 0)
                        r = sd_event_source_set_enabled(d->timer, next == NSEC_NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
        }
        if (r < 0)
                log_error("no timer for events: %s", strerror(-r));
}

/* ---- how it went ---- */

static void end(struct handover *h, enum deliver_outcome outcome) {
        h->over = true;
        h->outcome = outcome;
        h->retry_at = 0;
}

static void failed(struct plugin *p, struct handover *h, uint64_t now) {
        uint64_t wait = MIN(RETRY_NSEC << MIN(h->tries - 1, 10U), RETRY_MAX_NSEC);

        if (h->tries >= p->deliver->setup.tries) {
                end(h, DELIVER_GIVEN_UP);
                return;
        }
        h->retry_at = now + wait;
        log_warning("event %s (%s): plugin '%s' failed: %s: once more in %.1f s, try %u of %u", h->event->name,
                    h->event->id, p->name, h->error, (double) wait / (double) NSEC_PER_SEC, h->tries + 1,
                    p->deliver->setup.tries);
}

void deliver_answered(struct plugin *p, const struct reply *reply) {
        struct handover *h = p->first;
        _cleanup_free_ char *text = reply->body ? mask_line(reply->body, MIN(reply->body_size, sizeof(h->error))) : NULL;

        p->busy = NULL;
        h->tries++;
        (void) strcopy(h->error, sizeof(h->error), text ? text : "it did not say why");
        if (reply->status < 300)
                end(h, DELIVER_TAKEN);
        else if (reply->status == 404)
                end(h, DELIVER_UNWANTED);
        else if (reply->status == 415)
                end(h, DELIVER_NO_EVENT);
        else if (reply->status < 500)
                end(h, DELIVER_GIVEN_UP);
        else
                failed(p, h, now_monotonic());
        deliver_flush(p->deliver);
}

/* A death of which nothing is known is taken for one of its own. */
static void judge_death(struct plugin *p, struct handover *h) {
        const struct slot *slot = slot_find(p->deliver, h->slot);

        h->died = false;
        if (slot && slot->deaths == h->deaths_before)
                return;
        h->tries++;
        h->strikes++;
        (void) snprintf(h->error, sizeof(h->error), "its plugin ended with it in its hands (%s)",
                        slot ? wire_cause_to_string(slot->cause) : "nobody knows of what");
        if (h->strikes >= STRIKES_MAX)
                end(h, DELIVER_GIVEN_UP);
        else
                log_warning("event %s (%s): plugin '%s' ended with it in its hands: once more", h->event->name,
                            h->event->id, p->name);
}

void deliver_died(struct plugin *p, const struct peer *peer) {
        struct handover *h = p->first;
        uint64_t now = now_monotonic();
        struct wire_inflight inflight = {.slot = peer->slot, .generation = peer->generation,
                                         .age_nsec = now - p->sent, .method = "EVENT"};

        (void) strcopy(inflight.request_id, sizeof(inflight.request_id), h->event->id);
        (void) strcopy(inflight.route, sizeof(inflight.route), h->event->name);
        p->deliver->setup.tell(p->deliver->setup.userdata, WIRE_INFLIGHT, &inflight, sizeof(inflight));
        p->busy = NULL;
        h->died = true;
        h->retry_at = now + DEATH_NSEC;
}

/* ---- handing over ---- */

static void hand_over(struct plugin *p, struct handover *h, uint64_t now) {
        const struct slot *slot;
        int r;

        h->retry_at = 0;
        r = plugin_send(p, h->event, now, now + p->deliver->setup.attempt);
        if (r == -ENOENT)
                plugin_want(p);
        else if (r < 0)
                h->retry_at = now + DEATH_NSEC; /* it has no room, or we have no memory */
        if (r < 0)
                return;
        slot = slot_find(p->deliver, p->busy->slot);
        h->slot = p->busy->slot;
        h->deaths_before = slot ? slot->deaths : 0;
}

/* Whether it is told, and the next may come. */
static bool settle(struct plugin *p, struct handover *h, uint64_t now) {
        struct deliver *d = p->deliver;
        int r = d->setup.ended(d->setup.userdata, p->name, h->event, h->outcome, h->tries, h->error);

        if (r < 0) {
                h->retry_at = now + store_wait_msec(r) * NSEC_PER_MSEC;
                return false;
        }
        h->event->rejected |= h->outcome == DELIVER_NO_EVENT;
        finish(p, &p->first);
        return true;
}

static void overdue(struct plugin *p) {
        struct wire_stalled stalled = {.slot = p->busy->slot, .generation = p->busy->generation, .cause = WIRE_CAUSE_DEADLINE};

        log_error("worker '%s' (generation %u) owes an answer to event %s for %u s: it is to be aborted", p->busy->name,
                  p->busy->generation, p->first->event->name, (unsigned) (p->deliver->setup.attempt / NSEC_PER_SEC));
        p->busy->unusable = true;
        p->deliver->setup.tell(p->deliver->setup.userdata, WIRE_STALLED, &stalled, sizeof(stalled));
}

static void pump(struct plugin *p) {
        uint64_t now = now_monotonic();
        struct handover *h;

        if (p->busy && !p->busy->unusable && now >= p->deadline)
                overdue(p);
        while (!p->busy && (h = p->first) && h->retry_at <= now) {
                if (h->died)
                        judge_death(p, h);
                if (h->over) {
                        if (!settle(p, h, now))
                                return;
                        continue;
                }
                if (p->deliver->draining && !p->deliver->finish)
                        h->retry_at = 0;
                else
                        hand_over(p, h, now);
                return;
        }
}

void deliver_flush(struct deliver *d) {
        for (struct plugin *p = d->plugins; p; p = p->next)
                pump(p);
        arm(d);
}

/* ---- the interface ---- */

int deliver_add(struct deliver *d, const char *plugin, struct event *e) {
        struct plugin *p = plugin_find(d, plugin, strlen(plugin));
        struct handover *h;

        if (!p)
                return -ENOENT;
        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        h->event = e;
        if (p->last)
                p->last->next = h;
        else
                p->first = h;
        p->last = h;
        e->pending++;
        d->n_held++;
        return 0;
}

bool deliver_has_parked(const struct deliver *d, int64_t parked_id) {
        for (const struct plugin *p = d->plugins; p; p = p->next)
                for (const struct handover *h = p->first; h; h = h->next)
                        if (h->event->parked_id == parked_id)
                                return true;
        return false;
}

size_t deliver_held(const struct deliver *d) {
        return d->n_held;
}

/* The first that no worker has, and whose end is not decided: *it is NULL when there is none. */
static struct handover **oldest_waiting(struct plugin *p) {
        struct handover *h = p->first;

        return h && (p->busy || h->over || h->died) ? &h->next : &p->first;
}

size_t deliver_forget(struct deliver *d, size_t keep) {
        size_t forgotten = 0;
        bool any = true;

        while (any && d->n_held > keep) {
                any = false;
                for (struct plugin *p = d->plugins; p && d->n_held > keep; p = p->next) {
                        struct handover **at = oldest_waiting(p);

                        if (!*at)
                                continue;
                        finish(p, at);
                        forgotten++;
                        any = true;
                }
        }
        arm(d);
        return forgotten;
}

void deliver_drain(struct deliver *d, bool finish) {
        d->draining = true;
        d->finish = finish;
        deliver_flush(d);
}

bool deliver_is_idle(const struct deliver *d) {
        for (const struct plugin *p = d->plugins; p; p = p->next)
                if (p->busy || (p->first && (p->first->over || (d->finish && plugin_has_worker(p)))))
                        return false;
        return true;
}

json_t *deliver_status(const struct deliver *d) {
        json_t *all = json_object();

        for (const struct plugin *p = d->plugins; all && p; p = p->next) {
                json_int_t waiting = 0;

                for (const struct handover *h = p->first; h; h = h->next)
                        waiting++;
                if (waiting > 0 && json_object_set_new(all, p->name,
                                                       json_pack("{s:I, s:i, s:s, s:s}", "waiting", waiting, "tries",
                                                                 (int) p->first->tries, "error", p->first->error,
                                                                 "state", plugin_state(p))) < 0) {
                        json_decref(all);
                        return NULL;
                }
        }
        return all;
}
