/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A service's settings: the keys of wazo-confd's configuration with its precedence, and ours.
 *
 * First wins: the command line, the files of extra_config_files in alphabetical order, the main file, the defaults. Maps are
 * merged recursively, lists and scalars replaced whole. A key whose value is null has its default.
 */
#pragma once

#include "config/consul.h"
#include "config/request.h"

struct settings_cors {
        bool enabled;
        const struct yaml_node *allow_headers; /* a list, or NULL: the default ones */
};

struct settings_rest_api {
        const char *listen;
        int64_t port; /* 0: the manifest's */
        const char *certificate, *private_key;
        const char *profile;
        struct settings_cors cors;
};

struct settings_auth {
        const char *token_file;
};

struct settings_limits {
        int64_t connections, connections_idle, header, header_time, body, body_time, queue, executing, requests_held;
};

struct settings_deadlines {
        int64_t queue, attempt, total;
};

struct settings_bus {
        const struct yaml_node *enabled; /* NULL: not said */
        const char *host, *username, *password, *vhost, *exchange_name, *exchange_type;
        int64_t port;
        struct settings_bus_ssl {
                bool enabled, verify;
                const char *ca, *certificate, *key;
        } ssl;
        int64_t heartbeat, connect, confirm, window, keep_queue;
};

struct settings_outbox {
        int64_t keep, age, tries;
};

struct settings_sysconfd {
        const struct yaml_node *enabled; /* NULL: not said */
        const char *host;
        int64_t port, timeout;
};

struct settings {
        bool debug;
        int64_t log_level;
        int64_t sandbox; /* enum sandbox_mode */
        const char *log_file, *user, *db_uri;
        struct settings_rest_api rest_api;
        struct settings_auth auth;
        struct settings_limits limits;
        struct settings_deadlines deadlines;
        struct settings_bus bus;
        struct settings_outbox outbox;
        struct settings_sysconfd sysconfd;
        struct consul_settings consul;
        struct discovery_settings discovery;
        const struct yaml_node *enabled_plugins, *plugins, *workers; /* maps, or NULL */
        const char *extra_config_files;
        struct yaml_node *root; /* the merged files, which all of the above points into */
};

#define SETTINGS_NULL ((struct settings) {0})

/* A worker's entry under "workers"; unset members keep what the caller put there. */
struct settings_worker {
        int64_t instances; /* 0: not said */
        const struct yaml_node *on_demand; /* NULL: not said; else a valid boolean */
        int64_t idle;      /* msec, 0: not said */
        struct settings_memory {
                int64_t high, max; /* 0: not said */
        } memory;
        int64_t files, processes, core; /* 0: not said */
        int64_t sandbox;          /* 0: not said; else enum sandbox_mode and 1 */
};

/*
 * Reads the main file @main_file (@explicit: it was named on the command line, so it has to exist) and the extra files,
 * whose directory is the one named in the main file, else @extra_dir. Findings are added; an error of the files is no error
 * of the call. -ENOMEM.
 */
int settings_read(const char *main_file, bool explicit, const char *extra_dir, struct findings *findings,
                  struct settings *ret) _must_check_;
void settings_done(struct settings *s);

/* The entry for the worker @name, checked; zero where nothing is said. */
void settings_worker(const struct settings *s, const char *name, struct findings *findings, struct settings_worker *ret);

/* The boolean of a checked SWITCHES or ANY node. */
bool settings_switch(const struct yaml_node *node, bool otherwise);

/* Whether a section "bus" or "sysconfd" is in use: as its "enabled" says, else when the files say anything in it. */
bool settings_in_use(const struct settings *s, const char *section, const struct yaml_node *enabled);

/* All keys, with their defaults, as docs/configuration.md has them. */
void settings_document(FILE *to);
