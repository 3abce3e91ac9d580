/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/facts.h"

#include <arpa/inet.h>
#include <stdarg.h>

#include "config/manifest.h"
#include "config/text.h"

#define KEY_FOLDER "/var/lib/wazo-auth-keys"
#define DAY_MSEC (24 * 3600 * 1000)
#define ITEMS_MAX 256

static const char *const filters[] = {"telephony", "default", "all", "none", NULL};
static const char *const unit_types[] = {"simple", "exec", "forking", "notify", "oneshot", NULL};
static const char *const restarts[] = {"no", "on-failure", "always", NULL};
static const char *const protocols[] = {"tcp", "udp", NULL};
static const char *const registrars[] = {"none", "own", "suite", NULL};

#define AT(structure, member) .offset = offsetof(struct structure, member)

const struct keyword facts_unit_keys[] = {
        {.name = "name", .type = KEYWORD_STRING, .min = 9, .max = 128, AT(facts_unit, name),
         .doc = "its name, `.service` included; of the units that fit the one `*` in it, that of the highest version; default: the service's name"},
        {.name = "replaces", .type = KEYWORD_STRING, .min = 9, .max = 128, AT(facts_unit, replaces),
         .doc = "the unit whose place it takes; where that one is active or enabled, that one is meant"},
        {.name = "type", .type = KEYWORD_WORD, .words = unit_types, .preset = "simple", AT(facts_unit, type), .doc = "its Type="},
        {.name = "restart", .type = KEYWORD_WORD, .words = restarts, .preset = "on-failure", AT(facts_unit, restart),
         .doc = "its Restart=; with `no`, monit starts it again"},
        {.name = "start", .type = KEYWORD_DURATION, .min = 1, .max = DAY_MSEC, .preset = "60s", AT(facts_unit, start),
         .doc = "how long a start may take until it serves"},
        {.name = "pid_file", .type = KEYWORD_PATH, AT(facts_unit, pid_file), .doc = "its PIDFile="},
        {.name = "wanted", .type = KEYWORD_BOOLEAN, .preset = "true", AT(facts_unit, wanted), .doc = "it is enabled: it starts with the host"},
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
        {.name = "port", .type = KEYWORD_INTEGER, .min = 1, .max = 65535, .flags = KEYWORD_REQUIRED, AT(facts_port, port), .doc = "its number"},
        {.name = "protocol", .type = KEYWORD_WORD, .words = protocols, .preset = "tcp", AT(facts_port, protocol), .doc = "tcp or udp"},
        {.name = "address", .type = KEYWORD_STRING, .preset = "127.0.0.1", AT(facts_port, address), .doc = "numeric; `0.0.0.0` for all"},
        {.name = "purpose", .type = KEYWORD_STRING, .flags = KEYWORD_REQUIRED, .min = 1, .max = 200, AT(facts_port, purpose), .doc = "what it is for"},
        {.name = "optional", .type = KEYWORD_BOOLEAN, .preset = "false", AT(facts_port, optional), .doc = "it is open only where it is configured"},
        {0},
};

static const struct keyword location_keys[] = {
        {.name = "path", .type = KEYWORD_STRING, .flags = KEYWORD_REQUIRED, .min = 1, .max = 200, AT(facts_location, path), .doc = "below `/api/NAME`"},
        {.name = "to", .type = KEYWORD_STRING, .min = 1, .max = 200, AT(facts_location, to), .doc = "path at the service; default: as `path`"},
        {.name = "timeout", .type = KEYWORD_DURATION, .min = 1000, .max = DAY_MSEC, AT(facts_location, timeout),
         .doc = "how long nginx waits for the next byte; default: 60s, nginx's own"},
        {.name = "no_auth", .type = KEYWORD_BOOLEAN, .preset = "false", AT(facts_location, no_auth),
         .doc = "it answers without a token, so that nginx limits its rate"},
        {.name = "websocket", .type = KEYWORD_BOOLEAN, .preset = "false", AT(facts_location, websocket), .doc = "connections are upgraded"},
        {0},
};

