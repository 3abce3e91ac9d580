/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/settings.h"

#include <dirent.h>
#include <stdio.h>

#include "config/text.h"
#include "lib/sandbox.h"

#define EXTRA_FILES_MAX 256

static const char *const sandbox_modes[] = {
#define X(name, text) text,
        SANDBOX_MODES(X)
#undef X
        NULL
};
/* Of one worker: the first is none of its own. */
static const char *const worker_sandbox_modes[] = {
        "inherit",
#define X(name, text) text,
        SANDBOX_MODES(X)
#undef X
        NULL
};

static const char *const log_levels[] = {"critical", "error", "warning", "info", "debug", NULL};

#define AT(structure, member) .offset = offsetof(struct structure, member)
#define FOREIGN(key, text) {.name = key, .type = KEYWORD_ANY, .flags = KEYWORD_FOREIGN, .doc = text}

static const struct keyword cors_keys[] = {
        {.name = "enabled", .type = KEYWORD_BOOLEAN, .preset = "true", AT(settings_cors, enabled),
         .doc = "answer browsers of other origins"},
        {.name = "allow_headers", .type = KEYWORD_STRINGS, AT(settings_cors, allow_headers),
         .doc = "request headers that they may send; without it: Content-Type, X-Auth-Token, Wazo-Tenant"},
        {0},
};

static const struct keyword rest_api_keys[] = {
        {.name = "listen", .type = KEYWORD_STRING, .preset = "127.0.0.1", .min = 1, .max = 64, AT(settings_rest_api, listen),
         .doc = "numeric IPv4 or IPv6 address, or `localhost`"},
        {.name = "port", .type = KEYWORD_INTEGER, .min = 1, .max = 65535, AT(settings_rest_api, port),
         .doc = "TCP port; `--port` goes before it; without both the manifest's (9486 for wazo-confd)"},
        {.name = "certificate", .type = KEYWORD_PATH, AT(settings_rest_api, certificate),
         .doc = "TLS certificate; with `private_key`, or not at all"},
        {.name = "private_key", .type = KEYWORD_PATH, .flags = KEYWORD_SECRET, AT(settings_rest_api, private_key),
         .doc = "its key"},
        {.name = "cors", .type = KEYWORD_SECTION, .section = cors_keys, AT(settings_rest_api, cors), .doc = "see below"},
        {.name = "profile", .type = KEYWORD_STRING, AT(settings_rest_api, profile),
         .doc = "directory for profiles; accepted, with a warning: there is no profiling yet"},
        FOREIGN("min_threads", "there are no threads: a plugin has processes, see `workers`"),
        FOREIGN("max_threads", "likewise"),
        {0},
};

static const struct keyword auth_keys[] = {
        {.name = "token_file", .type = KEYWORD_PATH, AT(settings_auth, token_file),
         .doc = "local tokens and tenants; without it `tokens.yml` in the state directory, where there is one"},
        FOREIGN("host", "of wazo-auth"), FOREIGN("port", "of wazo-auth"), FOREIGN("prefix", "of wazo-auth"),
        FOREIGN("https", "of wazo-auth"),
        FOREIGN("timeout", "of wazo-auth"), FOREIGN("verify_certificate", "of wazo-auth"),
        FOREIGN("key_file", "credentials of the service"),
        FOREIGN("username", "credentials of the service"), FOREIGN("password", "credentials of the service"),
        {0},
};

static const struct keyword limits_keys[] = {
        {.name = "connections", .type = KEYWORD_INTEGER, .min = 1, .max = 100000, .preset = "1024",
         AT(settings_limits, connections),
         .doc = "of clients, at once"},
        {.name = "connections_idle", .type = KEYWORD_DURATION, .min = 1000, .max = 86400000, .preset = "75s",
         AT(settings_limits, connections_idle), .doc = "how long a connection may be without a request; above nginx's keep-alive"},
        {.name = "header", .type = KEYWORD_SIZE, .min = 1024, .max = 1 << 20, .preset = "32K", AT(settings_limits, header),
         .doc = "of all headers of a request"},
        {.name = "header_time", .type = KEYWORD_DURATION, .min = 1000, .max = 3600000, .preset = "10s",
         AT(settings_limits, header_time),
         .doc = "for a client to send them"},
        {.name = "body", .type = KEYWORD_SIZE, .min = 1024, .max = 1 << 30, .preset = "40M",
         AT(settings_limits, body), .doc = "of a request's body"},
        {.name = "body_time", .type = KEYWORD_DURATION, .min = 1000, .max = 3600000, .preset = "60s",
         AT(settings_limits, body_time),
         .doc = "for a client to send it"},
        {.name = "queue", .type = KEYWORD_INTEGER, .min = 1, .max = 100000, .preset = "256", AT(settings_limits, queue),
         .doc = "requests that wait for one plugin"},
        {.name = "executing", .type = KEYWORD_INTEGER, .min = 1, .max = 4096, .preset = "24", AT(settings_limits, executing),
         .doc = "requests that execute at once, in all plugins together: the service's budget of database connections"},
        {.name = "requests_held", .type = KEYWORD_INTEGER, .min = 1, .max = 100000, .preset = "512",
         AT(settings_limits, requests_held),
         .doc = "requests that wait or execute, in all"},
        {0},
};

