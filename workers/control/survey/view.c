/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/survey/view.h"

#include <inttypes.h>

#include "workers/control/client/format.h"

#define NONE "-"
#define CRASHES_SHOWN 3

/* ----- cells ----- */

static void add_count(struct table *t, const json_t *object, const char *name) {
        const json_t *value = json_object_get(object, name);
        char text[FORMAT_SIZE];

        (void) snprintf(text, sizeof(text), "%" PRId64, (int64_t) json_integer_value(value));
        table_add(t, value ? text : NONE);
}

/* A number with at most one decimal; below a hundredth nothing is worth one. */
static void add_number(struct table *t, const json_t *value, const char *unit) {
        double number = json_number_value(value);
        char text[FORMAT_SIZE];

        if (!value) {
                table_add(t, NONE);
                return;
        }
        (void) snprintf(text, sizeof(text), number > 0 && number < 10 ? "%.1f%s" : "%.0f%s", number, unit);
        table_add(t, text);
}

static void add_memory(struct table *t, const json_t *object) {
        const json_t *value = json_object_get(object, "memory_kib");
        char text[FORMAT_SIZE];

        table_add(t, value ? format_bytes(text, json_integer_value(value) * 1024) : NONE);
}

static void add_duration(struct table *t, const json_t *value) {
        char text[FORMAT_SIZE];

        table_add(t, value ? format_duration(text, json_integer_value(value)) : NONE);
}

static void add_headings(struct table *t, const char *const *headings) {
        for (size_t i = 0; i < t->n_columns; i++)
                table_add(t, headings[i]);
}

/* All columns but the first two and the last. */
#define RIGHT(n) (((1U << ((n) - 1)) - 1) & ~3U)

/* ----- services ----- */

static void write_heading(FILE *to, const json_t *document) {
        const json_t *services = json_object_get(document, "services"), *service;
        const char *reason = get_string(document, "reason");
        json_t *states = json_object(), *n;
        const char *state;
        size_t i;

        json_array_foreach(services, i, service) {
                state = get_string(service, "state");
                (void) json_object_set_new(states, state, json_integer(get_int(states, state) + 1));
        }
        (void) fprintf(to, "%s%s%s  %s  %zu service%s", format_bold(), get_string(document, "host"), format_plain(),
                       get_string(document, "at"), json_array_size(services),
                       json_array_size(services) == 1 ? "" : "s");
        i = 0;
        json_object_foreach(states, state, n)
                (void) fprintf(to, "%s%" PRId64 " %s%s%s", i++ == 0 ? ": " : ", ", (int64_t) json_integer_value(n),
                               format_state(state), state, format_plain());
        (void) fputc('\n', to);
        if (*reason)
                (void) fprintf(to, "%s\n", reason);
        json_decref(states);
}

static void write_services(FILE *to, const json_t *services) {
        static const char *const headings[] = {"SERVICE", "STATE", "UP",  "RESTARTS", "MEMORY", "CPU%",
                                               "REQ/S",   "P50",   "P95", "P99",      "5XX",    "WHAT"};
        static const char *const times[] = {"p50_ms", "p95_ms", "p99_ms"};
        struct table t = {.n_columns = ELEMENTSOF(headings), .right = RIGHT(ELEMENTSOF(headings)), .state_column = 1, .to = to};
        const json_t *service;
        size_t i;

        add_headings(&t, headings);
        json_array_foreach(services, i, service) {
                const json_t *requests = json_object_get(service, "requests");
                const char *text = get_string(service, "text");

                table_add(&t, get_string(service, "name"));
                table_add(&t, get_string(service, "state"));
                add_duration(&t, json_object_get(service, "uptime_ms"));
                add_count(&t, service, "restarts");
                add_memory(&t, service);
                add_number(&t, json_object_get(service, "cpu_percent"), "");
                add_number(&t, json_object_get(requests, "per_second"), "");
                for (unsigned k = 0; k < ELEMENTSOF(times); k++)
                        add_number(&t, json_object_get(requests, times[k]), " ms");
                add_count(&t, requests, "errors");
                table_add(&t, text[0] ? text : get_string(service, "description"));
        }
        table_print(&t, "");
}

