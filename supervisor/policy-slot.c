/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/policy-internal.h"

#include <assert.h>
#include <stdio.h>

/* ---- states ---- */

bool policy_may_run(const struct policy *p, const struct policy_slot *s) {
        return p->running && !p->stopping && !s->removed && !s->held;
}

bool policy_serves(const struct policy_slot *s) {
        return s->state == WIRE_STATE_READY || s->state == WIRE_STATE_DONE || s->state == WIRE_STATE_RESTING;
}

static void unblock_dependents(struct policy *p, uint64_t now);

void policy_set_state(struct policy *p, uint32_t slot, enum wire_state state, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (s->state == state)
                return;
        p->n_blocked += (state == WIRE_STATE_BLOCKED) - (s->state == WIRE_STATE_BLOCKED);
        s->state = state;
        s->since = now;
        if (policy_serves(s))
                s->reason[0] = 0;
        policy_say(p, ACTION_CHANGED, slot, 0);
        if (policy_serves(s) && p->n_blocked > 0)
                unblock_dependents(p, now);
}

const struct policy_slot *policy_blocker(const struct policy *p, const struct policy_slot *s) {
        for (uint32_t i = 0; i < s->n_requires; i++) {
                const struct policy_slot *required = p->slots[s->requires[i]];

                if (!required->used || !policy_serves(required))
                        return required;
        }
        return NULL;
}

/* ---- starting ---- */

void policy_start_slot(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        const struct policy_slot *required;

        if (!policy_may_run(p, s) || policy_lives(&s->main) || s->state == WIRE_STATE_DONE)
                return;

        s->retry_at = NSEC_NEVER;
        required = policy_blocker(p, s);
        if (required) {
                (void) snprintf(s->reason, sizeof(s->reason), "waits for %s, which is %s", required->name,
                                wire_state_to_string(required->state));
                policy_set_state(p, slot, WIRE_STATE_BLOCKED, now);
                return;
        }
        if (s->rules.on_demand && !s->wanted) {
                policy_set_state(p, slot, WIRE_STATE_RESTING, now);
                return;
        }
        s->wanted = false;
        policy_spawn(p, slot, &s->main, now);
        policy_set_state(p, slot, WIRE_STATE_STARTING, now);
}

static void unblock_dependents(struct policy *p, uint64_t now) {
        for (size_t i = 0; i < p->n_slots; i++)
                if (p->slots[i]->used && p->slots[i]->state == WIRE_STATE_BLOCKED)
                        policy_start_slot(p, (uint32_t) i, now);
}

/* ---- replacing ---- */

static bool has_process(const struct policy_slot *s) {
        if (policy_lives(&s->main) || policy_lives(&s->next))
                return true;
        for (unsigned i = 0; i < POLICY_OLD_MAX; i++)
                if (policy_lives(&s->old[i]))
                        return true;
        return false;
}

static struct policy_process *free_old(struct policy_slot *s) {
        for (unsigned i = 0; i < POLICY_OLD_MAX; i++)
                if (!policy_lives(&s->old[i]))
                        return &s->old[i];
        return NULL;
}

void policy_replace_slot(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (p->stopping || s->held || s->removed)
                return;
        if (s->state == WIRE_STATE_DONE) {
                s->state = WIRE_STATE_STOPPED; /* a once worker whose inputs are new runs again */
                policy_start_slot(p, slot, now);
                return;
        }
        if (policy_lives(&s->next)) {
                s->replace_again = true;
                return;
        }
        if (s->main.phase == PHASE_READY) {
                if (!free_old(s)) {
                        /* Two drain already: the third waits for one of them. */
                        s->replace_again = true;
                        return;
                }
                policy_spawn(p, slot, &s->next, now);
                policy_say(p, ACTION_CHANGED, slot, 0);
                return;
        }
        if (policy_lives(&s->main)) {
                policy_end(p, slot, &s->main, WIRE_CAUSE_REPLACED, now);
                return;
        }
        policy_forgive(s);
        policy_start_slot(p, slot, now);
}

static void promote(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (policy_lives(&s->main)) {
                struct policy_process *old = free_old(s);

                assert(old); /* policy_replace_slot() spawned next only where there was one, and nothing else takes it */
                *old = s->main;
                s->main = s->next;
                policy_end(p, slot, old, WIRE_CAUSE_REPLACED, now);
        } else
                s->main = s->next;
        s->next = (struct policy_process) {0};
}

static void replace_if_asked_again(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (s->replace_again && !policy_lives(&s->next) && free_old(s)) {
                s->replace_again = false;
                policy_replace_slot(p, slot, now);
        }
}

/* ---- what its processes come to ---- */

