/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/policy-script.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>

#define WORDS_MAX 12

const struct policy_rules stage_rules = {
        .kind = WIRE_KIND_PLUGIN,
        .start_msec = 10000, .drain_msec = 3000, .term_msec = 2000, .abort_msec = 1000, .kill_msec = 500,
        .healthy_msec = 30000, .window_msec = 60000,
        .backoff = {.base_msec = 100, .cap_msec = 5000, .intensity = 5, .slow_msec = 120000},
};

static struct stage stage;
static const char *statement_now;

/* ---- the stage ---- */

void stage_begin(struct stage *s) {
        *s = (struct stage) {.now = 1000 * NSEC_PER_SEC};
        policy_init(&s->policy, 4711);
}

void stage_end(struct stage *s) {
        policy_done(&s->policy);
}

static const char *action_word(const struct policy_action *a) {
        static const char *const words[] = {
                [ACTION_SPAWN] = "spawn", [ACTION_DRAIN] = "drain", [ACTION_SIGNAL] = "signal", [ACTION_PING] = "ping",
                [ACTION_SERVE] = "serve", [ACTION_UNSERVE] = "unserve", [ACTION_RECORD] = "record",
                [ACTION_SERVICE_READY] = "service-ready", [ACTION_MISCONFIGURED] = "misconfigured",
                [ACTION_GIVEN_UP] = "given-up", [ACTION_GONE] = "gone", [ACTION_FINISHED] = "finished",
        };

        return a->type == ACTION_SIGNAL ? sigabbrev_np(a->signo) : a->type == ACTION_RECORD ? wire_cause_to_string(a->cause) :
                words[a->type];
}

static void note(struct stage *s, const struct policy_action *a) {
        const struct policy_slot *slot = a->slot < s->policy.n_slots ? s->policy.slots[a->slot] : NULL;
        bool whole = a->type == ACTION_SERVICE_READY || a->type == ACTION_MISCONFIGURED || a->type == ACTION_FINISHED;
        size_t n = strlen(s->log);

        if (a->type == ACTION_CHANGED)
                return;
        (void) snprintf(s->log + n, sizeof(s->log) - n, "%s%s%s%s%s", n > 0 ? ", " : "",
                        a->type == ACTION_RECORD ? "record " : "", action_word(a), whole ? "" : " ", whole ? "" : slot->name);
}

void stage_event(struct stage *s, struct policy_event event) {
        struct policy_action action;

        ck_assert_int_eq(policy_step(&s->policy, &event, s->now), 0);
        policy_check(&s->policy);
        while (policy_next_action(&s->policy, &action))
                note(s, &action);
        policy_check(&s->policy);
}

void stage_wait(struct stage *s, uint64_t nsec) {
        uint64_t end = s->now + nsec;

        while (policy_deadline(&s->policy) <= end) {
                s->now = MAX(s->now, policy_deadline(&s->policy));
                stage_event(s, (struct policy_event) {.type = EVENT_TICK});
                ck_assert_msg(policy_deadline(&s->policy) > s->now, "a tick that is due again at once");
        }
        s->now = end;
}

/* ---- scripts ---- */

#define wrong(...) do { (void) fprintf(stderr, "in '%s': ", statement_now); ck_abort_msg(__VA_ARGS__); } while (0)

static uint32_t find(const char *name) {
        size_t length = strcspn(name, "+-~");

        for (uint32_t i = 0; i < stage.policy.n_slots; i++)
                if (strlen(stage.policy.slots[i]->name) == length && strncmp(stage.policy.slots[i]->name, name, length) == 0)
                        return i;
        wrong("no slot %s", name);
}

static struct policy_slot *slot_of(const char *name) {
        return stage.policy.slots[find(name)];
}

static uint32_t generation_of(const char *name) {
        const struct policy_slot *s = slot_of(name);
        const char *which = name + strcspn(name, "+-~");
        const struct policy_process *process = streq(which, "") ? &s->main : streq(which, "+") ? &s->next :
                streq(which, "-") ? &s->old[0] : &s->old[1];

        if (streq(which, "~"))
                return 1;
        if (process->generation == 0)
                wrong("%s has no such process", name);
        return process->generation;
}

static enum wire_cause cause_from(const char *word) {
        for (unsigned i = 0; i < WIRE_CAUSE_MAX; i++)
                if (streq(wire_cause_to_string(i), word))
                        return i;
        wrong("no cause %s", word);
}

static bool number_option(const char *word, const char *name, uint64_t *ret) {
        size_t length = strlen(name);

        if (strncmp(word, name, length) != 0 || word[length] != '=')
                return false;
        *ret = strtoull(word + length + 1, NULL, 10);
        return true;
}

