/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/workers.h"

#include <stdio.h>

#include "config/text.h"

#define MSEC_PER_SEC UINT64_C(1000)

/* What holds unless a manifest says otherwise; by kind where the kinds differ. */
static const struct plan_timing usual = {
        .start_msec = 10 * MSEC_PER_SEC,
        .drain_msec = 15 * MSEC_PER_SEC,
        .term_msec = 5 * MSEC_PER_SEC,
        .abort_msec = 2 * MSEC_PER_SEC,
        .kill_msec = 5 * MSEC_PER_SEC,
        .backoff_base_msec = 100,
        .backoff_cap_msec = 30 * MSEC_PER_SEC,
        .healthy_msec = 60 * MSEC_PER_SEC,
        .intensity = 5,
        .window_msec = 30 * MSEC_PER_SEC,
        .slow_msec = 300 * MSEC_PER_SEC,
};

#define GATEWAY_DRAIN_MSEC (75 * MSEC_PER_SEC) /* above nginx's keep-alive */
#define DISCOVERY_DRAIN_MSEC (3 * MSEC_PER_SEC) /* the whole service waits for it to end, before its gateways do */
#define PING_MSEC (30 * MSEC_PER_SEC)
#define ESSENTIAL_CAP_MSEC (1 * MSEC_PER_SEC)    /* an operator waits for it */
#define IDLE_MSEC (60 * MSEC_PER_SEC)

/* What a kind is run with. */
static const struct {
        const char *program; /* of ours; NULL: the entry's command */
        int (*slice)(const struct slice_facts *facts, char **ret);
        bool looping; /* it has a loop that answers pings */
} kinds[WIRE_KIND_MAX] = {
        [WIRE_KIND_GATEWAY] = {"wazo-gateway", NULL, true}, /* its slice: make_gateway_slices() */
        [WIRE_KIND_CONTROL] = {"wazo-control", slice_control, true},
        [WIRE_KIND_PLUGIN] = {"wazo-host", NULL, false},
        [WIRE_KIND_ONCE] = {NULL, slice_migrate, false},
        [WIRE_KIND_EXEC] = {NULL, NULL, false},
        [WIRE_KIND_RELAY] = {"wazo-relay", slice_relay, true},
        [WIRE_KIND_AUTH] = {"wazo-auth-worker", NULL, true},
        [WIRE_KIND_DISCOVERY] = {"wazo-discovery", slice_discovery, true},
};

struct maker {
        const struct workers_request *request;
        struct slice_facts facts;
        struct workers *into;
};

void workers_done(struct workers *w) {
        for (size_t i = 0; i < w->n_texts; i++)
                free(w->texts[i]);
        free(w->texts);
        sandbox_filters_done(&w->filters);
        free(w->list);
        *w = (struct workers) {0};
}

/* Takes @text over, for as long as the workers live; NULL is out of memory. */
static const char *keep(struct maker *m, char *text) {
        char **grown = text ? reallocarray(m->into->texts, m->into->n_texts + 1, sizeof(*grown)) : NULL;

        if (!grown) {
                free(text);
                return NULL;
        }
        m->into->texts = grown;
        grown[m->into->n_texts++] = text;
        return text;
}

/* The value that was said nearest to the worker. */
static uint64_t said(int64_t nearest, int64_t next, uint64_t otherwise) {
        return nearest >= 0 ? (uint64_t) nearest : next >= 0 ? (uint64_t) next : otherwise;
}

static struct plan_timing make_timing(const struct maker *m, const struct manifest_worker *w) {
        const struct manifest_timing *own = &w->timing, *all = &m->request->manifest->timing;
        bool gateway = w->kind == WIRE_KIND_GATEWAY;
        uint64_t drain = gateway ? GATEWAY_DRAIN_MSEC : w->kind == WIRE_KIND_DISCOVERY ? DISCOVERY_DRAIN_MSEC : usual.drain_msec;
        /* Without control nobody can be told what is wrong, without a gateway nobody is served: neither is ever given up. */
        bool essential = gateway || w->kind == WIRE_KIND_CONTROL;