void policy_on_ready(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (process->phase != PHASE_STARTING || process->ending != WIRE_CAUSE_NONE)
                return;
        process->phase = PHASE_READY;
        process->ready_at = now;
        process->deadline = NSEC_NEVER;
        s->ready_nsec = now - process->spawned_at;
        if (s->rules.ping_msec > 0) {
                process->ping_at = policy_after(now, s->rules.ping_msec);
                policy_due(p, process->ping_at);
        }
        if (process == &s->next) {
                promote(p, slot, now);
                process = &s->main;
        }
        if (s->failures > 0 || s->slow || s->cause != WIRE_CAUSE_NONE) {
                s->healthy_at = policy_after(now, s->rules.healthy_msec);
                policy_due(p, s->healthy_at);
        }
        s->retry_at = NSEC_NEVER;
        policy_set_state(p, slot, WIRE_STATE_READY, now);
        policy_say(p, ACTION_SERVE, slot, process->generation);
        policy_say(p, ACTION_CHANGED, slot, 0);
        replace_if_asked_again(p, slot, now);
}

void policy_on_spawned(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now) {
        if (process->phase != PHASE_SPAWNING)
                return;
        process->phase = PHASE_STARTING;
        if (process->ending != WIRE_CAUSE_NONE) {
                /* It was wanted when it was asked for, and no more. */
                policy_step_down(p, slot, process, now);
                return;
        }
        if (p->slots[slot]->rules.ready_at_once)
                policy_on_ready(p, slot, process, now);
}

static void record(struct policy *p, uint32_t slot, const struct policy_process *gone, enum wire_cause cause,
                   int32_t exit_status, uint64_t restart) {
        policy_act(p, (struct policy_action) {
                .type = ACTION_RECORD, .slot = slot, .generation = gone->generation, .cause = cause,
                .exit_status = exit_status, .restart = restart,
        });
}

/* Removed, and nothing is left of it. */
static void forget(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (!s->removed || has_process(s))
                return;
        policy_say(p, ACTION_GONE, slot, 0);
        policy_set_state(p, slot, WIRE_STATE_STOPPED, now);
        s->used = false;
}

void policy_on_gone(struct policy *p, uint32_t slot, struct policy_process *process, enum wire_cause cause, int32_t exit_status,
                    uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        struct policy_process gone = *process;
        bool was_main = process == &s->main, was_next = process == &s->next, was_ready = gone.ready_at > 0;
        uint64_t wait = NSEC_NEVER;

        *process = (struct policy_process) {0};
        if (gone.ending != WIRE_CAUSE_NONE)
                cause = gone.ending;
        s->deaths[cause]++;

        if (was_main && was_ready && s->state == WIRE_STATE_READY)
                policy_say(p, ACTION_UNSERVE, slot, gone.generation);

        if (cause == WIRE_CAUSE_STOPPED || cause == WIRE_CAUSE_REPLACED) {
                if (was_main) {
                        policy_set_state(p, slot, s->held ? WIRE_STATE_HELD : WIRE_STATE_STOPPED, now);
                        if (cause == WIRE_CAUSE_REPLACED) {
                                s->wanted = true;
                                policy_start_slot(p, slot, now);
                        }
                }
                if (gone.phase > PHASE_TERM)
                        record(p, slot, &gone, WIRE_CAUSE_DEADLINE, exit_status, NSEC_NEVER);
        } else if (was_main && s->rules.kind == WIRE_KIND_ONCE && cause == WIRE_CAUSE_EXIT && exit_status == 0) {
                s->cause = WIRE_CAUSE_NONE;
                policy_forgive(s);
                policy_set_state(p, slot, WIRE_STATE_DONE, now);
        } else if (was_main && s->rules.on_demand && was_ready && cause == WIRE_CAUSE_EXIT && exit_status == 0) {
                policy_set_state(p, slot, WIRE_STATE_STOPPED, now);
                policy_start_slot(p, slot, now);
        } else {
                policy_say_death(s, cause, exit_status, was_ready);
                if (was_main)
                        wait = policy_failed(p, slot, &gone, cause, exit_status, now);
                else if (was_next) {
                        /* The one that serves stays; who asked for the replacement reads why it failed. */
                        char why[WIRE_TEXT_MAX];

                        (void) strcopy(why, sizeof(why), s->reason);
                        (void) snprintf(s->reason, sizeof(s->reason), "replacement failed: %.180s", why);
                        s->cause = cause;
                        s->exit_status = exit_status;
                }
                record(p, slot, &gone, cause, exit_status, wait);
        }

        policy_say(p, ACTION_CHANGED, slot, 0);
        replace_if_asked_again(p, slot, now);
        forget(p, slot, now);
}

/* ---- what operators and reloads ask ---- */

