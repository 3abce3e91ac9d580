/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the policy core share. policy-ladder.c: one process, from its spawning down the ladder to its end.
 * policy-slot.c: a slot, which starts, waits, and has several of them. policy-failure.c: what a failure costs it.
 * policy-wish.c: what is asked of it. policy.c: events, time, the whole. policy-check.c: what is always true.
 */
#pragma once

#include "supervisor/policy.h"

/* ---- actions and time ---- */

void policy_act(struct policy *p, struct policy_action action);

/* An action that says no more than what and about whom. */
static inline void policy_say(struct policy *p, enum policy_action_type type, uint32_t slot, uint32_t generation) {
        policy_act(p, (struct policy_action) {.type = type, .slot = slot, .generation = generation});
}

/* Looks anew when something of this slot falls due: what was waited for may be so no longer. */
void policy_appoint(struct policy *p, uint32_t slot);

/* The slot's status is new. */
void policy_changed(struct policy *p, uint32_t slot);

static inline uint64_t policy_after(uint64_t now, uint64_t msec) {
        return now + msec * NSEC_PER_MSEC;
}

/* Something of this slot falls due then. */
static inline void policy_due(struct policy *p, uint32_t slot, uint64_t at) {
        p->due[slot] = MIN(p->due[slot], at);
        p->next = MIN(p->next, at);
}

/* ---- processes (policy-ladder.c) ---- */

static inline bool policy_lives(const struct policy_process *process) {
        return process->phase != PHASE_NONE;
}

/* Asks for a new process in this place. */
void policy_spawn(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now);
/* The next step down the ladder: message, SIGTERM, SIGABRT where a record is wanted, SIGKILL, undead. */
void policy_step_down(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now);
/* It is to end, politely, unless it already is. */
void policy_end(struct policy *p, uint32_t slot, struct policy_process *process, enum wire_cause cause, uint64_t now);
/* It misbehaves: no polite steps. SIGABRT leaves a record of where it hangs. */
void policy_abort(struct policy *p, uint32_t slot, struct policy_process *process, enum wire_cause cause, uint64_t now);
/* It cannot be trusted with anything: SIGKILL. */
void policy_kill(struct policy *p, uint32_t slot, struct policy_process *process, enum wire_cause cause, uint64_t now);
/* It says that it is about to exit; it has the time of a SIGTERM for it. */
void policy_let_go(struct policy *p, uint32_t slot, struct policy_process *process, enum wire_cause cause, uint64_t now);
void policy_pong(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now);
void policy_tick_process(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now);

/* Whether its end is somebody's wish and no failure. */
static inline bool policy_was_asked(const struct policy_process *process) {
        return process->ending == WIRE_CAUSE_STOPPED || process->ending == WIRE_CAUSE_REPLACED;
}

/* ---- failures (policy-failure.c) ---- */

/* The slot's main process ended, or could not begin, without having been asked to. Returns the wait before the next. */
uint64_t policy_failed(struct policy *p, uint32_t slot, const struct policy_process *gone, enum wire_cause cause,
                       int32_t exit_status, uint64_t now);
/* The next failure is the first. */
void policy_forgive(struct policy_slot *s);
/* How it died, for people. What was heard of it before, which is in the slot's reason then, says more. */
void policy_say_death(struct policy_slot *s, const struct policy_process *gone, enum wire_cause cause, int32_t status,
                      bool heard);

/* ---- slots (policy-slot.c) ---- */

void policy_set_state(struct policy *p, uint32_t slot, enum wire_state state, uint64_t now);
/* Whether nobody wants it stopped. */
bool policy_may_run(const struct policy *p, const struct policy_slot *s);
/* Whether those that require this slot may run. */
bool policy_serves(const struct policy_slot *s);
/* The slot that holds this one back, or NULL. */
const struct policy_slot *policy_blocker(const struct policy *p, const struct policy_slot *s);
/* When policy_tick_slot() is due. */
uint64_t policy_slot_deadline(const struct policy_slot *s);
void policy_tick_slot(struct policy *p, uint32_t slot, uint64_t now);

/* Starts the slot if nothing speaks against it. */
void policy_start_slot(struct policy *p, uint32_t slot, uint64_t now);
/* Ends all its processes. */
void policy_end_slot(struct policy *p, uint32_t slot, uint64_t now);
/* Starts whoever was blocked by what has changed, and says anew what blocks the others. */
void policy_stir(struct policy *p, uint64_t now);
/* A main process on the ladder does not serve, and the slot's state says where on it it is. */
void policy_follow_main(struct policy *p, uint32_t slot, uint64_t now);
/* What follows from where its processes are now. */
void policy_settle(struct policy *p, uint32_t slot, uint64_t now);
/* A place for one on its way out, or NULL. */
struct policy_process *policy_free_old(struct policy_slot *s);

/* Events about one of its processes. */
void policy_on_spawned(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now);
void policy_on_ready(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now);
/* It is gone, or never came. What that means depends on which it was and on who wanted it gone. */
void policy_on_gone(struct policy *p, uint32_t slot, struct policy_process *process, enum wire_cause cause, int32_t exit_status,
                    uint64_t now);

/* ---- wishes of operators and reloads (policy-wish.c) ---- */

void policy_restart_slot(struct policy *p, uint32_t slot, uint64_t now);
void policy_replace_slot(struct policy *p, uint32_t slot, uint64_t now);
void policy_hold_slot(struct policy *p, uint32_t slot, uint64_t now);
void policy_reset_slot(struct policy *p, uint32_t slot, uint64_t now);
void policy_remove_slot(struct policy *p, uint32_t slot, uint64_t now);
