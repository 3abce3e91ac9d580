/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/policy.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>

/* ---- actions ---- */

static void act(struct policy *p, struct policy_action action) {
        if (p->n_actions == p->actions_allocated) {
                size_t n = MAX(p->actions_allocated * 2, (size_t) 32);
                struct policy_action *actions = reallocarray(p->actions, n, sizeof(*actions));

                if (!actions) {
                        p->failed = true;
                        return;
                }
                p->actions = actions;
                p->actions_allocated = n;
        }
        p->actions[p->n_actions++] = action;
}

bool policy_next_action(struct policy *p, struct policy_action *ret) {
        if (p->actions_taken == p->n_actions) {
                p->actions_taken = p->n_actions = 0;
                return false;
        }
        *ret = p->actions[p->actions_taken++];
        return true;
}

static void changed(struct policy *p, uint32_t slot) {
        act(p, (struct policy_action) {.type = ACTION_CHANGED, .slot = slot});
}

/* ---- slots ---- */

void policy_init(struct policy *p, uint32_t random_seed) {
        *p = (struct policy) {.random = random_seed | 1, .next = NSEC_NEVER};
}

void policy_done(struct policy *p) {
        for (size_t i = 0; i < p->n_slots; i++)
                free(p->slots[i]);
        free(p->slots);
        free(p->actions);
        *p = (struct policy) {0};
}

void policy_set_rules(struct policy *p, uint32_t slot, const struct policy_rules *rules, const uint32_t *requires,
                      size_t n_requires) {
        struct policy_slot *s = p->slots[slot];

        s->rules = *rules;
        s->n_requires = (uint32_t) MIN(n_requires, (size_t) POLICY_REQUIRES_MAX);
        if (s->n_requires > 0)
                memcpy(s->requires, requires, s->n_requires * sizeof(*requires));
}

static uint32_t free_index(struct policy *p) {
        for (size_t i = 0; i < p->n_slots; i++)
                if (!p->slots[i]->used)
                        return (uint32_t) i;
        return UINT32_MAX;
}

int policy_add(struct policy *p, const char *name, const struct policy_rules *rules, const uint32_t *requires, size_t n_requires,
               uint32_t *ret_slot) {
        /* Places are looked for only where some were given back: at the first start none was. */
        uint32_t slot = p->decided ? free_index(p) : UINT32_MAX;
        struct policy_slot *s;

        if (slot == UINT32_MAX) {
                if (p->n_slots == p->allocated) {
                        size_t n = MAX(p->allocated * 2, (size_t) 16);
                        struct policy_slot **slots = reallocarray(p->slots, n, sizeof(*slots));

                        if (!slots)
                                return -ENOMEM;
                        p->slots = slots;
                        p->allocated = n;
                }
                s = calloc(1, sizeof(*s));
                if (!s)
                        return -ENOMEM;
                slot = (uint32_t) p->n_slots;
                p->slots[p->n_slots++] = s;
        }

        s = p->slots[slot];
        *s = (struct policy_slot) {
                .used = true,
                .state = WIRE_STATE_STOPPED,
                .retry_at = NSEC_NEVER,
                .healthy_at = NSEC_NEVER,
        };
        (void) strcopy(s->name, sizeof(s->name), name);
        policy_set_rules(p, slot, rules, requires, n_requires);
        *ret_slot = slot;
        return 0;
}

struct policy_slot *policy_slot(struct policy *p, uint32_t slot) {
        return slot < p->n_slots && p->slots[slot]->used ? p->slots[slot] : NULL;
}

struct policy_process *policy_process(struct policy_slot *s, uint32_t generation) {
        if (generation == 0)
                return NULL;
        if (s->main.generation == generation)
                return &s->main;
        if (s->next.generation == generation)
                return &s->next;
        for (unsigned i = 0; i < POLICY_OLD_MAX; i++)
                if (s->old[i].generation == generation)
                        return &s->old[i];
        return NULL;
}

static bool lives(const struct policy_process *process) {
        return process->phase != PHASE_NONE;
}

