/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/manifest.h"

#include <dirent.h>

#include "config/plan.h"
#include "config/text.h"

static const char *const service_kinds[] = {"native", "exec", "unit", "other", NULL};
static const char *const ready_words[] = {"notify", "at-once", NULL};
static const char *const worker_kinds[] = {
#define X(name, text) text,
        WIRE_KINDS(X)
#undef X
        NULL
};

#define AT(structure, member) .offset = offsetof(struct structure, member)
#define DAY_MSEC (24 * 3600 * 1000)

static const struct keyword memory_keys[] = {
        {.name = "high", .type = KEYWORD_SIZE, .max = INT64_MAX / 2, AT(manifest_memory, high),
         .doc = "from here on it is slowed down"},
        {.name = "max", .type = KEYWORD_SIZE, .max = INT64_MAX / 2, AT(manifest_memory, max),
         .doc = "more than this it never gets"},
        {0},
};

static const struct keyword limits_keys[] = {
        {.name = "memory", .type = KEYWORD_SECTION, .section = memory_keys, AT(manifest_limits, memory), .doc = "see below"},
        {.name = "files", .type = KEYWORD_INTEGER, .min = 16, .max = 1048576, AT(manifest_limits, files), .doc = "open files"},
        {.name = "processes", .type = KEYWORD_INTEGER, .min = 1, .max = 1048576, AT(manifest_limits, processes),
         .doc = "processes of its user"},
        {.name = "core", .type = KEYWORD_SIZE, .max = INT64_MAX / 2, AT(manifest_limits, core),
         .doc = "as `workers.NAME.core` of the configuration, which goes before it"},
        {0},
};

#define TIMING(key, text) {.name = #key, .type = KEYWORD_DURATION, .max = DAY_MSEC, AT(manifest_timing, key), .doc = text}

static const struct keyword timing_keys[] = {
        TIMING(start, "from its start to ready, else it is aborted; default 10s"),
        TIMING(ping, "how often a looping worker is pinged, and how long it may take to answer; default 30s for gateway and control, else never"),
        TIMING(drain, "what a worker that is replaced may take for its work; default 75s for a gateway, 15s for others"),
        TIMING(term, "SIGTERM to the next step; default 5s"),
        TIMING(abort, "SIGABRT to SIGKILL; default 2s"),
        TIMING(kill, "SIGKILL to undead; default 5s"),
        TIMING(backoff_base, "the second restart waits so long, each next one twice as long; default 100ms"),
        TIMING(backoff_cap, "and never longer; default 30s, 1s for control"),
        TIMING(healthy, "so long ready, and its failures are forgotten; default 60s"),
        {.name = "intensity", .type = KEYWORD_INTEGER, .min = 1, .max = 1000, AT(manifest_timing, intensity),
         .doc = "so many failures within `window`: failed; default 5"},
        TIMING(window, "default 30s"),
        TIMING(slow, "how often a failed one is tried again; default 5m"),
        {0},
};

static const struct keyword worker_keys[] = {
        {.name = "kind", .type = KEYWORD_WORD, .words = worker_kinds, .flags = KEYWORD_REQUIRED,
         AT(manifest_worker, kind), .doc = "what it is"},
        {.name = "command", .type = KEYWORD_ANY, AT(manifest_worker, command),
         .doc = "exec: a list, the program's absolute path and its arguments; once, or exec: the name of a program of the suite's own"},
        {.name = "ready", .type = KEYWORD_WORD, .words = ready_words, .preset = "at-once", AT(manifest_worker, ready),
         .doc = "exec: when it says READY=1 to its notify socket, or as soon as it runs"},
        {.name = "instances", .type = KEYWORD_INTEGER, .min = 1, .max = PLAN_WORKERS_MAX, .preset = "1",
         AT(manifest_worker, instances),
         .doc = "processes"},
        {.name = "requires", .type = KEYWORD_STRINGS, .min = 1, .max = 64, AT(manifest_worker, requires),
         .doc = "workers that must be ready, or done, before"},
        {.name = "nursery", .type = KEYWORD_BOOLEAN, .preset = "false", AT(manifest_worker, nursery),
         .doc = "plugins: forked from the nursery"},
        {.name = "on_demand", .type = KEYWORD_BOOLEAN, .preset = "false", AT(manifest_worker, on_demand),
         .doc = "plugins: run only while there are requests for them"},
        {.name = "idle", .type = KEYWORD_DURATION, .min = 100, .max = DAY_MSEC, .preset = "60s", AT(manifest_worker, idle),
         .doc = "plugins on demand: how long without a request they stay"},
        {.name = "critical", .type = KEYWORD_BOOLEAN, .preset = "false", AT(manifest_worker, critical),
         .doc = "when it is given up, the service ends with its exit code"},
        {.name = "limits", .type = KEYWORD_SECTION, .section = limits_keys, AT(manifest_worker, limits), .doc = "as the service's"},
        {.name = "timing", .type = KEYWORD_SECTION, .section = timing_keys, AT(manifest_worker, timing), .doc = "as the service's"},
        {0},
};