/* ----- one service ----- */

static void write_workers(FILE *to, const json_t *workers, double seconds) {
        static const char *const headings[] = {"WORKER", "STATE", "SINCE", "PID", "RESTARTS",
                                               "MEMORY", "CPU%",  "REQ/S", "5XX", "REASON"};
        struct table t = {.n_columns = ELEMENTSOF(headings), .right = RIGHT(ELEMENTSOF(headings)), .state_column = 1, .to = to};
        const json_t *worker;
        size_t i;

        add_headings(&t, headings);
        json_array_foreach(workers, i, worker) {
                const json_t *requests = json_object_get(worker, "requests");
                json_t *rate = requests && seconds > 0 ? json_real((double) json_integer_value(requests) / seconds) : NULL;

                table_add(&t, get_string(worker, "name"));
                table_add(&t, get_string(worker, "state"));
                add_duration(&t, json_object_get(worker, "since_ms"));
                add_count(&t, worker, "pid");
                add_count(&t, worker, "restarts");
                add_memory(&t, worker);
                add_number(&t, json_object_get(worker, "cpu_percent"), "");
                add_number(&t, rate, "");
                add_count(&t, worker, "errors");
                table_add(&t, get_string(worker, "reason"));
                json_decref(rate);
        }
        table_print(&t, "  ");
}

static void write_relay(FILE *to, const json_t *relay) {
        static const char *const parts[] = {"publisher", "consumer", "sysconfd"};

        if (!relay)
                return;
        (void) fputs("  events:", to);
        if (!get_bool(relay, "answers"))
                (void) fprintf(to, " %s", get_string(relay, "reason"));
        for (unsigned i = 0; i < ELEMENTSOF(parts); i++) {
                const json_t *part = json_object_get(relay, parts[i]);
                const char *state = get_string(part, "state");

                if (!part)
                        continue;
                (void) fprintf(to, "%s %s %s%s%s", i > 0 ? "," : "", parts[i], format_state(state), state, format_plain());
                if (get_int(part, "backlog") > 0)
                        (void) fprintf(to, " (%" PRId64 " waiting)", (int64_t) get_int(part, "backlog"));
                if (get_int(part, "parked") > 0)
                        (void) fprintf(to, " (%" PRId64 " parked)", (int64_t) get_int(part, "parked"));
        }
        (void) fputc('\n', to);
}

static void write_troubles(FILE *to, const json_t *service) {
        const json_t *one;
        size_t i;

        json_array_foreach(json_object_get(service, "problems"), i, one)
                (void) fprintf(to, "  plugin %s cannot run: %s\n", get_string(one, "plugin"), get_string(one, "text"));
        json_array_foreach(json_object_get(service, "crashes"), i, one) {
                if (i == CRASHES_SHOWN)
                        break;
                (void) fprintf(to, "  crash: %s %s (%s) %s\n", get_string(one, "at"), get_string(one, "worker"),
                               get_string(one, "cause"), get_string(one, "reason"));
        }
}

void view_write(FILE *to, const json_t *document) {
        const json_t *services = json_object_get(document, "services"), *service;
        size_t i;

        write_heading(to, document);
        (void) fputc('\n', to);
        write_services(to, services);
        json_array_foreach(services, i, service) {
                const json_t *workers = json_object_get(service, "workers"), *requests = json_object_get(service, "requests");

                if (!workers)
                        continue;
                (void) fprintf(to, "\n%s%s%s\n", format_bold(), get_string(service, "name"), format_plain());
                write_workers(to, workers, (double) get_int(requests, "since_ms") / 1000);
                write_relay(to, json_object_get(service, "relay"));
                write_troubles(to, service);
        }
}
