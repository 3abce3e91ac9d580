/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/policy-internal.h"

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

void policy_changed(struct policy *p, uint32_t slot) {
        if (p->slots[slot]->changed)
                return;
        p->slots[slot]->changed = true;
        policy_say(p, ACTION_CHANGED, slot, 0);
}

bool policy_next_action(struct policy *p, struct policy_action *ret) {
        if (p->actions_taken == p->n_actions) {
                p->actions_taken = p->n_actions = 0;
                return false;
        }
        *ret = p->actions[p->actions_taken++];
        if (ret->type == ACTION_CHANGED)
                p->slots[ret->slot]->changed = false;
        /* Not earlier: the actions before this one may still look at the slot. */
        if (ret->type == ACTION_GONE)
                p->slots[ret->slot]->used = false;
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
        free(p->due);
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
        for (uint32_t i = 0; i < s->n_requires; i++)
                p->slots[s->requires[i]]->required = true;
}

static uint32_t free_index(struct policy *p) {
        for (size_t i = 0; i < p->n_slots; i++)
                if (!p->slots[i]->used)
                        return (uint32_t) i;
        return UINT32_MAX;
}

static int make_room(struct policy *p) {
        size_t n = MAX(p->allocated * 2, (size_t) 16);
        struct policy_slot **slots;
        uint64_t *at;

        if (p->n_slots < p->allocated)
                return 0;
        slots = reallocarray(p->slots, n, sizeof(*slots));
        if (!slots)
                return -ENOMEM;
        p->slots = slots;
        at = reallocarray(p->due, n, sizeof(*at));
        if (!at)
                return -ENOMEM;
        p->due = at;
        p->allocated = n;
        return 0;
}