static const struct keyword deadlines_keys[] = {
        {.name = "queue", .type = KEYWORD_DURATION, .min = 10, .max = 3600000, .preset = "2s", AT(settings_deadlines, queue),
         .doc = "how long a request waits for a worker, then 503"},
        {.name = "attempt", .type = KEYWORD_DURATION, .min = 10, .max = 3600000, .preset = "10s", AT(settings_deadlines, attempt),
         .doc = "how long a worker may take for it"},
        {.name = "total", .type = KEYWORD_DURATION, .min = 10, .max = 3600000, .preset = "30s", AT(settings_deadlines, total),
         .doc = "the whole, then 504; below nginx's"},
        {0},
};

static const struct keyword bus_ssl_keys[] = {
        {.name = "enabled", .type = KEYWORD_BOOLEAN, .preset = "false", AT(settings_bus_ssl, enabled),
         .doc = "TLS; then `port` is 5671, usually"},
        {.name = "verify", .type = KEYWORD_BOOLEAN, .preset = "true", AT(settings_bus_ssl, verify),
         .doc = "the server's certificate must be signed by `ca` and be for `host`"},
        {.name = "ca", .type = KEYWORD_PATH, AT(settings_bus_ssl, ca),
         .doc = "file, or directory of hashed files; without it the system's"},
        {.name = "certificate", .type = KEYWORD_PATH, AT(settings_bus_ssl, certificate),
         .doc = "the client's, with `key`, or not at all"},
        {.name = "key", .type = KEYWORD_PATH, .flags = KEYWORD_SECRET, AT(settings_bus_ssl, key), .doc = "its key"},
        {0},
};

static const struct keyword outbox_keys[] = {
        {.name = "keep", .type = KEYWORD_INTEGER, .min = 0, .max = 10000000, .preset = "1000", AT(settings_outbox, keep),
         .doc = "so many of the last events are kept for `wazo-suite events`, with RabbitMQ and without"},
        {.name = "age", .type = KEYWORD_DURATION, .min = 0, .max = INT64_C(366) * 86400000, .preset = "7d",
         AT(settings_outbox, age),
         .doc = "and none that is older"},
        {.name = "tries", .type = KEYWORD_INTEGER, .min = 1, .max = 100, .preset = "5", AT(settings_outbox, tries),
         .doc = "an event, or a request to sysconfd, that was refused so often is parked"},
        {0},
};