        return (struct plan_timing) {
                .start_msec = said(own->start, all->start, usual.start_msec),
                .attempt_msec = (uint64_t) m->request->settings->deadlines.attempt,
                /* The service's says how often; only a kind with a loop is pinged at all. */
                .ping_msec = kinds[w->kind].looping ? said(own->ping, all->ping, PING_MSEC) : 0,
                .drain_msec = said(own->drain, all->drain, drain),
                .term_msec = said(own->term, all->term, usual.term_msec),
                .abort_msec = said(own->abort, all->abort, usual.abort_msec),
                .kill_msec = said(own->kill, all->kill, usual.kill_msec),
                .backoff_base_msec = said(own->backoff_base, all->backoff_base, usual.backoff_base_msec),
                .backoff_cap_msec = said(own->backoff_cap, essential ? -1 : all->backoff_cap,
                                         essential ? ESSENTIAL_CAP_MSEC : usual.backoff_cap_msec),
                .healthy_msec = said(own->healthy, all->healthy, usual.healthy_msec),
                .intensity = essential ? 0 : (uint32_t) said(own->intensity, all->intensity, usual.intensity),
                .window_msec = said(own->window, all->window, usual.window_msec),
                .slow_msec = said(own->slow, all->slow, usual.slow_msec),
        };
}

static uint64_t first_of(int64_t a, int64_t b, int64_t c, int64_t d) {
        return (uint64_t) (a > 0 ? a : b > 0 ? b : c > 0 ? c : d);
}

/* Limits: the configuration's for this worker, for all plugins, the manifest entry's, the manifest's. */
static void set_limits(const struct maker *m, const struct manifest_worker *w, const struct settings_worker *own,
                       const struct settings_worker *plugins, struct plan_worker *to) {
        const struct manifest_limits *entry = &w->limits, *all = &m->request->manifest->limits;
        uint64_t core = first_of(own->core, plugins->core, entry->core, all->core);

        to->memory_high = first_of(own->memory.high, plugins->memory.high, entry->memory.high, all->memory.high);
        to->memory_max = first_of(own->memory.max, plugins->memory.max, entry->memory.max, all->memory.max);
        to->files_max = first_of(own->files, plugins->files, entry->files, all->files);
        to->processes_max = first_of(own->processes, plugins->processes, entry->processes, all->processes);
        to->core = core > 0;
        to->core_mib = (uint32_t) MIN((core + (1 << 20) - 1) >> 20, (uint64_t) UINT32_MAX);
}

/* A pool of foreign commands is numbered from 1; of ours the first keeps the plain name, so that growing leaves it alone. */
static int format_name(const char *base, uint32_t kind, uint64_t i, uint64_t n, char *to, size_t size) {
        int length = n == 1 || (i == 0 && kind != WIRE_KIND_EXEC)
                             ? snprintf(to, size, "%s", base)
                             : snprintf(to, size, "%s#%llu", base, (unsigned long long) i + 1);

        return length < 0 || (size_t) length >= MIN(size, (size_t) WIRE_NAME_MAX) ? -ENAMETOOLONG : 0;
}

/* How many processes the configuration, or else the manifest, wants of a worker that is no plugin. */
static uint64_t instances_of(const struct maker *m, const struct manifest_worker *w) {
        struct settings_worker own;

        settings_worker(m->request->settings, w->name, m->request->findings, &own);
        if (w->kind == WIRE_KIND_CONTROL || w->kind == WIRE_KIND_ONCE || w->kind == WIRE_KIND_DISCOVERY)
                return 1;
        return own.instances > 0 ? (uint64_t) own.instances : (uint64_t) MAX(w->instances, (int64_t) 1);
}