const struct keyword facts_nginx_keys[] = {
        {.name = "enabled", .type = KEYWORD_BOOLEAN, .preset = "false", AT(facts_nginx, enabled), .doc = "it is to be had at `https://HOST/api/NAME`"},
        {.name = "body", .type = KEYWORD_STRING, .min = 1, .max = 16, AT(facts_nginx, body), .doc = "the largest body, as nginx writes sizes: `16m`"},
        {.name = "powered_by", .type = KEYWORD_STRING, .min = 1, .max = 64, AT(facts_nginx, powered_by), .doc = "value of X-Powered-By"},
        {.name = "port", .type = KEYWORD_INTEGER, .min = 1, .max = 65535, AT(facts_nginx, port), .doc = "where nginx finds it; default: `port`"},
        {.name = "locations", .type = KEYWORD_MAPS, .section = location_keys, AT(facts_nginx, location_list), .doc = "default: one, `/`"},
        {0},
};

const struct keyword facts_monit_keys[] = {
        {.name = "check", .type = KEYWORD_BOOLEAN, .preset = "true", AT(facts_monit, check), .doc = "there is a check of ours"},
        {.name = "theirs", .type = KEYWORD_STRING, .min = 1, .max = 64, AT(facts_monit, theirs), .doc = "the check that wazo-monitoring has of it"},
        {0},
};

const struct keyword facts_discovery_keys[] = {
        {.name = "by", .type = KEYWORD_WORD, .words = registrars, .preset = "none", AT(facts_discovery, by),
         .doc = "who registers it: none; own: it does by its own configuration; suite: wazo-suite-discovery does"},
        {0},
};

const struct keyword facts_reach_keys[] = {
        {.name = "method", .type = KEYWORD_STRING, .preset = "GET", AT(facts_reach, method), .doc = "GET, POST ..."},
        {.name = "path", .type = KEYWORD_STRING, .min = 1, .max = 200, AT(facts_reach, path), .doc = "at its port, such as `/1.1/infos`"},
        {0},
};

static const struct keyword database_keys[] = {
        {.name = "postgresql", .type = KEYWORD_STRING, .min = 1, .max = 63, AT(facts_database, postgresql), .doc = "name of a database, or"},
        {.name = "sqlite", .type = KEYWORD_PATH, AT(facts_database, sqlite), .doc = "a file"},
        {.name = "without", .type = KEYWORD_STRINGS, .min = 1, .max = 63, AT(facts_database, without), .doc = "postgresql: tables of which the data is not saved"},
        {0},
};

const struct keyword facts_backup_keys[] = {
        {.name = "paths", .type = KEYWORD_STRINGS, .min = 2, .max = 400, AT(facts_backup, more), .doc = "more paths; `*` and `?` may stand in them"},
        {.name = "exclude", .type = KEYWORD_STRINGS, .min = 2, .max = 400, AT(facts_backup, exclude), .doc = "patterns of what is not saved; `*` fits a `/`, too"},
        {.name = "limited", .type = KEYWORD_STRINGS, .min = 2, .max = 400, AT(facts_backup, limited),
         .doc = "directories of which large files and full directories are left out (XIVO_BACKUP_MAX_SOUND_FILE_SIZE, XIVO_BACKUP_MAX_FILES_PER_SOUND_DIR)"},
        {.name = "databases", .type = KEYWORD_MAPS, .section = database_keys, AT(facts_backup, database_list), .doc = "saved as databases, not as files"},
        {0},
};

const struct keyword facts_key_keys[] = {
        {.name = "acl", .type = KEYWORD_STRINGS, .min = 1, .max = 200, AT(facts_key, acl), .doc = "rights of its internal user; with it, it has a key"},
        {.name = "file", .type = KEYWORD_PATH, AT(facts_key, file), .doc = "default: `" KEY_FOLDER "/SERVICE-key.yml`"},
        {0},
};