static const struct keyword bus_keys[] = {
        {.name = "enabled", .type = KEYWORD_ANY, AT(settings_bus, enabled),
         .doc = "whether there is RabbitMQ; without it: true when anything is said under `bus`, else false"},
        {.name = "host", .type = KEYWORD_STRING, .min = 1, .max = 253, .preset = "localhost", AT(settings_bus, host),
         .doc = "name or address of RabbitMQ"},
        {.name = "port", .type = KEYWORD_INTEGER, .min = 1, .max = 65535, .preset = "5672", AT(settings_bus, port),
         .doc = "its TCP port"},
        {.name = "username", .type = KEYWORD_STRING, .max = 255, .preset = "guest", AT(settings_bus, username),
         .doc = "who we are there"},
        {.name = "password", .type = KEYWORD_STRING, .max = 1024, .flags = KEYWORD_SECRET, .preset = "guest",
         AT(settings_bus, password),
         .doc = "its password; without it `guest`"},
        {.name = "vhost", .type = KEYWORD_STRING, .min = 1, .max = 255, .preset = "/", AT(settings_bus, vhost),
         .doc = "virtual host"},
        {.name = "exchange_name", .type = KEYWORD_STRING, .min = 1, .max = 255, .preset = "wazo-headers",
         AT(settings_bus, exchange_name),
         .doc = "where events are published"},
        {.name = "exchange_type", .type = KEYWORD_STRING, .min = 1, .max = 64, .preset = "headers", AT(settings_bus, exchange_type),
         .doc = "with which it is declared, durable"},
        {.name = "ssl", .type = KEYWORD_SECTION, .section = bus_ssl_keys, AT(settings_bus, ssl), .doc = "see below"},
        {.name = "heartbeat", .type = KEYWORD_DURATION, .min = 0, .max = 3600000, .preset = "60s", AT(settings_bus, heartbeat),
         .doc = "a connection without a sign of life for twice this long is given up; 0: never; the server may say less"},
        {.name = "connect", .type = KEYWORD_DURATION, .min = 100, .max = 600000, .preset = "10s", AT(settings_bus, connect),
         .doc = "how long connecting and logging in may take"},
        {.name = "confirm", .type = KEYWORD_DURATION, .min = 100, .max = 3600000, .preset = "30s", AT(settings_bus, confirm),
         .doc = "how long a message may be without a confirm; then it is sent again, on another connection"},
        {.name = "window", .type = KEYWORD_INTEGER, .min = 1, .max = 4096, .preset = "256", AT(settings_bus, window),
         .doc = "messages that may be without a confirm at once"},
        {.name = "keep_queue", .type = KEYWORD_DURATION, .min = 0, .max = INT64_C(30) * 24 * 3600 * 1000,
         .preset = "0s", AT(settings_bus, keep_queue),
         .doc = "how long RabbitMQ keeps the events that plugins listen to while nobody takes them, a restart of either included; 0: "
                "their queue goes with the connection, as wazo-confd's"},
        FOREIGN("exchange_durable", "it always is"), FOREIGN("startup_connection_delay", "of the Python daemon"),
        {0},
};

static const struct keyword sysconfd_keys[] = {
        {.name = "enabled", .type = KEYWORD_ANY, AT(settings_sysconfd, enabled),
         .doc = "whether there is wazo-sysconfd; without it: true when anything is said under `sysconfd`, else false. "
                "Where there is none, nothing is asked of it"},
        {.name = "host", .type = KEYWORD_STRING, .min = 1, .max = 253, .preset = "localhost",
         AT(settings_sysconfd, host), .doc = "its name or address"},
        {.name = "port", .type = KEYWORD_INTEGER, .min = 1, .max = 65535, .preset = "8668",
         AT(settings_sysconfd, port), .doc = "its TCP port"},
        {.name = "timeout", .type = KEYWORD_DURATION, .min = 100, .max = 3600000, .preset = "30s", AT(settings_sysconfd, timeout),
         .doc = "for one request"},
        FOREIGN("prefix", "it has none"),
        FOREIGN("https", "it speaks plain HTTP"),
        FOREIGN("verify_certificate", "it speaks plain HTTP"),
        {0},
};

