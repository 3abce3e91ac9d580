/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/policy-internal.h"

#include <signal.h>
#include <stdio.h>

/* Zero is nobody's. */
static uint32_t next_generation(struct policy *p) {
        if (++p->generation == 0)
                p->generation = 1;
        return p->generation;
}

void policy_spawn(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now) {
        *process = (struct policy_process) {
                .phase = PHASE_SPAWNING,
                .generation = next_generation(p),
                .spawned_at = now,
                .deadline = policy_after(now, p->slots[slot]->rules.start_msec),
                .ping_at = NSEC_NEVER,
        };
        policy_due(p, slot, process->deadline);
        policy_say(p, ACTION_SPAWN, slot, process->generation);
}

/* On the ladder nobody is pinged any more. */
static void enter(struct policy *p, uint32_t slot, struct policy_process *process, enum policy_phase phase, uint64_t msec,
                  uint64_t now) {
        process->phase = phase;
        process->deadline = policy_after(now, msec);
        process->ping_at = NSEC_NEVER;
        policy_due(p, slot, process->deadline);
}

static void send_signal(struct policy *p, uint32_t slot, struct policy_process *process, enum policy_phase phase, int signo,
                        uint64_t msec, uint64_t now) {
        enter(p, slot, process, phase, msec, now);
        policy_act(p, (struct policy_action) {
                .type = ACTION_SIGNAL, .slot = slot, .generation = process->generation, .signo = signo,
        });
}

void policy_step_down(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now) {
        const struct policy_rules *rules = &p->slots[slot]->rules;

        switch (process->phase) {
        case PHASE_SPAWNING:
                /* There is nobody yet to signal; EVENT_SPAWNED sends it down. */
                process->deadline = NSEC_NEVER;
                break;
        case PHASE_READY:
                if (rules->drains && rules->drain_msec > 0) {
                        enter(p, slot, process, PHASE_DRAINING, rules->drain_msec, now);
                        policy_act(p, (struct policy_action) {
                                .type = ACTION_DRAIN, .slot = slot, .generation = process->generation,
                                .deadline = process->deadline,
                        });
                        break;
                }
                /* fall through */
        case PHASE_STARTING: /* what never served has nothing to finish */
        case PHASE_DRAINING:
                send_signal(p, slot, process, PHASE_TERM, SIGTERM, rules->term_msec, now);
                break;
        case PHASE_TERM:
                if (rules->abort_msec > 0) {
                        send_signal(p, slot, process, PHASE_ABORT, SIGABRT, rules->abort_msec, now);
                        break;
                }
                /* fall through */
        case PHASE_ABORT:
                send_signal(p, slot, process, PHASE_KILL, SIGKILL, rules->kill_msec, now);
                break;
        case PHASE_KILL:
                process->phase = PHASE_UNDEAD;
                process->deadline = NSEC_NEVER;
                break;
        case PHASE_NONE:
        case PHASE_UNDEAD:
                break;
        }
}

void policy_end(struct policy *p, uint32_t slot, struct policy_process *process, enum wire_cause cause, uint64_t now) {
        if (!policy_lives(process) || process->ending != WIRE_CAUSE_NONE)
                return;
        process->ending = cause;
        policy_step_down(p, slot, process, now);
}

void policy_abort(struct policy *p, uint32_t slot, struct policy_process *process, enum wire_cause cause, uint64_t now) {
        if (process->phase >= PHASE_ABORT || !policy_lives(process))
                return;
        if (process->ending == WIRE_CAUSE_NONE)
                process->ending = cause;
        if (process->phase == PHASE_SPAWNING) {
                process->deadline = NSEC_NEVER;
                return;
        }
        process->phase = PHASE_TERM;
        policy_step_down(p, slot, process, now);
}

void policy_kill(struct policy *p, uint32_t slot, struct policy_process *process, enum wire_cause cause, uint64_t now) {
        if (process->ending == WIRE_CAUSE_NONE || policy_was_asked(process))
                process->ending = cause;
        if (process->phase < PHASE_KILL && process->phase > PHASE_SPAWNING)
                send_signal(p, slot, process, PHASE_KILL, SIGKILL, p->slots[slot]->rules.kill_msec, now);
}

void policy_let_go(struct policy *p, uint32_t slot, struct policy_process *process, enum wire_cause cause, uint64_t now) {
        if (process->ending != WIRE_CAUSE_NONE)
                return;
        process->ending = cause;
        enter(p, slot, process, PHASE_TERM, p->slots[slot]->rules.term_msec, now);
}

/* ---- time ---- */

void policy_pong(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now) {
        /* On the ladder it owes no answer: a late one must not have it pinged, and aborted for silence, while it drains. */
        if (process->phase != PHASE_READY || !process->pinged)
                return;
        process->pinged = false;
        process->ping_at = policy_after(now, p->slots[slot]->rules.ping_msec);
        policy_due(p, slot, process->ping_at);
}

static void tick_ping(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (process->pinged) {
                process->ping_at = NSEC_NEVER;
                (void) snprintf(s->reason, sizeof(s->reason), "did not answer a ping in time");
                policy_abort(p, slot, process, WIRE_CAUSE_DEADLINE, now);
                return;
        }
        process->pinged = true;
        process->ping_at = policy_after(now, s->rules.ping_msec);
        policy_say(p, ACTION_PING, slot, process->generation);
}

void policy_tick_process(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now) {
        if (!policy_lives(process))
                return;
        if (process->ping_at <= now)
                tick_ping(p, slot, process, now);
        if (process->deadline > now)
                return;
        if (process->phase == PHASE_STARTING || process->phase == PHASE_SPAWNING) {
                p->slots[slot]->reason[0] = 0;
                policy_abort(p, slot, process, WIRE_CAUSE_DEADLINE, now);
                return;
        }
        policy_step_down(p, slot, process, now);
}
