/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables and pages of the documentation.
 */
#include "config/generate/generate.h"

struct row {
        const struct facts_port *port;
        const struct manifest *service;
};

static int compare_rows(const void *a, const void *b) {
        const struct row *x = a, *y = b;
        int64_t difference = x->port->port - y->port->port;

        if (difference == 0)
                difference = x->port->protocol - y->port->protocol;
        return difference != 0 ? (difference < 0 ? -1 : 1) : strcmp(x->service->service, y->service->service);
}

static void write_port(const struct row *row, bool service, FILE *to) {
        const struct facts_port *p = row->port;

        (void) fprintf(to, "| %d | %s | %s |", (int) p->port, facts_protocol_to_string(p->protocol), p->address);
        if (service)
                (void) fprintf(to, " %s |", row->service->service);
        (void) fprintf(to, " %s%s |\n", p->purpose, p->optional ? " (where it is configured)" : "");
}

void generate_ports(const struct generator *g, const struct manifest *m, FILE *to) {
        _cleanup_free_ struct row *rows = NULL;
        size_t n = 0;

        for (size_t i = 0; i < g->suite->n; i++)
                n += g->suite->services[i].facts.n_ports;
        rows = calloc(n + 1, sizeof(*rows));
        if (!rows)
                return;
        n = 0;
        for (size_t i = 0; i < g->suite->n; i++)
                for (size_t j = 0; j < g->suite->services[i].facts.n_ports; j++)
                        rows[n++] = (struct row) {&g->suite->services[i].facts.ports[j], &g->suite->services[i]};
        if (n > 1)
                qsort(rows, n, sizeof(*rows), compare_rows);
        (void) fputs("# Ports\n\nMade by `wazo-suite generate ports` from the manifests.\n\n"
                     "| port | protocol | address | service | purpose |\n| --- | --- | --- | --- | --- |\n", to);
        for (size_t i = 0; i < n; i++)
                write_port(&rows[i], true, to);
}

static void write_paths(const struct manifest *m, FILE *to) {
        const struct facts_backup *b = &m->facts.backup;

        for (size_t i = 0; i < b->n_paths; i++)
                (void) fprintf(to, "| `%s` | data |  |\n", b->paths[i]);
        for (size_t i = 0; i < yaml_count(b->exclude); i++)
                (void) fprintf(to, "| `%s` | | left out |\n", yaml_text(b->exclude, i));
        for (size_t i = 0; i < yaml_count(b->limited); i++)
                (void) fprintf(to, "| `%s` | data | without large files and full directories |\n",
                               yaml_text(b->limited, i));
        for (size_t i = 0; i < b->n_databases; i++) {
                const struct facts_database *d = &b->databases[i];

                (void) fprintf(to, "| %s `%s` | %s |%s", d->sqlite ? "SQLite" : "PostgreSQL",
                               d->sqlite ?: d->postgresql, d->sqlite ? "data" : "db",
                               yaml_count(d->without) ? " without the data of" : "");
                for (size_t j = 0; j < yaml_count(d->without); j++)
                        (void) fprintf(to, "%s `%s`", j ? "," : "", yaml_text(d->without, j));
                (void) fputs(" |\n", to);
        }
}

void generate_files(const struct generator *g, const struct manifest *m, FILE *to) {
        (void) fputs("# Files that are backed up\n\nMade by `wazo-suite generate files` from the manifests. *data* "
                     "and *db* are the archives of\n"
                     "`wazo-backup` that hold them. `*` in a path that is left out also fits a `/`.\n",
                     to);
        for (size_t i = 0; i < g->suite->n; i++) {
                const struct manifest *s = &g->suite->services[i];

                if (s->facts.backup.n_paths == 0 && s->facts.backup.n_databases == 0)
                        continue;
                (void) fprintf(to, "\n## %s\n\n%s.\n\n| what | archive | |\n| --- | --- | --- |\n", s->service,
                               s->description);
                write_paths(s, to);
        }
}

static void write_fact(FILE *to, const char *name, const char *value) {
        if (value)
                (void) fprintf(to, "| %s | `%s` |\n", name, value);
}

static void write_names(FILE *to, const char *name, const struct yaml_node *list) {
        if (yaml_count(list) == 0)
                return;
        (void) fprintf(to, "| %s |", name);
        for (size_t i = 0; i < list->n; i++)
                (void) fprintf(to, "%s `%s`", i ? "," : "", yaml_text(list, i));
        (void) fputs(" |\n", to);
}

static void write_reachable(const struct manifest *m, FILE *to) {
        const struct facts *f = &m->facts;

        if (f->nginx.enabled)
                (void) fprintf(to, "\nFrom outside it is at `https://HOST/api/%s%s`.\n", f->api, m->prefix);
}

static void write_jobs(const struct manifest *m, FILE *to) {
        if (m->facts.n_jobs == 0)
                return;
        (void) fputs("\n## Jobs\n\n| when | as | command | what for |\n| --- | --- | --- | --- |\n", to);
        for (size_t i = 0; i < m->facts.n_jobs; i++) {
                const struct facts_job *j = &m->facts.jobs[i];

                (void) fprintf(to, "| `%s` | %s | `%s` | %s |\n", j->at, j->user, j->command, j->purpose);
        }
}

void generate_page(const struct generator *g, const struct manifest *m, FILE *to) {
        const struct facts *f = &m->facts;

        (void) fprintf(to, "# %s\n\n%s.\n", m->service, m->description);
        if (f->purpose)
                (void) fprintf(to, "\n%s\n", f->purpose);
        (void) fputs("\n| fact | value |\n| --- | --- |\n", to);
        write_fact(to, "unit", f->unit.name);
        write_fact(to, "user", m->user);
        write_names(to, "groups", f->groups);
        write_fact(to, "configuration", m->config);
        write_fact(to, "log", m->log);
        write_fact(to, "PID file", f->unit.pid_file);
        write_names(to, "starts after", f->after);
        write_names(to, "starts before", f->before);
        write_names(to, "needs", f->needs);
        if (f->order.filter == FACTS_FILTER_WAZO)
                (void) fputs("| telephony | not started while `/var/lib/wazo/disabled` exists |\n", to);
        if (f->root)
                (void) fprintf(to, "| runs as root | %s |\n", f->root);
        if (f->n_ports) {
                (void) fputs("\n## Ports\n\n| port | protocol | address | purpose |\n| --- | --- | --- | --- |\n",
                             to);
                for (size_t i = 0; i < f->n_ports; i++)
                        write_port(&(struct row) {&f->ports[i], m}, false, to);
                write_reachable(m, to);
        }
        write_jobs(m, to);
        if (f->backup.n_paths || f->backup.n_databases) {
                (void) fputs("\n## Backed up\n\n| what | archive | |\n| --- | --- | --- |\n", to);
                write_paths(m, to);
        }
}
