/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists for other programs: backup, consul, wazo-auth-keys, the acceptance suite.
 */
#include "config/generate/generate.h"

static void write_list(FILE *to, const char *word, const struct yaml_node *list) {
        for (size_t i = 0; i < yaml_count(list); i++)
                (void) fprintf(to, "%s %s\n", word, yaml_text(list, i));
}

void generate_backup(const struct generator *g, const struct manifest *m, FILE *to) {
        (void) fputs("# SPDX-License-Identifier: GPL-3.0-or-later\n"
                     "# What wazo-backup saves: paths, patterns of what is left out, directories whose sounds are limited, databases.\n", to);
        for (size_t i = 0; i < g->suite->n; i++) {
                const struct manifest *s = &g->suite->services[i];
                const struct facts_backup *b = &s->facts.backup;

                if (b->n_paths == 0 && b->n_databases == 0)
                        continue;
                (void) fprintf(to, "\n# %s\n", s->service);
                for (size_t j = 0; j < b->n_paths; j++)
                        (void) fprintf(to, "path %s\n", b->paths[j]);
                write_list(to, "exclude", b->exclude);
                write_list(to, "limited", b->limited);
                for (size_t j = 0; j < b->n_databases; j++) {
                        const struct facts_database *d = &b->databases[j];

                        (void) fprintf(to, "%s %s", d->sqlite ? "sqlite" : "postgresql", d->sqlite ?: d->postgresql);
                        for (size_t k = 0; k < yaml_count(d->without); k++)
                                (void) fprintf(to, "%s%s", k ? "," : " without=", yaml_text(d->without, k));
                        (void) fputc('\n', to);
                }
        }
}

/* A service definition as the agent reads it; the tag of the server's UUID is added by who registers it. */
void generate_consul(const struct generator *g, const struct manifest *m, FILE *to) {
        json_t *definition = json_pack("{s:{s:s,s:s,s:i,s:[s],s:{s:s,s:s}}}", "service", "id", m->service, "name",
                                       m->service, "port", (int) m->port, "tags", m->service, "check", "name",
                                       "reported by the service", "ttl", "30s");

        if (definition)
                (void) json_dumpf(definition, to, JSON_INDENT(2) | JSON_SORT_KEYS);
        (void) fputc('\n', to);
        json_decref(definition);
}

void generate_auth_keys(const struct generator *g, const struct manifest *m, FILE *to) {
        (void) fprintf(to,
                       "# SPDX-License-Identifier: GPL-3.0-or-later\n"
                       "# For \"wazo-auth-keys service update\", which gives the key of %s to this user. Linked into /etc/wazo-auth-keys/conf.d where\n"
                       "# the service of wazo-suite is the one in charge.\n"
                       "%s:\n  system_user: %s\n  acl:\n",
                       m->service, m->service, m->user);
        for (size_t i = 0; i < yaml_count(m->facts.key.acl); i++)
                (void) fprintf(to, "    - \"%s\"\n", yaml_text(m->facts.key.acl, i));
}

void generate_http_rows(const struct generator *g, const struct manifest *m, FILE *to) {
        (void) fputs("| method | url |\n", to);
        for (size_t i = 0; i < g->suite->n; i++) {
                const struct facts *f = &g->suite->services[i].facts;

                if (f->nginx.enabled && f->reach.path)
                        (void) fprintf(to, "| %s | /api/%s%s |\n", f->reach.method, f->api, f->reach.path);
        }
}

void generate_discovery_rows(const struct generator *g, const struct manifest *m, FILE *to) {
        (void) fputs("| service |\n", to);
        for (size_t i = 0; i < g->suite->n; i++)
                if (g->suite->services[i].facts.discovery.by != FACTS_DISCOVERY_NONE)
                        (void) fprintf(to, "| %s |\n", g->suite->services[i].service);
}