static const struct keyword manifest_keys[] = {
        {.name = "service", .type = KEYWORD_STRING, .flags = KEYWORD_REQUIRED, AT(manifest, service),
         .doc = "its name, which is the file's"},
        {.name = "kind", .type = KEYWORD_WORD, .words = service_kinds, .flags = KEYWORD_REQUIRED, AT(manifest, kind),
         .doc = "native: our plugins; exec: foreign commands that we supervise; unit: it has a systemd unit of its own and is not run by us; "
                "other: no daemon, but files, ports or jobs that the suite has to know about"},
        {.name = "description", .type = KEYWORD_STRING, .flags = KEYWORD_REQUIRED, .min = 1, .max = 200,
         AT(manifest, description), .doc = "one line"},
        {.name = "user", .type = KEYWORD_STRING, .min = 1, .max = 64, AT(manifest, user), .doc = "who it runs as"},
        {.name = "port", .type = KEYWORD_INTEGER, .min = 1, .max = 65535, AT(manifest, port), .doc = "of its REST API"},
        {.name = "prefix", .type = KEYWORD_STRING, .preset = "", AT(manifest, prefix), .doc = "path before every resource: `/1.1`"},
        {.name = "config", .type = KEYWORD_PATH, AT(manifest, config), .doc = "main configuration file"},
        {.name = "state", .type = KEYWORD_PATH, AT(manifest, state), .doc = "directory of what must outlive it"},
        {.name = "run", .type = KEYWORD_PATH, AT(manifest, run), .doc = "directory of its control socket"},
        {.name = "log", .type = KEYWORD_PATH, AT(manifest, log), .doc = "log file"},
        {.name = "limits", .type = KEYWORD_SECTION, .section = limits_keys, AT(manifest, limits),
         .doc = "of each worker that has no limits of its own"},
        {.name = "timing", .type = KEYWORD_SECTION, .section = timing_keys, AT(manifest, timing),
         .doc = "of each worker that has no timing of its own"},
        {.name = "workers", .type = KEYWORD_MAP, AT(manifest, worker_map), .doc = "name of a worker, or `plugins`: see below"},
        {.name = "plugins", .type = KEYWORD_STRINGS, .min = 1, .max = 64, AT(manifest, plugins),
         .doc = "native: those that run unless the configuration says no"},
        {.name = "purpose", .type = KEYWORD_STRING, .min = 1, .max = 2000, AT(manifest, facts.purpose),
         .doc = "a few sentences for its page of the documentation"},
        {.name = "package", .type = KEYWORD_STRING, .min = 2, .max = 100, AT(manifest, facts.package),
         .doc = "Debian's package; default: the service's name"},
        {.name = "api", .type = KEYWORD_STRING, .min = 1, .max = 64, AT(manifest, facts.api),
         .doc = "its name in `/api/NAME`; default: the service's without `wazo-`"},
        {.name = "listen", .type = KEYWORD_STRING, .preset = "127.0.0.1", AT(manifest, facts.listen), .doc = "address of `port`"},
        {.name = "home", .type = KEYWORD_PATH, AT(manifest, facts.home), .doc = "of its user, where it needs one"},
        {.name = "root", .type = KEYWORD_STRING, .min = 1, .max = 200, AT(manifest, facts.root),
         .doc = "why its user is root, where it is"},
        {.name = "groups", .type = KEYWORD_STRINGS, .min = 1, .max = 32, AT(manifest, facts.groups),
         .doc = "in which its user is, besides its own"},
        {.name = "after", .type = KEYWORD_STRINGS, .min = 1, .max = 128, AT(manifest, facts.after),
         .doc = "services, or units of others, that start before it"},
        {.name = "before", .type = KEYWORD_STRINGS, .min = 1, .max = 128, AT(manifest, facts.before), .doc = "that start after it"},
        {.name = "needs", .type = KEYWORD_STRINGS, .min = 1, .max = 128, AT(manifest, facts.needs),
         .doc = "services without which it is of no use"},
        {.name = "unit", .type = KEYWORD_SECTION, .section = facts_unit_keys, AT(manifest, facts.unit), .doc = "its systemd unit"},
        {.name = "wazo_service", .type = KEYWORD_SECTION, .section = facts_order_keys, AT(manifest, facts.order),
         .doc = "its place in `wazo-service`"},
        {.name = "ports", .type = KEYWORD_MAPS, .section = facts_port_keys, AT(manifest, facts.port_list),
         .doc = "that it listens on, besides `port`"},
        {.name = "nginx", .type = KEYWORD_SECTION, .section = facts_nginx_keys, AT(manifest, facts.nginx),
         .doc = "its locations on port 443"},
        {.name = "monit", .type = KEYWORD_SECTION, .section = facts_monit_keys, AT(manifest, facts.monit), .doc = "its check"},
        {.name = "discovery", .type = KEYWORD_SECTION, .section = facts_discovery_keys, AT(manifest, facts.discovery),
         .doc = "consul"},
        {.name = "reach", .type = KEYWORD_SECTION, .section = facts_reach_keys, AT(manifest, facts.reach),
         .doc = "a request that shows that it can be reached"},
        {.name = "backup", .type = KEYWORD_SECTION, .section = facts_backup_keys, AT(manifest, facts.backup),
         .doc = "what else is saved than configuration, state and key"},
        {.name = "auth_key", .type = KEYWORD_SECTION, .section = facts_key_keys, AT(manifest, facts.key),
         .doc = "its key for wazo-auth"},
        {.name = "cron", .type = KEYWORD_MAPS, .section = facts_job_keys, AT(manifest, facts.job_list), .doc = "its jobs"},
        {0},
};

