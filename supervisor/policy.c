/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/policy-internal.h"

#include <assert.h>

/* ---- actions ---- */

void policy_act(struct policy *p, struct policy_action action) {
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

/* ---- time ---- */

uint64_t policy_deadline(struct policy *p) {
        return p->next;
}

static void tick(struct policy *p, uint64_t now) {
        uint64_t next = NSEC_NEVER;

        p->next = NSEC_NEVER;
        for (size_t i = 0; i < p->n_slots; i++) {
                if (!p->slots[i]->used)
                        continue;
                if (policy_slot_deadline(p->slots[i]) <= now)
                        policy_tick_slot(p, (uint32_t) i, now);
                next = MIN(next, policy_slot_deadline(p->slots[i]));
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
                const struct policy_slot *required = policy_blocker(p, s);

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
                if ((s->rules.kind == WIRE_KIND_PLUGIN || s->rules.kind == WIRE_KIND_EXEC) && policy_serves(s))
                        anything = true;
        }
        p->decided = true;
        policy_say(p, misconfigured && !anything ? ACTION_MISCONFIGURED : ACTION_SERVICE_READY, 0, 0);
}

static void finish(struct policy *p) {
        if (!p->stopping || p->finished)
                return;
        for (size_t i = 0; i < p->n_slots; i++) {
                const struct policy_slot *s = p->slots[i];
                const struct policy_process *all[] = {&s->main, &s->next, &s->old[0], &s->old[1]};

                for (unsigned j = 0; s->used && j < ELEMENTSOF(all); j++)
                        if (policy_lives(all[j]) && all[j]->phase != PHASE_UNDEAD)
                                return;
        }
        p->finished = true;
        policy_say(p, ACTION_FINISHED, 0, 0);
}

static void start_all(struct policy *p, uint64_t now) {
        p->running = true;
        for (size_t i = 0; i < p->n_slots; i++)
                if (p->slots[i]->used && p->slots[i]->state == WIRE_STATE_STOPPED)
                        policy_start_slot(p, (uint32_t) i, now);
}

static void stop_all(struct policy *p, uint64_t now) {
        p->stopping = true;
        for (size_t i = 0; i < p->n_slots; i++)
                if (p->slots[i]->used)
                        policy_end_slot(p, (uint32_t) i, WIRE_CAUSE_STOPPED, now);
}

/* Events about one process. */
static void process_event(struct policy *p, const struct policy_event *e, struct policy_process *process, uint64_t now) {
        struct policy_slot *s = p->slots[e->slot];

        if (e->type == EVENT_SPAWN_FAILED || e->type == EVENT_FAILED || e->type == EVENT_STALLED || e->type == EVENT_BROKE)
                (void) strcopy(s->reason, sizeof(s->reason), strempty(e->text));
        switch (e->type) {
        case EVENT_SPAWNED:
                policy_on_spawned(p, e->slot, process, now);
                break;
        case EVENT_READY:
                policy_on_ready(p, e->slot, process, now);
                break;
        case EVENT_FAILED:
                /* It exits right behind; its exit is then of this cause. */
                policy_let_go(p, e->slot, process, e->cause, now);
                break;
        case EVENT_PONG:
                policy_pong(p, e->slot, process, now);
                break;
        case EVENT_STALLED:
                policy_abort(p, e->slot, process, WIRE_CAUSE_DEADLINE, now);
                break;
        case EVENT_BROKE:
                policy_kill(p, e->slot, process, WIRE_CAUSE_PROTOCOL, now);
                break;
        case EVENT_SPAWN_FAILED:
        case EVENT_DIED:
                policy_on_gone(p, e->slot, process, e->cause, e->exit_status, now);
                break;
        default:
                break;
        }
}

static void want(struct policy *p, uint32_t slot, uint64_t now) {
        struct policy_slot *s = p->slots[slot];

        s->wanted = true;
        if (s->state == WIRE_STATE_RESTING)
                policy_start_slot(p, slot, now);
}

/* Events about a slot. */
static void (*const slot_events[])(struct policy *p, uint32_t slot, uint64_t now) = {
        [EVENT_WANT] = want,
        [EVENT_RESTART] = policy_restart_slot,
        [EVENT_REPLACE] = policy_replace_slot,
        [EVENT_HOLD] = policy_hold_slot,
        [EVENT_RESET] = policy_reset_slot,
        [EVENT_REMOVE] = policy_remove_slot,
};

static void slot_event(struct policy *p, const struct policy_event *e, uint64_t now) {
        struct policy_slot *s = policy_slot(p, e->slot);
        struct policy_process *process = s ? policy_process(s, e->generation) : NULL;

        if (!s)
                return;
        if (e->type < ELEMENTSOF(slot_events) && slot_events[e->type])
                slot_events[e->type](p, e->slot, now);
        else if (process)
                process_event(p, e, process, now);
}

int policy_step(struct policy *p, const struct policy_event *event, uint64_t now) {
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
        default:
                slot_event(p, event, now);
                break;
        }

        decide(p);
        finish(p);
        return p->failed ? -ENOMEM : 0;
}

bool policy_degraded(const struct policy *p) {
        for (size_t i = 0; i < p->n_slots; i++) {
                const struct policy_slot *s = p->slots[i];

                if (s->used && !s->removed && !policy_serves(s))
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
                assert(s->retry_at == NSEC_NEVER || !policy_lives(&s->main));
                assert(!s->held || s->retry_at == NSEC_NEVER);
                assert(s->state != WIRE_STATE_READY || s->main.phase == PHASE_READY || s->main.ending != WIRE_CAUSE_NONE);
                assert(s->state != WIRE_STATE_STARTING || policy_lives(&s->main));
                assert(policy_slot_deadline(s) >= p->next);
        }
        assert(n_blocked == p->n_blocked);
}
