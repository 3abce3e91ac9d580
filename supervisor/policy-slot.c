/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/policy-internal.h"

#include <signal.h>
#include <stdio.h>

/* ---- states ---- */

bool policy_may_run(const struct policy *p, const struct policy_slot *s) {
        if (p->stopping && s->rules.kind == WIRE_KIND_DISCOVERY)
                return false;
        return p->running && !p->ending && !(p->closing && s->rules.kind == WIRE_KIND_GATEWAY) && !s->removed && !s->held;
}

bool policy_serves(const struct policy_slot *s) {
        switch (s->state) {
        case WIRE_STATE_READY:
                return s->rules.kind != WIRE_KIND_ONCE;
        case WIRE_STATE_DONE:
        case WIRE_STATE_RESTING:
                return true;
        default:
                return false;
        }
}

void policy_set_state(struct policy *p, uint32_t slot, enum wire_state state, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (s->state == state)
                return;
        p->n_blocked += (state == WIRE_STATE_BLOCKED) - (s->state == WIRE_STATE_BLOCKED);
        s->state = state;
        s->since = now;
        if (policy_serves(s))
                s->reason[0] = 0;
        if (state != WIRE_STATE_READY && state != WIRE_STATE_RESTING)
                s->healthy_at = NSEC_NEVER;
        if (s->required)
                p->stirred = true;
        policy_changed(p, slot);
}

static void set_idle(struct policy *p, uint32_t slot, uint64_t now) {
        policy_set_state(p, slot, p->slots[slot]->held ? WIRE_STATE_HELD : WIRE_STATE_STOPPED, now);
}

void policy_follow_main(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (!policy_lives(&s->main) || s->main.ending == WIRE_CAUSE_NONE)
                return;
        if (s->state == WIRE_STATE_READY)
                policy_say(p, ACTION_UNSERVE, slot, s->main.generation);
        policy_set_state(p, slot,
                         s->main.phase == PHASE_DRAINING ? WIRE_STATE_DRAINING :
                         s->main.phase == PHASE_UNDEAD ? WIRE_STATE_UNDEAD : WIRE_STATE_STOPPING, now);
}

const struct policy_slot *policy_blocker(const struct policy *p, const struct policy_slot *s) {
        for (uint32_t i = 0; i < s->n_requires; i++) {
                const struct policy_slot *required = p->slots[s->requires[i]];

                if (!required->used || !policy_serves(required))
                        return required;
        }
        return NULL;
}

static void block(struct policy *p, uint32_t slot, const struct policy_slot *required, uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        char reason[WIRE_TEXT_MAX];

        (void) snprintf(reason, sizeof(reason), "waits for %s, which is %s", required->name,
                        wire_state_to_string(required->state));
        if (s->state == WIRE_STATE_BLOCKED && !streq(reason, s->reason))
                policy_changed(p, slot);
        (void) strcopy(s->reason, sizeof(s->reason), reason);
        policy_set_state(p, slot, WIRE_STATE_BLOCKED, now);
}

/* From now on, time makes it forget its failures. */
static void recover(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (s->failures == 0 && !s->slow && s->cause == WIRE_CAUSE_NONE)
                return;
        s->healthy_at = policy_after(now, s->rules.healthy_msec);
        policy_due(p, slot, s->healthy_at);
}

void policy_start_slot(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        const struct policy_slot *required;

        if (!policy_may_run(p, s) || policy_lives(&s->main) || s->state == WIRE_STATE_DONE)
                return;

        s->retry_at = NSEC_NEVER;
        required = policy_blocker(p, s);
        if (required) {
                block(p, slot, required, now);
                return;
        }
        if (s->rules.on_demand && !s->wanted) {
                policy_set_state(p, slot, WIRE_STATE_RESTING, now);
                if (s->healthy_at == NSEC_NEVER)
                        recover(p, slot, now);
                return;
        }
        s->wanted = false;
        s->replace_again = false;
        policy_spawn(p, slot, &s->main, now);
        policy_set_state(p, slot, WIRE_STATE_STARTING, now);
}

/* ---- the second process, and those on their way out ---- */

static bool has_process(const struct policy_slot *s) {
        if (policy_lives(&s->main) || policy_lives(&s->next))
                return true;
        for (unsigned i = 0; i < POLICY_OLD_MAX; i++)
                if (policy_lives(&s->old[i]))
                        return true;
        return false;
}

struct policy_process *policy_free_old(struct policy_slot *s) {
        for (unsigned i = 0; i < POLICY_OLD_MAX; i++)
                if (!policy_lives(&s->old[i]))
                        return &s->old[i];
        return NULL;
}

