/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/suite.h"

#include <dirent.h>

#include "config/text.h"
#include "lib/paths.h"

#define ETC_SERVICES "/etc/wazo-suite/services.d"
#define EXTENSION ".yml"
#define NAME_SIZE 64

struct reading {
        struct findings *findings;
        struct suite suite;
        size_t room;
        char name[SUITE_SERVICES_MAX][NAME_SIZE]; /* of the file, whatever is in it */
        bool broken[SUITE_SERVICES_MAX]; /* its own findings are enough: it is left out at the end */
        uint8_t color[SUITE_SERVICES_MAX]; /* of the search for circles: not seen, on the way, done */
};

static bool has_extension(const char *name) {
        size_t n = strlen(name), extension = strlen(EXTENSION);

        return *name != '.' && n > extension && streq(name + n - extension, EXTENSION);
}

static int is_manifest(const struct dirent *entry) {
        return has_extension(entry->d_name);
}

static const struct manifest *find_service(const struct suite *s, const char *name) {
        for (size_t i = 0; i < s->n; i++)
                if (streq(strempty(s->services[i].service), name))
                        return &s->services[i];
        return NULL;
}

/* The place of the file NAME.yml; suite.n when there was none. */
static size_t find_name(const struct reading *r, const char *name) {
        size_t i = 0;

        while (i < r->suite.n && !streq(r->name[i], name))
                i++;
        return i;
}

static bool is_known(const struct reading *r, const char *name) {
        return find_name(r, name) < r->suite.n;
}

static int make_room(struct reading *r) {
        size_t room = MAX(r->room * 2, (size_t) 32);
        struct manifest *grown;

        if (r->suite.n < r->room)
                return 0;
        grown = realloc(r->suite.services, room * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        r->suite.services = grown;
        r->room = room;
        return 0;
}

/* In the place of one of that name that is broken: a mistake in a file of an administrator's takes no service away. */
static int add_file(struct reading *r, const char *dir, const char *file) {
        struct suite *s = &r->suite;
        struct findings *f = r->findings;
        size_t errors = f->n_errors;
        struct place place = {0};
        char path[1024], name[256];
        struct manifest m;
        size_t at;
        int result;

        if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int) sizeof(path))
                return -ENAMETOOLONG;
        (void) snprintf(name, sizeof(name), "%.*s", (int) (strlen(file) - strlen(EXTENSION)), file);
        place.file = findings_file(f, path);
        if (!text_is_name(name)) {
                findings_error(f, &place, "no name of a service: \"%s\"", name);
                return 0;
        }
        at = find_name(r, name);
        if (at < s->n && !r->broken[at])
                return 0;
        if (at == SUITE_SERVICES_MAX) {
                findings_error(f, &place, "more than %d services", SUITE_SERVICES_MAX);
                return 0;
        }
        if (make_room(r) < 0)
                return -ENOMEM;
        result = manifest_read_file(path, name, f, &m);
        if (result == -ENOMEM)
                return result;
        if (result < 0) {
                findings_error(f, &place, "cannot read it: %s", strerror(-result));
                return 0;
        }
        if (at < s->n)
                manifest_done(&s->services[at]);
        else
                s->n++;
        s->services[at] = m;
        r->broken[at] = f->n_errors > errors;
        (void) strcopy(r->name[at], NAME_SIZE, name);
        return 0;
}

static int add_dir(struct reading *reading, const char *dir) {
        struct dirent **entries;
        int n = scandir(dir, &entries, is_manifest, alphasort), r = 0;

        if (n < 0) {
                struct place place = {.file = findings_file(reading->findings, dir)};

                if (errno == ENOMEM)
                        return -ENOMEM;
                if (errno != ENOENT && errno != ENOTDIR)
                        findings_error(reading->findings, &place, "cannot read the directory: %s", strerror(errno));
                return 0;
        }
        for (int i = 0; i < n; i++) {
                if (r == 0)
                        r = add_file(reading, dir, entries[i]->d_name);
                free(entries[i]);
        }
        free(entries);
        return r;
}