/* What the table reads into an absent duration is 0, which is also a thing to say ("ping: 0"). */
static void mark_unsaid(const struct yaml_node *map, struct manifest_timing *t) {
        for (const struct keyword *k = timing_keys; k->name; k++) {
                const struct yaml_entry *entry = yaml_entry(map, k->name);
                const int64_t unsaid = -1;

                if (!entry || yaml_is_null(entry->value))
                        memcpy((char *) t + k->offset, &unsaid, sizeof(unsaid));
        }
}

static void check_memory(const struct manifest_limits *limits, const struct yaml_node *map, const char *prefix,
                         struct findings *findings) {
        if (limits->memory.high > 0 && limits->memory.max > 0 && limits->memory.high > limits->memory.max)
                findings_error(findings, map ? &map->place : NULL,
                               "%slimits.memory.high must not be above limits.memory.max", prefix);
}

/* A list of texts that begins with an absolute path, or one word that names a program of ours, which speaks our protocol. */
static void check_command(const struct manifest_worker *w, struct findings *findings) {
        const struct yaml_node *command = w->command;
        bool needed = w->kind == WIRE_KIND_EXEC || w->kind == WIRE_KIND_ONCE;

        if (!command) {
                if (needed)
                        findings_error(findings, &w->place, "workers.%s.command is missing", w->name);
                return;
        }
        if (!needed) {
                findings_error(findings, &command->place, "workers.%s.command is for the kinds exec and once", w->name);
                return;
        }
        if (command->kind == YAML_KIND_SCALAR) {
                if (!text_is_name(command->text))
                        findings_error(
                                findings, &command->place,
                                "workers.%s.command must be a list, or the name of a program of the suite's own",
                                w->name);
                return;
        }
        if (w->kind == WIRE_KIND_ONCE) {
                findings_error(findings, &command->place,
                               "workers.%s.command must be the name of a program of the suite's own", w->name);
                return;
        }
        if (command->kind != YAML_KIND_LIST || command->n == 0 || command->n > PLAN_ARGS_MAX) {
                findings_error(findings, &command->place, "workers.%s.command must be a list of 1 to %d texts",
                               w->name, PLAN_ARGS_MAX);
                return;
        }
        for (size_t i = 0; i < command->n; i++) {
                const struct yaml_node *argument = command->entries[i].value;

                if (argument->kind != YAML_KIND_SCALAR)
                        findings_error(findings, &argument->place, "workers.%s.command must be a list of texts",
                                       w->name);
                else if (i == 0 && !text_is_path(argument->text))
                        findings_error(findings, &argument->place,
                                       "workers.%s.command must begin with an absolute path", w->name);
        }
}

