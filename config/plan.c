/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/plan.h"

#include <arpa/inet.h>

#include "lib/log.h"

/* A hundred years: no duration of a plan overflows when the supervisor turns it into nanoseconds and adds it to a clock. */
#define PLAN_MSEC_MAX (UINT64_C(100) * 366 * 24 * 3600 * 1000)

/* The timings in the order of their packing. */
static const size_t timing_durations[] = {
        offsetof(struct plan_timing, start_msec),        offsetof(struct plan_timing, attempt_msec),
        offsetof(struct plan_timing, ping_msec),         offsetof(struct plan_timing, drain_msec),
        offsetof(struct plan_timing, term_msec),         offsetof(struct plan_timing, abort_msec),
        offsetof(struct plan_timing, kill_msec),         offsetof(struct plan_timing, backoff_base_msec),
        offsetof(struct plan_timing, backoff_cap_msec),  offsetof(struct plan_timing, healthy_msec),
        offsetof(struct plan_timing, window_msec),       offsetof(struct plan_timing, slow_msec),
};

static void encode_timing(const struct plan_timing *t, struct pack *p) {
        for (size_t i = 0; i < ELEMENTSOF(timing_durations); i++) {
                uint64_t msec;

                memcpy(&msec, (const char *) t + timing_durations[i], sizeof(msec));
                pack_u64(p, msec);
        }
        pack_u32(p, t->intensity);
}

static void encode_strings(const char *const *list, struct pack *p) {
        uint32_t n = 0;

        while (list[n])
                n++;
        pack_u32(p, n);
        for (uint32_t i = 0; i < n; i++)
                pack_string(p, list[i]);
}

static int encode_worker(const struct plan_worker *w, struct pack *p) {
        pack_string(p, w->name);
        pack_u32(p, w->kind);
        pack_string(p, w->plugin);
        pack_string(p, w->class);
        pack_string(p, w->plugin_path);
        pack_bytes(p, w->plugin_build_id, sizeof(w->plugin_build_id));
        pack_u32(p, w->ready);
        pack_u8(p, w->critical);
        pack_u8(p, w->on_demand);
        pack_u8(p, w->nursery);
        pack_u8(p, w->core);
        pack_u64(p, w->idle_msec);
        pack_u64(p, w->memory_high);
        pack_u64(p, w->memory_max);
        pack_u64(p, w->files_max);
        pack_u64(p, w->processes_max);
        pack_u32(p, w->core_mib);
        encode_timing(&w->timing, p);
        encode_strings(w->argv, p);
        encode_strings(w->requires, p);
        pack_bytes(p, w->slice, w->slice_size);
        pack_bytes(p, w->sandbox, w->sandbox_size);
        return pack_end(p);
}

int plan_encode(const struct plan *plan, struct pack *p) {
        if (plan->n_workers > PLAN_WORKERS_MAX || plan->n_listeners > PLAN_LISTENERS_MAX)
                return -E2BIG;

        pack_u32(p, PLAN_VERSION);
        pack_string(p, plan->service);
        pack_string(p, plan->version);
        pack_string(p, plan->user);
        pack_string(p, plan->run_dir);
        pack_string(p, plan->state_dir);
        pack_string(p, plan->log_path);
        pack_string(p, plan->pid_path);
        pack_string(p, plan->control_path);
        pack_string(p, plan->control_group);
        pack_u32(p, plan->log_level);

        pack_u32(p, (uint32_t) plan->n_listeners);
        for (size_t i = 0; i < plan->n_listeners; i++) {
                const struct plan_listener *l = &plan->listeners[i];

                pack_string(p, l->name);
                pack_string(p, l->address);
                pack_u32(p, l->port);
                pack_string(p, l->tls_cert);
                pack_string(p, l->tls_key);
        }

        pack_u32(p, (uint32_t) plan->n_workers);
        for (size_t i = 0; i < plan->n_workers; i++) {
                _cleanup_(pack_done) struct pack entry = PACK_NULL;
                int r = encode_worker(&plan->workers[i], &entry);

                if (r < 0)
                        return r;
                pack_bytes(p, entry.data, entry.size);
        }
        if (p->size > PLAN_SIZE_MAX)
                return -E2BIG;
        return pack_end(p);
}

