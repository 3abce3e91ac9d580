/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The policy core against a small world of processes that do anything at any time: after each of 200,000 events the
 * invariants hold, and when the world comes to its senses every slot that can run does so again; after EVENT_STOP all is
 * over within the time of the ladder, whatever the processes do. And what a thousand deaths at once cost.
 *
 * The world keeps its own account of who lives and who serves, from the actions alone.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>

#include "tests/unit/policy-script.h"
#include "tests/unit/run.h"

#define ROUNDS 250
#define EVENTS 800
#define SLOTS 12
#define BODIES_MAX 512

/* A process as the kernel would know it. */
struct body {
        uint32_t slot, generation;
        bool alive, there, serving, pinged, asked;
        int signo; /* the last signal it got */
};

static struct {
        struct policy policy;
        uint64_t now;
        uint64_t random;
        struct body bodies[BODIES_MAX];
        size_t n_bodies;
        uint32_t generation;    /* the newest */
        uint32_t gone[WIRE_CAUSE_MAX];
        bool ready, misconfigured, finished;
} w;

static uint32_t dice(uint32_t sides) {
        w.random = w.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t) (w.random >> 33) % sides;
}

static struct body *find(uint32_t slot, uint32_t generation) {
        for (size_t i = 0; i < w.n_bodies; i++)
                if (w.bodies[i].generation == generation && w.bodies[i].slot == slot)
                        return &w.bodies[i];
        return NULL;
}

static void born(const struct policy_action *a) {
        ck_assert_uint_lt(w.n_bodies, BODIES_MAX);
        ck_assert_uint_gt(a->generation, w.generation);
        w.generation = a->generation;
        w.bodies[w.n_bodies++] = (struct body) {.slot = a->slot, .generation = a->generation, .alive = true};
}

static void serve(const struct policy_action *a) {
        for (size_t i = 0; i < w.n_bodies; i++)
                if (w.bodies[i].slot == a->slot)
                        w.bodies[i].serving = w.bodies[i].generation == a->generation;
        ck_assert_msg(find(a->slot, a->generation) && find(a->slot, a->generation)->there, "nobody there to serve");
}

static void unserve(const struct policy_action *a) {
        for (size_t i = 0; i < w.n_bodies; i++)
                if (w.bodies[i].slot == a->slot)
                        w.bodies[i].serving = false;
}

static void obey(const struct policy_action *a) {
        struct body *body = find(a->slot, a->generation);

        switch (a->type) {
        case ACTION_SPAWN:
                born(a);
                break;
        case ACTION_SERVE:
                serve(a);
                break;
        case ACTION_UNSERVE:
                unserve(a);
                break;
        case ACTION_DRAIN:
        case ACTION_SIGNAL:
                ck_assert_msg(body && body->there, "a signal for nobody");
                body->asked = true;
                body->signo = a->signo;
                break;
        case ACTION_PING:
                ck_assert_msg(body && body->there && !body->pinged, "a ping for nobody, or the second");
                body->pinged = true;
                break;
        case ACTION_SERVICE_READY:
        case ACTION_MISCONFIGURED:
                ck_assert_msg(!w.ready && !w.misconfigured, "decided twice");
                w.ready = a->type == ACTION_SERVICE_READY;
                w.misconfigured = !w.ready;
                break;
        case ACTION_FINISHED:
                ck_assert(!w.finished);
                w.finished = true;
                break;
        case ACTION_GONE:
                for (size_t i = 0; i < w.n_bodies; i++)
                        ck_assert_uint_ne(w.bodies[i].slot, a->slot);
                break;
        case ACTION_RECORD:
                w.gone[a->cause]++;
                break;
        default:
                break;
        }
}

