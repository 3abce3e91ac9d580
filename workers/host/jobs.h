/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plugin's timed jobs: they run in one of its instances, one at a time, when no request waits. */
#pragma once

#include "lib/wire.h"
#include "workers/kit/host.h"

struct jobs {
        const struct wazo_job *table;
        uint64_t *due; /* CLOCK_MONOTONIC nsec, one a job */
        size_t n;
};

/* The jobs of @plugin, if the worker that @setup describes is the one that runs them: the first instance of class default.
 * -ENOMEM. */
int jobs_init(struct jobs *j, const struct wazo_plugin *plugin, const struct wire_setup *setup, uint64_t now) _must_check_;
void jobs_done(struct jobs *j);

/* When the next one is due; NSEC_NEVER. */
uint64_t jobs_next(const struct jobs *j);

/* Runs the one that has been due for longest. What fails is logged and comes again after its interval. */
void jobs_run_one(struct jobs *j, struct wazo_host *host, uint64_t now);