static bool has_process(const struct policy_slot *s) {
        if (lives(&s->main) || lives(&s->next))
                return true;
        for (unsigned i = 0; i < POLICY_OLD_MAX; i++)
                if (lives(&s->old[i]))
                        return true;
        return false;
}

/* ---- time ---- */

static uint64_t after(uint64_t now, uint64_t msec) {
        return now + msec * NSEC_PER_MSEC;
}

static void due(struct policy *p, uint64_t at) {
        p->next = MIN(p->next, at);
}

static uint64_t slot_deadline(const struct policy_slot *s) {
        uint64_t at = MIN(s->retry_at, s->healthy_at);
        const struct policy_process *all[] = {&s->main, &s->next, &s->old[0], &s->old[1]};

        for (unsigned i = 0; i < ELEMENTSOF(all); i++)
                if (lives(all[i]))
                        at = MIN(at, MIN(all[i]->deadline, all[i]->ping_at));
        return at;
}

uint64_t policy_deadline(struct policy *p) {
        return p->next;
}

/* xorshift: jitter needs to differ, not to be unguessable. */
static uint32_t jitter(struct policy *p) {
        p->random ^= p->random << 13;
        p->random ^= p->random >> 17;
        p->random ^= p->random << 5;
        return p->random;
}

/* ---- states ---- */

static void set_reason(struct policy_slot *s, const char *text) {
        (void) strcopy(s->reason, sizeof(s->reason), strempty(text));
}

static bool serves(const struct policy_slot *s) {
        return s->state == WIRE_STATE_READY || s->state == WIRE_STATE_DONE || s->state == WIRE_STATE_RESTING;
}

static void unblock_dependents(struct policy *p, uint64_t now);

static void set_state(struct policy *p, uint32_t slot, enum wire_state state, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (s->state == state)
                return;
        p->n_blocked += (state == WIRE_STATE_BLOCKED) - (s->state == WIRE_STATE_BLOCKED);
        s->state = state;
        s->since = now;
        if (serves(s))
                s->reason[0] = 0;
        changed(p, slot);
        if (serves(s) && p->n_blocked > 0)
                unblock_dependents(p, now);
}

/* The slot that holds this one back, or NULL. */
static const struct policy_slot *blocker(const struct policy *p, const struct policy_slot *s) {
        for (uint32_t i = 0; i < s->n_requires; i++) {
                const struct policy_slot *required = p->slots[s->requires[i]];

                if (!required->used || !serves(required))
                        return required;
        }
        return NULL;
}

/* ---- the beginning of a process ---- */

static void spawn(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        *process = (struct policy_process) {
                .phase = PHASE_SPAWNING,
                .generation = ++p->generation,
                .spawned_at = now,
                .deadline = after(now, s->rules.start_msec),
                .ping_at = NSEC_NEVER,
        };
        due(p, process->deadline);
        act(p, (struct policy_action) {.type = ACTION_SPAWN, .slot = slot, .generation = process->generation});
}

/* Starts the slot if nothing speaks against it. */
static void start(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        const struct policy_slot *required;

        if (!p->running || p->stopping || s->removed || s->held || lives(&s->main) || s->state == WIRE_STATE_DONE)
                return;

        s->retry_at = NSEC_NEVER;
        required = blocker(p, s);
        if (required) {
                (void) snprintf(s->reason, sizeof(s->reason), "waits for %s, which is %s", required->name,
                                wire_state_to_string(required->state));
                set_state(p, slot, WIRE_STATE_BLOCKED, now);
                return;
        }
        if (s->rules.on_demand && !s->wanted) {
                set_state(p, slot, WIRE_STATE_RESTING, now);
                return;
        }
        s->wanted = false;
        spawn(p, slot, &s->main, now);
        set_state(p, slot, WIRE_STATE_STARTING, now);
}

static void unblock_dependents(struct policy *p, uint64_t now) {
        for (size_t i = 0; i < p->n_slots; i++)
                if (p->slots[i]->used && p->slots[i]->state == WIRE_STATE_BLOCKED)
                        start(p, (uint32_t) i, now);
}

/* ---- the end of a process ---- */

