/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "workers/control/client/format.h"
#include "workers/control/client/show.h"

/* The state, since when, and why it is no better one. */
static void show_state(const json_t *part) {
        const json_t *retry = json_object_get(part, "retry_in_ms");
        const char *state = get_string(part, "state"), *reason = get_string(part, "reason");
        char time[FORMAT_SIZE];

        printf("%s%s%s for %s", format_state(state), state, format_plain(), format_duration(time, get_int(part, "since_ms")));
        if (reason[0])
                printf(": %s", reason);
        if (json_is_integer(retry))
                printf("; again in %s", format_duration(time, json_integer_value(retry)));
        putchar('\n');
}

/* A list of numbers in one line; those that are not known are left out. */
static void show_numbers(const json_t *part, const char *const *members, const char *const *words, size_t n) {
        bool first = true;

        for (size_t i = 0; i < n; i++) {
                const json_t *value = json_object_get(part, members[i]);

                if (!json_is_integer(value))
                        continue;
                printf("%s%" PRId64 " %s", first ? "      " : ", ", (int64_t) json_integer_value(value), words[i]);
                first = false;
        }
        if (!first)
                putchar('\n');
}

static void show_backlog(const json_t *part) {
        const json_t *age = json_object_get(part, "oldest_age_ms");
        char time[FORMAT_SIZE];

        if (!json_is_integer(json_object_get(part, "backlog")))
                return;
        printf("      %" PRId64 " waiting", (int64_t) get_int(part, "backlog"));
        if (json_is_integer(age))
                printf(", the oldest for %s", format_duration(time, json_integer_value(age)));
        putchar('\n');
}

static void show_publisher(const json_t *relay) {
        static const char *const members[] = {"confirmed", "retried", "nacked", "in_flight", "parked"};
        static const char *const words[] = {"confirmed", "retried", "refused", "in flight", "parked"};
        const json_t *part = json_object_get(relay, "publisher");

        if (!part)
                return;
        if (streq(get_string(part, "state"), "off"))
                printf("  RabbitMQ: none is configured; events are kept, %" PRId64 " now\n",
                       (int64_t) get_int(json_object_get(relay, "events"), "kept"));
        else {
                printf("  RabbitMQ %s%s: ", get_string(part, "broker"), get_bool(part, "tls") ? " (TLS)" : "");
                show_state(part);
        }
        show_backlog(part);
        show_numbers(part, members, words, ELEMENTSOF(members));
}

static void show_consumer(const json_t *relay) {
        static const char *const members[] = {"received", "handled", "held", "retried", "rejected", "lost", "parked"};
        const json_t *part = json_object_get(relay, "consumer");

        if (!part || streq(get_string(part, "state"), "off"))
                return;
        printf("  consumer: ");
        show_state(part);
        show_numbers(part, members, members, ELEMENTSOF(members));
}

static void show_sysconfd(const json_t *relay) {
        static const char *const members[] = {"sent", "retried", "parked"};
        const json_t *part = json_object_get(relay, "sysconfd");

        if (!part || streq(get_string(part, "state"), "off"))
                return;
        printf("  sysconfd %s: ", get_string(part, "address"));
        show_state(part);
        show_backlog(part);
        show_numbers(part, members, members, ELEMENTSOF(members));
}

void show_relay(const json_t *relay) {
        const json_t *database = json_object_get(relay, "database");

        if (!relay)
                return;
        printf("\n%sEVENTS%s\n", format_bold(), format_plain());
        if (!get_bool(relay, "answers")) {
                printf("  not known: %s\n", get_string(relay, "reason"));
                return;
        }
        show_publisher(relay);
        show_consumer(relay);
        show_sysconfd(relay);
        if (get_string(database, "reason")[0])
                printf("  the outbox cannot be read: %s\n", get_string(database, "reason"));
}

void show_event(const json_t *event) {
        const json_t *payload = json_object_get(event, "payload"), *data = json_object_get(payload, "data");
        _cleanup_free_ char *text = json_dumps(data ?: payload, JSON_COMPACT | JSON_ENCODE_ANY);

        printf("%s  %" PRId64 "  %s%s%s  %s\n", get_string(event, "created_at"), (int64_t) get_int(event, "id"), format_bold(),
               get_string(event, "name"), format_plain(), strempty(text));
}

void show_events(const json_t *answer) {
        json_t *events = json_object_get(answer, "events"), *event;
        size_t i;

        json_array_foreach(events, i, event)
                show_event(event);
        if (json_array_size(events) == 0)
                printf("no event is kept\n");
}

void show_parked(const json_t *answer) {
        static const char *const headings[] = {"ID", "QUEUE", "PARKED AT", "TRIES", "WHAT", "RESOURCE", "ERROR"};
        struct table t = {.n_columns = ELEMENTSOF(headings), .right = 1U << 0 | 1U << 3, .state_column = -1};
        json_t *rows = json_object_get(answer, "parked"), *row;
        json_int_t total = get_int(answer, "total");
        char text[FORMAT_SIZE];
        size_t i;

        if (json_array_size(rows) == 0) {
                printf("nothing is parked\n");
                return;
        }
        for (i = 0; i < ELEMENTSOF(headings); i++)
                table_add(&t, headings[i]);
        json_array_foreach(rows, i, row) {
                (void) snprintf(text, sizeof(text), "%" PRId64, (int64_t) get_int(row, "id"));
                table_add(&t, text);
                table_add(&t, get_string(row, "queue"));
                table_add(&t, get_string(row, "parked_at"));
                (void) snprintf(text, sizeof(text), "%" PRId64, (int64_t) get_int(row, "tries"));
                table_add(&t, text);
                table_add(&t, get_string(row, "name"));
                table_add(&t, get_string(row, "resource")[0] ? get_string(row, "resource") : get_string(row, "plugin"));
                table_add(&t, get_string(row, "error"));
        }
        table_print(&t, "");
        if ((json_int_t) json_array_size(rows) < total)
                printf("and %" PRId64 " more\n", (int64_t) (total - (json_int_t) json_array_size(rows)));
}

void show_rows(const json_t *answer) {
        json_int_t rows = get_int(answer, "rows");

        printf("%" PRId64 " row%s\n", (int64_t) rows, rows == 1 ? "" : "s");
}
