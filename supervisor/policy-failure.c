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

/* What cannot succeed unchanged is not tried again in a hurry, or at all. */
static uint64_t wait_after(struct policy *p, struct policy_slot *s, enum wire_cause cause, bool *ret_failed) {
        if (cause == WIRE_CAUSE_MISMATCH) {
                *ret_failed = true;
                return NSEC_NEVER;
        }
        if (cause == WIRE_CAUSE_EXEC || cause == WIRE_CAUSE_CONFIG) {
                struct backoff once = s->rules.backoff;

                once.intensity = 1;
                return backoff_wait(&once, 1, jitter(p), ret_failed);
        }
        return backoff_wait(&s->rules.backoff, s->failures, jitter(p), ret_failed);
}

uint64_t policy_failed(struct policy *p, uint32_t slot, enum wire_cause cause, int32_t exit_status, uint64_t now) {
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
                policy_act(p, (struct policy_action) {
                        .type = ACTION_GIVEN_UP, .slot = slot, .exit_status = exit_status, .cause = cause,
                });
        if (p->stopping || s->held || s->removed) {
                policy_set_state(p, slot, s->held ? WIRE_STATE_HELD : WIRE_STATE_STOPPED, now);
                return NSEC_NEVER;
        }

        s->restarts++;
        s->retry_at = wait == NSEC_NEVER ? NSEC_NEVER : now + wait;
        /* In the slow lane the window has served its purpose: the next failure is again the last straw. */
        if (given_up && s->rules.backoff.intensity > 0)
                s->failures = MAX(s->failures, s->rules.backoff.intensity) - 1;
        policy_set_state(p, slot, given_up ? WIRE_STATE_FAILED : WIRE_STATE_BACKOFF, now);
        policy_say(p, ACTION_CHANGED, slot, 0);
        if (wait == 0)
                policy_start_slot(p, slot, now);
        else
                policy_due(p, s->retry_at);
        return wait;
}

void policy_say_death(struct policy_slot *s, enum wire_cause cause, int32_t status, bool was_ready) {
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
                        (void) snprintf(s->reason, sizeof(s->reason), "%s",
                                        was_ready ? "owed an answer for too long" : "was not ready in time");
                break;
        default:
                /* Said when it was found out: exec, config, mismatch, protocol. */
                break;
        }
}