/* The reader's error sticks, so that a value out of its range is treated like one that is too short. */
static void refuse_unless(struct unpack *u, bool condition) {
        if (!condition)
                u->failed = true;
}

static bool decode_bool(struct unpack *u) {
        uint8_t value = unpack_u8(u);

        refuse_unless(u, value <= 1);
        return value == 1;
}

static const char *decode_name(struct unpack *u, bool may_be_empty) {
        const char *name = unpack_string(u);

        refuse_unless(u, strlen(name) < WIRE_NAME_MAX && (may_be_empty || *name));
        return name;
}

static void decode_timing(struct unpack *u, struct plan_timing *t) {
        for (size_t i = 0; i < ELEMENTSOF(timing_durations); i++) {
                uint64_t msec = unpack_u64(u);

                refuse_unless(u, msec <= PLAN_MSEC_MAX);
                memcpy((char *) t + timing_durations[i], &msec, sizeof(msec));
        }
        t->intensity = unpack_u32(u);
}

static void decode_strings(struct unpack *u, const char **list, uint32_t max) {
        uint32_t n = unpack_u32(u);

        refuse_unless(u, n <= max);
        for (uint32_t i = 0; !u->failed && i < n; i++)
                list[i] = unpack_string(u);
}

static void decode_listener(struct unpack *u, struct plan_listener *l) {
        l->name = decode_name(u, false);
        l->address = unpack_string(u);
        l->port = unpack_u32(u);
        l->tls_cert = unpack_string(u);
        l->tls_key = unpack_string(u);

        if (*l->address != '/') {
                uint8_t address[sizeof(struct in6_addr)];

                refuse_unless(u, l->port <= UINT16_MAX && (inet_pton(AF_INET, l->address, address) == 1 ||
                                                           inet_pton(AF_INET6, l->address, address) == 1));
        }
}

static void decode_worker(struct unpack *whole, struct plan_worker *w) {
        const uint8_t *build_id;
        size_t size;

        w->inputs = unpack_bytes(whole, &w->inputs_size);
        if (!w->inputs)
                return;

        struct unpack u = unpack_begin(w->inputs, w->inputs_size);

        w->name = decode_name(&u, false);
        w->kind = unpack_u32(&u);
        w->plugin = decode_name(&u, true);
        w->class = decode_name(&u, true);
        w->plugin_path = unpack_string(&u);
        build_id = unpack_bytes(&u, &size);
        refuse_unless(&u, size == sizeof(w->plugin_build_id));
        if (!u.failed)
                memcpy(w->plugin_build_id, build_id, size);
        w->ready = unpack_u32(&u);
        w->critical = decode_bool(&u);
        w->on_demand = decode_bool(&u);
        w->nursery = decode_bool(&u);
        w->core = decode_bool(&u);
        w->idle_msec = unpack_u64(&u);
        w->memory_high = unpack_u64(&u);
        w->memory_max = unpack_u64(&u);
        w->files_max = unpack_u64(&u);
        w->processes_max = unpack_u64(&u);
        w->core_mib = unpack_u32(&u);
        decode_timing(&u, &w->timing);
        decode_strings(&u, w->argv, PLAN_ARGS_MAX);
        decode_strings(&u, w->requires, PLAN_REQUIRES_MAX);
        w->slice = unpack_bytes(&u, &w->slice_size);
        w->sandbox = unpack_bytes(&u, &w->sandbox_size);

        refuse_unless(&u, w->kind < WIRE_KIND_MAX && w->ready <= PLAN_READY_AT_ONCE && w->idle_msec <= PLAN_MSEC_MAX);
        refuse_unless(&u, strlen(w->plugin_path) < sizeof(((struct wire_setup *) NULL)->plugin_path));
        refuse_unless(&u, !w->argv[0] || *w->argv[0] == '/');
        refuse_unless(&u, w->kind != WIRE_KIND_EXEC || w->argv[0]);
        refuse_unless(&u, w->kind != WIRE_KIND_PLUGIN || *w->plugin);
        refuse_unless(whole, unpack_end(&u) == 0);
}