static int set_requires(struct maker *m, const struct manifest_worker *w, struct plan_worker *to) {
        const struct yaml_node *list = w->requires;
        size_t n = 0;

        for (size_t i = 0; list && i < list->n; i++) {
                const struct manifest_worker *required = manifest_worker(m->request->manifest,
                                                                         list->entries[i].value->text);
                uint64_t instances = required ? instances_of(m, required) : 0;

                for (uint64_t j = 0; j < instances; j++) {
                        char name[WIRE_NAME_MAX];

                        if (n == PLAN_REQUIRES_MAX) {
                                findings_error(m->request->findings, &list->place,
                                               "workers.%s requires more than %d workers", w->name,
                                               PLAN_REQUIRES_MAX);
                                return 0;
                        }
                        if (format_name(required->name, (uint32_t) required->kind, j, instances, name, sizeof(name)) < 0)
                                continue;
                        to->requires[n] = keep(m, strdup(name));
                        if (!to->requires[n++])
                                return -ENOMEM;
                }
        }
        return 0;
}

static int set_command(struct maker *m, const struct manifest_worker *w, struct plan_worker *to) {
        const char *program = kinds[w->kind].program;

        if (!program && w->command && w->command->kind == YAML_KIND_SCALAR)
                program = w->command->text;
        if (program) {
                char path[1024];
                int r = paths_program(m->request->paths, program, path, sizeof(path));

                if (r < 0) {
                        findings_error(m->request->findings, &w->place, "workers.%s: the suite has no program %s",
                                       w->name, program);
                        return 0;
                }
                to->argv[0] = keep(m, strdup(path));
                return to->argv[0] ? 0 : -ENOMEM;
        }
        for (size_t i = 0; w->command && i < MIN(w->command->n, (size_t) PLAN_ARGS_MAX); i++)
                to->argv[i] = w->command->entries[i].value->text;
        return 0;
}

/* Adds @n copies of @model, named after @base. */
static int add_instances(struct maker *m, const struct plan_worker *model, const char *base, uint64_t n,
                         const struct place *place) {
        for (uint64_t i = 0; i < n; i++) {
                char name[128];
                struct plan_worker *w;

                if (format_name(base, model->kind, i, n, name, sizeof(name)) < 0) {
                        findings_error(m->request->findings, place, "too long a name of a worker: %s", base);
                        return 0;
                }
                if (m->into->n == PLAN_WORKERS_MAX) {
                        findings_error(m->request->findings, place, "more than %d workers", PLAN_WORKERS_MAX);
                        return 0;
                }
                if (m->into->n == m->into->allocated) {
                        size_t allocate = MAX(m->into->allocated * 2, (size_t) 16);
                        struct plan_worker *grown = reallocarray(m->into->list, allocate, sizeof(*grown));

                        if (!grown)
                                return -ENOMEM;
                        m->into->list = grown;
                        m->into->allocated = allocate;
                }
                w = &m->into->list[m->into->n];
                *w = *model;
                w->name = keep(m, strdup(name));
                if (!w->name)
                        return -ENOMEM;
                m->into->n++;
        }
        return 0;
}

/* All that an entry of the manifest says about its processes, whoever they are. */
static int make_model(struct maker *m, const struct manifest_worker *w, struct plan_worker *ret) {
        struct plan_worker model = {
                .kind = (uint32_t) w->kind,
                .plugin = "",
                .class = "",
                .plugin_path = "",
                .critical = w->critical,
                .nursery = w->nursery,
                .ready = w->kind == WIRE_KIND_EXEC ? (uint32_t) w->ready + PLAN_READY_NOTIFY : PLAN_READY_CHANNEL,
                .timing = make_timing(m, w),
        };
        int r = set_command(m, w, &model);

        if (r < 0)
                return r;
        r = set_requires(m, w, &model);
        if (r < 0)
                return r;
        *ret = model;
        return 0;
}

static void set_slice(struct plan_worker *w, const char *text) {
        w->slice = (const uint8_t *) text;
        w->slice_size = text ? strlen(text) : 0;
}