static void step(struct policy_event event) {
        struct policy_action action;

        /* The dead are dead before the policy hears of it. */
        if (event.type == EVENT_DIED || event.type == EVENT_SPAWN_FAILED) {
                struct body *body = find(event.slot, event.generation);

                if (body)
                        *body = w.bodies[--w.n_bodies];
        }
        if (event.type == EVENT_SPAWNED && find(event.slot, event.generation))
                find(event.slot, event.generation)->there = true;
        if (event.type == EVENT_PONG && find(event.slot, event.generation))
                find(event.slot, event.generation)->pinged = false;
        ck_assert_int_eq(policy_step(&w.policy, &event, w.now), 0);
        policy_check(&w.policy);
        while (policy_next_action(&w.policy, &action))
                obey(&action);
}

/* ---- a random service ---- */

static struct policy_rules random_rules(void) {
        static const uint32_t kinds[] = {WIRE_KIND_PLUGIN, WIRE_KIND_PLUGIN, WIRE_KIND_PLUGIN, WIRE_KIND_EXEC, WIRE_KIND_GATEWAY,
                                         WIRE_KIND_CONTROL, WIRE_KIND_ONCE, WIRE_KIND_DISCOVERY};
        struct policy_rules rules = stage_rules;

        rules.kind = kinds[dice(ELEMENTSOF(kinds))];
        rules.on_demand = rules.kind == WIRE_KIND_PLUGIN && dice(2);
        rules.ready_at_once = rules.kind == WIRE_KIND_EXEC && dice(2);
        rules.drains = rules.kind != WIRE_KIND_EXEC && rules.kind != WIRE_KIND_ONCE;
        rules.ping_msec = dice(3) ? 0 : 10000;
        rules.abort_msec = dice(4) ? 1000 : 0;
        rules.critical = dice(5) == 0;
        rules.backoff.intensity = dice(3) ? 5 : 0;
        return rules;
}

static void add_slot(void) {
        struct policy_rules rules = random_rules();
        uint32_t requires[3], slot;
        size_t n = 0;
        char name[16];

        for (size_t i = 0; i < w.policy.n_slots && n < ELEMENTSOF(requires); i++)
                if (w.policy.slots[i]->used && !w.policy.slots[i]->removed && dice(6) == 0)
                        requires[n++] = (uint32_t) i;
        (void) snprintf(name, sizeof(name), "w%zu", w.policy.n_slots);
        ck_assert_int_eq(policy_add(&w.policy, name, &rules, requires, n, &slot), 0);
}

/* What the supervisor does at a reload: no rule names a slot that is to go. */
static void remove_slot(uint32_t gone) {
        for (uint32_t i = 0; i < w.policy.n_slots; i++) {
                const struct policy_slot *s = w.policy.slots[i];
                uint32_t requires[POLICY_REQUIRES_MAX];
                size_t n = 0;

                for (uint32_t j = 0; j < s->n_requires; j++)
                        if (s->requires[j] != gone)
                                requires[n++] = s->requires[j];
                if (n == s->n_requires || !s->used)
                        continue;
                policy_set_rules(&w.policy, i, &s->rules, requires, n);
                step((struct policy_event) {.type = EVENT_REPLACE, .slot = i});
        }
        step((struct policy_event) {.type = EVENT_REMOVE, .slot = gone});
}

static void begin(uint64_t seed) {
        memset(&w, 0, sizeof(w));
        w.random = seed * 7919 + 1;
        w.now = 1000 * NSEC_PER_SEC;
        policy_init(&w.policy, (uint32_t) seed);
        for (unsigned i = 0; i < SLOTS; i++)
                add_slot();
        step((struct policy_event) {.type = EVENT_START});
}

/* ---- a world without sense ---- */

static void pass(uint64_t nsec) {
        uint64_t end = w.now + nsec;

        while (policy_deadline(&w.policy) <= end) {
                w.now = MAX(w.now, policy_deadline(&w.policy));
                step((struct policy_event) {.type = EVENT_TICK});
                ck_assert_msg(policy_deadline(&w.policy) > w.now, "a tick that is due again at once");
        }
        w.now = end;
}

