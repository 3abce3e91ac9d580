/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/policy-internal.h"

#include <stdio.h>

/* xorshift: jitter needs to differ, not to be unguessable. */
static uint32_t jitter(struct policy *p) {
        p->random ^= p->random << 13;
        p->random ^= p->random >> 17;
        p->random ^= p->random << 5;
        return p->random;
}

/* A worker that served is no worse for a SIGKILL from outside, unless it never gets further than that. */
static bool is_blameless(const struct policy_slot *s, const struct policy_process *gone, enum wire_cause cause, uint64_t now) {
        return cause == WIRE_CAUSE_KILLED && gone->ready_at > 0 &&
                now - gone->ready_at >= s->rules.backoff.base_msec * NSEC_PER_MSEC;
}

static void count(struct policy_slot *s, uint64_t now) {
        bool window_passed = now - s->window_start > s->rules.window_msec * NSEC_PER_MSEC;

        if (s->failures == 0 || (window_passed && !s->slow)) {
                /* Failures that come slowly must not add up, those in a steady rhythm must not start over. */
                s->failures = s->failures > 1 && s->rules.backoff.intensity == 0 ? s->failures - 1 : 0;
                s->window_start = now;
        }
        if (s->failures < UINT32_MAX)
                s->failures++;
}

/* What cannot succeed unchanged is not tried again in a hurry, or at all. */
static uint64_t wait_after(struct policy *p, struct policy_slot *s, enum wire_cause cause, bool *ret_failed) {
        struct backoff backoff = s->rules.backoff;
        uint32_t failures = s->failures;

        if (cause == WIRE_CAUSE_MISMATCH) {
                *ret_failed = true;
                return NSEC_NEVER;
        }
        if (cause == WIRE_CAUSE_KILLED)
                /* It can be a reason to wait, never to give up: the worker did nothing wrong. */
                backoff.intensity = 0;
        else if (s->slow || cause == WIRE_CAUSE_EXEC || cause == WIRE_CAUSE_CONFIG) {
                /* Straight to the slow lane, or, where there is none, to the cap. */
                backoff.intensity = MIN(backoff.intensity, 1U);
                failures = UINT32_MAX;
        }
        return backoff_wait(&backoff, failures, jitter(p), ret_failed);
}

uint64_t policy_failed(struct policy *p, uint32_t slot, const struct policy_process *gone, enum wire_cause cause,
                       int32_t exit_status, uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        bool given_up = false;
        uint64_t wait = 0;

        if (!policy_may_run(p, s)) {
                policy_set_state(p, slot, s->held ? WIRE_STATE_HELD : WIRE_STATE_STOPPED, now);
                return NSEC_NEVER;
        }

        if (!is_blameless(s, gone, cause, now)) {
                count(s, now);
                wait = wait_after(p, s, cause, &given_up);
        }
        s->slow = s->slow || given_up;
        if (given_up && s->rules.critical)
                policy_act(p, (struct policy_action) {
                        .type = ACTION_GIVEN_UP, .slot = slot, .exit_status = exit_status, .cause = cause,
                });

        s->restarts++;
        s->wanted = true; /* a request may be waiting */
        s->retry_at = wait == NSEC_NEVER ? NSEC_NEVER : now + wait;
        policy_set_state(p, slot, given_up ? WIRE_STATE_FAILED : WIRE_STATE_BACKOFF, now);
        policy_changed(p, slot);
        if (wait == 0)
                policy_start_slot(p, slot, now);
        else
                policy_due(p, slot, s->retry_at);
        return wait;
}

void policy_forgive(struct policy_slot *s) {
        s->failures = 0;
        s->slow = false;
}

void policy_say_death(struct policy_slot *s, const struct policy_process *gone, enum wire_cause cause, int32_t status,
                      bool heard) {
        bool was_ready = gone->ready_at > 0, asked = policy_was_asked(gone);
        const char *when = asked ? " on its way out" : was_ready ? "" : " before it was ready";
        size_t size = sizeof(s->death);

        if (heard && !asked && (gone->ending != WIRE_CAUSE_NONE || gone->phase == PHASE_SPAWNING) && s->reason[0]) {
                (void) strcopy(s->death, size, s->reason);
                return;
        }
        switch (cause) {
        case WIRE_CAUSE_EXIT:
                (void) snprintf(s->death, size, "exited with code %d%s", status, when);
                break;
        case WIRE_CAUSE_SIGNAL:
        case WIRE_CAUSE_KILLED:
                (void) snprintf(s->death, size, "killed by SIG%s%s", strempty(sigabbrev_np(status)), when);
                break;
        case WIRE_CAUSE_OOM:
                (void) snprintf(s->death, size, "killed, out of memory%s", when);
                break;
        case WIRE_CAUSE_SANDBOX:
                (void) snprintf(s->death, size, "did what its sandbox forbids%s%s%s",
                                *strempty(s->detail) ? ": " : "", strempty(s->detail), when);
                break;
        case WIRE_CAUSE_DEADLINE:
                (void) snprintf(s->death, size, "%s", asked ? "did not end when it was asked to" :
                                was_ready ? "owed an answer for too long" : "was not ready in time");
                break;
        case WIRE_CAUSE_EXEC:
                (void) snprintf(s->death, size, "could not be executed");
                break;
        case WIRE_CAUSE_CONFIG:
                (void) snprintf(s->death, size, "its configuration is wrong");
                break;
        case WIRE_CAUSE_MISMATCH:
                (void) snprintf(s->death, size, "is of another version: restart needed");
                break;
        case WIRE_CAUSE_PROTOCOL:
                (void) snprintf(s->death, size, "broke the protocol%s", when);
                break;
        default:
                (void) snprintf(s->death, size, "%s", wire_cause_to_string(cause));
                break;
        }
}