/* The nearest that was said: of the worker, of all plugins, of the service. */
static uint32_t choose_mode(const struct maker *m, const struct settings_worker *own, const struct settings_worker *plugins) {
        if (own->sandbox > 0)
                return (uint32_t) own->sandbox - 1;
        return plugins->sandbox > 0 ? (uint32_t) plugins->sandbox - 1 : (uint32_t) m->request->settings->sandbox;
}

/* Behind its slice, which the sandbox may depend on. */
static int set_sandbox(struct maker *m, struct plan_worker *w, const char *name, uint32_t mode, const struct description *d) {
        const struct sandbox_request request = {
                .kind = (enum wire_kind) w->kind,
                .mode = mode,
                .facts = &m->facts,
                .paths = m->request->paths,
                .plugin = d,
                .slice = (const char *) w->slice,
                .name = name,
                .core_mib = w->core_mib,
        };
        struct pack packed = PACK_NULL;
        int r = sandbox_make(&m->into->filters, &request, &packed);

        if (r < 0) {
                pack_done(&packed);
                return r;
        }
        w->sandbox = packed.data;
        w->sandbox_size = packed.size;
        return keep(m, (char *) packed.data) ? 0 : -ENOMEM;
}

static int make_worker(struct maker *m, const struct manifest_worker *w) {
        const struct settings_worker none = {0};
        struct settings_worker own;
        struct plan_worker model;
        char *slice = NULL;
        int r;

        r = make_model(m, w, &model);
        if (r < 0)
                return r;
        settings_worker(m->request->settings, w->name, m->request->findings, &own);
        set_limits(m, w, &own, &none, &model);

        /* A foreign command has no use for a slice. */
        if (kinds[w->kind].slice)
                r = kinds[w->kind].slice(&m->facts, &slice);
        else if (w->kind != WIRE_KIND_EXEC) {
                slice = strdup("{}");
                r = slice ? 0 : -ENOMEM;
        }
        if (r < 0)
                return r;
        if (slice) {
                if (!keep(m, slice))
                        return -ENOMEM;
                set_slice(&model, slice);
        }
        if (w->kind != WIRE_KIND_EXEC) {
                r = set_sandbox(m, &model, w->name, choose_mode(m, &own, &none), NULL);
                if (r < 0)
                        return r;
        }
        return add_instances(m, &model, w->name, instances_of(m, w), &w->place);
}

static int make_plugin(struct maker *m, const struct manifest_worker *w, const struct description *d) {
        struct settings_worker own, all;
        struct plan_worker model;
        bool on_demand;
        uint64_t idle;
        char *slice;
        int r;

        r = make_model(m, w, &model);
        if (r < 0)
                return r;
        settings_worker(m->request->settings, d->name, m->request->findings, &own);
        settings_worker(m->request->settings, "plugins", m->request->findings, &all);
        set_limits(m, w, &own, &all, &model);
        on_demand = settings_switch(own.on_demand, settings_switch(all.on_demand, w->on_demand));
        idle = first_of(own.idle, all.idle, w->idle, IDLE_MSEC);

        r = slice_plugin(&m->facts, d, &slice);
        if (r < 0)
                return r;
        if (!keep(m, slice))
                return -ENOMEM;
        set_slice(&model, slice);
        r = set_sandbox(m, &model, d->name, choose_mode(m, &own, &all), d);
        if (r < 0)
                return r;
        model.plugin = d->name;
        model.class = "default";
        model.plugin_path = d->path;
        memcpy(model.plugin_build_id, d->build_id, sizeof(model.plugin_build_id));
        model.on_demand = on_demand;
        model.idle_msec = on_demand ? idle : 0;
        r = add_instances(m, &model, d->name, first_of(own.instances, all.instances, w->instances, 1), &d->place);

        /* A class of its own is for what is rare and long, an import for instance: it runs when it is wanted. */
        model.on_demand = true;
        model.idle_msec = idle;
        for (size_t i = 0; r >= 0 && i < d->n_classes; i++) {
                char name[128];

                (void) snprintf(name, sizeof(name), "%s.%s", d->name, d->classes[i]);
                model.class = d->classes[i];
                r = add_instances(m, &model, name, 1, &d->place);
        }
        return r;
}

