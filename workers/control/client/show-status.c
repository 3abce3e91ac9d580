/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "workers/control/client/format.h"
#include "workers/control/client/show.h"

static const char *condition(const json_t *service) {
        if (get_bool(service, "stopping"))
                return "stopping";
        if (!get_bool(service, "ready"))
                return "starting";
        return get_bool(service, "degraded") ? "degraded" : "ready";
}

static void show_service(const json_t *service) {
        const char *word = condition(service), *line = get_string(service, "status");
        char up[FORMAT_SIZE];

        printf("%s%s%s %s: %s%s%s%s%s\n", format_bold(), get_string(service, "name"), format_plain(),
               get_string(service, "version"), format_state(word), word, format_plain(), line[0] ? " - " : "", line);
        printf("  pid %" PRId64 ", up %s, log level %s, plan %" PRId64 "\n", (int64_t) get_int(service, "pid"),
               format_duration(up, get_int(service, "uptime_ms")), get_string(service, "log_level"),
               (int64_t) get_int(service, "plan_serial"));
        if (get_string(service, "uuid_source")[0])
                printf("  uuid: %s\n", get_string(service, "uuid_source"));
        if (get_string(service, "last_reload")[0])
                printf("  last reload: %s\n", get_string(service, "last_reload"));
}

/* The reason, and when it is tried again; of one that is well, how its work goes. */
static void add_reason(struct table *t, const json_t *worker) {
        const json_t *retry = json_object_get(worker, "retry_in_ms");
        const char *reason = get_string(worker, "reason");
        char text[512], time[FORMAT_SIZE];

        if (!retry) {
                table_add(t, reason[0] ? reason : get_string(worker, "note"));
                return;
        }
        (void) snprintf(text, sizeof(text), "%s%sagain in %s", reason, reason[0] ? "; " : "",
                        format_duration(time, json_integer_value(retry)));
        table_add(t, text);
}

static void show_workers(const json_t *workers) {
        static const char *const headings[] = {"WORKER", "STATE", "SINCE", "PID", "RESTARTS", "REASON"};
        struct table t = {.n_columns = ELEMENTSOF(headings), .right = 1U << 2 | 1U << 3 | 1U << 4, .state_column = 1};
        char text[FORMAT_SIZE];
        json_t *worker;
        size_t i;

        for (i = 0; i < ELEMENTSOF(headings); i++)
                table_add(&t, headings[i]);
        json_array_foreach(workers, i, worker) {
                json_int_t pid = get_int(worker, "pid");

                table_add(&t, get_string(worker, "name"));
                table_add(&t, get_string(worker, "state"));
                table_add(&t, format_duration(text, get_int(worker, "since_ms")));
                (void) snprintf(text, sizeof(text), "%" PRId64, (int64_t) pid);
                table_add(&t, pid > 0 ? text : "-");
                (void) snprintf(text, sizeof(text), "%" PRId64, (int64_t) get_int(worker, "restarts"));
                table_add(&t, text);
                add_reason(&t, worker);
        }
        putchar('\n');
        table_print(&t, "");
}

/* One line a text, with the workers that said it. */
static void show_hardening(const json_t *workers) {
        json_t *said = json_object(), *worker, *names;
        const char *text;
        size_t i;

        json_array_foreach(workers, i, worker) {
                text = get_string(worker, "hardening");
                if (!text[0])
                        continue;
                if (!json_object_get(said, text))
                        (void) json_object_set_new(said, text, json_array());
                (void) json_array_append(json_object_get(said, text), json_object_get(worker, "name"));
        }
        if (json_object_size(said) > 0)
                printf("\n%sHARDENING%s\n", format_bold(), format_plain());
        json_object_foreach(said, text, names) {
                json_t *name;

                printf("  ");
                json_array_foreach(names, i, name)
                        printf("%s%s", i > 0 ? ", " : "", json_string_value(name));
                printf("\n      %s\n", text);
        }
        json_decref(said);
}

static void show_problems(const json_t *problems) {
        const json_t *problem;
        size_t i;

        if (json_array_size(problems) > 0)
                printf("\n%sPLUGINS THAT CANNOT RUN%s\n", format_bold(), format_plain());
        json_array_foreach(problems, i, problem)
                printf("  %s: %s\n", get_string(problem, "plugin"), get_string(problem, "text"));
}

void show_status(const json_t *answer) {
        const json_t *workers = json_object_get(answer, "workers");

        show_service(json_object_get(answer, "service"));
        show_workers(workers);
        show_relay(json_object_get(answer, "relay"));
        show_problems(json_object_get(answer, "problems"));
        show_hardening(workers);
}
