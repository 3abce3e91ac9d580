/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The invariants of the policy core.
 */
#include "supervisor/policy-internal.h"

#include <assert.h>

static void check_processes(const struct policy *p, const struct policy_slot *s) {
        const struct policy_process *all[] = {&s->main, &s->next, &s->old[0], &s->old[1]};
        unsigned n_old = 0;

        for (unsigned i = 0; i < ELEMENTSOF(all); i++) {
                assert(policy_lives(all[i]) == (all[i]->generation != 0));
                assert(all[i]->generation <= p->generation);
                assert(all[i]->phase <= PHASE_READY || all[i]->ending != WIRE_CAUSE_NONE);
                assert(all[i]->phase == PHASE_READY || all[i]->ping_at == NSEC_NEVER || !policy_lives(all[i]));
                n_old += i >= 2 && policy_lives(all[i]);
        }
        assert(s->next.phase != PHASE_READY);
        if (policy_lives(&s->next) && s->next.ending == WIRE_CAUSE_NONE) {
                assert(policy_lives(&s->main));
                assert(n_old < POLICY_OLD_MAX);
        }
        assert(s->main.phase != PHASE_UNDEAD || n_old == POLICY_OLD_MAX);
}

/* Which states have a main process that does what. */
static void check_state(const struct policy *p, const struct policy_slot *s) {
        const struct policy_process *m = &s->main;

        switch (s->state) {
        case WIRE_STATE_STARTING:
                assert((m->phase == PHASE_SPAWNING || m->phase == PHASE_STARTING) && m->ending == WIRE_CAUSE_NONE);
                break;
        case WIRE_STATE_READY:
                assert(m->phase == PHASE_READY && m->ending == WIRE_CAUSE_NONE);
                break;
        case WIRE_STATE_DRAINING:
                assert(m->phase == PHASE_DRAINING);
                break;
        case WIRE_STATE_STOPPING:
                assert(policy_lives(m) && m->phase != PHASE_UNDEAD && m->ending != WIRE_CAUSE_NONE);
                break;
        case WIRE_STATE_BACKOFF:
                assert(!policy_lives(m) && s->retry_at != NSEC_NEVER);
                break;
        case WIRE_STATE_FAILED:
                assert(!policy_lives(m) && (s->retry_at != NSEC_NEVER || s->cause == WIRE_CAUSE_MISMATCH));
                break;
        case WIRE_STATE_UNDEAD:
                assert(policy_lives(m) || s->retry_at != NSEC_NEVER);
                break;
        case WIRE_STATE_BLOCKED:
                assert(!policy_lives(m) && policy_blocker(p, s));
                break;
        default:
                assert(!policy_lives(m));
                break;
        }
}

void policy_check(const struct policy *p) {
        size_t n_blocked = 0;

        for (size_t i = 0; i < p->n_slots; i++) {
                const struct policy_slot *s = p->slots[i];

                if (!s->used)
                        continue;
                n_blocked += s->state == WIRE_STATE_BLOCKED;
                check_processes(p, s);
                check_state(p, s);
                assert(s->retry_at == NSEC_NEVER || !policy_lives(&s->main));
                assert(s->retry_at == NSEC_NEVER || policy_may_run(p, s));
                assert(s->healthy_at == NSEC_NEVER || s->state == WIRE_STATE_READY || s->state == WIRE_STATE_RESTING);
                assert(policy_slot_deadline(s) >= p->due[i] && p->due[i] >= p->next);
        }
        assert(n_blocked == p->n_blocked);
        assert(!p->stirred);
}