static void anything_to_a_process(void) {
        static const enum policy_event_type types[] = {
                EVENT_SPAWNED, EVENT_SPAWNED, EVENT_SPAWNED, EVENT_READY, EVENT_READY, EVENT_READY, EVENT_PONG, EVENT_PONG,
                EVENT_SPAWN_FAILED, EVENT_FAILED, EVENT_STALLED, EVENT_BROKE, EVENT_DIED, EVENT_DIED,
        };
        const struct body *body = &w.bodies[dice((uint32_t) MAX(w.n_bodies, (size_t) 1))];
        struct policy_event event = {
                .type = types[dice(ELEMENTSOF(types))], .slot = body->slot, .generation = body->generation,
                .cause = dice(WIRE_CAUSE_MAX + 2), .exit_status = (int32_t) dice(3), .text = dice(2) ? "why" : NULL,
        };

        if (w.n_bodies == 0)
                return;
        if (dice(20) == 0)
                event.generation = 1 + dice(w.generation + 5); /* somebody else's, or nobody's */
        /* The supervisor says of a process only what can be true of it. */
        body = find(event.slot, event.generation);
        if (body && body->there == (event.type == EVENT_SPAWNED || event.type == EVENT_SPAWN_FAILED))
                return;
        step(event);
}

static void anything(void) {
        static const enum policy_event_type wishes[] = {EVENT_WANT, EVENT_WANT, EVENT_RESTART, EVENT_REPLACE, EVENT_REPLACE,
                                                        EVENT_REPLACE, EVENT_HOLD, EVENT_RESET, EVENT_RESET};
        uint32_t slot = dice((uint32_t) w.policy.n_slots + 1), what = dice(100);

        if (what < 70)
                anything_to_a_process();
        else if (what < 80)
                step((struct policy_event) {.type = wishes[dice(ELEMENTSOF(wishes))], .slot = slot});
        else if (what == 80)
                remove_slot(slot);
        else if (what == 81) {
                add_slot();
                step((struct policy_event) {.type = EVENT_START});
        } else
                pass((uint64_t) dice(dice(10) ? 300 : 40000) * NSEC_PER_MSEC);
}

/* ---- a world that comes to its senses ---- */

/* What a good process does next; false when it has nothing to do. */
static bool behave(const struct body *b) {
        struct policy_event event = {.slot = b->slot, .generation = b->generation, .cause = WIRE_CAUSE_EXIT};
        const struct policy_slot *s = w.policy.slots[b->slot];
        const struct policy_process *process = policy_process(w.policy.slots[b->slot], b->generation);

        ck_assert_msg(process, "one lives that the policy does not know");
        if (!b->there)
                event.type = EVENT_SPAWNED;
        else if (b->asked) {
                event.type = EVENT_DIED;
                if (b->signo != 0)
                        event = (struct policy_event) {.type = EVENT_DIED, .slot = b->slot, .generation = b->generation,
                                                       .cause = b->signo == SIGKILL ? WIRE_CAUSE_KILLED : WIRE_CAUSE_SIGNAL,
                                                       .exit_status = b->signo};
        } else if (b->pinged)
                event.type = EVENT_PONG;
        else if (s->rules.kind == WIRE_KIND_ONCE)
                event.type = EVENT_DIED;
        else if (process->phase == PHASE_STARTING)
                event.type = EVENT_READY;
        else
                return false;
        step(event);
        return true;
}

static void all_behave(void) {
        size_t i = 0;

        while (i < w.n_bodies)
                i = behave(&w.bodies[i]) ? 0 : i + 1;
}

static void settle(uint64_t msec) {
        uint64_t end = w.now + msec * NSEC_PER_MSEC;

        all_behave();
        while (policy_deadline(&w.policy) <= end) {
                w.now = MAX(w.now, policy_deadline(&w.policy));
                step((struct policy_event) {.type = EVENT_TICK});
                all_behave();
        }
        w.now = end;
}