static const struct keyword settings_keys[] = {
        {.name = "debug", .type = KEYWORD_BOOLEAN, .preset = "false", AT(settings, debug),
         .doc = "log level debug, whatever else is said"},
        {.name = "log_level", .type = KEYWORD_WORD, .words = log_levels, .preset = "info", AT(settings, log_level),
         .doc = "what is logged; `-l` goes before it. (In the Python daemon this key has no effect. Here it has what it says.)"},
        {.name = "log_file", .type = KEYWORD_PATH, AT(settings, log_file), .doc = "without it the manifest's"},
        {.name = "sandbox", .type = KEYWORD_WORD, .words = sandbox_modes, .preset = "enforce", AT(settings, sandbox),
         .doc = "what workers do beyond what they are for is refused (`enforce`), or allowed and told to the kernel's log (`log`, to "
                "learn what a new plugin needs; of files nothing is told), or nobody looks (`off`)"},
        {.name = "user", .type = KEYWORD_STRING, .min = 1, .max = 64, AT(settings, user),
         .doc = "who the service runs as; without it the manifest's"},
        {.name = "db_uri", .type = KEYWORD_STRING, .flags = KEYWORD_SECRET, AT(settings, db_uri),
         .doc = "`sqlite:///absolute/path`; without it a database in the state directory"},
        {.name = "extra_config_files", .type = KEYWORD_PATH, AT(settings, extra_config_files),
         .doc = "directory whose `*.yml` go before this file, the alphabetically first before the others; "
                "without it `conf.d` beside the manifest's `config`; only the main file can say it"},
        {.name = "rest_api", .type = KEYWORD_SECTION, .section = rest_api_keys, AT(settings, rest_api), .doc = "see below"},
        {.name = "enabled_plugins", .type = KEYWORD_SWITCHES, AT(settings, enabled_plugins),
         .doc = "name of a plugin: whether it runs; those of the manifest run unless they are `false` here"},
        {.name = "auth", .type = KEYWORD_SECTION, .section = auth_keys, AT(settings, auth), .doc = "see below"},
        {.name = "limits", .type = KEYWORD_SECTION, .section = limits_keys, AT(settings, limits), .doc = "see below"},
        {.name = "deadlines", .type = KEYWORD_SECTION, .section = deadlines_keys, AT(settings, deadlines), .doc = "see below"},
        {.name = "bus", .type = KEYWORD_SECTION, .section = bus_keys, AT(settings, bus), .doc = "RabbitMQ, see below"},
        {.name = "outbox", .type = KEYWORD_SECTION, .section = outbox_keys, AT(settings, outbox),
         .doc = "what is owed to RabbitMQ and wazo-sysconfd, see below"},
        {.name = "sysconfd", .type = KEYWORD_SECTION, .section = sysconfd_keys, AT(settings, sysconfd),
         .doc = "wazo-sysconfd, see below"},
        {.name = "consul", .type = KEYWORD_SECTION, .section = consul_keys, AT(settings, consul),
         .doc = "where consul is, see below"},
        {.name = "service_discovery", .type = KEYWORD_SECTION, .section = discovery_keys, AT(settings, discovery),
         .doc = "how the service is registered there, see below"},
        {.name = "plugins", .type = KEYWORD_MAP, AT(settings, plugins),
         .doc = "name of a plugin: its own section, as its documentation says"},
        {.name = "workers", .type = KEYWORD_MAP, AT(settings, workers),
         .doc = "name of a plugin, or `plugins` for all of them, or of a worker: see below"},
        FOREIGN("config_file", "which file is read is said by `-c`"),
        FOREIGN("uuid", "the environment variable XIVO_UUID says it"),
        FOREIGN("provd", "wazo-provd"),
        FOREIGN("ari", "asterisk"), FOREIGN("amid", "wazo-amid"), FOREIGN("dird", "wazo-dird"),
        FOREIGN("wizard", "the wizard's steps"), FOREIGN("pjsip_config_doc_filename", "documentation of PJSIP's options"),
        FOREIGN("min_threads", "see `rest_api`"), FOREIGN("max_threads", "see `rest_api`"), FOREIGN("foreground", "it always is"),
        FOREIGN("pid_file", "there is none"), FOREIGN("profile", "see `rest_api`"),
        FOREIGN("beta", "features of the Python daemon"),
        {0},
};

static const struct keyword memory_keys[] = {
        {.name = "high", .type = KEYWORD_SIZE, .max = INT64_MAX / 2, AT(settings_memory, high),
         .doc = "from here on it is slowed down"},
        {.name = "max", .type = KEYWORD_SIZE, .max = INT64_MAX / 2, AT(settings_memory, max),
         .doc = "more than this it never gets"},
        {0},
};

static const struct keyword worker_keys[] = {
        {.name = "instances", .type = KEYWORD_INTEGER, .min = 1, .max = 64, AT(settings_worker, instances),
         .doc = "processes; without it 1"},
        {.name = "on_demand", .type = KEYWORD_ANY, AT(settings_worker, on_demand),
         .doc = "true: it runs only while there are requests for it"},
        {.name = "idle", .type = KEYWORD_DURATION, .min = 100, .max = 86400000, AT(settings_worker, idle),
         .doc = "how long without a request it stays; without it 60s"},
        {.name = "memory", .type = KEYWORD_SECTION, .section = memory_keys, AT(settings_worker, memory), .doc = "see below"},
        {.name = "files", .type = KEYWORD_INTEGER, .min = 16, .max = 1048576, AT(settings_worker, files), .doc = "open files"},
        {.name = "processes", .type = KEYWORD_INTEGER, .min = 1, .max = 1048576, AT(settings_worker, processes),
         .doc = "processes of its user"},
        {.name = "core", .type = KEYWORD_SIZE, .max = INT64_MAX / 2, AT(settings_worker, core),
         .doc = "after a crash, a core dump up to this size in `cores/NAME` of the state directory, the newest two of them; without it none"},
        {.name = "sandbox", .type = KEYWORD_WORD, .words = worker_sandbox_modes, .preset = "inherit", AT(settings_worker, sandbox),
         .doc = "as the service's `sandbox`, for this worker"},
        {0},
};

