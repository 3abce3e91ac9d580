/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The plan: what the supervisor is to run, as the configuration child worked it out from the manifest, the configuration
 * files and the plugins' descriptions. A flat, packed blob in a sealed memory file: the supervisor itself parses neither
 * YAML nor JSON. A worker's entry holds everything that decides about it ("its inputs"): on reload, an entry that is the
 * same to the byte leaves its worker alone.
 */
#pragma once

#include "lib/pack.h"
#include "lib/wire.h"

#define PLAN_VERSION 2
#define PLAN_SIZE_MAX (32U * 1024 * 1024)
#define PLAN_WORKERS_MAX 4096
#define PLAN_LISTENERS_MAX 8
#define PLAN_ARGS_MAX 64
#define PLAN_REQUIRES_MAX 16

enum plan_ready {
        PLAN_READY_CHANNEL, /* READY on its channel: all kinds but exec */
        PLAN_READY_NOTIFY,  /* READY=1 on a notify socket of its own (exec) */
        PLAN_READY_AT_ONCE, /* when it was executed (exec) */
};

struct plan_listener {
        const char *name;
        const char *address; /* numeric IPv4 or IPv6, or the path of a Unix socket */
        uint32_t port;
        const char *tls_cert, *tls_key; /* paths, "" without TLS */
};

struct plan_timing {
        uint64_t start_msec;   /* spawn to ready, else it is aborted */
        uint64_t attempt_msec; /* the longest that a request may take by default; for reports */
        uint64_t ping_msec;    /* how often a looping worker is pinged; 0: never. It must answer within this time */
        uint64_t drain_msec;   /* DRAIN to SIGTERM */
        uint64_t term_msec;    /* SIGTERM to the next step */
        uint64_t abort_msec;   /* SIGABRT to SIGKILL, where a record is wanted */
        uint64_t kill_msec;    /* SIGKILL to undead */
        uint64_t backoff_base_msec, backoff_cap_msec;
        uint64_t healthy_msec; /* this long ready, and the failures are forgotten */
        uint32_t intensity;    /* this many failures ... */
        uint64_t window_msec;  /* ... within this time: failed, and the slow lane */
        uint64_t slow_msec;
};

struct plan_worker {
        const char *name;   /* unique: gateway, control, migrate, user, user#2 */
        uint32_t kind;      /* enum wire_kind */
        const char *plugin, *class; /* "" unless kind is plugin */
        const char *plugin_path;
        uint8_t plugin_build_id[20];
        uint32_t ready;     /* enum plan_ready */
        bool critical;      /* when it is given up, the service exits with its code */
        bool on_demand;
        bool nursery;       /* forked from the nursery where there is one */
        bool core;
        uint64_t idle_msec;
        uint64_t memory_high, memory_max; /* bytes, 0: none */
        uint64_t files_max, processes_max; /* 0: none */
        uint32_t core_mib;
        struct plan_timing timing;
        const char *argv[PLAN_ARGS_MAX + 1]; /* every kind's program, absolute path first; for exec with its arguments */
        const char *requires[PLAN_REQUIRES_MAX + 1]; /* names of workers before it in the plan that must be ready or done */
        const uint8_t *slice; /* JSON text */
        size_t slice_size;
        const uint8_t *sandbox; /* lib/sandbox.h, packed; none for a foreign command */
        size_t sandbox_size;
        const uint8_t *inputs; /* the packed entry itself, as compared on reload */
        size_t inputs_size;
};

struct plan {
        const char *service, *version; /* wazo-confd, 26.08 */
        const char *user;              /* "" : as started */
        const char *run_dir, *state_dir, *log_path, *pid_path; /* "" where there is none */
        const char *control_path, *control_group;
        uint32_t log_level;
        struct plan_listener listeners[PLAN_LISTENERS_MAX];
        size_t n_listeners;
        struct plan_worker *workers;   /* in the order of their start */
        size_t n_workers;
};

/* Packs @plan, without the workers' inputs, which are the packed entries. -E2BIG when it is over a limit of this header. */
int plan_encode(const struct plan *plan, struct pack *p) _must_check_;

/*
 * Strictly unpacks. Everything but ret->workers, which plan_done() frees, points into @data, which must outlive the plan.
 * -EBADMSG for anything malformed, over a limit, or of another PLAN_VERSION; names are checked to be unique and not longer
 * than WIRE_NAME_MAX - 1, requires to name a worker of the plan.
 */
int plan_decode(const void *data, size_t size, struct plan *ret) _must_check_;
void plan_done(struct plan *plan);

/* NULL when there is none. */
const struct plan_worker *plan_find(const struct plan *plan, const char *name);