static size_t needs(char *names, uint32_t *ret) {
        size_t n = 0;

        for (char *save = NULL, *name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save))
                ret[n++] = find(name);
        return n;
}

static void do_add(size_t n, char **words) {
        struct policy_rules rules = stage_rules;
        uint32_t requires[POLICY_REQUIRES_MAX], slot;
        size_t n_requires = 0;
        uint64_t intensity;

        for (size_t i = 2; i < n; i++) {
                if (wire_kind_from_string(words[i]) >= 0)
                        rules.kind = (uint32_t) wire_kind_from_string(words[i]);
                else if (streq(words[i], "demand"))
                        rules.on_demand = true;
                else if (streq(words[i], "critical"))
                        rules.critical = true;
                else if (streq(words[i], "drains"))
                        rules.drains = true;
                else if (streq(words[i], "atonce"))
                        rules.ready_at_once = true;
                else if (strncmp(words[i], "needs=", 6) == 0)
                        n_requires = needs(words[i] + 6, requires);
                else if (number_option(words[i], "intensity", &intensity))
                        rules.backoff.intensity = (uint32_t) intensity;
                else if (!number_option(words[i], "ping", &rules.ping_msec) &&
                         !number_option(words[i], "base", &rules.backoff.base_msec) &&
                         !number_option(words[i], "cap", &rules.backoff.cap_msec))
                        wrong("what is %s?", words[i]);
        }
        ck_assert_int_eq(policy_add(&stage.policy, words[1], &rules, requires, n_requires, &slot), 0);
}

static void do_service(size_t n, char **words) {
        stage_event(&stage, (struct policy_event) {.type = streq(words[0], "start") ? EVENT_START : EVENT_STOP});
}

static void do_wait(size_t n, char **words) {
        stage_wait(&stage, strtoull(words[1], NULL, 10) * NSEC_PER_MSEC);
}

static const struct {
        const char *word;
        enum policy_event_type type;
} event_words[] = {
        {"up", EVENT_SPAWNED}, {"ready", EVENT_READY}, {"pong", EVENT_PONG}, {"stall", EVENT_STALLED}, {"broke", EVENT_BROKE},
        {"failed", EVENT_FAILED}, {"unborn", EVENT_SPAWN_FAILED}, {"die", EVENT_DIED}, {"want", EVENT_WANT},
        {"restart", EVENT_RESTART}, {"replace", EVENT_REPLACE}, {"hold", EVENT_HOLD}, {"reset", EVENT_RESET},
        {"remove", EVENT_REMOVE},
};

static enum policy_event_type event_from(const char *word) {
        for (size_t i = 0; i < ELEMENTSOF(event_words); i++)
                if (streq(event_words[i].word, word))
                        return event_words[i].type;
        wrong("what is %s?", word);
}

static void do_process(size_t n, char **words) {
        bool caused = streq(words[0], "failed") || streq(words[0], "unborn") || streq(words[0], "die");
        size_t rest = caused ? 3 : 2;
        struct policy_event event = {
                .type = event_from(words[0]),
                .slot = find(words[1]),
                .generation = generation_of(words[1]),
                .cause = caused ? cause_from(words[2]) : WIRE_CAUSE_NONE,
        };

        if (n > rest && event.type == EVENT_DIED)
                event.exit_status = (int32_t) strtol(words[rest], NULL, 10);
        else if (n > rest)
                event.text = words[rest];
        stage_event(&stage, event);
}

static void do_slot(size_t n, char **words) {
        stage_event(&stage, (struct policy_event) {.type = event_from(words[0]), .slot = find(words[1])});
}

static void do_run(size_t n, char **words) {
        uint32_t generation = generation_of(words[1]), slot = find(words[1]);

        stage_event(&stage, (struct policy_event) {.type = EVENT_SPAWNED, .slot = slot, .generation = generation});
        stage_event(&stage, (struct policy_event) {.type = EVENT_READY, .slot = slot, .generation = generation});
}

static void do_is(size_t n, char **words) {
        const char *state = wire_state_to_string(slot_of(words[1])->state);

        if (!streq(state, words[2]))
                wrong("%s is %s, not %s (%s)", words[1], state, words[2], slot_of(words[1])->reason);
}

static void do_cause(size_t n, char **words) {
        if (slot_of(words[1])->cause != cause_from(words[2]))
                wrong("the cause is %s", wire_cause_to_string(slot_of(words[1])->cause));
}

static void do_failures(size_t n, char **words) {
        if (slot_of(words[1])->failures != strtoul(words[2], NULL, 10))
                wrong("there are %u", slot_of(words[1])->failures);
}

static void do_deaths(size_t n, char **words) {
        if (slot_of(words[1])->deaths[cause_from(words[2])] != strtoul(words[3], NULL, 10))
                wrong("there are %u", slot_of(words[1])->deaths[cause_from(words[2])]);
}