bool suite_lists(const struct yaml_node *list, const char *name) {
        for (size_t i = 0; i < yaml_count(list); i++)
                if (streq(yaml_text(list, i), name))
                        return true;
        return false;
}

static bool says_after(const struct manifest *later, const struct manifest *earlier) {
        return suite_lists(later->facts.after, earlier->service) ||
               suite_lists(later->facts.needs, earlier->service) ||
               suite_lists(earlier->facts.before, later->service);
}

bool suite_waits_for(const struct manifest *later, const struct manifest *earlier) {
        const struct facts_order *a = &earlier->facts.order, *b = &later->facts.order;

        if (later == earlier)
                return false;
        if (says_after(later, earlier))
                return true;
        return a->filter != FACTS_FILTER_NONE && b->filter != FACTS_FILTER_NONE && a->start < b->start &&
               !yaml_entry(b->independent, earlier->service) && !yaml_entry(b->independent, "*");
}

/* ---- what only shows when all are seen together ---- */

static bool is_everybody(const char *address) {
        return streq(address, "0.0.0.0") || streq(address, "::");
}

static bool same_port(const struct facts_port *a, const struct facts_port *b) {
        return a->port == b->port && a->protocol == b->protocol &&
               (streq(a->address, b->address) || is_everybody(a->address) || is_everybody(b->address));
}

static void check_ports(struct reading *r, const struct manifest *m, const struct manifest *other) {
        for (size_t i = 0; i < m->facts.n_ports; i++)
                for (size_t j = 0; j < (other == m ? i : other->facts.n_ports); j++) {
                        const struct facts_port *mine = &m->facts.ports[i], *theirs = &other->facts.ports[j];

                        if (same_port(mine, theirs))
                                findings_error(r->findings, &mine->place, "port %d/%s is that of %s, too (%s:%u)",
                                               (int) mine->port, facts_protocol_to_string(mine->protocol),
                                               other->service, strempty(theirs->place.file), theirs->place.line);
                }
}

static void check_pair(struct reading *r, const struct manifest *m, const struct manifest *other) {
        const struct yaml_node *unit = yaml_at(m->root, "unit.name"), *api = yaml_at(m->root, "api");

        check_ports(r, m, other);
        if (m->facts.unit.name && other->facts.unit.name && streq(m->facts.unit.name, other->facts.unit.name))
                findings_error(r->findings, unit ? &unit->place : &m->root->place, "%s is the unit of %s, too",
                               m->facts.unit.name, other->service);
        if (m->facts.nginx.enabled && other->facts.nginx.enabled && streq(m->facts.api, other->facts.api))
                findings_error(r->findings, api ? &api->place : &m->root->place, "/api/%s is the location of %s, too",
                               m->facts.api, other->service);
}

static void check_list(struct reading *r, const struct yaml_node *list, const char *key) {
        for (size_t i = 0; i < yaml_count(list); i++) {
                const char *name = yaml_text(list, i);

                if (!strchr(name, '.') && !is_known(r, name))
                        findings_error(r->findings, &list->entries[i].value->place, "%s: no service is called \"%s\"",
                                       key, name);
        }
}

