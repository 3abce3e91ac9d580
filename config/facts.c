/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/facts.h"

#include <arpa/inet.h>
#include <stdarg.h>

#include "config/manifest.h"
#include "config/text.h"

#define KEY_FOLDER "/var/lib/wazo-auth-keys"
#define ITEMS_MAX 256

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
                        findings_error(findings, &node->place,
                                       "no line may end and no control character may be within this text");
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
static int read_list(const struct yaml_node *list, const struct keyword *table, const char *prefix, size_t reserve,
                     size_t size, struct findings *findings, void **ret, size_t *ret_n) {
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
        r = read_list(f->port_list, facts_port_keys, "ports", rest, sizeof(*f->ports), findings, (void **) &f->ports,
                      &f->n_ports);
        if (r < 0)
                return r;
        if (rest)
                f->ports[0] = (struct facts_port){.place = *place_of(m, "port"),
                                                  .port = m->port,
                                                  .address = f->listen,
                                                  .purpose = "REST API",
                                                  .rest = true};
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
                        findings_error(findings, &n->location_list->place,
                                       "nginx.locations without \"enabled: true\"");
                return 0;
        }
        if (n->port == 0)
                n->port = m->port;
        if (n->port == 0)
                findings_error(findings, place_of(m, "nginx"), "nginx has a location for it, but port is missing");
        if (n->body && (n->body[strspn(n->body, "0123456789")] == 0 || !is_letters(n->body, "0123456789kKmMgG")))
                findings_error(findings, place_of(m, "nginx.body"),
                               "nginx.body must be a size as nginx writes it, such as 16m");
        if (n->powered_by && !text_is_name(n->powered_by))
                findings_error(findings, place_of(m, "nginx.powered_by"), "nginx.powered_by must be a name");
        r = read_list(n->location_list, facts_location_keys, "nginx.locations", 0, sizeof(*n->locations), findings,
                      (void **) &n->locations, &n->n_locations);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n->n_locations; i++) {
                struct facts_location *l = &n->locations[i];

                l->place = n->location_list->entries[i].value->place;
                if (!l->to)
                        l->to = l->path;
                if (!is_url_path(strempty(l->path)) || !is_url_path(strempty(l->to)))
                        findings_error(findings, &l->place,
                                       "nginx.locations: a path begins with / and has letters, digits and /._- only");
                for (size_t j = 0; j < i; j++)
                        if (streq(strempty(n->locations[j].path), strempty(l->path)))
                                findings_error(findings, &l->place, "nginx.locations: %s is there twice", l->path);
        }
        /* read_list() has left room for one. */
        if (n->n_locations == 0)
                n->locations[n->n_locations++] = (struct facts_location){
                        .path = "/", .to = "/", .place = *place_of(m, "nginx")};
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

int facts_config_saved(const char *config) {
        int directory = (int) (strrchr(config, '/') - config);

        return directory > 0 && memchr(config + 1, '/', (size_t) directory - 1) ? directory : (int) strlen(config);
}

