/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "workers/control/client/format.h"
#include "workers/control/client/show.h"

static void show_worker(const json_t *worker) {
        const char *plugin = get_string(worker, "plugin"), *class = get_string(worker, "class"),
                   *state = get_string(worker, "state"), *reason = get_string(worker, "reason");
        char since[FORMAT_SIZE];

        printf("%s%s%s: %s", format_bold(), get_string(worker, "name"), format_plain(), get_string(worker, "kind"));
        if (plugin[0] && !streq(plugin, get_string(worker, "name")))
                printf(" %s", plugin);
        if (class[0] && !streq(class, "default"))
                printf(", class %s", class);
        printf(", %s%s%s for %s%s%s\n", format_state(state), state, format_plain(),
               format_duration(since, get_int(worker, "since_ms")), reason[0] ? ": " : "", reason);
}

/* at once, 100ms, 200ms, 400ms ... */
static void show_waits(const json_t *steps) {
        const json_t *step;
        char time[FORMAT_SIZE];
        bool capped = true;
        size_t i, shown = 0;

        printf("  restart   ");
        json_array_foreach((json_t *) steps, i, step) {
                json_int_t wait = get_int(step, "wait_ms");

                if (get_bool(step, "failed")) {
                        capped = get_int(step, "failures") > (json_int_t) shown + 1;
                        break;
                }
                printf("%s%s", shown++ > 0 ? ", " : "", wait > 0 ? format_time(time, wait) : "at once");
        }
        if (shown > 0 && capped)
                printf(" ...");
        if (shown == 0)
                printf("in the slow lane only");
        printf("\n            (each wait is between half of it and all of it, at random)\n");
}

static void show_schedule(const json_t *schedule, json_int_t failures, const json_t *retry) {
        char window[FORMAT_SIZE], slow[FORMAT_SIZE], healthy[FORMAT_SIZE], time[FORMAT_SIZE];
        json_int_t intensity = get_int(schedule, "intensity");

        show_waits(json_object_get(schedule, "steps"));
        if (intensity > 0)
                printf("            %" PRId64 " failures within %s make it failed: then once in %s\n", (int64_t) intensity,
                       format_time(window, get_int(schedule, "window_ms")), format_time(slow, get_int(schedule, "slow_ms")));
        else
                printf("            never given up\n");
        printf("            forgotten after %s of being ready; failures now: %" PRId64 "\n",
               format_time(healthy, get_int(schedule, "healthy_ms")), (int64_t) failures);
        if (retry)
                printf("            next start in %s\n", format_duration(time, json_integer_value(retry)));
}

static void show_requires(const json_t *plan) {
        json_t *list = json_object_get(plan, "requires"), *entry;
        size_t i;

        json_array_foreach(list, i, entry) {
                const char *state = get_string(entry, "state");

                printf("%s%s (%s%s%s%s)\n", i == 0 ? "  requires  " : "            ", get_string(entry, "worker"),
                       format_state(state), state[0] ? state : "no such worker", format_plain(),
                       get_bool(entry, "met") ? "" : ": it waits for this");
        }
        list = json_object_get(plan, "required_by");
        json_array_foreach(list, i, entry)
                printf("%s%s", i == 0 ? "  needed by " : ", ", strempty(json_string_value(entry)));
        if (i > 0)
                putchar('\n');
}

static void show_limits(const json_t *limits) {
        static const struct {
                const char *name, *text;
                bool bytes;
        } known[] = {
                {"memory_high", "memory high", true}, {"memory_max", "memory max", true}, {"files_max", "files", false},
                {"processes_max", "processes", false}, {"core_mib", "core MiB", false},
        };
        char text[FORMAT_SIZE];
        unsigned shown = 0;

        printf("  limits    ");
        for (unsigned i = 0; i < ELEMENTSOF(known); i++) {
                json_int_t value = get_int(limits, known[i].name);

                if (value <= 0)
                        continue;
                if (known[i].bytes)
                        (void) format_bytes(text, value);
                else
                        (void) snprintf(text, sizeof(text), "%" PRId64, (int64_t) value);
                printf("%s%s %s", shown++ > 0 ? ", " : "", known[i].text, text);
        }
        printf("%s\n", shown > 0 ? "" : "none");
}

static void show_timing(const json_t *timing) {
        static const struct {
                const char *name, *text;
        } known[] = {
                {"start_ms", "start"}, {"attempt_ms", "request"}, {"ping_ms", "ping"}, {"drain_ms", "drain"},
                {"term_ms", "SIGTERM"}, {"abort_ms", "SIGABRT"}, {"kill_ms", "SIGKILL"},
        };
        char time[FORMAT_SIZE];

        printf("  deadlines ");
        for (unsigned i = 0, shown = 0; i < ELEMENTSOF(known); i++) {
                json_int_t value = get_int(timing, known[i].name);

                if (value > 0)
                        printf("%s%s %s", shown++ > 0 ? ", " : "", known[i].text, format_time(time, value));
        }
        putchar('\n');
}

static void show_manner(const json_t *plan) {
        json_t *command = json_object_get(plan, "command"), *word;
        char time[FORMAT_SIZE];
        size_t i;

        printf("  started   %s, ready by %s", get_bool(plan, "nursery") ? "from the nursery" : "by exec",
               get_string(plan, "ready_by"));
        if (get_bool(plan, "on_demand"))
                printf(", on demand, rests after %s", format_time(time, get_int(plan, "idle_ms")));
        if (get_bool(plan, "critical"))
                printf(", critical: the service ends with it");
        putchar('\n');
        json_array_foreach(command, i, word)
                printf("%s%s", i == 0 ? "  command   " : " ", strempty(json_string_value(word)));
        if (i > 0)
                putchar('\n');
}

void show_explain(const json_t *answer) {
        json_t *workers = json_object_get(answer, "workers"), *entry;
        size_t i;

        json_array_foreach(workers, i, entry) {
                const json_t *worker = json_object_get(entry, "worker"), *plan = json_object_get(entry, "plan");

                if (i > 0)
                        putchar('\n');
                show_worker(worker);
                if (!json_is_object(plan)) {
                        printf("  the plan does not name it: the supervisor starts and ends it as it needs\n");
                        continue;
                }
                show_schedule(json_object_get(plan, "schedule"), get_int(worker, "failures"),
                              json_object_get(worker, "retry_in_ms"));
                show_requires(plan);
                show_limits(json_object_get(plan, "limits"));
                show_timing(json_object_get(plan, "timing"));
                show_manner(plan);
        }
}