/* Which members the kind of the worker has a use for. */
static void check_worker(const struct manifest *m, const struct manifest_worker *w, const struct yaml_node *map,
                         struct findings *findings) {
        bool plugins = streq(w->name, "plugins");

        if (!text_is_name(w->name))
                findings_error(findings, &w->place,
                               "a worker's name is a letter, then letters, digits, _ and -, at most 48");
        if (plugins != (w->kind == WIRE_KIND_PLUGIN))
                findings_error(findings, &w->place, "the entry \"plugins\", and no other, is of kind plugin");
        if (w->kind == WIRE_KIND_NURSERY)
                findings_error(findings, &w->place,
                               "there is a nursery where plugins have \"nursery: true\": it has no entry of its own");
        if (m->kind == MANIFEST_EXEC && w->kind != WIRE_KIND_EXEC && w->kind != WIRE_KIND_ONCE &&
            w->kind != WIRE_KIND_CONTROL)
                findings_error(findings, &w->place,
                               "a service of kind exec has workers of the kinds exec, once and control only");
        if (w->instances > 1 && (w->kind == WIRE_KIND_CONTROL || w->kind == WIRE_KIND_ONCE || w->kind == WIRE_KIND_DISCOVERY))
                findings_error(findings, &w->place, "workers.%s: there is only one of its kind", w->name);
        if (w->kind != WIRE_KIND_EXEC && yaml_entry(map, "ready"))
                findings_error(findings, &yaml_entry(map, "ready")->place, "workers.%s.ready is for the kind exec",
                               w->name);
        if (!plugins)
                for (unsigned i = 0; i < 3; i++) {
                        static const char *const only_plugins[] = {"nursery", "on_demand", "idle"};
                        const struct yaml_entry *entry = yaml_entry(map, only_plugins[i]);

                        if (entry)
                                findings_error(findings, &entry->place, "workers.%s.%s is for \"plugins\"", w->name,
                                               entry->key);
                }
        check_command(w, findings);
}

const struct manifest_worker *manifest_worker(const struct manifest *m, const char *name) {
        for (size_t i = 0; i < m->n_workers; i++)
                if (streq(m->workers[i].name, name))
                        return &m->workers[i];
        return NULL;
}

static void check_requires(const struct manifest *m, const struct manifest_worker *w, struct findings *findings) {
        size_t n = 0;

        for (size_t i = 0; w->requires && i < w->requires->n; i++) {
                const struct yaml_node *item = w->requires->entries[i].value;
                const struct manifest_worker *required = manifest_worker(m, item->text);

                if (!required)
                        findings_error(findings, &item->place, "workers.%s requires \"%s\", which is no worker here",
                                       w->name, item->text);
                else if (required == w)
                        findings_error(findings, &item->place, "workers.%s requires itself", w->name);
                else if (required->kind == WIRE_KIND_PLUGIN)
                        findings_error(
                                findings, &item->place,
                                "workers.%s cannot require \"plugins\": a plugin may fail without harm to others",
                                w->name);
                else
                        n += (size_t) required->instances;
        }
        if (n > PLAN_REQUIRES_MAX)
                findings_error(findings, &w->requires->place, "workers.%s requires more than %d workers", w->name,
                               PLAN_REQUIRES_MAX);
}