/* What is left of the statement as it was written. */
static void do_text(size_t n, char **words) {
        const struct policy_slot *s = slot_of(words[1]);
        const char *text = streq(words[0], "says") ? s->reason : s->death;
        char wanted[WIRE_TEXT_MAX] = "";

        for (size_t i = 2; i < n; i++)
                (void) snprintf(wanted + strlen(wanted), sizeof(wanted) - strlen(wanted), "%s%s", i > 2 ? " " : "", words[i]);
        if (n == 2 ? text[0] != 0 : !strstr(text, wanted))
                wrong("it is '%s'", text);
}

static void do_next(size_t n, char **words) {
        uint64_t at = policy_deadline(&stage.policy), wait = (at - stage.now) / NSEC_PER_MSEC;

        if (n == 2 ? at != NSEC_NEVER :
            at == NSEC_NEVER || wait < strtoull(words[1], NULL, 10) || wait > strtoull(words[2], NULL, 10))
                wrong("it is %llu ms away", (unsigned long long) wait);
}

static void do_until(size_t n, char **words) {
        uint64_t begin = stage.now, end = begin + strtoull(words[4], NULL, 10) * NSEC_PER_MSEC, waited;

        while (!streq(wire_state_to_string(slot_of(words[1])->state), words[2]) && policy_deadline(&stage.policy) <= end)
                stage_wait(&stage, policy_deadline(&stage.policy) - stage.now);
        waited = (stage.now - begin) / NSEC_PER_MSEC;
        do_is(3, words);
        if (waited < strtoull(words[3], NULL, 10))
                wrong("after %llu ms already", (unsigned long long) waited);
}

static void do_slots(size_t n, char **words) {
        if (stage.policy.n_slots != strtoul(words[1], NULL, 10))
                wrong("there are %zu", stage.policy.n_slots);
}

static void do_degraded(size_t n, char **words) {
        if (policy_degraded(&stage.policy) != streq(words[0], "degraded"))
                wrong("it is not");
}

static const struct {
        const char *word;
        size_t words_min, words_max;
        void (*play)(size_t n, char **words);
} statements[] = {
        {"add", 2, 10, do_add}, {"start", 1, 1, do_service}, {"stop", 1, 1, do_service}, {"wait", 2, 2, do_wait},
        {"up", 2, 2, do_process}, {"ready", 2, 2, do_process}, {"pong", 2, 2, do_process}, {"stall", 2, 3, do_process},
        {"broke", 2, 3, do_process}, {"failed", 3, 4, do_process}, {"unborn", 3, 4, do_process}, {"die", 3, 4, do_process},
        {"want", 2, 2, do_slot}, {"restart", 2, 2, do_slot}, {"replace", 2, 2, do_slot}, {"hold", 2, 2, do_slot},
        {"reset", 2, 2, do_slot}, {"remove", 2, 2, do_slot}, {"run", 2, 2, do_run}, {"is", 3, 3, do_is},
        {"cause", 3, 3, do_cause}, {"failures", 3, 3, do_failures}, {"deaths", 4, 4, do_deaths},
        {"says", 2, WORDS_MAX, do_text}, {"told", 2, WORDS_MAX, do_text}, {"next", 2, 3, do_next},
        {"until", 5, 5, do_until}, {"slots", 2, 2, do_slots}, {"degraded", 1, 1, do_degraded}, {"whole", 1, 1, do_degraded},
};

static void compare_actions(const char *wanted) {
        while (*wanted == ' ')
                wanted++;
        if (!streq(stage.log, wanted))
                wrong("these were taken: %s", stage.log);
        stage.log[0] = 0;
}

static void play_statement(char *text) {
        char *words[WORDS_MAX], *save = NULL;
        size_t n = 0;

        for (char *word = strtok_r(text, " ", &save); word && n < WORDS_MAX; word = strtok_r(NULL, " ", &save))
                words[n++] = word;
        for (size_t i = 0; i < ELEMENTSOF(statements); i++)
                if (n >= statements[i].words_min && n <= statements[i].words_max && streq(statements[i].word, words[0])) {
                        statements[i].play(n, words);
                        return;
                }
        wrong("no such statement");
}

void script_play(const char *text) {
        _cleanup_free_ char *copy = strdup(text);

        ck_assert_ptr_nonnull(copy);
        stage_begin(&stage);
        for (char *save = NULL, *at = strtok_r(copy, ";", &save); at; at = strtok_r(NULL, ";", &save)) {
                char original[512];

                at += strspn(at, " ");
                if (!*at)
                        continue;
                (void) strcopy(original, sizeof(original), at);
                statement_now = original;
                if (*at == ':')
                        compare_actions(at + 1);
                else
                        play_statement(at);
        }
        stage_end(&stage);
}
