/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A service's manifest: services.d/<service>.yml. Anything wrong in one is an error.
 */
#pragma once

#include "config/facts.h"
#include "lib/wire.h"

#define MANIFEST_WORKERS_MAX 256

/* other: no daemon, but files, ports or jobs of the host or of a tool that the suite has to know about. */
enum manifest_kind { MANIFEST_NATIVE, MANIFEST_EXEC, MANIFEST_UNIT, MANIFEST_OTHER };

struct manifest_memory {
        int64_t high, max;
};

/* 0: not said, so what is further out holds. */
struct manifest_limits {
        struct manifest_memory memory;
        int64_t files, processes;
        int64_t core; /* bytes */
};

/* In milliseconds, but for intensity; -1: not said. */
struct manifest_timing {
        int64_t start, ping, drain, term, abort, kill;
        int64_t backoff_base, backoff_cap, healthy, intensity, window, slow;
};

/* An entry of "workers"; "plugins" stands for every enabled plugin. */
struct manifest_worker {
        const char *name;
        struct place place;
        int64_t kind;  /* enum wire_kind */
        int64_t ready; /* enum plan_ready - 1: notify, at-once */
        int64_t instances;
        int64_t idle;
        bool nursery, on_demand, critical;
        const struct yaml_node *command; /* a text, a list, or NULL */
        const struct yaml_node *requires; /* a list, or NULL */
        struct manifest_limits limits;
        struct manifest_timing timing;
};

struct manifest {
        const char *service, *description, *user, *prefix, *config, *state, *run, *log;
        int64_t kind, port;
        struct manifest_limits limits;
        struct manifest_timing timing;
        const struct yaml_node *worker_map, *plugins; /* a list, or NULL */
        struct manifest_worker *workers; /* in the order of their start: what one requires is before it */
        size_t n_workers;
        struct facts facts;
        struct yaml_node *root;
};

#define MANIFEST_NULL ((struct manifest) {0})

/*
 * Finds <service>.yml in the first of @dirs (NULL-terminated) that has it, and reads it. Everything wrong becomes an error
 * finding; then the result is what could be read. -ENOENT, with a finding that names the services that there are; -ENOMEM.
 */
int manifest_read(const char *service, const char *const *dirs, struct findings *findings, struct manifest *ret) _must_check_;
/* The same for a file that is known; -ENOENT, -EACCES ... without a finding when it cannot be read. */
int manifest_read_file(const char *path, const char *service, struct findings *findings, struct manifest *ret) _must_check_;
void manifest_done(struct manifest *m);

/* native, exec, unit, other. */
const char *manifest_kind_to_string(int64_t kind);

/* NULL when there is none. */
const struct manifest_worker *manifest_worker(const struct manifest *m, const char *name);

/* All keys, as docs/configuration.md has them. */
void manifest_document(FILE *to);
