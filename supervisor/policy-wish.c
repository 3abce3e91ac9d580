/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/policy-internal.h"

#include <stdio.h>

void policy_restart_slot(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        if (!policy_may_run(p, s))
                return;
        policy_forgive(s);
        if (policy_lives(&s->main)) {
                /* One that is failing already must not be waited for when it is gone: what is asked for is a new start. */
                if (s->main.ending != WIRE_CAUSE_NONE && !policy_was_asked(&s->main))
                        s->replace_again = true;
                policy_end(p, slot, &s->main, WIRE_CAUSE_REPLACED, now);
                policy_follow_main(p, slot, now);
                return;
        }
        s->wanted = true;
        if (s->state == WIRE_STATE_DONE)
                policy_set_state(p, slot, WIRE_STATE_STOPPED, now);
        policy_start_slot(p, slot, now);
}

static bool only_undead_left(const struct policy_slot *s) {
        for (unsigned i = 0; i < POLICY_OLD_MAX; i++)
                if (s->old[i].phase != PHASE_UNDEAD)
                        return false;
        return true;
}

void policy_replace_slot(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];
        const struct policy_slot *required;

        if (!policy_may_run(p, s))
                return;
        if (s->state == WIRE_STATE_RESTING || s->state == WIRE_STATE_BLOCKED) {
                /* There is nothing to replace, but the rules may be others now. */
                policy_start_slot(p, slot, now);
                return;
        }
        if (s->main.phase != PHASE_READY || s->rules.kind == WIRE_KIND_ONCE) {
                policy_restart_slot(p, slot, now);
                return;
        }
        required = policy_blocker(p, s);
        if (required && !policy_lives(&s->next)) {
                /* A new migration comes before those who rely on it. Until then, and if it fails, the old one serves. */
                s->replace_again = p->deferred = true;
                (void) snprintf(s->reason, sizeof(s->reason), "its replacement waits for %s", required->name);
                policy_changed(p, slot);
                return;
        }
        if (!policy_lives(&s->next) && policy_free_old(s)) {
                s->replace_again = false;
                policy_spawn(p, slot, &s->next, now);
                policy_changed(p, slot);
                return;
        }
        /* Room for the new one will never be: better a gap than none. */
        if (!policy_lives(&s->next) && only_undead_left(s))
                policy_restart_slot(p, slot, now);
        else
                /* Another is on its way, or two drain already: the third waits for one of them. */
                s->replace_again = true;
}

void policy_hold_slot(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        s->held = true;
        (void) snprintf(s->reason, sizeof(s->reason), "held by an operator");
        policy_end_slot(p, slot, now);
        policy_changed(p, slot);
}

void policy_reset_slot(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        s->held = false;
        policy_forgive(s);
        s->cause = WIRE_CAUSE_NONE;
        policy_changed(p, slot);
        if (s->main.ending == WIRE_CAUSE_STOPPED)
                s->main.ending = WIRE_CAUSE_REPLACED; /* held a moment ago: it comes back when it is gone */
        if (policy_lives(&s->main))
                return;
        s->reason[0] = 0;
        s->wanted = true;
        policy_start_slot(p, slot, now);
}

void policy_remove_slot(struct policy *p, uint32_t slot, uint64_t now) {
        p->slots[slot]->removed = true;
        policy_end_slot(p, slot, now);
}
