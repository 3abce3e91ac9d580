/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/wazo-service/status.h"

#include <jansson.h>
#include <stdio.h>

#include "units/wazo-service/command.h"
#include "units/wazo-service/database.h"

#define WORKERS_SECONDS 5

enum state { STATE_RUNNING, STATE_STOPPED, STATE_FAILED, STATE_UNKNOWN };

static const char *const states[] = {
        [STATE_RUNNING] = "running", [STATE_STOPPED] = "stopped", [STATE_FAILED] = "failed", [STATE_UNKNOWN] = "unknown",
};

/* A start that is under way counts as running: it is nobody's business yet. What systemd starts again and again does not. */
static enum state state_of(const struct target *t) {
        if (!streq(t->unit.load, "loaded"))
                return STATE_UNKNOWN;
        if (target_is(t, "failed"))
                return STATE_FAILED;
        if (target_runs(t) || (target_is(t, "activating") && strncmp(t->unit.sub, "auto-restart", strlen("auto-restart")) != 0))
                return STATE_RUNNING;
        return STATE_STOPPED;
}

/* What the supervisor of a native service says of its workers; NULL when it says nothing. */
static json_t *workers_of(const struct target *t) {
        _cleanup_free_ char *text = NULL;
        json_t *answer, *workers;

        if (t->manifest->kind != MANIFEST_NATIVE || state_of(t) != STATE_RUNNING)
                return NULL;
        if (command_read((const char *const[]) {"wazo-suite", "--service", t->manifest->service, "--json", "status",
                                                NULL},
                         WORKERS_SECONDS, &text) < 0)
                return NULL;
        answer = json_loads(text, 0, NULL);
        workers = json_incref(json_object_get(answer, "workers"));
        json_decref(answer);
        return workers;
}

static void print_workers(const struct target *t) {
        json_t *workers = workers_of(t), *worker;
        size_t i;

        json_array_foreach(workers, i, worker)
                printf("\t\t%s\t%s\n", strempty(json_string_value(json_object_get(worker, "state"))),
                       strempty(json_string_value(json_object_get(worker, "name"))));
        json_decref(workers);
}

static int print_lines(const struct target *targets, size_t n, const struct status_options *options) {
        puts("Checking database...");
        database_print();
        puts("Checking services...");
        for (size_t i = 0; i < n; i++) {
                printf("\t%s\t\t%s\n", states[state_of(&targets[i])], targets[i].name);
                if (options->workers)
                        print_workers(&targets[i]);
        }
        return 0;
}

static int print_json(const struct host *h, const struct target *targets, size_t n, int code) {
        json_t *list = json_array(), *root;
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++) {
                const struct target *t = &targets[i];
                json_t *workers = workers_of(t);

                r = json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:o*}", "name", t->name, "unit",
                                                          t->unit.name, "state", states[state_of(t)], "active",
                                                          t->unit.active, "sub", t->unit.sub, "disabled",
                                                          host_is_disabled(h, t), "workers", workers));
        }
        root = json_pack("{s:o,s:i}", "services", list, "exit", code);
        if (r == 0 && root)
                r = json_dumpf(root, stdout, JSON_INDENT(1));
        json_decref(root);
        putchar('\n');
        return r < 0 ? -ENOMEM : 0;
}

int status_show(struct host *h, enum facts_filter filter, const struct status_options *options) {
        _cleanup_free_ struct target *targets = NULL;
        bool stopped = false, failed = false;
        int r, code;
        size_t n;

        r = host_targets(h, filter, true, &targets, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                stopped |= state_of(&targets[i]) == STATE_STOPPED;
                failed |= state_of(&targets[i]) == STATE_FAILED;
        }
        code = failed ? 2 : stopped ? 1 : 0;
        r = options->json ? print_json(h, targets, n, code) : print_lines(targets, n, options);
        return r < 0 ? r : code;
}