const struct keyword facts_job_keys[] = {
        {.name = "at", .type = KEYWORD_STRING, .flags = KEYWORD_REQUIRED, .min = 9, .max = 100, AT(facts_job, at), .doc = "five fields, as crontab(5) has them"},
        {.name = "user", .type = KEYWORD_STRING, .min = 1, .max = 64, AT(facts_job, user), .doc = "default: the service's"},
        {.name = "command", .type = KEYWORD_STRING, .flags = KEYWORD_REQUIRED, .min = 1, .max = 400, AT(facts_job, command), .doc = "what is run"},
        {.name = "purpose", .type = KEYWORD_STRING, .flags = KEYWORD_REQUIRED, .min = 1, .max = 200, AT(facts_job, purpose), .doc = "what for"},
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

/* A text that lives as long as the facts. */
static _printf_(3, 4) int own(struct facts *f, const char **ret, const char *format, ...) {
        char **grown = realloc(f->owned, (f->n_owned + 1) * sizeof(*grown));
        va_list ap;
        int n;

        if (!grown)
                return -ENOMEM;
        f->owned = grown;
        va_start(ap, format);
        n = vasprintf(&grown[f->n_owned], format, ap);
        va_end(ap);
        if (n < 0)
                return -ENOMEM;
        *ret = grown[f->n_owned++];
        return 0;
}

/* Files are made of these texts, so that nothing that ends a line may stand in one. */
static bool is_plain(const char *s) {
        for (; *s; s++)
                if ((unsigned char) *s < ' ' || *s == 0x7f)
                        return false;
        return true;
}

/* All scalars of a manifest; purpose alone may have several lines. */
static void check_plain(const struct yaml_node *node, bool top, struct findings *findings) {
        if (node->kind == YAML_KIND_SCALAR) {
                if (!is_plain(node->text))
                        findings_error(findings, &node->place, "no line may end and no control character may be within this text");
                return;
        }
        for (size_t i = 0; i < node->n; i++)
                if (!top || !node->entries[i].key || !streq(node->entries[i].key, "purpose"))
                        check_plain(node->entries[i].value, false, findings);
}

static const struct place *place_of(const struct manifest *m, const char *path) {
        const struct yaml_node *node = yaml_at(m->root, path);

        return node ? &node->place : &m->root->place;
}

/* "wazo-calld.service", "postgresql@*-main.service", "network-online.target". */
static bool is_unit(const char *s, bool pattern) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.\\-@";
        const char *dot = strrchr(s, '.'), *star = strchr(s, '*');
        size_t n = strspn(s, letters);

        if (star && pattern && s + n == star)
                n += 1 + strspn(star + 1, letters);
        return dot && dot > s && dot[1] && !s[n];
}

static bool is_address(const char *s) {
        struct in6_addr ignored;

        return inet_pton(AF_INET, s, &ignored) == 1 || inet_pton(AF_INET6, s, &ignored) == 1;
}

/* A path of a URL that stands in nginx's configuration as it is. */
static bool is_url_path(const char *s) {
        return *s == '/' && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")];
}

static bool is_letters(const char *s, const char *letters) {
        return *s && !s[strspn(s, letters)];
}

/* Reads a list of maps by @table into @size bytes each; *ret is allocated, zeroed, and NULL for no list. */
static int read_list(const struct yaml_node *list, const struct keyword *table, const char *prefix, size_t reserve, size_t size,
                     struct findings *findings, void **ret, size_t *ret_n) {
        const struct keyword_reader reader = {.findings = findings, .unknown = FINDING_ERROR};
        size_t n = yaml_count(list);
        char *items;

        if (n > ITEMS_MAX) {
                findings_error(findings, &list->place, "%s: more than %d", prefix, ITEMS_MAX);
                n = ITEMS_MAX;
        }
        items = calloc(n + reserve + 1, size);
        if (!items)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                keyword_read(&reader, table, prefix, list->entries[i].value, items + (reserve + i) * size);
        *ret = items;
        *ret_n = n + reserve;
        return 0;
}

static int finish_ports(struct manifest *m, struct findings *findings) {
        struct facts *f = &m->facts;
        size_t rest = m->port > 0;
        int r;

        if (!is_address(f->listen))
                findings_error(findings, place_of(m, "listen"), "listen must be a numeric address");
        r = read_list(f->port_list, facts_port_keys, "ports", rest, sizeof(*f->ports), findings, (void **) &f->ports, &f->n_ports);
        if (r < 0)
                return r;
        if (rest)
                f->ports[0] = (struct facts_port) {.place = *place_of(m, "port"), .port = m->port, .address = f->listen,
                                                   .purpose = "REST API", .rest = true};
        for (size_t i = rest; i < f->n_ports; i++) {
                f->ports[i].place = f->port_list->entries[i - rest].value->place;
                if (!is_address(f->ports[i].address))
                        findings_error(findings, &f->ports[i].place, "ports: address must be a numeric address");
        }
        return 0;
}