static int collect_paths(struct manifest *m) {
        struct facts_backup *b = &m->facts.backup;
        size_t unique = 0;
        int r = 0;

        b->paths = calloc(yaml_count(b->more) + 4, sizeof(*b->paths));
        if (!b->paths)
                return -ENOMEM;
        if (m->config)
                r = add_path(&m->facts, m->config, facts_config_saved(m->config));
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
                        findings_error(findings, &list->entries[i].value->place,
                                       "backup.%s: each must be an absolute path below /", key);
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
        r = read_list(b->database_list, facts_database_keys, "backup.databases", 0, sizeof(*b->databases), findings,
                      (void **) &b->databases, &b->n_databases);
        if (r < 0)
                return r;
        for (size_t i = 0; i < b->n_databases; i++) {
                struct facts_database *d = &b->databases[i];

                d->place = b->database_list->entries[i].value->place;
                if (!!d->postgresql == !!d->sqlite)
                        findings_error(findings, &d->place, "backup.databases: each has either postgresql or sqlite");
                if (d->postgresql && !text_is_name(d->postgresql))
                        findings_error(findings, &d->place, "backup.databases: no name of a database: \"%s\"",
                                       d->postgresql);
                for (size_t j = 0; j < yaml_count(d->without); j++)
                        if (!text_is_name(yaml_text(d->without, j)))
                                findings_error(findings, &d->without->entries[j].value->place,
                                               "backup.databases: no name of a table");
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
        int r = read_list(f->job_list, facts_job_keys, "cron", 0, sizeof(*f->jobs), findings, (void **) &f->jobs,
                          &f->n_jobs);

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

/* Names of services, or of units, which have a dot. Whether such services are there is seen when all manifests are.
 */
static void check_names(const struct manifest *m, const struct yaml_node *list, bool units,
                        struct findings *findings) {
        for (size_t i = 0; i < yaml_count(list); i++) {
                const char *name = yaml_text(list, i);

                if (streq(name, strempty(m->service)))
                        findings_error(findings, &list->entries[i].value->place, "%s names itself", name);
                else if (!text_is_name(name) && !(units && is_unit(name, false)))
                        findings_error(findings, &list->entries[i].value->place, "no name of a service%s: \"%s\"",
                                       units ? " or unit" : "", name);
        }
}

static int finish_unit(struct manifest *m, struct findings *findings) {
        struct facts *f = &m->facts;
        int r = f->unit.name ? 0 : own(f, &f->unit.name, "%s.service", m->service);

        if (r < 0)
                return r;
        if (!is_unit(f->unit.name, true) || !streq(strrchr(f->unit.name, '.'), ".service"))
                findings_error(findings, place_of(m, "unit.name"),
                               "unit.name must be the name of a service unit, with .service");
        if (f->unit.replaces &&
            (!is_unit(f->unit.replaces, false) || !streq(strrchr(f->unit.replaces, '.'), ".service")))
                findings_error(findings, place_of(m, "unit.replaces"),
                               "unit.replaces must be the name of a service unit, with .service");
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
                        findings_error(findings, &entry->place,
                                       "wazo_service.independent: why \"%s\" need not be waited for is missing",
                                       entry->key);
        }
}

static void check_reach(const struct manifest *m, struct findings *findings) {
        static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", NULL};
        const struct facts_reach *reach = &m->facts.reach;
        size_t i = 0;

        while (methods[i] && !streq(methods[i], reach->method))
                i++;
        if (!methods[i])
                findings_error(findings, place_of(m, "reach.method"),
                               "reach.method must be GET, HEAD, POST, PUT, DELETE or OPTIONS");
        if (reach->path && !is_url_path(reach->path))
                findings_error(findings, place_of(m, "reach.path"),
                               "reach.path begins with / and has letters, digits and /._- only");
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
                findings_error(findings, place_of(m, "package"), "package: no name of a Debian package: \"%s\"",
                               f->package);
        if (!f->api)
                f->api = strncmp(m->service, prefix, strlen(prefix)) == 0 ? m->service + strlen(prefix) : m->service;
        if (!text_is_name(f->api))
                findings_error(findings, place_of(m, "api"), "api: no name: \"%s\"", f->api);
        for (size_t i = 0; i < yaml_count(f->groups); i++)
                if (!text_is_name(yaml_text(f->groups, i)))
                        findings_error(findings, &f->groups->entries[i].value->place, "no name of a group: \"%s\"",
                                       yaml_text(f->groups, i));
        for (size_t i = 0; i < yaml_count(f->key.acl); i++)
                if (!is_letters(yaml_text(f->key.acl, i),
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._#*-!{}"))
                        findings_error(findings, &f->key.acl->entries[i].value->place, "no right: \"%s\"",
                                       yaml_text(f->key.acl, i));
        if (m->log && strpbrk(m->log, " \t\"'{}*?[]\\#"))
                findings_error(findings, place_of(m, "log"),
                               "log stands in logrotate's configuration as it is: no blanks, quotes, braces or wildcards");
        if (m->kind == MANIFEST_NATIVE && m->description && strpbrk(m->description, "%\"\\"))
                findings_error(findings, place_of(m, "description"),
                               "description stands in systemd's files as it is: no %%, quotes or backslashes");
        if (f->key.acl && !f->key.file)
                r = own(f, &f->key.file, KEY_FOLDER "/%s-key.yml", m->service);
        check_names(m, f->after, true, findings);
        check_names(m, f->before, true, findings);
        check_names(m, f->needs, false, findings);
        return r;
}

/* What only a daemon can have. */
static void check_other(const struct manifest *m, struct findings *findings) {
        static const char *const of_daemons[] = {"unit",  "wazo_service", "nginx",   "monit",  "discovery",
                                                 "reach", "auth_key",     "workers", "plugins"};

        for (unsigned i = 0; i < ELEMENTSOF(of_daemons); i++)
                if (yaml_at(m->root, of_daemons[i]))
                        findings_error(findings, place_of(m, of_daemons[i]),
                                       "%s is for daemons: this is of kind other", of_daemons[i]);
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