/* The replacement is ready. Returns what it replaces, which has its way to the end. */
static struct policy_process *promote(struct policy_slot *s) {
        struct policy_process *old = policy_free_old(s);

        *old = s->main; /* there is room: see policy_check() */
        s->main = s->next;
        s->next = (struct policy_process) {0};
        return old;
}

/* What it was to replace is gone before it was ready: it is the one to wait for. */
static bool take_over(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (policy_lives(&s->main) || !policy_lives(&s->next) || s->next.ending != WIRE_CAUSE_NONE || !policy_may_run(p, s))
                return false;
        s->main = s->next;
        s->next = (struct policy_process) {0};
        s->retry_at = NSEC_NEVER;
        policy_set_state(p, slot, WIRE_STATE_STARTING, now);
        return true;
}

static void replace_if_asked_again(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (s->replace_again && !policy_lives(&s->next) && policy_may_run(p, s) && !policy_blocker(p, s)) {
                s->replace_again = false;
                policy_replace_slot(p, slot, now);
        }
}

void policy_stir(struct policy *p, uint64_t now) {
        while (p->stirred && (p->n_blocked > 0 || p->deferred)) {
                p->stirred = p->deferred = false;
                for (size_t i = 0; i < p->n_slots; i++) {
                        struct policy_slot *s = p->slots[i];

                        if (!s->used)
                                continue;
                        if (s->state == WIRE_STATE_BLOCKED)
                                policy_start_slot(p, (uint32_t) i, now);
                        replace_if_asked_again(p, (uint32_t) i, now);
                        p->deferred = p->deferred || (s->replace_again && policy_blocker(p, s));
                }
        }
        p->stirred = false;
}

/* SIGKILL did not end it. It is put aside if there is room, so that the slot can have another. */
static void put_undead_aside(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        struct policy_process *old = policy_free_old(s);

        if (s->main.phase != PHASE_UNDEAD)
                return;
        (void) snprintf(s->reason, sizeof(s->reason), "a process of generation %u outlives SIGKILL", s->main.generation);
        if (!old)
                return;
        *old = s->main;
        s->main = (struct policy_process) {0};
        if (take_over(p, slot, now))
                return;
        if (!policy_may_run(p, s)) {
                set_idle(p, slot, now);
                return;
        }
        s->retry_at = policy_after(now, s->rules.backoff.cap_msec);
        policy_due(p, slot, s->retry_at);
}

void policy_settle(struct policy *p, uint32_t slot, uint64_t now) {
        policy_follow_main(p, slot, now);
        put_undead_aside(p, slot, now);
        replace_if_asked_again(p, slot, now);
}

/* ---- what its processes come to ---- */