static void send_signal(struct policy *p, uint32_t slot, struct policy_process *process, enum policy_phase phase, int signo,
                        uint64_t msec, uint64_t now) {
        process->phase = phase;
        process->deadline = after(now, msec);
        process->ping_at = NSEC_NEVER;
        due(p, process->deadline);
        act(p, (struct policy_action) {.type = ACTION_SIGNAL, .slot = slot, .generation = process->generation, .signo = signo});
}

/* The next step of the ladder: message, SIGTERM, SIGABRT where a record is wanted, SIGKILL, undead. */
static void step_down(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        const struct policy_rules *rules = &s->rules;

        switch (process->phase) {
        case PHASE_SPAWNING:
                /* There is nobody yet to signal; EVENT_SPAWNED sends it down. */
                process->deadline = NSEC_NEVER;
                break;
        case PHASE_STARTING:
        case PHASE_READY:
                if (rules->drains && rules->drain_msec > 0) {
                        process->phase = PHASE_DRAINING;
                        process->deadline = after(now, rules->drain_msec);
                        process->ping_at = NSEC_NEVER;
                        due(p, process->deadline);
                        act(p, (struct policy_action) {.type = ACTION_DRAIN, .slot = slot, .generation = process->generation,
                                                       .deadline = process->deadline});
                        break;
                }
                /* fall through */
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

static void end(struct policy *p, uint32_t slot, struct policy_process *process, enum wire_cause cause, uint64_t now) {
        if (!lives(process) || process->ending != WIRE_CAUSE_NONE)
                return;
        process->ending = cause;
        step_down(p, slot, process, now);
}

/* It misbehaves: no polite steps. SIGABRT leaves a record of where it hangs. */
static void abort_process(struct policy *p, uint32_t slot, struct policy_process *process, enum wire_cause cause, uint64_t now) {
        if (process->phase >= PHASE_ABORT || !lives(process))
                return;
        if (process->ending == WIRE_CAUSE_NONE)
                process->ending = cause;
        if (process->phase == PHASE_SPAWNING) {
                process->deadline = NSEC_NEVER;
                return;
        }
        process->phase = PHASE_TERM;
        step_down(p, slot, process, now);
}

static struct policy_process *free_old(struct policy_slot *s) {
        for (unsigned i = 0; i < POLICY_OLD_MAX; i++)
                if (!lives(&s->old[i]))
                        return &s->old[i];
        return NULL;
}

/* SIGKILL did not end it. It is put aside if there is room, so that the slot can have another. */
static void put_undead_aside(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        struct policy_process *old = free_old(s);

        (void) snprintf(s->reason, sizeof(s->reason), "a process of generation %u outlives SIGKILL", s->main.generation);
        if (s->state == WIRE_STATE_READY)
                act(p, (struct policy_action) {.type = ACTION_UNSERVE, .slot = slot});
        set_state(p, slot, WIRE_STATE_UNDEAD, now);
        if (old) {
                *old = s->main;
                s->main = (struct policy_process) {0};
                s->retry_at = after(now, s->rules.backoff.cap_msec);
                due(p, s->retry_at);
        }
}

/* ---- failures ---- */

/* What cannot succeed unchanged is not tried again in a hurry, or at all. */
static uint64_t wait_after(struct policy *p, struct policy_slot *s, enum wire_cause cause, bool *ret_failed) {
        uint64_t wait;

        if (cause == WIRE_CAUSE_MISMATCH) {
                *ret_failed = true;
                return NSEC_NEVER;
        }
        if (cause == WIRE_CAUSE_EXEC || cause == WIRE_CAUSE_CONFIG) {
                struct backoff once = s->rules.backoff;

                once.intensity = 1;
                return backoff_wait(&once, 1, jitter(p), ret_failed);
        }
        wait = backoff_wait(&s->rules.backoff, s->failures, jitter(p), ret_failed);
        return wait;
}

/* The slot's main process ended, or could not begin, without having been asked to. Returns the wait before the next. */
static uint64_t failed(struct policy *p, uint32_t slot, enum wire_cause cause, int32_t exit_status, uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        bool given_up;
        uint64_t wait;

        if (s->failures == 0 || now - s->window_start > s->rules.window_msec * NSEC_PER_MSEC) {
                /* Failures that come slowly must not add up, those in a steady rhythm must not start over. */
                s->failures = s->failures > 1 && s->rules.backoff.intensity == 0 ? s->failures - 1 : 0;
                s->window_start = now;
        }
        if (s->failures < UINT32_MAX)
                s->failures++;
        s->healthy_at = NSEC_NEVER;
        s->cause = cause;
        s->exit_status = exit_status;

        wait = wait_after(p, s, cause, &given_up);
        if (given_up && s->rules.critical)
                act(p, (struct policy_action) {.type = ACTION_GIVEN_UP, .slot = slot, .exit_status = exit_status, .cause = cause});
        if (p->stopping || s->held || s->removed) {
                set_state(p, slot, s->held ? WIRE_STATE_HELD : WIRE_STATE_STOPPED, now);
                return NSEC_NEVER;
        }

        s->restarts++;
        s->retry_at = wait == NSEC_NEVER ? NSEC_NEVER : now + wait;
        /* In the slow lane the window has served its purpose: the next failure is again the last straw. */
        if (given_up && s->rules.backoff.intensity > 0)
                s->failures = MAX(s->failures, s->rules.backoff.intensity) - 1;
        set_state(p, slot, given_up ? WIRE_STATE_FAILED : WIRE_STATE_BACKOFF, now);
        changed(p, slot);
        if (wait == 0)
                start(p, slot, now);
        else
                due(p, s->retry_at);
        return wait;
}

static void say_how_it_died(struct policy_slot *s, enum wire_cause cause, int32_t status, bool was_ready) {
        const char *when = was_ready ? "" : " before it was ready";

        switch (cause) {
        case WIRE_CAUSE_EXIT:
                (void) snprintf(s->reason, sizeof(s->reason), "exited with code %d%s", status, when);
                break;
        case WIRE_CAUSE_SIGNAL:
        case WIRE_CAUSE_KILLED:
                (void) snprintf(s->reason, sizeof(s->reason), "killed by SIG%s%s", strempty(sigabbrev_np(status)), when);
                break;
        case WIRE_CAUSE_OOM:
                (void) snprintf(s->reason, sizeof(s->reason), "killed, out of memory%s", when);
                break;
        case WIRE_CAUSE_SANDBOX:
                (void) snprintf(s->reason, sizeof(s->reason), "did what its sandbox forbids%s", when);
                break;
        case WIRE_CAUSE_DEADLINE:
                if (!s->reason[0])
                        (void) snprintf(s->reason, sizeof(s->reason), was_ready ? "owed an answer for too long" : "was not ready in time");
                break;
        default:
                /* Said when it was found out: exec, config, mismatch, protocol. */
                break;
        }
}

/* ---- replacing ---- */

static void replace(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (p->stopping || s->held || s->removed)
                return;
        if (s->state == WIRE_STATE_DONE) {
                s->state = WIRE_STATE_STOPPED; /* a once worker whose inputs are new runs again */
                start(p, slot, now);
                return;
        }
        if (lives(&s->next)) {
                s->replace_again = true;
                return;
        }
        if (s->main.phase == PHASE_READY) {
                if (!free_old(s)) {
                        /* Two drain already: the third waits for one of them. */
                        s->replace_again = true;
                        return;
                }
                spawn(p, slot, &s->next, now);
                changed(p, slot);
                return;
        }
        if (lives(&s->main)) {
                end(p, slot, &s->main, WIRE_CAUSE_REPLACED, now);
                return;
        }
        s->failures = 0;
        start(p, slot, now);
}

static void promote(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (lives(&s->main)) {
                struct policy_process *old = free_old(s);

                assert(old); /* replace() spawned next only where there was one, and nothing else takes it */
                *old = s->main;
                s->main = s->next;
                end(p, slot, old, WIRE_CAUSE_REPLACED, now);
        } else
                s->main = s->next;
        s->next = (struct policy_process) {0};
}

static void replace_if_asked_again(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (s->replace_again && !lives(&s->next) && free_old(s)) {
                s->replace_again = false;
                replace(p, slot, now);
        }
}

/* ---- events ---- */

static void on_ready(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (process->phase != PHASE_STARTING || process->ending != WIRE_CAUSE_NONE)
                return;
        process->phase = PHASE_READY;
        process->ready_at = now;
        process->deadline = NSEC_NEVER;
        s->ready_nsec = now - process->spawned_at;
        if (s->rules.ping_msec > 0) {
                process->ping_at = after(now, s->rules.ping_msec);
                due(p, process->ping_at);
        }
        if (process == &s->next) {
                promote(p, slot, now);
                process = &s->main;
        }
        if (s->failures > 0) {
                s->healthy_at = after(now, s->rules.healthy_msec);
                due(p, s->healthy_at);
        }
        s->retry_at = NSEC_NEVER;
        set_state(p, slot, WIRE_STATE_READY, now);
        act(p, (struct policy_action) {.type = ACTION_SERVE, .slot = slot, .generation = process->generation});
        changed(p, slot);
        replace_if_asked_again(p, slot, now);
}

static void on_spawned(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now) {
        if (process->phase != PHASE_SPAWNING)
                return;
        process->phase = PHASE_STARTING;
        if (process->ending != WIRE_CAUSE_NONE) {
                /* It was wanted when it was asked for, and no more. */
                step_down(p, slot, process, now);
                return;
        }
        if (p->slots[slot]->rules.ready_at_once)
                on_ready(p, slot, process, now);
}

/* A process is gone (or never came). What that means depends on which it was and on who wanted it gone. */
static void on_gone(struct policy *p, uint32_t slot, struct policy_process *process, enum wire_cause cause, int32_t exit_status,
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
                act(p, (struct policy_action) {.type = ACTION_UNSERVE, .slot = slot, .generation = gone.generation});

        if (cause == WIRE_CAUSE_STOPPED || cause == WIRE_CAUSE_REPLACED) {
                if (was_main) {
                        set_state(p, slot, s->held ? WIRE_STATE_HELD : WIRE_STATE_STOPPED, now);
                        if (cause == WIRE_CAUSE_REPLACED) {
                                s->wanted = true;
                                start(p, slot, now);
                        }
                }
                if (gone.phase > PHASE_TERM)
                        act(p, (struct policy_action) {.type = ACTION_RECORD, .slot = slot, .generation = gone.generation,
                                                       .cause = WIRE_CAUSE_DEADLINE, .exit_status = exit_status,
                                                       .restart = NSEC_NEVER});
        } else if (was_main && s->rules.kind == WIRE_KIND_ONCE && cause == WIRE_CAUSE_EXIT && exit_status == 0) {
                s->cause = WIRE_CAUSE_NONE;
                s->failures = 0;
                set_state(p, slot, WIRE_STATE_DONE, now);
        } else if (was_main && s->rules.on_demand && was_ready && cause == WIRE_CAUSE_EXIT && exit_status == 0) {
                set_state(p, slot, WIRE_STATE_STOPPED, now);
                start(p, slot, now);
        } else {
                say_how_it_died(s, cause, exit_status, was_ready);
                if (was_main)
                        wait = failed(p, slot, cause, exit_status, now);
                else if (was_next) {
                        /* The one that serves stays; who asked for the replacement reads why it failed. */
                        char why[WIRE_TEXT_MAX];

                        (void) strcopy(why, sizeof(why), s->reason);
                        (void) snprintf(s->reason, sizeof(s->reason), "replacement failed: %.180s", why);
                        s->cause = cause;
                        s->exit_status = exit_status;
                }
                act(p, (struct policy_action) {.type = ACTION_RECORD, .slot = slot, .generation = gone.generation, .cause = cause,
                                               .exit_status = exit_status, .restart = wait});
        }

        changed(p, slot);
        replace_if_asked_again(p, slot, now);
        if (s->removed && !has_process(s)) {
                act(p, (struct policy_action) {.type = ACTION_GONE, .slot = slot});
                set_state(p, slot, WIRE_STATE_STOPPED, now);
                s->used = false;
        }
}

static void end_all(struct policy *p, uint32_t slot, enum wire_cause cause, uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        bool was_serving = s->main.phase == PHASE_READY;

        s->retry_at = s->healthy_at = NSEC_NEVER;
        s->replace_again = false;
        end(p, slot, &s->next, cause, now);
        for (unsigned i = 0; i < POLICY_OLD_MAX; i++)
                end(p, slot, &s->old[i], cause, now);
        end(p, slot, &s->main, cause, now);
        if (was_serving)
                act(p, (struct policy_action) {.type = ACTION_UNSERVE, .slot = slot, .generation = s->main.generation});
        if (lives(&s->main))
                set_state(p, slot, s->main.phase == PHASE_DRAINING ? WIRE_STATE_DRAINING : WIRE_STATE_STOPPING, now);
        else if (s->state != WIRE_STATE_DONE)
                set_state(p, slot, s->held ? WIRE_STATE_HELD : WIRE_STATE_STOPPED, now);
}

static void on_reset(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        s->held = false;
        s->failures = 0;
        s->cause = WIRE_CAUSE_NONE;
        s->reason[0] = 0;
        s->wanted = true;
        changed(p, slot);
        if (lives(&s->main) && s->main.ending == WIRE_CAUSE_STOPPED)
                s->main.ending = WIRE_CAUSE_REPLACED; /* held a moment ago: it comes back when it is gone */
        else
                start(p, slot, now);
}

static void tick_process(struct policy *p, uint32_t slot, struct policy_process *process, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (!lives(process))
                return;
        if (process->ping_at <= now) {
                if (process->pinged) {
                        set_reason(s, "did not answer a ping in time");
                        process->ping_at = NSEC_NEVER;
                        abort_process(p, slot, process, WIRE_CAUSE_DEADLINE, now);
                } else {
                        process->pinged = true;
                        process->ping_at = after(now, s->rules.ping_msec);
                        act(p, (struct policy_action) {.type = ACTION_PING, .slot = slot, .generation = process->generation});
                }
        }
        if (process->deadline > now)
                return;
        if (process->phase == PHASE_STARTING || process->phase == PHASE_SPAWNING) {
                s->reason[0] = 0;
                abort_process(p, slot, process, WIRE_CAUSE_DEADLINE, now);
                return;
        }
        step_down(p, slot, process, now);
        if (process->phase == PHASE_UNDEAD && process == &s->main)
                put_undead_aside(p, slot, now);
        else if (process == &s->main && process->phase >= PHASE_TERM && s->state == WIRE_STATE_DRAINING)
                set_state(p, slot, WIRE_STATE_STOPPING, now);
}

static void tick_slot(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        tick_process(p, slot, &s->main, now);
        tick_process(p, slot, &s->next, now);
        for (unsigned i = 0; i < POLICY_OLD_MAX; i++)
                tick_process(p, slot, &s->old[i], now);
        if (s->healthy_at <= now) {
                s->healthy_at = NSEC_NEVER;
                s->failures = 0;
                s->cause = WIRE_CAUSE_NONE;
                changed(p, slot);
        }
        if (s->retry_at <= now) {
                s->wanted = true; /* a request may be waiting */
                start(p, slot, now);
        }
}

static void tick(struct policy *p, uint64_t now) {
        uint64_t next = NSEC_NEVER;

        p->next = NSEC_NEVER;
        for (size_t i = 0; i < p->n_slots; i++) {
                if (!p->slots[i]->used)
                        continue;
                if (slot_deadline(p->slots[i]) <= now)
                        tick_slot(p, (uint32_t) i, now);
                next = MIN(next, slot_deadline(p->slots[i]));
        }
        p->next = MIN(p->next, next);
}

/* ---- the whole ---- */

/* Whether what becomes of the slot is known: it will not change by itself in the next moments. */
static bool is_decided(const struct policy *p, const struct policy_slot *s, unsigned depth) {
        switch (s->state) {
        case WIRE_STATE_READY:
        case WIRE_STATE_DONE:
        case WIRE_STATE_RESTING:
        case WIRE_STATE_FAILED:
        case WIRE_STATE_HELD:
        case WIRE_STATE_UNDEAD:
                return true;
        case WIRE_STATE_BLOCKED: {
                const struct policy_slot *required = blocker(p, s);

                return required && depth < POLICY_REQUIRES_MAX && is_decided(p, required, depth + 1);
        }
        default:
                return false;
        }
}

static void decide(struct policy *p) {
        bool misconfigured = false, anything = false;

        if (p->decided || !p->running || p->stopping)
                return;
        for (size_t i = 0; i < p->n_slots; i++) {
                const struct policy_slot *s = p->slots[i];

                if (!s->used)
                        continue;
                if (!is_decided(p, s, 0))
                        return;
                if (s->rules.kind == WIRE_KIND_GATEWAY && s->state != WIRE_STATE_READY) {
                        /* Without its gateway a service does not serve; one that cannot be configured never will. */
                        if (s->cause != WIRE_CAUSE_CONFIG && s->cause != WIRE_CAUSE_EXEC)
                                return;
                        misconfigured = true;
                }
                if (s->state == WIRE_STATE_FAILED && s->cause == WIRE_CAUSE_CONFIG)
                        misconfigured = true;
                if ((s->rules.kind == WIRE_KIND_PLUGIN || s->rules.kind == WIRE_KIND_EXEC) && serves(s))
                        anything = true;
        }
        p->decided = true;
        act(p, (struct policy_action) {.type = misconfigured && !anything ? ACTION_MISCONFIGURED : ACTION_SERVICE_READY});
}

static void finish(struct policy *p) {
        if (!p->stopping || p->finished)
                return;
        for (size_t i = 0; i < p->n_slots; i++) {
                const struct policy_slot *s = p->slots[i];
                const struct policy_process *all[] = {&s->main, &s->next, &s->old[0], &s->old[1]};

                for (unsigned j = 0; s->used && j < ELEMENTSOF(all); j++)
                        if (lives(all[j]) && all[j]->phase != PHASE_UNDEAD)
                                return;
        }
        p->finished = true;
        act(p, (struct policy_action) {.type = ACTION_FINISHED});
}

static void start_all(struct policy *p, uint64_t now) {
        p->running = true;
        for (size_t i = 0; i < p->n_slots; i++)
                if (p->slots[i]->used && p->slots[i]->state == WIRE_STATE_STOPPED)
                        start(p, (uint32_t) i, now);
}

static void stop_all(struct policy *p, uint64_t now) {
        p->stopping = true;
        for (size_t i = 0; i < p->n_slots; i++)
                if (p->slots[i]->used)
                        end_all(p, (uint32_t) i, WIRE_CAUSE_STOPPED, now);
}

/* Events about one process. */
static void process_event(struct policy *p, const struct policy_event *e, struct policy_process *process, uint64_t now) {
        struct policy_slot *s = p->slots[e->slot];

        switch (e->type) {
        case EVENT_SPAWNED:
                on_spawned(p, e->slot, process, now);
                break;
        case EVENT_SPAWN_FAILED:
                set_reason(s, e->text);
                on_gone(p, e->slot, process, e->cause, e->exit_status, now);
                break;
        case EVENT_READY:
                on_ready(p, e->slot, process, now);
                break;
        case EVENT_FAILED:
                /* It exits right behind; its exit is then of this cause. */
                set_reason(s, e->text);
                if (process->ending == WIRE_CAUSE_NONE) {
                        process->ending = e->cause;
                        process->deadline = after(now, s->rules.term_msec);
                        process->phase = PHASE_TERM;
                        due(p, process->deadline);
                }
                break;
        case EVENT_PONG:
                if (process->pinged) {
                        process->pinged = false;
                        process->ping_at = after(now, s->rules.ping_msec);
                        due(p, process->ping_at);
                }
                break;
        case EVENT_STALLED:
                set_reason(s, e->text);
                abort_process(p, e->slot, process, WIRE_CAUSE_DEADLINE, now);
                break;
        case EVENT_BROKE:
                set_reason(s, e->text);
                if (process->ending == WIRE_CAUSE_NONE)
                        process->ending = WIRE_CAUSE_PROTOCOL;
                if (process->phase < PHASE_KILL && process->phase > PHASE_SPAWNING)
                        send_signal(p, e->slot, process, PHASE_KILL, SIGKILL, s->rules.kill_msec, now);
                break;
        case EVENT_DIED:
                on_gone(p, e->slot, process, e->cause, e->exit_status, now);
                break;
        default:
                break;
        }
}

/* Events about a slot. */
static void slot_event(struct policy *p, const struct policy_event *e, uint64_t now) {
        struct policy_slot *s = p->slots[e->slot];

        switch (e->type) {
        case EVENT_WANT:
                s->wanted = true;
                if (s->state == WIRE_STATE_RESTING)
                        start(p, e->slot, now);
                break;
        case EVENT_RESTART:
                s->wanted = true;
                s->failures = 0;
                if (lives(&s->main)) {
                        if (s->state == WIRE_STATE_READY)
                                act(p, (struct policy_action) {.type = ACTION_UNSERVE, .slot = e->slot, .generation = s->main.generation});
                        end(p, e->slot, &s->main, WIRE_CAUSE_REPLACED, now);
                        set_state(p, e->slot, s->main.phase == PHASE_DRAINING ? WIRE_STATE_DRAINING : WIRE_STATE_STOPPING, now);
                } else {
                        if (s->state == WIRE_STATE_DONE)
                                s->state = WIRE_STATE_STOPPED;
                        start(p, e->slot, now);
                }
                break;
        case EVENT_REPLACE:
                replace(p, e->slot, now);
                break;
        case EVENT_HOLD:
                s->held = true;
                set_reason(s, "held by an operator");
                end_all(p, e->slot, WIRE_CAUSE_STOPPED, now);
                changed(p, e->slot);
                break;
        case EVENT_RESET:
                on_reset(p, e->slot, now);
                break;
        case EVENT_REMOVE:
                s->removed = true;
                end_all(p, e->slot, WIRE_CAUSE_STOPPED, now);
                if (!has_process(s)) {
                        act(p, (struct policy_action) {.type = ACTION_GONE, .slot = e->slot});
                        set_state(p, e->slot, WIRE_STATE_STOPPED, now);
                        s->used = false;
                }
                break;
        default:
                break;
        }
}

int policy_step(struct policy *p, const struct policy_event *event, uint64_t now) {
        struct policy_slot *s;

        switch (event->type) {
        case EVENT_START:
                start_all(p, now);
                break;
        case EVENT_TICK:
                tick(p, now);
                break;
        case EVENT_STOP:
                stop_all(p, now);
                break;
        case EVENT_WANT:
        case EVENT_RESTART:
        case EVENT_REPLACE:
        case EVENT_HOLD:
        case EVENT_RESET:
        case EVENT_REMOVE:
                if (policy_slot(p, event->slot))
                        slot_event(p, event, now);
                break;
        default:
                s = policy_slot(p, event->slot);
                if (s) {
                        struct policy_process *process = policy_process(s, event->generation);

                        if (process)
                                process_event(p, event, process, now);
                }
        }

        decide(p);
        finish(p);
        return p->failed ? -ENOMEM : 0;
}

bool policy_degraded(const struct policy *p) {
        for (size_t i = 0; i < p->n_slots; i++) {
                const struct policy_slot *s = p->slots[i];

                if (s->used && !s->removed && !serves(s))
                        return true;
        }
        return false;
}

void policy_check(const struct policy *p) {
        size_t n_blocked = 0;

        for (size_t i = 0; i < p->n_slots; i++) {
                const struct policy_slot *s = p->slots[i];

                if (!s->used)
                        continue;
                n_blocked += s->state == WIRE_STATE_BLOCKED;
                assert(s->retry_at == NSEC_NEVER || !lives(&s->main));
                assert(!s->held || s->retry_at == NSEC_NEVER);
                assert(s->state != WIRE_STATE_READY || s->main.phase == PHASE_READY || s->main.ending != WIRE_CAUSE_NONE);
                assert(s->state != WIRE_STATE_STARTING || lives(&s->main));
                assert(slot_deadline(s) >= p->next);
        }
        assert(n_blocked == p->n_blocked);
}