int policy_add(struct policy *p, const char *name, const struct policy_rules *rules, const uint32_t *requires, size_t n_requires,
               uint32_t *ret_slot) {
        /* Places are looked for only where some were given back: at the first start none was. */
        uint32_t slot = p->decided ? free_index(p) : UINT32_MAX;
        struct policy_slot *s;

        if (slot == UINT32_MAX) {
                if (make_room(p) < 0)
                        return -ENOMEM;
                s = calloc(1, sizeof(*s));
                if (!s)
                        return -ENOMEM;
                slot = (uint32_t) p->n_slots;
                p->slots[p->n_slots++] = s;
        }

        s = p->slots[slot];
        *s = (struct policy_slot) {
                .used = true,
                .required = s->required,
                .state = WIRE_STATE_STOPPED,
                .retry_at = NSEC_NEVER,
                .healthy_at = NSEC_NEVER,
        };
        p->due[slot] = NSEC_NEVER;
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

void policy_appoint(struct policy *p, uint32_t slot) {
        uint64_t at = policy_slot_deadline(p->slots[slot]);

        if (p->due[slot] == p->next && at > p->next)
                p->overtaken = true;
        p->due[slot] = at;
}

uint64_t policy_deadline(struct policy *p) {
        if (p->overtaken) {
                p->overtaken = false;
                p->next = NSEC_NEVER;
                for (size_t i = 0; i < p->n_slots; i++)
                        p->next = MIN(p->next, p->due[i]);
        }
        return p->next;
}

static void tick(struct policy *p, uint64_t now) {
        uint64_t next = NSEC_NEVER;

        for (size_t i = 0; i < p->n_slots; i++) {
                if (p->due[i] <= now) {
                        if (p->slots[i]->used)
                                policy_tick_slot(p, (uint32_t) i, now);
                        p->due[i] = p->slots[i]->used ? policy_slot_deadline(p->slots[i]) : NSEC_NEVER;
                }
                next = MIN(next, p->due[i]);
        }
        p->next = next;
}

/* ---- the whole ---- */

static bool is_misconfigured(const struct policy_slot *s) {
        return (s->state == WIRE_STATE_FAILED || s->state == WIRE_STATE_BACKOFF) &&
                (s->cause == WIRE_CAUSE_CONFIG || s->cause == WIRE_CAUSE_EXEC);
}

/* Whether what becomes of the slot is known: it will not change by itself in the next moments. */
static bool is_decided(const struct policy *p, const struct policy_slot *s) {
        /* What is blocked is as decided as what blocks it; who blocks one another has been decided for good. */
        for (size_t i = 0; i < p->n_slots && s && s->state == WIRE_STATE_BLOCKED; i++)
                s = policy_blocker(p, s);
        if (!s || !s->used || s->removed)
                return true;

        switch (s->state) {
        case WIRE_STATE_READY:
                return s->rules.kind != WIRE_KIND_ONCE;
        case WIRE_STATE_BLOCKED:
        case WIRE_STATE_DONE:
        case WIRE_STATE_RESTING:
        case WIRE_STATE_FAILED:
        case WIRE_STATE_HELD:
        case WIRE_STATE_UNDEAD:
                return true;
        default:
                /* What is never given up is decided by what cannot change. */
                return is_misconfigured(s);
        }
}

static void decide(struct policy *p) {
        bool misconfigured = false, anything = false;

        if (p->decided || !p->running || p->stopping)
                return;
        while (p->n_decided < p->n_slots && is_decided(p, p->slots[p->n_decided]))
                p->n_decided++;
        if (p->n_decided < p->n_slots)
                return;

        for (size_t i = 0; i < p->n_slots; i++) {
                const struct policy_slot *s = p->slots[i];

                if (!s->used || s->removed)
                        continue;
                if (s->rules.kind == WIRE_KIND_GATEWAY && s->state != WIRE_STATE_READY) {
                        /* Without its gateway a service does not serve; one that cannot be configured never will. */
                        if (!is_misconfigured(s))
                                return;
                        anything = false;
                        misconfigured = true;
                        break;
                }
                if (is_misconfigured(s) && s->cause == WIRE_CAUSE_CONFIG)
                        misconfigured = true;
                if ((s->rules.kind == WIRE_KIND_PLUGIN || s->rules.kind == WIRE_KIND_EXEC) && policy_serves(s))
                        anything = true;
        }
        p->decided = true;
        policy_say(p, misconfigured && !anything ? ACTION_MISCONFIGURED : ACTION_SERVICE_READY, 0, 0);
}

/* None is left, or none that SIGKILL ends. */
static bool is_over(const struct policy_slot *s) {
        const struct policy_process *all[] = {&s->main, &s->next, &s->old[0], &s->old[1]};

        for (unsigned i = 0; s->used && i < ELEMENTSOF(all); i++)
                if (policy_lives(all[i]) && all[i]->phase != PHASE_UNDEAD)
                        return false;
        return true;
}

static void end_kind(struct policy *p, enum wire_kind kind, uint64_t now) {
        for (size_t i = 0; i < p->n_slots; i++)
                if (p->slots[i]->used && p->slots[i]->rules.kind == (uint32_t) kind)
                        policy_end_slot(p, (uint32_t) i, now);
}

static bool kind_is_over(const struct policy *p, enum wire_kind kind) {
        for (size_t i = 0; i < p->n_slots; i++)
                if (p->slots[i]->rules.kind == (uint32_t) kind && !is_over(p->slots[i]))
                        return false;
        return true;
}

/* Discovery first: nobody new is sent to listeners that are about to close. */
static void end_gateways(struct policy *p, uint64_t now) {
        if (!p->stopping || p->closing || !kind_is_over(p, WIRE_KIND_DISCOVERY))
                return;
        p->closing = true;
        end_kind(p, WIRE_KIND_GATEWAY, now);
}

/* Then the gateways: until the last of them has given its last answer, somebody must work for them. */
static void end_the_rest(struct policy *p, uint64_t now) {
        if (!kind_is_over(p, WIRE_KIND_GATEWAY))
                return;
        p->ending = true;
        for (size_t i = 0; i < p->n_slots; i++)
                if (p->slots[i]->used)
                        policy_end_slot(p, (uint32_t) i, now);
        p->stirred = false; /* nobody starts any more */
}

static void finish(struct policy *p, uint64_t now) {
        if (!p->stopping || p->finished)
                return;
        if (p->closing && !p->ending)
                end_the_rest(p, now);
        if (!p->ending)
                return;
        /* Nothing is started any more, so a slot that is over stays so. */
        while (p->n_finished < p->n_slots && is_over(p->slots[p->n_finished]))
                p->n_finished++;
        if (p->n_finished < p->n_slots)
                return;
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
        end_kind(p, WIRE_KIND_DISCOVERY, now);
}

/* Of what a worker says about itself only this is believed: the rest is for the supervisor to know. */
static enum wire_cause told_cause(enum wire_cause cause) {
        return cause == WIRE_CAUSE_CONFIG || cause == WIRE_CAUSE_MISMATCH ? cause : WIRE_CAUSE_EXIT;
}

/* A death is never nobody's, and never a wish. */
static enum wire_cause seen_cause(enum wire_cause cause) {
        return cause > WIRE_CAUSE_NONE && cause < WIRE_CAUSE_STOPPED ? cause : WIRE_CAUSE_EXIT;
}

/* The slot's reason is about what serves or is to serve, not about what is on its way out. */
static void hear(struct policy_slot *s, const struct policy_process *process, const struct policy_event *e) {
        if (process->ending != WIRE_CAUSE_NONE && e->type != EVENT_BROKE)
                return;
        if (process == &s->main || process == &s->next)
                (void) strcopy(s->reason, sizeof(s->reason), strempty(e->text));
}

/* Events about one process. */
static void process_event(struct policy *p, const struct policy_event *e, struct policy_process *process, uint64_t now) {
        struct policy_slot *s = p->slots[e->slot];

        switch (e->type) {
        case EVENT_SPAWNED:
                policy_on_spawned(p, e->slot, process, now);
                break;
        case EVENT_SPAWN_FAILED:
                hear(s, process, e);
                policy_on_gone(p, e->slot, process, seen_cause(e->cause), e->exit_status, now);
                break;
        case EVENT_READY:
                policy_on_ready(p, e->slot, process, now);
                break;
        case EVENT_FAILED:
                /* It exits right behind; its exit is then of this cause. */
                hear(s, process, e);
                policy_let_go(p, e->slot, process, told_cause(e->cause), now);
                break;
        case EVENT_PONG:
                policy_pong(p, e->slot, process, now);
                break;
        case EVENT_STALLED:
                hear(s, process, e);
                policy_abort(p, e->slot, process, WIRE_CAUSE_DEADLINE, now);
                break;
        case EVENT_BROKE:
                hear(s, process, e);
                policy_kill(p, e->slot, process, WIRE_CAUSE_PROTOCOL, now);
                break;
        case EVENT_DIED:
                s->detail = strempty(e->text);
                policy_on_gone(p, e->slot, process, seen_cause(e->cause), e->exit_status, now);
                s->detail = "";
                break;
        default:
                break;
        }
        policy_settle(p, e->slot, now);
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
        policy_appoint(p, e->slot);
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

        end_gateways(p, now);
        policy_stir(p, now);
        decide(p);
        finish(p, now);
        return p->failed ? -ENOMEM : 0;
}

bool policy_degraded(const struct policy *p) {
        for (size_t i = 0; i < p->n_slots; i++) {
                const struct policy_slot *s = p->slots[i];

                if (!s->used || s->removed)
                        continue;
                switch (s->state) {
                case WIRE_STATE_BLOCKED:
                case WIRE_STATE_BACKOFF:
                case WIRE_STATE_FAILED:
                case WIRE_STATE_HELD:
                case WIRE_STATE_UNDEAD:
                        return true;
                case WIRE_STATE_STARTING:
                        if (s->failures > 0)
                                return true;
                        break;
                default:
                        break;
                }
        }
        return false;
}