static int finish_nginx(struct manifest *m, struct findings *findings) {
        struct facts_nginx *n = &m->facts.nginx;
        int r;

        if (!n->enabled) {
                if (n->location_list)
                        findings_error(findings, &n->location_list->place, "nginx.locations without \"enabled: true\"");
                return 0;
        }
        if (n->port == 0)
                n->port = m->port;
        if (n->port == 0)
                findings_error(findings, place_of(m, "nginx"), "nginx has a location for it, but port is missing");
        if (n->body && (n->body[strspn(n->body, "0123456789")] == 0 || !is_letters(n->body, "0123456789kKmMgG")))
                findings_error(findings, place_of(m, "nginx.body"), "nginx.body must be a size as nginx writes it, such as 16m");
        if (n->powered_by && !text_is_name(n->powered_by))
                findings_error(findings, place_of(m, "nginx.powered_by"), "nginx.powered_by must be a name");
        r = read_list(n->location_list, location_keys, "nginx.locations", 0, sizeof(*n->locations), findings, (void **) &n->locations,
                      &n->n_locations);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n->n_locations; i++) {
                struct facts_location *l = &n->locations[i];

                l->place = n->location_list->entries[i].value->place;
                if (!l->to)
                        l->to = l->path;
                if (!is_url_path(strempty(l->path)) || !is_url_path(strempty(l->to)))
                        findings_error(findings, &l->place, "nginx.locations: a path begins with / and has letters, digits and /._- only");
                for (size_t j = 0; j < i; j++)
                        if (streq(strempty(n->locations[j].path), strempty(l->path)))
                                findings_error(findings, &l->place, "nginx.locations: %s is there twice", l->path);
        }
        /* read_list() has left room for one. */
        if (n->n_locations == 0)
                n->locations[n->n_locations++] = (struct facts_location) {.path = "/", .to = "/", .place = *place_of(m, "nginx")};
        return 0;
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* One more path, without the slash at its end. */
static int add_path(struct facts *f, const char *path, int length) {
        while (length > 1 && path[length - 1] == '/')
                length--;
        return own(f, &f->backup.paths[f->backup.n_paths++], "%.*s", length, path);
}

static int collect_paths(struct manifest *m) {
        struct facts_backup *b = &m->facts.backup;
        size_t unique = 0;
        int r = 0;

        b->paths = calloc(yaml_count(b->more) + 4, sizeof(*b->paths));
        if (!b->paths)
                return -ENOMEM;
        if (m->config)
                r = add_path(&m->facts, m->config, (int) (strrchr(m->config, '/') - m->config));
        if (r == 0 && m->state)
                r = add_path(&m->facts, m->state, (int) strlen(m->state));
        if (r == 0 && m->facts.key.file)
                r = add_path(&m->facts, m->facts.key.file, (int) strlen(m->facts.key.file));
        for (size_t i = 0; r == 0 && i < yaml_count(b->more); i++)
                r = add_path(&m->facts, yaml_text(b->more, i), (int) strlen(yaml_text(b->more, i)));
        if (r < 0) {
                b->n_paths--;
                return r;
        }
        if (b->n_paths > 1)
                qsort(b->paths, b->n_paths, sizeof(*b->paths), compare_texts);
        for (size_t i = 0; i < b->n_paths; i++)
                if (unique == 0 || !streq(b->paths[unique - 1], b->paths[i]))
                        b->paths[unique++] = b->paths[i];
        b->n_paths = unique;
        return 0;
}

static void check_paths(const struct yaml_node *list, const char *key, struct findings *findings) {
        for (size_t i = 0; i < yaml_count(list); i++)
                if (!text_is_path(yaml_text(list, i)) || streq(yaml_text(list, i), "/"))
                        findings_error(findings, &list->entries[i].value->place, "backup.%s: each must be an absolute path below /", key);
}