static struct keyword_reader reader_for(struct findings *findings) {
        return (struct keyword_reader) {.findings = findings, .unknown = FINDING_WARNING};
}

static int read_main(const char *path, bool explicit, struct findings *findings, struct yaml_node **ret) {
        struct place place = {.file = findings_file(findings, path)};
        int r = yaml_load(path, FINDING_ERROR, findings, ret);

        if (r == -ENOMEM)
                return r;
        if (r < 0 && r != -EINVAL && (explicit || r != -ENOENT))
                findings_error(findings, &place, "cannot read it: %s", strerror(-r));
        if (r < 0)
                return yaml_parse("", 0, path, FINDING_ERROR, findings, ret);
        return 0;
}

static int is_extra(const struct dirent *entry) {
        const char *dot = strrchr(entry->d_name, '.');

        return *entry->d_name != '.' && dot && streq(dot, ".yml");
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int merge_file(struct yaml_node *into, const char *path, struct findings *findings) {
        _cleanup_(yaml_node_freep) struct yaml_node *lower = NULL;
        struct place place = {.file = findings_file(findings, path)};
        int r = yaml_load(path, FINDING_WARNING, findings, &lower);

        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                findings_warning(findings, &place, "%s: the file is skipped",
                                 r == -EINVAL ? "not understood" : strerror(-r));
                return 0;
        }
        return yaml_merge(into, lower);
}

/* The first file wins: each next one only adds what is not there yet. */
static int merge_extra(struct yaml_node *into, const char *directory, struct findings *findings) {
        struct place place = {.file = findings_file(findings, directory)};
        struct dirent **entries = NULL;
        int n, r = 0;

        n = scandir(directory, &entries, is_extra, by_bytes);
        if (n < 0) {
                if (errno == ENOMEM)
                        return -ENOMEM;
                if (errno != ENOENT)
                        findings_warning(findings, &place, "cannot read the directory: %m; it is skipped");
                return 0;
        }
        if (n > EXTRA_FILES_MAX)
                findings_warning(findings, &place, "more than %d files: the rest is skipped", EXTRA_FILES_MAX);
        for (int i = 0; i < n; i++) {
                char path[1024];

                if (r >= 0 && i < EXTRA_FILES_MAX &&
                    snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name) < (int) sizeof(path))
                        r = merge_file(into, path, findings);
                free(entries[i]);
        }
        free(entries);
        return r;
}

/* A key of the type ANY that is a boolean or nothing. */
static void check_switch(const struct keyword_reader *reader, const char *prefix, const char *name, const struct yaml_node **node) {
        const struct keyword boolean = {.name = name, .type = KEYWORD_BOOLEAN};
        json_t *ignored;

        if (!*node)
                return;
        if (keyword_read_json(reader, &boolean, prefix, *node, &ignored) < 0)
                *node = NULL;
        else
                json_decref(ignored);
}

static void check_bus(struct settings *s, struct findings *findings) {
        const struct keyword_reader reader = reader_for(findings);
        const struct settings_bus_ssl *ssl = &s->bus.ssl;

        check_switch(&reader, "bus", "enabled", &s->bus.enabled);
        check_switch(&reader, "sysconfd", "enabled", &s->sysconfd.enabled);
        if (!ssl->certificate != !ssl->key) {
                const struct yaml_node *node = yaml_at(s->root, ssl->certificate ? "bus.ssl.certificate" : "bus.ssl.key");

                findings_error(findings, node ? &node->place : NULL,
                               "bus.ssl.certificate and bus.ssl.key belong together: one of them is missing");
        }
}

