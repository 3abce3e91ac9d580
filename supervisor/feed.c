/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/feed.h"

#include "supervisor/notify.h"
#include "supervisor/process.h"

/* Messages to one subscriber in one turn: fewer than its socket buffer holds, so that answers to commands still fit. */
#define SEND_BUDGET 64
#define RETRY_NSEC (2 * NSEC_PER_MSEC)

void feed_describe_slot(struct service *s, uint32_t slot, struct wire_slot *ret) {
        const struct policy_slot *p = policy_slot(&s->policy, slot);
        const struct unit *unit = service_unit(s, slot);

        *ret = (struct wire_slot) {
                .slot = slot,
                .kind = p->rules.kind,
                .state = p->state,
                .cause = p->cause,
                .generation = p->main.generation,
                .exit_status = p->exit_status,
                .restarts = p->restarts,
                .failures = p->failures,
                .since = p->since,
                .since_wall = unit->since_wall,
                .retry_at = p->retry_at == NSEC_NEVER ? 0 : p->retry_at,
                .ready_nsec = p->ready_nsec,
        };
        for (const struct process *process = unit->processes; process; process = process->next)
                if (process->generation == p->main.generation)
                        ret->pid = (int32_t) process->pid;
        for (unsigned i = 0; i < POLICY_OLD_MAX; i++)
                ret->draining += p->old[i].phase != PHASE_NONE;
        memcpy(ret->deaths, p->deaths, sizeof(ret->deaths));
        (void) strcopy(ret->name, sizeof(ret->name), p->name);
        (void) strcopy(ret->reason, sizeof(ret->reason), p->reason);
        (void) strcopy(ret->hardening, sizeof(ret->hardening), unit->hardening);
        (void) strcopy(ret->note, sizeof(ret->note), unit->note);
        memcpy(ret->figures, unit->figures.values, sizeof(ret->figures));
        if (unit->plan) {
                (void) strcopy(ret->plugin, sizeof(ret->plugin), unit->plan->plugin);
                (void) strcopy(ret->class, sizeof(ret->class), unit->plan->class);
        }
}

static void describe_service(struct service *s, struct wire_service *ret) {
        *ret = (struct wire_service) {
                .ready = s->ready_said,
                .degraded = policy_degraded(&s->policy),
                .stopping = s->stopping,
                .log_level = s->log_level,
                .pid = (int32_t) getpid(),
                .started = s->started,
                .started_wall = s->started_wall,
                .plan_serial = s->plan_serial,
        };
        (void) strcopy(ret->name, sizeof(ret->name), s->plan.service);
        (void) strcopy(ret->version, sizeof(ret->version), s->plan.version);
        (void) strcopy(ret->status, sizeof(ret->status), s->status);
        (void) strcopy(ret->uuid_source, sizeof(ret->uuid_source), s->uuid_source);
        (void) strcopy(ret->reload, sizeof(ret->reload), s->reload_outcome);
}

/* Whether there is room now; what does not fit stays marked. */
static bool send_now(struct process *p, enum wire_type type, const void *body, size_t size) {
        return !p->queue.first && channel_send(p->channel, type, 0, body, size, NULL, 0) >= 0;
}

/* Returns whether everything is told. */
static bool flush(struct process *p) {
        struct subscriber *subscriber = p->subscriber;
        struct service *s = p->service;
        unsigned budget = SEND_BUDGET;

        if (subscriber->service_dirty) {
                struct wire_service service;

                describe_service(s, &service);
                if (!send_now(p, WIRE_SERVICE, &service, sizeof(service)))
                        return false;
                subscriber->service_dirty = false;
        }
        for (size_t word = 0; word < subscriber->n_words; word++)
                while (subscriber->dirty[word] != 0) {
                        uint32_t slot = (uint32_t) (word * 64 + (size_t) __builtin_ctzll(subscriber->dirty[word]));

                        if (budget-- == 0)
                                return false;
                        if (policy_slot(&s->policy, slot)) {
                                struct wire_slot description;

                                feed_describe_slot(s, slot, &description);
                                if (!send_now(p, WIRE_SLOT, &description, sizeof(description)))
                                        return false;
                        } else {
                                struct wire_slot_gone gone = {.slot = slot};

                                if (!send_now(p, WIRE_SLOT_GONE, &gone, sizeof(gone)))
                                        return false;
                        }
                        subscriber->dirty[word] &= subscriber->dirty[word] - 1;
                }
        return true;
}