static bool requires(const struct manifest_worker *w, const char *name) {
        for (size_t i = 0; w->requires && i < w->requires->n; i++)
                if (streq(w->requires->entries[i].value->text, name))
                        return true;
        return false;
}

/* Moves each worker behind those that it requires, and otherwise keeps the file's order. */
static void sort_workers(struct manifest *m, struct findings *findings) {
        for (size_t at = 0; at < m->n_workers; at++) {
                size_t next = at;

                for (; next < m->n_workers; next++) {
                        bool blocked = false;

                        for (size_t other = at; other < m->n_workers; other++)
                                blocked |= other != next && requires(&m->workers[next], m->workers[other].name);
                        if (!blocked)
                                break;
                }
                if (next == m->n_workers) {
                        findings_error(findings, &m->workers[at].place,
                                       "workers.%s requires, by way of others, itself", m->workers[at].name);
                        return;
                }

                struct manifest_worker chosen = m->workers[next];

                memmove(&m->workers[at + 1], &m->workers[at], (next - at) * sizeof(chosen));
                m->workers[at] = chosen;
        }
}

static int read_workers(struct manifest *m, struct findings *findings) {
        const struct keyword_reader reader = {.findings = findings, .unknown = FINDING_ERROR};
        const struct yaml_node *map = m->worker_map;

        if (!map)
                return 0;
        if (map->n > MANIFEST_WORKERS_MAX) {
                findings_error(findings, &map->place, "more than %d workers", MANIFEST_WORKERS_MAX);
                return 0;
        }
        m->workers = calloc(MAX(map->n, (size_t) 1), sizeof(*m->workers));
        if (!m->workers)
                return -ENOMEM;
        for (size_t i = 0; i < map->n; i++) {
                const struct yaml_entry *entry = &map->entries[i];
                struct manifest_worker *w = &m->workers[m->n_workers];
                size_t errors = findings->n_errors;
                char prefix[128];

                (void) snprintf(prefix, sizeof(prefix), "workers.%s", entry->key);
                if (entry->value->kind != YAML_KIND_MAP) {
                        findings_error(findings, &entry->place, "%s must be a map, not %s", prefix,
                                       yaml_kind_name(entry->value));
                        continue;
                }
                keyword_read(&reader, worker_keys, prefix, entry->value, w);
                w->name = entry->key;
                w->place = entry->place;
                mark_unsaid(yaml_at(entry->value, "timing"), &w->timing);
                m->n_workers++;
                if (findings->n_errors > errors)
                        continue;
                check_worker(m, w, entry->value, findings);
                check_memory(&w->limits, yaml_at(entry->value, "limits"), "", findings);
        }
        for (size_t i = 0; i < m->n_workers; i++)
                check_requires(m, &m->workers[i], findings);
        sort_workers(m, findings);
        return 0;
}

/* Paths and users are needed by what we run, and only by that. */
static void check_whole(const struct manifest *m, const char *service, struct findings *findings) {
        const struct {
                const char *key, *value;
        } needed[] = {{"state", m->state}, {"run", m->run}, {"log", m->log}};
        const struct yaml_node *name = yaml_at(m->root, "service");

        if (m->service && !streq(m->service, service))
                findings_error(findings, name ? &name->place : NULL,
                               "the file is named %s.yml, the service in it \"%s\"", service, m->service);
        if (*m->prefix &&
            (!text_is_path(m->prefix) || strlen(m->prefix) < 2 || m->prefix[strlen(m->prefix) - 1] == '/'))
                findings_error(findings, &yaml_at(m->root, "prefix")->place,
                               "prefix must begin with a / and not end with one");
        check_memory(&m->limits, yaml_at(m->root, "limits"), "", findings);
        for (size_t i = 0; m->plugins && i < m->plugins->n; i++) {
                const struct yaml_node *plugin = m->plugins->entries[i].value;

                if (!text_is_name(plugin->text))
                        findings_error(findings, &plugin->place, "no name of a plugin: \"%s\"", plugin->text);
        }
        if (m->kind == MANIFEST_UNIT || m->kind == MANIFEST_OTHER)
                return;
        for (unsigned i = 0; i < ELEMENTSOF(needed); i++)
                if (!needed[i].value)
                        findings_error(findings, &m->root->place, "%s is missing", needed[i].key);
        if (m->n_workers == 0)
                findings_error(findings, &m->root->place, "workers is missing: there is nothing to run");
        for (size_t i = 0; i < m->n_workers; i++)
                if (m->workers[i].kind == WIRE_KIND_GATEWAY && m->port == 0)
                        findings_error(findings, &m->workers[i].place,
                                       "port is missing: a gateway has to listen somewhere");
}