void policy_end_slot(struct policy *p, uint32_t slot, enum wire_cause cause, uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        bool was_serving = s->main.phase == PHASE_READY;

        s->retry_at = s->healthy_at = NSEC_NEVER;
        s->replace_again = false;
        policy_end(p, slot, &s->next, cause, now);
        for (unsigned i = 0; i < POLICY_OLD_MAX; i++)
                policy_end(p, slot, &s->old[i], cause, now);
        policy_end(p, slot, &s->main, cause, now);
        if (was_serving)
                policy_say(p, ACTION_UNSERVE, slot, s->main.generation);
        if (policy_lives(&s->main))
                policy_set_state(p, slot, s->main.phase == PHASE_DRAINING ? WIRE_STATE_DRAINING : WIRE_STATE_STOPPING, now);
        else if (s->state != WIRE_STATE_DONE)
                policy_set_state(p, slot, s->held ? WIRE_STATE_HELD : WIRE_STATE_STOPPED, now);
}

void policy_reset_slot(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        s->held = false;
        policy_forgive(s);
        s->cause = WIRE_CAUSE_NONE;
        s->reason[0] = 0;
        s->wanted = true;
        policy_say(p, ACTION_CHANGED, slot, 0);
        if (policy_lives(&s->main) && s->main.ending == WIRE_CAUSE_STOPPED)
                s->main.ending = WIRE_CAUSE_REPLACED; /* held a moment ago: it comes back when it is gone */
        else
                policy_start_slot(p, slot, now);
}

void policy_restart_slot(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        s->wanted = true;
        policy_forgive(s);
        if (!policy_lives(&s->main)) {
                if (s->state == WIRE_STATE_DONE)
                        s->state = WIRE_STATE_STOPPED;
                policy_start_slot(p, slot, now);
                return;
        }
        if (s->state == WIRE_STATE_READY)
                policy_say(p, ACTION_UNSERVE, slot, s->main.generation);
        policy_end(p, slot, &s->main, WIRE_CAUSE_REPLACED, now);
        policy_set_state(p, slot, s->main.phase == PHASE_DRAINING ? WIRE_STATE_DRAINING : WIRE_STATE_STOPPING, now);
}

void policy_hold_slot(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        s->held = true;
        (void) snprintf(s->reason, sizeof(s->reason), "held by an operator");
        policy_end_slot(p, slot, WIRE_CAUSE_STOPPED, now);
        policy_say(p, ACTION_CHANGED, slot, 0);
}

void policy_remove_slot(struct policy *p, uint32_t slot, uint64_t now) {
        p->slots[slot]->removed = true;
        policy_end_slot(p, slot, WIRE_CAUSE_STOPPED, now);
        forget(p, slot, now);
}

/* ---- time ---- */

uint64_t policy_slot_deadline(const struct policy_slot *s) {
        const struct policy_process *all[] = {&s->main, &s->next, &s->old[0], &s->old[1]};
        uint64_t at = MIN(s->retry_at, s->healthy_at);

        for (unsigned i = 0; i < ELEMENTSOF(all); i++)
                if (policy_lives(all[i]))
                        at = MIN(at, MIN(all[i]->deadline, all[i]->ping_at));
        return at;
}

/* SIGKILL did not end it. It is put aside if there is room, so that the slot can have another. */
static void put_undead_aside(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        struct policy_process *old = free_old(s);

        (void) snprintf(s->reason, sizeof(s->reason), "a process of generation %u outlives SIGKILL", s->main.generation);
        if (s->state == WIRE_STATE_READY)
                policy_say(p, ACTION_UNSERVE, slot, 0);
        policy_set_state(p, slot, WIRE_STATE_UNDEAD, now);
        if (old) {
                *old = s->main;
                s->main = (struct policy_process) {0};
                s->retry_at = policy_after(now, s->rules.backoff.cap_msec);
                policy_due(p, s->retry_at);
        }
}

void policy_tick_slot(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (policy_tick_process(p, slot, &s->main, now))
                put_undead_aside(p, slot, now);
        else if (s->main.phase >= PHASE_TERM && s->state == WIRE_STATE_DRAINING)
                policy_set_state(p, slot, WIRE_STATE_STOPPING, now);
        (void) policy_tick_process(p, slot, &s->next, now);
        for (unsigned i = 0; i < POLICY_OLD_MAX; i++)
                (void) policy_tick_process(p, slot, &s->old[i], now);
        if (s->healthy_at <= now) {
                s->healthy_at = NSEC_NEVER;
                policy_forgive(s);
                s->cause = WIRE_CAUSE_NONE;
                policy_say(p, ACTION_CHANGED, slot, 0);
        }
        if (s->retry_at <= now) {
                s->wanted = true; /* a request may be waiting */
                policy_start_slot(p, slot, now);
        }
}