static int on_feed(sd_event_source *source, uint64_t usec, void *userdata) {
        struct service *s = userdata;
        bool all = true;

        notify_status(s);
        for (struct subscriber *subscriber = s->subscribers; subscriber; subscriber = subscriber->next)
                if (subscriber->process->channel >= 0)
                        all = flush(subscriber->process) && all;
        if (!all)
                (void) sd_event_source_set_time(source, (now_monotonic() + RETRY_NSEC) / NSEC_PER_USEC);
        (void) sd_event_source_set_enabled(source, all ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
        return 0;
}

int feed_init(struct service *s) {
        int r = sd_event_add_time(s->event, &s->feed_source, CLOCK_MONOTONIC, 0, 1, on_feed, s);

        if (r >= 0)
                /* After everything else of a turn, so that one telling covers all of it. */
                r = sd_event_source_set_priority(s->feed_source, SD_EVENT_PRIORITY_IDLE);
        return r < 0 ? r : sd_event_source_set_enabled(s->feed_source, SD_EVENT_OFF);
}

static void schedule(struct service *s) {
        int enabled;

        if (sd_event_source_get_enabled(s->feed_source, &enabled) >= 0 && enabled != SD_EVENT_OFF)
                return;
        (void) sd_event_source_set_time(s->feed_source, 0);
        (void) sd_event_source_set_enabled(s->feed_source, SD_EVENT_ONESHOT);
}

static bool has_room(struct subscriber *subscriber, uint32_t slot) {
        size_t needed = slot / 64 + 1;
        uint64_t *dirty;

        if (needed <= subscriber->n_words)
                return true;
        dirty = reallocarray(subscriber->dirty, needed, sizeof(*dirty));
        if (!dirty)
                return false;
        memset(dirty + subscriber->n_words, 0, (needed - subscriber->n_words) * sizeof(*dirty));
        subscriber->dirty = dirty;
        subscriber->n_words = needed;
        return true;
}

static void mark(struct subscriber *subscriber, uint32_t slot) {
        if (has_room(subscriber, slot))
                subscriber->dirty[slot / 64] |= UINT64_C(1) << (slot % 64);
}

void feed_subscribe(struct process *p) {
        struct service *s = p->service;

        p->subscriber = calloc(1, sizeof(*p->subscriber));
        if (!p->subscriber) {
                process_broke(p, "cannot be told anything: out of memory");
                return;
        }
        p->subscriber->process = p;
        p->subscriber->next = s->subscribers;
        s->subscribers = p->subscriber;
        p->subscriber->service_dirty = true;
        for (size_t i = 0; i < s->n_units; i++)
                if (policy_slot(&s->policy, (uint32_t) i))
                        mark(p->subscriber, (uint32_t) i);
        schedule(s);
}

void feed_unsubscribe(struct process *p) {
        if (!p->subscriber)
                return;
        for (struct subscriber **at = &p->service->subscribers; *at; at = &(*at)->next)
                if (*at == p->subscriber) {
                        *at = p->subscriber->next;
                        break;
                }
        free(p->subscriber->dirty);
        free(p->subscriber);
        p->subscriber = NULL;
}

void feed_slot_changed(struct service *s, uint32_t slot) {
        for (struct subscriber *subscriber = s->subscribers; subscriber; subscriber = subscriber->next)
                mark(subscriber, slot);
        schedule(s);
}

void feed_slot_gone(struct service *s, uint32_t slot) {
        feed_slot_changed(s, slot);
}

void feed_service_changed(struct service *s) {
        for (struct subscriber *subscriber = s->subscribers; subscriber; subscriber = subscriber->next)
                subscriber->service_dirty = true;
        schedule(s);
}