/* What no single key's type can say. */
static void check_together(struct settings *s, struct findings *findings) {
        const struct yaml_node *node;

        if (!s->rest_api.certificate != !s->rest_api.private_key) {
                node = yaml_at(s->root, s->rest_api.certificate ? "rest_api.certificate" : "rest_api.private_key");
                findings_error(findings, node ? &node->place : NULL,
                               "rest_api.certificate and rest_api.private_key belong together: one of them is missing");
        }
        if (s->rest_api.profile) {
                node = yaml_at(s->root, "rest_api.profile");
                findings_warning(findings, node ? &node->place : NULL,
                                 "rest_api.profile has no effect: there is no profiling yet");
        }
        if (s->deadlines.attempt > s->deadlines.total) {
                node = yaml_at(s->root, "deadlines.attempt");
                if (!node)
                        node = yaml_at(s->root, "deadlines.total");
                findings_error(findings, node ? &node->place : NULL,
                               "deadlines.attempt must not be longer than deadlines.total");
        }
        if (s->db_uri && strncmp(s->db_uri, "sqlite:///", strlen("sqlite:///")) != 0) {
                node = yaml_at(s->root, "db_uri");
                findings_error(findings, node ? &node->place : NULL,
                               "db_uri must be sqlite:/// and an absolute path: this version has no driver for another database");
                s->db_uri = NULL;
        }
        if (streq(s->rest_api.listen, "localhost"))
                s->rest_api.listen = "127.0.0.1";
        check_bus(s, findings);
        consul_check(s->root, &s->consul, &s->discovery, findings);
}

int settings_read(const char *main_file, bool explicit, const char *extra_dir, struct findings *findings,
                  struct settings *ret) {
        const struct keyword_reader reader = reader_for(findings);
        _cleanup_(yaml_node_freep) struct yaml_node *main_root = NULL;
        _cleanup_(settings_done) struct settings s = SETTINGS_NULL;
        const struct yaml_node *directory;
        int r;

        /* The highest first: what is there is not overwritten. */
        r = yaml_parse("", 0, main_file, FINDING_ERROR, findings, &s.root);
        if (r < 0)
                return r;
        r = read_main(main_file, explicit, findings, &main_root);
        if (r < 0)
                return r;
        directory = yaml_at(main_root, "extra_config_files");
        if (directory && directory->kind == YAML_KIND_SCALAR && text_is_path(directory->text))
                extra_dir = directory->text;
        if (extra_dir) {
                r = merge_extra(s.root, extra_dir, findings);
                if (r < 0)
                        return r;
        }
        r = yaml_merge(s.root, main_root);
        if (r < 0)
                return r;

        keyword_read(&reader, settings_keys, "", s.root, &s);
        check_together(&s, findings);
        *ret = s;
        s.root = NULL;
        return 0;
}

void settings_done(struct settings *s) {
        yaml_node_free(s->root);
        *s = SETTINGS_NULL;
}

bool settings_switch(const struct yaml_node *node, bool otherwise) {
        static const char letters[] = "tTyY";

        if (!node || node->kind != YAML_KIND_SCALAR)
                return otherwise;
        /* Checked before: true, yes and on, against false, no and off. */
        return strchr(letters, *node->text) || streq(node->text, "on") || streq(node->text, "On") ||
               streq(node->text, "ON");
}

bool settings_in_use(const struct settings *s, const char *section, const struct yaml_node *enabled) {
        const struct yaml_node *map = yaml_at(s->root, section);

        return settings_switch(enabled, map && map->kind == YAML_KIND_MAP && map->n > 0);
}

void settings_worker(const struct settings *s, const char *name, struct findings *findings,
                     struct settings_worker *ret) {
        const struct keyword_reader reader = reader_for(findings);
        const struct yaml_entry *entry = yaml_entry(s->workers, name);
        char prefix[96];

        *ret = (struct settings_worker) {0};
        if (!entry || yaml_is_null(entry->value))
                return;
        (void) snprintf(prefix, sizeof(prefix), "workers.%s", name);
        if (entry->value->kind != YAML_KIND_MAP) {
                findings_error(findings, &entry->value->place, "%s must be a map, not %s", prefix,
                               yaml_kind_name(entry->value));
                return;
        }
        keyword_read(&reader, worker_keys, prefix, entry->value, ret);
        check_switch(&reader, prefix, "on_demand", &ret->on_demand);
        if (ret->memory.high > 0 && ret->memory.max > 0 && ret->memory.high > ret->memory.max)
                findings_error(findings, &entry->place, "%s.memory.high must not be above %s.memory.max", prefix,
                               prefix);
}

void settings_document(FILE *to) {
        keyword_document(settings_keys, "", to);
        (void) fprintf(to, "\n### workers.NAME\n\n");
        keyword_document(worker_keys, "workers.NAME", to);
}
