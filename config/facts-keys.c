/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tables of the keys that facts are read by.
 */
#include "config/facts.h"

#define DAY_MSEC (24 * 3600 * 1000)

#define AT(structure, member) .offset = offsetof(struct structure, member)

static const char *const filters[] = {"telephony", "default", "all", "none", NULL};
static const char *const unit_types[] = {"simple", "exec", "forking", "notify", "oneshot", NULL};
static const char *const restarts[] = {"no", "on-failure", "always", NULL};
static const char *const protocols[] = {"tcp", "udp", NULL};
static const char *const registrars[] = {"none", "own", "suite", NULL};

const struct keyword facts_unit_keys[] = {
        {.name = "name", .type = KEYWORD_STRING, .min = 9, .max = 128, AT(facts_unit, name),
         .doc = "its name, `.service` included; of the units that fit the one `*` in it, that of the highest version; default: the service's name"},
        {.name = "replaces", .type = KEYWORD_STRING, .min = 9, .max = 128, AT(facts_unit, replaces),
         .doc = "the unit whose place it takes; where that one is active or enabled, that one is meant"},
        {.name = "type", .type = KEYWORD_WORD, .words = unit_types, .preset = "simple", AT(facts_unit, type),
         .doc = "its Type="},
        {.name = "restart", .type = KEYWORD_WORD, .words = restarts, .preset = "on-failure", AT(facts_unit, restart),
         .doc = "its Restart=; with `no`, monit starts it again"},
        {.name = "start", .type = KEYWORD_DURATION, .min = 1, .max = DAY_MSEC, .preset = "60s", AT(facts_unit, start),
         .doc = "how long a start may take until it serves"},
        {.name = "pid_file", .type = KEYWORD_PATH, AT(facts_unit, pid_file), .doc = "its PIDFile="},
        {.name = "wanted", .type = KEYWORD_BOOLEAN, .preset = "true", AT(facts_unit, wanted),
         .doc = "it is enabled: it starts with the host"},
        {0},
};

const struct keyword facts_order_keys[] = {
        {.name = "filter", .type = KEYWORD_WORD, .words = filters, .preset = "none", AT(facts_order, filter),
         .doc = "telephony (filter `wazo`: held back while /var/lib/wazo/disabled exists), default, all or none"},
        {.name = "start", .type = KEYWORD_INTEGER, .min = 1, .max = 100000, .preset = "1000", AT(facts_order, start),
         .doc = "its position at start; stop goes backwards"},
        {.name = "status_filter", .type = KEYWORD_WORD, .words = filters, AT(facts_order, status_filter),
         .doc = "the filter in which `status` shows it, where that is another one"},
        {.name = "status", .type = KEYWORD_INTEGER, .min = 1, .max = 100000, AT(facts_order, status),
         .doc = "its position in `status`; default: as at start"},
        {.name = "independent", .type = KEYWORD_MAP, AT(facts_order, independent),
         .doc = "services before it, or `\"*\"` for all that are in none of its lists, to the reason why it need not wait for them"},
        {0},
};

const struct keyword facts_port_keys[] = {
        {.name = "port", .type = KEYWORD_INTEGER, .min = 1, .max = 65535, .flags = KEYWORD_REQUIRED,
         AT(facts_port, port),
         .doc = "its number"},
        {.name = "protocol", .type = KEYWORD_WORD, .words = protocols, .preset = "tcp", AT(facts_port, protocol),
         .doc = "tcp or udp"},
        {.name = "address", .type = KEYWORD_STRING, .preset = "127.0.0.1", AT(facts_port, address),
         .doc = "numeric; `0.0.0.0` for all"},
        {.name = "purpose", .type = KEYWORD_STRING, .flags = KEYWORD_REQUIRED, .min = 1, .max = 200,
         AT(facts_port, purpose),
         .doc = "what it is for"},
        {.name = "optional", .type = KEYWORD_BOOLEAN, .preset = "false", AT(facts_port, optional),
         .doc = "it is open only where it is configured"},
        {0},
};

const struct keyword facts_location_keys[] = {
        {.name = "path", .type = KEYWORD_STRING, .flags = KEYWORD_REQUIRED, .min = 1, .max = 200,
         AT(facts_location, path),
         .doc = "below `/api/NAME`"},
        {.name = "to", .type = KEYWORD_STRING, .min = 1, .max = 200, AT(facts_location, to),
         .doc = "path at the service; default: as `path`"},
        {.name = "timeout", .type = KEYWORD_DURATION, .min = 1000, .max = DAY_MSEC, AT(facts_location, timeout),
         .doc = "how long nginx waits for the next byte; default: 60s, nginx's own"},
        {.name = "no_auth", .type = KEYWORD_BOOLEAN, .preset = "false", AT(facts_location, no_auth),
         .doc = "it answers without a token, so that nginx limits its rate"},
        {.name = "websocket", .type = KEYWORD_BOOLEAN, .preset = "false", AT(facts_location, websocket),
         .doc = "connections are upgraded"},
        {0},
};