static int finish_backup(struct manifest *m, struct findings *findings) {
        struct facts_backup *b = &m->facts.backup;
        size_t errors = findings->n_errors;
        int r;

        check_paths(b->more, "paths", findings);
        check_paths(b->exclude, "exclude", findings);
        check_paths(b->limited, "limited", findings);
        if (m->config && strrchr(m->config, '/') == m->config)
                findings_error(findings, place_of(m, "config"), "config must be in a directory of its own");
        r = read_list(b->database_list, database_keys, "backup.databases", 0, sizeof(*b->databases), findings, (void **) &b->databases,
                      &b->n_databases);
        if (r < 0)
                return r;
        for (size_t i = 0; i < b->n_databases; i++) {
                struct facts_database *d = &b->databases[i];

                d->place = b->database_list->entries[i].value->place;
                if (!!d->postgresql == !!d->sqlite)
                        findings_error(findings, &d->place, "backup.databases: each has either postgresql or sqlite");
                if (d->postgresql && !text_is_name(d->postgresql))
                        findings_error(findings, &d->place, "backup.databases: no name of a database: \"%s\"", d->postgresql);
                for (size_t j = 0; j < yaml_count(d->without); j++)
                        if (!text_is_name(yaml_text(d->without, j)))
                                findings_error(findings, &d->without->entries[j].value->place, "backup.databases: no name of a table");
        }
        return findings->n_errors == errors ? collect_paths(m) : 0;
}

/* "24 3 * * *" */
static bool is_moment(const char *s) {
        size_t n = 1;

        for (const char *c = s; *c; c++)
                n += *c == ' ' && c[1] != ' ' && c[1];
        return n == 5 && *s != ' ' && is_letters(s, "0123456789*,/- ");
}

static int finish_jobs(struct manifest *m, struct findings *findings) {
        struct facts *f = &m->facts;
        int r = read_list(f->job_list, facts_job_keys, "cron", 0, sizeof(*f->jobs), findings, (void **) &f->jobs, &f->n_jobs);

        if (r < 0)
                return r;
        for (size_t i = 0; i < f->n_jobs; i++) {
                struct facts_job *j = &f->jobs[i];

                j->place = f->job_list->entries[i].value->place;
                if (!j->user)
                        j->user = m->user;
                if (!j->user)
                        findings_error(findings, &j->place, "cron: user is missing, here and in the service");
                if (j->at && !is_moment(j->at))
                        findings_error(findings, &j->place, "cron: at must be five fields, such as \"24 3 * * *\"");
                if (j->command && strchr(j->command, '%'))
                        findings_error(findings, &j->place, "cron: a %% ends the command in a crontab");
        }
        return 0;
}

/* Names of services, or of units, which have a dot. Whether such services are there is seen when all manifests are. */
static void check_names(const struct manifest *m, const struct yaml_node *list, bool units, struct findings *findings) {
        for (size_t i = 0; i < yaml_count(list); i++) {
                const char *name = yaml_text(list, i);

                if (streq(name, strempty(m->service)))
                        findings_error(findings, &list->entries[i].value->place, "%s names itself", name);
                else if (!text_is_name(name) && !(units && is_unit(name, false)))
                        findings_error(findings, &list->entries[i].value->place, "no name of a service%s: \"%s\"", units ? " or unit" : "", name);
        }
}

static int finish_unit(struct manifest *m, struct findings *findings) {
        struct facts *f = &m->facts;
        int r = f->unit.name ? 0 : own(f, &f->unit.name, "%s.service", m->service);

        if (r < 0)
                return r;
        if (!is_unit(f->unit.name, true) || !streq(strrchr(f->unit.name, '.'), ".service"))
                findings_error(findings, place_of(m, "unit.name"), "unit.name must be the name of a service unit, with .service");
        if (f->unit.replaces && (!is_unit(f->unit.replaces, false) || !streq(strrchr(f->unit.replaces, '.'), ".service")))
                findings_error(findings, place_of(m, "unit.replaces"), "unit.replaces must be the name of a service unit, with .service");
        return 0;
}

static void finish_order(struct manifest *m, struct findings *findings) {
        struct facts_order *o = &m->facts.order;

        if (!yaml_at(m->root, "wazo_service.status_filter"))
                o->status_filter = o->filter;
        if (o->status == 0)
                o->status = o->start;
        for (size_t i = 0; o->independent && i < o->independent->n; i++) {
                const struct yaml_entry *entry = &o->independent->entries[i];

                if (entry->value->kind != YAML_KIND_SCALAR || !*entry->value->text || yaml_is_null(entry->value))
                        findings_error(findings, &entry->place, "wazo_service.independent: why \"%s\" need not be waited for is missing", entry->key);
        }
}