void policy_on_ready(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        struct policy_process *old;

        if (process->phase != PHASE_STARTING || process->ending != WIRE_CAUSE_NONE)
                return;
        process->phase = PHASE_READY;
        process->ready_at = now;
        process->deadline = NSEC_NEVER;
        s->ready_nsec = now - process->spawned_at;
        if (s->rules.ping_msec > 0) {
                process->ping_at = policy_after(now, s->rules.ping_msec);
                policy_due(p, slot, process->ping_at);
        }
        old = process == &s->next ? promote(s) : NULL;
        recover(p, slot, now);
        s->wanted = false; /* whoever waited is served */
        s->reason[0] = 0;
        policy_set_state(p, slot, WIRE_STATE_READY, now);
        policy_say(p, ACTION_SERVE, slot, s->main.generation);
        if (old) /* after the switch: nothing more comes to it */
                policy_end(p, slot, old, WIRE_CAUSE_REPLACED, now);
        policy_changed(p, slot);
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

/* What is written down as the cause of a death: not always what it was being ended for. */
static enum wire_cause death_cause(const struct policy_process *gone, enum wire_cause cause, int32_t exit_status) {
        bool own_crash = cause == WIRE_CAUSE_OOM || cause == WIRE_CAUSE_SANDBOX ||
                (cause == WIRE_CAUSE_SIGNAL && exit_status != SIGTERM);

        if (gone->ending == WIRE_CAUSE_NONE)
                return cause;
        if (!policy_was_asked(gone))
                return gone->phase == PHASE_SPAWNING ? cause : gone->ending;
        if (gone->phase > PHASE_TERM)
                return WIRE_CAUSE_DEADLINE;
        return own_crash && gone->phase > PHASE_SPAWNING ? cause : gone->ending;
}

/* The end that somebody asked for. */
static void main_ended(struct policy *p, uint32_t slot, const struct policy_process *gone, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (take_over(p, slot, now))
                return;
        set_idle(p, slot, now);
        if (gone->ending == WIRE_CAUSE_REPLACED) {
                s->wanted = true;
                policy_start_slot(p, slot, now);
        }
}

/* The end that a worker comes to by itself, as it should: a once worker is done, one on demand had nothing to do. */
static bool main_finished(struct policy *p, uint32_t slot, const struct policy_process *gone, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (s->rules.kind == WIRE_KIND_ONCE) {
                policy_forgive(s);
                s->cause = WIRE_CAUSE_NONE;
                policy_set_state(p, slot, WIRE_STATE_DONE, now);
                return true;
        }
        if (!s->rules.on_demand || gone->ready_at == 0)
                return false;
        if (!take_over(p, slot, now))
                policy_start_slot(p, slot, now);
        return true;
}

static uint64_t main_failed(struct policy *p, uint32_t slot, const struct policy_process *gone, enum wire_cause cause,
                            int32_t exit_status, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        (void) strcopy(s->reason, sizeof(s->reason), s->death);
        s->cause = cause;
        s->exit_status = exit_status;
        if (take_over(p, slot, now)) {
                s->restarts++;
                return 0;
        }
        return policy_failed(p, slot, gone, cause, exit_status, now);
}

/* The one that serves stays; who asked for the replacement reads why it failed. */
static void next_failed(struct policy *p, uint32_t slot, enum wire_cause cause, int32_t exit_status) {
        struct policy_slot *s = p->slots[slot];

        /* What it was to replace has failed meanwhile, which says more. */
        if (!policy_lives(&s->main))
                return;
        (void) snprintf(s->reason, sizeof(s->reason), "replacement failed: %.180s", s->death);
        s->cause = cause;
        s->exit_status = exit_status;
        if (cause == WIRE_CAUSE_KILLED)
                s->replace_again = true; /* from outside: that says nothing about it */
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

        if (!s->removed || s->gone || has_process(s))
                return;
        policy_set_state(p, slot, WIRE_STATE_STOPPED, now);
        s->gone = true;
        policy_say(p, ACTION_GONE, slot, 0);
}

void policy_on_gone(struct policy *p, uint32_t slot, struct policy_process *process, enum wire_cause cause, int32_t exit_status,
                    uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        struct policy_process gone = *process;
        bool was_main = process == &s->main, was_next = process == &s->next, asked = policy_was_asked(&gone);
        uint64_t wait = NSEC_NEVER;

        *process = (struct policy_process) {0};
        cause = death_cause(&gone, cause, exit_status);
        s->deaths[cause]++;
        policy_say_death(s, &gone, cause, exit_status, was_main || was_next);
        if (was_main && s->state == WIRE_STATE_READY)
                policy_say(p, ACTION_UNSERVE, slot, gone.generation);

        if (was_main && gone.ending == WIRE_CAUSE_NONE && cause == WIRE_CAUSE_EXIT && exit_status == 0 &&
            main_finished(p, slot, &gone, now))
                goto gone;
        if (was_main && asked)
                main_ended(p, slot, &gone, now);
        else if (was_main)
                wait = main_failed(p, slot, &gone, cause, exit_status, now);
        else if (was_next && !asked)
                next_failed(p, slot, cause, exit_status);
        if (cause != gone.ending || !asked)
                record(p, slot, &gone, cause, exit_status, wait);

gone:
        policy_settle(p, slot, now);
        policy_changed(p, slot);
        forget(p, slot, now);
}

/* ---- its end ---- */

void policy_end_slot(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        s->retry_at = NSEC_NEVER;
        s->replace_again = false;
        policy_end(p, slot, &s->next, WIRE_CAUSE_STOPPED, now);
        for (unsigned i = 0; i < POLICY_OLD_MAX; i++)
                policy_end(p, slot, &s->old[i], WIRE_CAUSE_STOPPED, now);
        policy_end(p, slot, &s->main, WIRE_CAUSE_STOPPED, now);
        policy_follow_main(p, slot, now);
        if (!policy_lives(&s->main) && s->state != WIRE_STATE_DONE)
                set_idle(p, slot, now);
        forget(p, slot, now);
        policy_appoint(p, slot);
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

void policy_tick_slot(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        policy_tick_process(p, slot, &s->main, now);
        policy_tick_process(p, slot, &s->next, now);
        for (unsigned i = 0; i < POLICY_OLD_MAX; i++)
                policy_tick_process(p, slot, &s->old[i], now);
        policy_settle(p, slot, now);

        if (s->healthy_at <= now) {
                s->healthy_at = NSEC_NEVER;
                s->cause = WIRE_CAUSE_NONE;
                policy_forgive(s);
                policy_changed(p, slot);
        }
        if (s->retry_at <= now) {
                s->wanted = true; /* a request may be waiting */
                policy_start_slot(p, slot, now);
        }
}