/* Names what there is, for who mistyped. */
static void say_unknown(const char *service, const char *const *dirs, struct findings *findings) {
        char known[256] = "";

        for (; *dirs; dirs++) {
                DIR *dir = opendir(*dirs);

                for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
                        size_t length = strlen(entry->d_name), n = strlen(known);

                        if (length > 4 && streq(entry->d_name + length - 4, ".yml") && *entry->d_name != '.' &&
                            n + length < sizeof(known))
                                (void) snprintf(known + n, sizeof(known) - n, "%s%.*s", n ? ", " : "",
                                                (int) length - 4, entry->d_name);
                }
                if (dir)
                        (void) closedir(dir);
        }
        findings_error(findings, NULL, "no manifest for a service \"%s\"%s%s", service, *known ? "; there is: " : "",
                       known);
}

int manifest_read_file(const char *path, const char *service, struct findings *findings, struct manifest *ret) {
        const struct keyword_reader reader = {.findings = findings, .unknown = FINDING_ERROR};
        _cleanup_(manifest_done) struct manifest m = MANIFEST_NULL;
        int r;

        r = yaml_load(path, FINDING_ERROR, findings, &m.root);
        if (r == -EINVAL)
                r = yaml_parse("{service: broken}", strlen("{service: broken}"), path, FINDING_ERROR, findings,
                               &m.root);
        else if (r == 0) {
                size_t errors = findings->n_errors;

                keyword_read(&reader, manifest_keys, "", m.root, &m);
                mark_unsaid(yaml_at(m.root, "timing"), &m.timing);
                r = read_workers(&m, findings);
                if (r == 0 && findings->n_errors == errors)
                        check_whole(&m, service, findings);
                if (r == 0 && findings->n_errors == errors)
                        r = facts_finish(&m, findings);
        }
        if (r < 0)
                return r;
        *ret = m;
        m = MANIFEST_NULL;
        return 0;
}

int manifest_read(const char *service, const char *const *dirs, struct findings *findings, struct manifest *ret) {
        if (!text_is_name(service)) {
                findings_error(findings, NULL, "no name of a service: \"%s\"", service);
                return -ENOENT;
        }
        for (const char *const *dir = dirs; *dir; dir++) {
                char path[1024];
                struct place place;
                int r;

                if (snprintf(path, sizeof(path), "%s/%s.yml", *dir, service) >= (int) sizeof(path))
                        continue;
                r = manifest_read_file(path, service, findings, ret);
                if (r == 0 || r == -ENOMEM)
                        return r;
                if (r == -ENOENT || r == -ENOTDIR)
                        continue;
                place = (struct place) {.file = findings_file(findings, path)};
                findings_error(findings, &place, "cannot read it: %s", strerror(-r));
                return -ENOENT;
        }
        say_unknown(service, dirs, findings);
        return -ENOENT;
}

void manifest_done(struct manifest *m) {
        free(m->workers);
        facts_done(&m->facts);
        yaml_node_free(m->root);
        *m = MANIFEST_NULL;
}

const char *manifest_kind_to_string(int64_t kind) {
        return service_kinds[kind];
}

void manifest_document(FILE *to) {
        keyword_document(manifest_keys, "", to);
        (void) fprintf(to, "\n### workers.NAME\n\n");
        keyword_document(worker_keys, "workers.NAME", to);
}