static int compare_workers(const void *a, const void *b) {
        const struct plan_worker *const *x = a, *const *y = b;

        return strcmp((*x)->name, (*y)->name);
}

/* Names are unique, and what a worker requires comes before it, so that no circle is possible. */
static int check_names(const struct plan *plan) {
        _cleanup_free_ const struct plan_worker **sorted = NULL;
        size_t n = plan->n_workers;

        if (n == 0)
                return 0;
        sorted = malloc(n * sizeof(*sorted));
        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                sorted[i] = &plan->workers[i];
        qsort(sorted, n, sizeof(*sorted), compare_workers);
        for (size_t i = 1; i < n; i++)
                if (streq(sorted[i - 1]->name, sorted[i]->name))
                        return -EBADMSG;

        for (size_t i = 0; i < n; i++)
                for (const char **name = plan->workers[i].requires; *name; name++) {
                        struct plan_worker wanted = {.name = *name};
                        const struct plan_worker *key = &wanted, **found;

                        found = bsearch(&key, sorted, n, sizeof(*sorted), compare_workers);
                        if (!found || *found >= &plan->workers[i])
                                return -EBADMSG;
                }
        return 0;
}

int plan_decode(const void *data, size_t size, struct plan *ret) {
        _cleanup_(plan_done) struct plan plan = {0};
        struct unpack u = unpack_begin(data, size);
        uint32_t n;
        int r;

        if (size > PLAN_SIZE_MAX || unpack_u32(&u) != PLAN_VERSION)
                return -EBADMSG;
        plan.service = decode_name(&u, false);
        plan.version = unpack_string(&u);
        plan.user = unpack_string(&u);
        plan.run_dir = unpack_string(&u);
        plan.state_dir = unpack_string(&u);
        plan.log_path = unpack_string(&u);
        plan.pid_path = unpack_string(&u);
        plan.control_path = unpack_string(&u);
        plan.control_group = unpack_string(&u);
        plan.log_level = unpack_u32(&u);
        refuse_unless(&u, plan.log_level < LOG_LEVEL_MAX);

        n = unpack_u32(&u);
        refuse_unless(&u, n <= PLAN_LISTENERS_MAX);
        for (; !u.failed && plan.n_listeners < n; plan.n_listeners++)
                decode_listener(&u, &plan.listeners[plan.n_listeners]);

        n = unpack_u32(&u);
        refuse_unless(&u, n <= PLAN_WORKERS_MAX);
        if (u.failed)
                return -EBADMSG;
        plan.workers = calloc(MAX(n, 1U), sizeof(*plan.workers));
        if (!plan.workers)
                return -ENOMEM;
        for (; !u.failed && plan.n_workers < n; plan.n_workers++)
                decode_worker(&u, &plan.workers[plan.n_workers]);

        r = unpack_end(&u);
        if (r < 0)
                return r;
        r = check_names(&plan);
        if (r < 0)
                return r;

        *ret = plan;
        plan.workers = NULL;
        return 0;
}

void plan_done(struct plan *plan) {
        free(plan->workers);
        plan->workers = NULL;
        plan->n_workers = 0;
}

const struct plan_worker *plan_find(const struct plan *plan, const char *name) {
        for (size_t i = 0; i < plan->n_workers; i++)
                if (streq(plan->workers[i].name, name))
                        return &plan->workers[i];
        return NULL;
}
