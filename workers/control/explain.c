/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The answer to Explain: what is configured about a worker, when it would be started again, and what it waits for.
 */
#include "lib/backoff.h"
#include "workers/control/answers.h"
#include "workers/control/text.h"

/* A schedule that reaches its cap later than this is not shown to its end. */
#define STEPS_MAX 24U

static int add_step(json_t *steps, const struct backoff *b, uint32_t failures, bool failed) {
        return json_array_append_new(steps, json_pack("{s:I, s:I, s:b}", "failures", (json_int_t) failures, "wait_ms",
                                                      (json_int_t) backoff_nominal_msec(b, failures), "failed", failed));
}

/* One step a failure, until nothing changes any more; the last is the slow lane, where there is one. */
static json_t *steps_of(const struct backoff *b) {
        uint32_t last = b->intensity > 0 ? MIN(b->intensity - 1, STEPS_MAX) : STEPS_MAX;
        json_t *steps = json_array();
        int r = steps ? 0 : -1;

        for (uint32_t failures = 1; failures <= last && r == 0; failures++) {
                if (failures > 2 && backoff_nominal_msec(b, failures) == backoff_nominal_msec(b, failures - 1))
                        break;
                r = add_step(steps, b, failures, false);
        }
        if (b->intensity > 0 && r == 0)
                r = add_step(steps, b, b->intensity, true);
        return answers_finish(steps, r);
}

struct figure {
        const char *name;
        uint64_t value;
};

static json_t *figures(const struct figure *figures, size_t n, bool with_zeros) {
        json_t *object = json_object();
        int r = object ? 0 : -1;

        for (size_t i = 0; i < n; i++)
                if (figures[i].value > 0 || with_zeros)
                        r |= answers_set(object, figures[i].name, answers_integer(figures[i].value));
        return answers_finish(object, r);
}

static struct backoff backoff_of(const struct plan_worker *w) {
        const struct plan_timing *t = &w->timing;

        return (struct backoff) {.base_msec = t->backoff_base_msec, .cap_msec = t->backoff_cap_msec,
                                 .intensity = t->intensity, .slow_msec = t->slow_msec};
}

static json_t *schedule_of(const struct plan_worker *w) {
        const struct plan_timing *t = &w->timing;
        const struct backoff b = backoff_of(w);
        const struct figure list[] = {
                {"base_ms", b.base_msec}, {"cap_ms", b.cap_msec}, {"intensity", b.intensity},
                {"window_ms", t->window_msec}, {"slow_ms", t->slow_msec}, {"healthy_ms", t->healthy_msec},
        };
        json_t *schedule = figures(list, ELEMENTSOF(list), true);

        return answers_finish(schedule, answers_set(schedule, "steps", steps_of(&b)));
}

static json_t *timing_of(const struct plan_timing *t) {
        const struct figure list[] = {
                {"start_ms", t->start_msec}, {"attempt_ms", t->attempt_msec}, {"ping_ms", t->ping_msec},
                {"drain_ms", t->drain_msec}, {"term_ms", t->term_msec}, {"abort_ms", t->abort_msec}, {"kill_ms", t->kill_msec},
        };

        return figures(list, ELEMENTSOF(list), true);
}

static json_t *limits_of(const struct plan_worker *w) {
        const struct figure list[] = {
                {"memory_high", w->memory_high}, {"memory_max", w->memory_max}, {"files_max", w->files_max},
                {"processes_max", w->processes_max}, {"core_mib", w->core ? w->core_mib : 0},
        };

        return figures(list, ELEMENTSOF(list), false);
}

static json_t *command_of(const struct plan_worker *w) {
        json_t *command = json_array();
        int r = command ? 0 : -1;

        for (size_t i = 0; w->argv[i]; i++)
                r |= json_array_append_new(command, text_json(w->argv[i]));
        return answers_finish(command, r);
}

static json_t *requires_of(const struct model *m, const struct plan_worker *w) {
        json_t *requirements = json_array();
        int r = requirements ? 0 : -1;

        for (size_t i = 0; w->requires[i]; i++) {
                const struct wire_slot *slot = model_find(m, w->requires[i]);
                json_t *requirement = json_object();
                bool met = slot && model_is_well(slot);

                r |= answers_set(requirement, "worker", text_json(w->requires[i]));
                if (slot)
                        r |= answers_set(requirement, "state", json_string(wire_state_to_string(slot->state)));
                r |= answers_set(requirement, "met", json_boolean(met));
                r |= json_array_append_new(requirements, requirement);
        }
        return answers_finish(requirements, r);
}

static bool requires(const struct plan_worker *w, const char *name) {
        for (size_t i = 0; w->requires[i]; i++)
                if (streq(w->requires[i], name))
                        return true;
        return false;
}

static json_t *required_by(const struct model *m, const char *name) {
        json_t *names = json_array();
        int r = names ? 0 : -1;

        for (size_t i = 0; i < m->plan.n_workers; i++)
                if (requires(&m->plan.workers[i], name))
                        r |= json_array_append_new(names, text_json(m->plan.workers[i].name));
        return answers_finish(names, r);
}

static json_t *plan_of(const struct model *m, const struct plan_worker *w) {
        static const char *const ready_by[] = {
                [PLAN_READY_CHANNEL] = "channel", [PLAN_READY_NOTIFY] = "notify", [PLAN_READY_AT_ONCE] = "at-once",
        };
        json_t *plan = json_object();
        int r = 0;

        r |= answers_set(plan, "ready_by", json_string(w->ready < ELEMENTSOF(ready_by) ? ready_by[w->ready] : "unknown"));
        r |= answers_set(plan, "critical", json_boolean(w->critical));
        r |= answers_set(plan, "on_demand", json_boolean(w->on_demand));
        r |= answers_set(plan, "idle_ms", answers_integer(w->idle_msec));
        r |= answers_set(plan, "nursery", json_boolean(w->nursery));
        r |= answers_set(plan, "command", command_of(w));
        r |= answers_set(plan, "schedule", schedule_of(w));
        r |= answers_set(plan, "limits", limits_of(w));
        r |= answers_set(plan, "timing", timing_of(&w->timing));
        r |= answers_set(plan, "requires", requires_of(m, w));
        r |= answers_set(plan, "required_by", required_by(m, w->name));
        return answers_finish(plan, r);
}

json_t *answers_explain(const struct model *m, const char *name, uint64_t now) {
        json_t *answer = json_object(), *workers = json_array();
        int r = answers_set(answer, "version", json_integer(ANSWERS_VERSION));

        for (size_t i = 0; i < m->n_slots; i++) {
                const struct plan_worker *planned = m->has_plan ? plan_find(&m->plan, m->slots[i]->name) : NULL;
                json_t *explanation;

                if (!model_matches(m->slots[i], name))
                        continue;
                explanation = json_object();
                r |= answers_set(explanation, "worker", answers_worker(m->slots[i], now));
                if (planned)
                        r |= answers_set(explanation, "plan", plan_of(m, planned));
                r |= json_array_append_new(workers, explanation);
        }
        r |= answers_set(answer, "workers", workers);
        return answers_finish(answer, r);
}