const struct keyword facts_nginx_keys[] = {
        {.name = "enabled", .type = KEYWORD_BOOLEAN, .preset = "false", AT(facts_nginx, enabled),
         .doc = "it is to be had at `https://HOST/api/NAME`"},
        {.name = "body", .type = KEYWORD_STRING, .min = 1, .max = 16, AT(facts_nginx, body),
         .doc = "the largest body, as nginx writes sizes: `16m`"},
        {.name = "powered_by", .type = KEYWORD_STRING, .min = 1, .max = 64, AT(facts_nginx, powered_by),
         .doc = "value of X-Powered-By"},
        {.name = "port", .type = KEYWORD_INTEGER, .min = 1, .max = 65535, AT(facts_nginx, port),
         .doc = "where nginx finds it; default: `port`"},
        {.name = "locations", .type = KEYWORD_MAPS, .section = facts_location_keys, AT(facts_nginx, location_list),
         .doc = "default: one, `/`"},
        {0},
};

const struct keyword facts_monit_keys[] = {
        {.name = "check", .type = KEYWORD_BOOLEAN, .preset = "true", AT(facts_monit, check),
         .doc = "there is a check of ours"},
        {.name = "theirs", .type = KEYWORD_STRING, .min = 1, .max = 64, AT(facts_monit, theirs),
         .doc = "the check that wazo-monitoring has of it"},
        {0},
};

const struct keyword facts_discovery_keys[] = {
        {.name = "by", .type = KEYWORD_WORD, .words = registrars, .preset = "none", AT(facts_discovery, by),
         .doc = "who registers it: none; own: it does by its own configuration; suite: wazo-suite-discovery does"},
        {0},
};

const struct keyword facts_reach_keys[] = {
        {.name = "method", .type = KEYWORD_STRING, .preset = "GET", AT(facts_reach, method), .doc = "GET, POST ..."},
        {.name = "path", .type = KEYWORD_STRING, .min = 1, .max = 200, AT(facts_reach, path),
         .doc = "at its port, such as `/1.1/infos`"},
        {0},
};

const struct keyword facts_database_keys[] = {
        {.name = "postgresql", .type = KEYWORD_STRING, .min = 1, .max = 63, AT(facts_database, postgresql),
         .doc = "name of a database, or"},
        {.name = "sqlite", .type = KEYWORD_PATH, AT(facts_database, sqlite), .doc = "a file"},
        {.name = "without", .type = KEYWORD_STRINGS, .min = 1, .max = 63, AT(facts_database, without),
         .doc = "postgresql: tables of which the data is not saved"},
        {0},
};

const struct keyword facts_backup_keys[] = {
        {.name = "paths", .type = KEYWORD_STRINGS, .min = 2, .max = 400, AT(facts_backup, more),
         .doc = "more paths; `*` and `?` may stand in them"},
        {.name = "exclude", .type = KEYWORD_STRINGS, .min = 2, .max = 400, AT(facts_backup, exclude),
         .doc = "patterns of what is not saved; `*` fits a `/`, too"},
        {.name = "limited", .type = KEYWORD_STRINGS, .min = 2, .max = 400, AT(facts_backup, limited),
         .doc = "directories of which large files and full directories are left out (XIVO_BACKUP_MAX_SOUND_FILE_SIZE, XIVO_BACKUP_MAX_FILES_PER_SOUND_DIR)"},
        {.name = "databases", .type = KEYWORD_MAPS, .section = facts_database_keys, AT(facts_backup, database_list),
         .doc = "saved as databases, not as files"},
        {0},
};

const struct keyword facts_key_keys[] = {
        {.name = "acl", .type = KEYWORD_STRINGS, .min = 1, .max = 200, AT(facts_key, acl),
         .doc = "rights of its internal user; with it, it has a key"},
        {.name = "file", .type = KEYWORD_PATH, AT(facts_key, file),
         .doc = "default: `/var/lib/wazo-auth-keys/SERVICE-key.yml`"},
        {0},
};

const struct keyword facts_job_keys[] = {
        {.name = "at", .type = KEYWORD_STRING, .flags = KEYWORD_REQUIRED, .min = 9, .max = 100, AT(facts_job, at),
         .doc = "five fields, as crontab(5) has them"},
        {.name = "user", .type = KEYWORD_STRING, .min = 1, .max = 64, AT(facts_job, user),
         .doc = "default: the service's"},
        {.name = "command", .type = KEYWORD_STRING, .flags = KEYWORD_REQUIRED, .min = 1, .max = 400,
         AT(facts_job, command),
         .doc = "what is run"},
        {.name = "purpose", .type = KEYWORD_STRING, .flags = KEYWORD_REQUIRED, .min = 1, .max = 200,
         AT(facts_job, purpose),
         .doc = "what for"},
        {0},
};

const char *facts_filter_to_string(int64_t filter) {
        return filters[filter];
}

const char *facts_unit_type_to_string(int64_t type) {
        return unit_types[type];
}

const char *facts_restart_to_string(int64_t restart) {
        return restarts[restart];
}

const char *facts_protocol_to_string(int64_t protocol) {
        return protocols[protocol];
}
