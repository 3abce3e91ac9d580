/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "workers/control/client/format.h"
#include "workers/control/client/show.h"

static void show_worker(const json_t *worker) {
        const char *state = get_string(worker, "state"), *reason = get_string(worker, "reason");
        const json_t *retry = json_object_get(worker, "retry_in_ms");
        char since[FORMAT_SIZE], wait[FORMAT_SIZE];

        printf("%s%s%s: %s%s%s for %s", format_bold(), get_string(worker, "name"), format_plain(), format_state(state), state,
               format_plain(), format_duration(since, get_int(worker, "since_ms")));
        if (reason[0])
                printf(": %s", reason);
        if (retry)
                printf("; again in %s", format_duration(wait, json_integer_value(retry)));
        putchar('\n');
}

static void show_end(const json_t *record) {
        const json_t *signal = json_object_get(record, "signal"), *code = json_object_get(record, "exit_code");
        const char *reason = get_string(record, "reason");

        printf("  cause     %s", get_string(record, "cause"));
        if (signal)
                printf(", %s", get_string(signal, "name"));
        if (code)
                printf(", exit code %" PRId64, (int64_t) json_integer_value(code));
        if (reason[0])
                printf(": %s", reason);
        putchar('\n');
}

static void show_process(const json_t *record) {
        const json_t *usage = json_object_get(record, "usage");
        char up[FORMAT_SIZE], rss[FORMAT_SIZE];

        printf("  process   pid %" PRId64 ", generation %" PRId64 ", %s after %s\n", (int64_t) get_int(record, "pid"),
               (int64_t) get_int(record, "generation"), get_bool(record, "was_ready") ? "ready" : "not yet ready",
               format_duration(up, get_int(record, "uptime_ms")));
        printf("  usage     %" PRId64 " ms user, %" PRId64 " ms system, %s at most\n", (int64_t) get_int(usage, "user_ms"),
               (int64_t) get_int(usage, "system_ms"), format_bytes(rss, get_int(usage, "max_rss_kib") * 1024));
}

static void show_request(const json_t *request) {
        char age[FORMAT_SIZE];

        if (!request)
                return;
        printf("  request   %s %s, %s old, id %s\n", get_string(request, "method"), get_string(request, "route"),
               format_duration(age, get_int(request, "age_ms")), get_string(request, "id"));
}

static void show_record(const json_t *record) {
        json_t *lines = json_object_get(record, "log"), *line;
        size_t i;

        printf("\n%s%s%s ended at %s (%s %s)\n", format_bold(), get_string(record, "worker"), format_plain(),
               get_string(record, "at"), get_string(record, "service"), get_string(record, "service_version"));
        show_end(record);
        show_process(record);
        show_request(json_object_get(record, "request"));
        printf("  then      %s\n", get_string(json_object_get(record, "next"), "text"));
        if (json_array_size(lines) > 0)
                printf("  last lines\n");
        json_array_foreach(lines, i, line)
                printf("    %s\n", strempty(json_string_value(line)));
}

void show_why(const json_t *answer) {
        json_t *workers = json_object_get(answer, "workers"), *records = json_object_get(answer, "records"), *entry;
        size_t i;

        json_array_foreach(workers, i, entry)
                show_worker(entry);
        if (json_array_size(workers) == 0)
                printf("all workers are well\n");
        json_array_foreach(records, i, entry)
                show_record(entry);
        if (json_array_size(records) == 0)
                printf("no crash is on record\n");
}

void show_command(const json_t *answer) {
        json_t *lines = json_object_get(answer, "lines"), *line;
        size_t i;

        if (get_string(answer, "text")[0])
                printf("%s\n", get_string(answer, "text"));
        json_array_foreach(lines, i, line)
                printf("%s\n", strempty(json_string_value(line)));
}

void show_metrics(const json_t *answer) {
        (void) fputs(get_string(answer, "text"), stdout);
}