/* Entries of the configuration's "workers" and "plugins" that are about nobody. */
static void check_names(const struct maker *m, const struct yaml_node *map, const char *section, bool manifest_too) {
        const struct descriptions *d = m->request->descriptions;
        const char *names[DESCRIPTIONS_MAX + MANIFEST_WORKERS_MAX + 1];
        size_t n = 0;

        for (size_t i = 0; i < d->n; i++)
                names[n++] = d->list[i].name;
        for (size_t i = 0; manifest_too && i < m->request->manifest->n_workers; i++)
                names[n++] = m->request->manifest->workers[i].name;
        names[n] = NULL;

        for (size_t i = 0; map && i < map->n; i++) {
                const char *key = map->entries[i].key, *nearest;
                size_t j = 0;

                if (!key)
                        continue;
                while (j < n && !streq(names[j], key))
                        j++;
                if (j < n)
                        continue;
                nearest = text_nearest(key, names);
                findings_warning(m->request->findings, &map->entries[i].place,
                                 "%s.%s: nothing of this name runs here%s%s%s", section, key,
                                 nearest ? "; did you mean \"" : "", strempty(nearest), nearest ? "\"?" : "");
        }
}

/* A gateway lets workers on demand go, so it is told all of their names: its slice is the last to be made. */
static int make_gateway_slices(struct maker *m) {
        json_t *idle = json_object();
        int r = idle ? 0 : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < m->into->n; i++) {
                const struct plan_worker *w = &m->into->list[i];

                if (w->on_demand && json_object_set_new(idle, w->name, json_integer((json_int_t) w->idle_msec)) < 0)
                        r = -ENOMEM;
        }
        for (size_t i = 0; r >= 0 && i < m->into->n; i++) {
                struct plan_worker *w = &m->into->list[i];
                struct slice_facts facts = m->facts;
                char *text;

                if (w->kind != WIRE_KIND_GATEWAY)
                        continue;
                facts.idle = idle;
                facts.gateway_drain_msec = w->timing.drain_msec;
                r = slice_gateway(&facts, &text);
                if (r >= 0)
                        r = keep(m, text) ? 0 : -ENOMEM;
                if (r >= 0)
                        set_slice(w, text);
        }
        json_decref(idle);
        return r;
}

/* Who does not use consul has no worker for it. */
static bool is_wanted(const struct maker *m, const struct manifest_worker *w) {
        return w->kind != WIRE_KIND_DISCOVERY || m->request->settings->discovery.enabled;
}

int workers_make(const struct workers_request *request, struct workers *ret) {
        _cleanup_(workers_done) struct workers made = {0};
        struct maker m = {.request = request, .facts = request->facts, .into = &made};
        int r = 0;

        check_names(&m, request->settings->workers, "workers", true);
        check_names(&m, request->settings->plugins, "plugins", false);

        for (size_t i = 0; r >= 0 && i < request->manifest->n_workers; i++) {
                const struct manifest_worker *w = &request->manifest->workers[i];

                if (!is_wanted(&m, w))
                        continue;
                if (w->kind != WIRE_KIND_PLUGIN) {
                        r = make_worker(&m, w);
                        continue;
                }
                for (size_t j = 0; r >= 0 && j < request->descriptions->n; j++)
                        if (!request->descriptions->list[j].problem)
                                r = make_plugin(&m, w, &request->descriptions->list[j]);
        }
        if (r >= 0)
                r = make_gateway_slices(&m);
        if (r < 0)
                return r;
        *ret = made;
        made = (struct workers) {0};
        return 0;
}