/* An order that wazo-service has, and another that the lists ask for, cannot both be kept. */
static void check_order(struct reading *r, const struct manifest *m) {
        const struct facts_order *o = &m->facts.order;

        for (size_t i = 0; i < r->suite.n; i++) {
                const struct manifest *other = &r->suite.services[i];
                const struct facts_order *theirs = &other->facts.order;

                if (other == m || r->broken[i] || !says_after(m, other))
                        continue;
                if (o->filter != FACTS_FILTER_NONE && theirs->filter != FACTS_FILTER_NONE &&
                    o->start <= theirs->start)
                        findings_error(
                                r->findings, &m->root->place,
                                "it starts after %s, whose place in wazo-service (%d) is not before its own (%d)",
                                other->service, (int) theirs->start, (int) o->start);
                if (yaml_entry(o->independent, other->service))
                        findings_error(r->findings, &yaml_entry(o->independent, other->service)->place,
                                       "it starts after %s and cannot be independent of it", other->service);
        }
        for (size_t i = 0; o->independent && i < o->independent->n; i++) {
                const struct yaml_entry *entry = &o->independent->entries[i];

                if (!streq(entry->key, "*") && !is_known(r, entry->key))
                        findings_error(r->findings, &entry->place,
                                       "wazo_service.independent: no service is called \"%s\"", entry->key);
        }
}

static void check_one(struct reading *r, const struct manifest *m) {
        const struct facts *f = &m->facts;
        bool found = f->nginx.port == 0;

        if (m->kind != MANIFEST_OTHER && !m->user)
                findings_error(r->findings, &m->root->place, "user is missing: who it runs as");
        if (m->user && streq(m->user, "root") && !f->root)
                findings_error(r->findings, &yaml_at(m->root, "user")->place,
                               "it runs as root, and \"root\" does not say why");
        for (size_t i = 0; i < f->n_ports; i++)
                found |= f->ports[i].port == f->nginx.port;
        if (!found)
                findings_error(r->findings, &yaml_at(m->root, "nginx.port")->place,
                               "nginx.port is none of its ports");
        check_list(r, f->after, "after");
        check_list(r, f->before, "before");
        check_list(r, f->needs, "needs");
        check_order(r, m);
}

/* Depth first; true when a circle was found and told. */
static bool walk(struct reading *r, size_t at) {
        enum { ON_THE_WAY = 1, DONE = 2 };
        const struct manifest *m = &r->suite.services[at];

        r->color[at] = ON_THE_WAY;
        for (size_t i = 0; i < r->suite.n; i++) {
                const struct manifest *other = &r->suite.services[i];

                if (r->broken[i] || r->color[i] == DONE || !suite_waits_for(m, other))
                        continue;
                if (r->color[i] == ON_THE_WAY) {
                        findings_error(r->findings, &m->root->place,
                                       "%s starts after %s, which by way of others starts after it: a circle",
                                       m->service, other->service);
                        return true;
                }
                if (walk(r, i))
                        return true;
        }
        r->color[at] = DONE;
        return false;
}

static void check_circles(struct reading *r) {
        for (size_t i = 0; i < r->suite.n; i++)
                if (!r->broken[i] && r->color[i] == 0 && walk(r, i))
                        return;
}

static void check_together(struct reading *r) {
        size_t errors;

        for (size_t i = 0; i < r->suite.n; i++) {
                if (r->broken[i])
                        continue;
                for (size_t j = 0; j < i; j++)
                        if (!r->broken[j])
                                check_pair(r, &r->suite.services[i], &r->suite.services[j]);
                check_ports(r, &r->suite.services[i], &r->suite.services[i]);
        }
        errors = r->findings->n_errors;
        for (size_t i = 0; i < r->suite.n; i++)
                if (!r->broken[i])
                        check_one(r, &r->suite.services[i]);
        if (r->findings->n_errors == errors)
                check_circles(r);
}

static void drop_broken(struct reading *r) {
        struct suite *s = &r->suite;
        size_t kept = 0;

        for (size_t i = 0; i < s->n; i++)
                if (r->broken[i])
                        manifest_done(&s->services[i]);
                else
                        s->services[kept++] = s->services[i];
        s->n = kept;
}

static int compare_names(const void *a, const void *b) {
        const struct manifest *x = a, *y = b;

        return strcmp(x->service, y->service);
}