static void check_reach(const struct manifest *m, struct findings *findings) {
        static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", NULL};
        const struct facts_reach *reach = &m->facts.reach;
        size_t i = 0;

        while (methods[i] && !streq(methods[i], reach->method))
                i++;
        if (!methods[i])
                findings_error(findings, place_of(m, "reach.method"), "reach.method must be GET, HEAD, POST, PUT, DELETE or OPTIONS");
        if (reach->path && !is_url_path(reach->path))
                findings_error(findings, place_of(m, "reach.path"), "reach.path begins with / and has letters, digits and /._- only");
        if (reach->path && !m->port && !m->facts.nginx.enabled)
                findings_error(findings, place_of(m, "reach"), "reach without a port");
}

static int finish_names(struct manifest *m, struct findings *findings) {
        static const char prefix[] = "wazo-";
        struct facts *f = &m->facts;
        int r = 0;

        if (!f->package)
                f->package = m->service;
        if (!is_letters(f->package, "abcdefghijklmnopqrstuvwxyz0123456789+.-"))
                findings_error(findings, place_of(m, "package"), "package: no name of a Debian package: \"%s\"", f->package);
        if (!f->api)
                f->api = strncmp(m->service, prefix, strlen(prefix)) == 0 ? m->service + strlen(prefix) : m->service;
        if (!text_is_name(f->api))
                findings_error(findings, place_of(m, "api"), "api: no name: \"%s\"", f->api);
        for (size_t i = 0; i < yaml_count(f->groups); i++)
                if (!text_is_name(yaml_text(f->groups, i)))
                        findings_error(findings, &f->groups->entries[i].value->place, "no name of a group: \"%s\"", yaml_text(f->groups, i));
        for (size_t i = 0; i < yaml_count(f->key.acl); i++)
                if (!is_letters(yaml_text(f->key.acl, i), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._#*-!{}"))
                        findings_error(findings, &f->key.acl->entries[i].value->place, "no right: \"%s\"", yaml_text(f->key.acl, i));
        if (f->key.acl && !f->key.file)
                r = own(f, &f->key.file, KEY_FOLDER "/%s-key.yml", m->service);
        check_names(m, f->after, true, findings);
        check_names(m, f->before, true, findings);
        check_names(m, f->needs, false, findings);
        return r;
}

/* What only a daemon can have. */
static void check_other(const struct manifest *m, struct findings *findings) {
        static const char *const of_daemons[] = {"unit", "wazo_service", "nginx", "monit", "discovery", "reach", "auth_key", "workers", "plugins"};

        for (unsigned i = 0; i < ELEMENTSOF(of_daemons); i++)
                if (yaml_at(m->root, of_daemons[i]))
                        findings_error(findings, place_of(m, of_daemons[i]), "%s is for daemons: this is of kind other", of_daemons[i]);
}

int facts_finish(struct manifest *m, struct findings *findings) {
        size_t errors = findings->n_errors;
        int r;

        check_plain(m->root, true, findings);
        if (findings->n_errors > errors)
                return 0;
        r = finish_names(m, findings);
        if (r == 0 && m->kind != MANIFEST_OTHER)
                r = finish_unit(m, findings);
        if (r == 0)
                r = finish_ports(m, findings);
        if (r == 0)
                r = finish_nginx(m, findings);
        if (r == 0)
                r = finish_backup(m, findings);
        if (r == 0)
                r = finish_jobs(m, findings);
        if (r < 0)
                return r;
        finish_order(m, findings);
        check_reach(m, findings);
        if (m->kind == MANIFEST_OTHER) {
                m->facts.monit.check = false;
                check_other(m, findings);
        } else if (m->facts.discovery.by != FACTS_DISCOVERY_NONE && m->port == 0)
                findings_error(findings, place_of(m, "discovery"), "consul is told a port, and port is missing");
        return 0;
}

void facts_done(struct facts *f) {
        for (size_t i = 0; i < f->n_owned; i++)
                free(f->owned[i]);
        free(f->owned);
        free(f->ports);
        free(f->jobs);
        free(f->nginx.locations);
        free(f->backup.databases);
        free(f->backup.paths);
        *f = (struct facts) {0};
}