static bool can_run(const struct policy_slot *s) {
        if (!s->used || s->removed || s->held || (s->state == WIRE_STATE_FAILED && s->cause == WIRE_CAUSE_MISMATCH))
                return false;
        for (uint32_t i = 0; i < s->n_requires; i++)
                if (s->state == WIRE_STATE_BLOCKED && !can_run(w.policy.slots[s->requires[i]]))
                        return false;
        return true;
}

static void check_all_run(void) {
        for (uint32_t i = 0; i < w.policy.n_slots; i++) {
                const struct policy_slot *s = w.policy.slots[i];
                size_t lives = 0, serving = 0;

                for (size_t j = 0; j < w.n_bodies; j++) {
                        lives += w.bodies[j].slot == i;
                        serving += w.bodies[j].slot == i && w.bodies[j].serving;
                }
                if (!can_run(s)) {
                        ck_assert_msg(lives == 0 || s->state == WIRE_STATE_READY, "%s is %s and has processes", s->name,
                                      wire_state_to_string(s->state));
                        continue;
                }
                ck_assert_msg(s->state == WIRE_STATE_READY || s->state == WIRE_STATE_DONE || s->state == WIRE_STATE_RESTING,
                              "%s is %s for ever: %s", s->name, wire_state_to_string(s->state), s->reason);
                ck_assert_uint_eq(lives, s->state == WIRE_STATE_READY);
                ck_assert_msg(serving == lives, "%s: %zu serve of %zu", s->name, serving, lives);
                ck_assert_uint_eq(s->failures, 0);
        }
}

static void all_are_there(void) {
        for (size_t i = 0; i < w.n_bodies; i++)
                if (!w.bodies[i].there)
                        step((struct policy_event) {
                                .type = EVENT_SPAWNED, .slot = w.bodies[i].slot, .generation = w.bodies[i].generation,
                        });
}

START_TEST(no_dead_end) {
        uint64_t ladder_msec = stage_rules.drain_msec + stage_rules.term_msec + stage_rules.abort_msec + stage_rules.kill_msec;

        begin((uint64_t) _i + 1);
        for (unsigned i = 0; i < EVENTS; i++)
                anything();
        settle(10 * 60 * 1000);
        check_all_run();
        for (uint32_t i = 0; i < w.policy.n_slots; i++)
                step((struct policy_event) {.type = EVENT_WANT, .slot = i});
        settle(1000);
        check_all_run();

        /* Even a process that nothing ends holds nobody up for longer than three ladders: discovery's, the gateways',
         * the others'. */
        for (unsigned i = 0; i < 60; i++)
                anything();
        step((struct policy_event) {.type = EVENT_STOP});
        if (_i % 2)
                all_behave();
        for (unsigned ladder = 0; ladder < 3; ladder++) {
                all_are_there();
                pass(ladder_msec * NSEC_PER_MSEC);
        }
        ck_assert(w.finished);
        ck_assert_uint_eq(policy_deadline(&w.policy), NSEC_NEVER);
        policy_done(&w.policy);
}
END_TEST

/* ---- a thousand at once ---- */

static uint64_t cpu_time(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
        return (uint64_t) ts.tv_sec * NSEC_PER_SEC + (uint64_t) ts.tv_nsec;
}

