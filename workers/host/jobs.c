/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/host/jobs.h"

#include "lib/log.h"

/* Instances of a slot are named NAME, or NAME#1, NAME#2, ... */
static bool is_first_instance(const struct wire_setup *setup) {
        const char *number = strrchr(setup->name, '#');

        return (!number || streq(number, "#1")) && (!setup->class[0] || streq(setup->class, "default"));
}

static uint64_t interval(const struct wazo_job *job) {
        return MAX(job->interval, 1U) * NSEC_PER_SEC;
}

int jobs_init(struct jobs *j, const struct wazo_plugin *plugin, const struct wire_setup *setup, uint64_t now) {
        *j = (struct jobs) {.table = plugin->jobs};
        if (!plugin->jobs || !is_first_instance(setup))
                return 0;
        while (plugin->jobs[j->n].name)
                j->n++;
        if (j->n == 0)
                return 0;
        j->due = calloc(j->n, sizeof(*j->due));
        if (!j->due) {
                j->n = 0;
                return -ENOMEM;
        }
        for (size_t i = 0; i < j->n; i++)
                j->due[i] = now + interval(&plugin->jobs[i]);
        return 0;
}

void jobs_done(struct jobs *j) {
        free(j->due);
        *j = (struct jobs) {0};
}

/* The index of the first that is due; n when there is none. */
static size_t earliest(const struct jobs *j) {
        size_t first = 0;

        for (size_t i = 1; i < j->n; i++)
                if (j->due[i] < j->due[first])
                        first = i;
        return first;
}

uint64_t jobs_next(const struct jobs *j) {
        return j->n > 0 ? j->due[earliest(j)] : NSEC_NEVER;
}

void jobs_run_one(struct jobs *j, struct wazo_host *host, uint64_t now) {
        size_t i = earliest(j);
        int r;

        if (j->n == 0 || j->due[i] > now)
                return;
        r = wazo_plugin_job(host, j->table[i].name);
        if (r < 0)
                log_error("job %s failed: %s", j->table[i].name, strerror(-r));
        /* Counted from its end: a job that takes longer than its interval leaves room for requests. */
        j->due[i] = now_monotonic() + interval(&j->table[i]);
}