int suite_read(const char *const *dirs, struct findings *findings, struct suite *ret) {
        struct reading reading = {.findings = findings};
        int r = 0;

        for (; r == 0 && *dirs; dirs++)
                r = add_dir(&reading, *dirs);
        if (r < 0) {
                suite_done(&reading.suite);
                return r;
        }
        check_together(&reading);
        drop_broken(&reading);
        if (reading.suite.n > 1)
                qsort(reading.suite.services, reading.suite.n, sizeof(*reading.suite.services), compare_names);
        *ret = reading.suite;
        return 0;
}

int suite_dirs_add(struct suite_dirs *dirs, const char *dir) {
        if (dirs->n == SUITE_DIRS_MAX)
                return -E2BIG;
        dirs->at[dirs->n++] = dir;
        return 0;
}

int suite_load(const char *root, const char *const *more, struct findings *findings, struct suite *ret) {
        const char *dirs[SUITE_DIRS_MAX + 2 + 1];
        struct paths paths;
        char etc[512];
        size_t n = 0;
        int r;

        r = paths_find(&paths);
        if (r < 0)
                return r;
        if (snprintf(etc, sizeof(etc), "%s%s", root, ETC_SERVICES) >= (int) sizeof(etc))
                return -ENAMETOOLONG;
        for (; more && more[n]; n++)
                if (n == SUITE_DIRS_MAX)
                        return -E2BIG;
                else
                        dirs[n] = more[n];
        dirs[n++] = etc;
        dirs[n++] = paths.services;
        dirs[n] = NULL;
        return suite_read(dirs, findings, ret);
}

void suite_done(struct suite *s) {
        for (size_t i = 0; i < s->n; i++)
                manifest_done(&s->services[i]);
        free(s->services);
        *s = SUITE_NULL;
}

static bool is_unit_of(const char *unit, const char *name) {
        size_t n = strlen(name);

        return unit && strncmp(unit, name, n) == 0 && (!unit[n] || streq(unit + n, ".service"));
}

const struct manifest *suite_find(const struct suite *s, const char *name) {
        const struct manifest *found = find_service(s, name);

        for (size_t i = 0; !found && i < s->n; i++)
                if (is_unit_of(s->services[i].facts.unit.name, name))
                        found = &s->services[i];
        return found;
}

static int compare_starts(const void *a, const void *b) {
        const struct manifest *x = *(const struct manifest *const *) a, *y = *(const struct manifest *const *) b;

        return x->facts.order.start != y->facts.order.start ? (x->facts.order.start < y->facts.order.start ? -1 : 1) :
                                                              strcmp(x->service, y->service);
}

static int compare_statuses(const void *a, const void *b) {
        const struct manifest *x = *(const struct manifest *const *) a, *y = *(const struct manifest *const *) b;

        return x->facts.order.status != y->facts.order.status ?
                       (x->facts.order.status < y->facts.order.status ? -1 : 1) :
                       strcmp(x->service, y->service);
}

static int list(const struct suite *s, enum facts_filter filter, bool status, const struct manifest ***ret,
                size_t *ret_n) {
        const struct manifest **found = calloc(s->n + 1, sizeof(*found));
        size_t n = 0;

        if (!found)
                return -ENOMEM;
        for (size_t i = 0; i < s->n; i++) {
                const struct facts_order *o = &s->services[i].facts.order;
                int64_t its = status ? o->status_filter : o->filter;

                if (its != FACTS_FILTER_NONE && its <= (int64_t) filter)
                        found[n++] = &s->services[i];
        }
        if (n > 1)
                qsort(found, n, sizeof(struct manifest *), status ? compare_statuses : compare_starts);
        *ret = found;
        *ret_n = n;
        return 0;
}

int suite_start_list(const struct suite *s, enum facts_filter filter, const struct manifest ***ret, size_t *ret_n) {
        return list(s, filter, false, ret, ret_n);
}

int suite_status_list(const struct suite *s, enum facts_filter filter, const struct manifest ***ret, size_t *ret_n) {
        return list(s, filter, true, ret, ret_n);
}