/* What the policy alone does with @n workers: all start, all die three times, all are up again, all stop. */
static uint64_t thousand_deaths(uint32_t n) {
        struct policy_rules rules = stage_rules;
        struct policy p;
        struct policy_action a;
        uint64_t now = NSEC_PER_SEC, begin;
        uint32_t slot, *generations = calloc(n, sizeof(*generations));
        size_t n_actions = 0;

        rules.kind = WIRE_KIND_EXEC;
        rules.ready_at_once = true;
        policy_init(&p, 1);
        for (uint32_t i = 0; i < n; i++)
                ck_assert_int_eq(policy_add(&p, "w", &rules, NULL, 0, &slot), 0);

        begin = cpu_time();
#define STEP(...)                                                                               \
        do {                                                                                    \
                ck_assert_int_eq(policy_step(&p, &(struct policy_event) {__VA_ARGS__}, now), 0); \
                while (policy_next_action(&p, &a)) {                                            \
                        n_actions++;                                                            \
                        if (a.type == ACTION_SPAWN)                                             \
                                generations[a.slot] = a.generation;                             \
                }                                                                               \
        } while (0)
        STEP(.type = EVENT_START);
        for (uint32_t i = 0; i < n; i++)
                STEP(.type = EVENT_SPAWNED, .slot = i, .generation = generations[i]);
        for (unsigned death = 0; death < 3; death++) {
                for (uint32_t i = 0; i < n; i++)
                        STEP(.type = EVENT_DIED, .slot = i, .generation = generations[i], .cause = WIRE_CAUSE_SIGNAL);
                for (uint64_t end = now + NSEC_PER_SEC; policy_deadline(&p) < end;) {
                        now = policy_deadline(&p);
                        STEP(.type = EVENT_TICK);
                }
                for (uint32_t i = 0; i < n; i++)
                        STEP(.type = EVENT_SPAWNED, .slot = i, .generation = generations[i]);
        }
        for (uint32_t i = 0; i < n; i++)
                ck_assert_int_eq(policy_slot(&p, i)->state, WIRE_STATE_READY);
        STEP(.type = EVENT_STOP);
        for (uint32_t i = 0; i < n; i++)
                STEP(.type = EVENT_DIED, .slot = i, .generation = generations[i], .cause = WIRE_CAUSE_SIGNAL);
#undef STEP
        begin = cpu_time() - begin;
        ck_assert(p.finished);
        ck_assert_uint_le(n_actions, 30 * (size_t) n + 10);
        policy_done(&p);
        free(generations);
        return begin;
}

START_TEST(a_thousand_deaths) {
        uint64_t few = UINT64_MAX, many = UINT64_MAX;

        for (unsigned i = 0; i < 3; i++) {
                few = MIN(few, thousand_deaths(250));
                many = MIN(many, thousand_deaths(4000));
        }
        /* Sixteen times as many: sixteen times the work, and some for caches and the scan of the deadlines. */
        ck_assert_msg(many < few * 16 * 6, "250: %llu us, 4000: %llu us", (unsigned long long) few / 1000,
                      (unsigned long long) many / 1000);
}
END_TEST

/* However they depend on each other. */
START_TEST(a_long_chain) {
        struct policy_rules rules = stage_rules;
        struct policy p;
        struct policy_action a;
        uint32_t slot = 0;

        rules.on_demand = true;
        policy_init(&p, 1);
        ck_assert_int_eq(policy_add(&p, "m", &stage_rules, NULL, 0, &slot), 0);
        for (unsigned i = 0; i < 4000; i++) {
                uint32_t before = slot;

                ck_assert_int_eq(policy_add(&p, "w", &rules, &before, 1, &slot), 0);
        }
        ck_assert_int_eq(policy_step(&p, &(struct policy_event) {.type = EVENT_START}, 1), 0);
        ck_assert_uint_eq(p.n_blocked, 4000);
        ck_assert_int_eq(policy_step(&p, &(struct policy_event) {.type = EVENT_SPAWNED, .generation = 1}, 1), 0);
        ck_assert_int_eq(policy_step(&p, &(struct policy_event) {.type = EVENT_READY, .generation = 1}, 1), 0);
        ck_assert_uint_eq(p.n_blocked, 0);
        ck_assert(p.decided);
        while (policy_next_action(&p, &a))
                ;
        policy_done(&p);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("policy-random");
        TCase *tcase = tcase_create("policy-random");

        tcase_set_timeout(tcase, 120);
        tcase_add_loop_test(tcase, no_dead_end, 0, ROUNDS);
        tcase_add_test(tcase, a_thousand_deaths);
        tcase_add_test(tcase, a_long_chain);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
