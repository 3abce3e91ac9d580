/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/take-over/refuse.h"

#include <pwd.h>
#include <stdarg.h>

#include "config/build.h"
#include "config/plan.h"
#include "config/settings.h"
#include "config/suite.h"
#include "units/take-over/disk.h"
#include "units/take-over/package.h"
#include "units/take-over/steps.h"

#define NGINX_SECONDS 60U

struct refusal {
        const struct site *site;
        const struct manifest *m;
        bool other;
        FILE *to;
        unsigned n;
};

static _printf_(2, 3) void refuse(struct refusal *f, const char *format, ...) {
        va_list ap;

        f->n++;
        (void) fputs("- ", f->to);
        va_start(ap, format);
        (void) vfprintf(f->to, format, ap);
        va_end(ap);
        (void) fputc('\n', f->to);
}

static void check_installed(struct refusal *f) {
        char path[DISK_PATH_MAX];

        if (steps_find_unit(f->site, f->m->facts.unit.name, path, sizeof(path)) < 0)
                refuse(f, "there is no %s here.\n  Install it: apt-get install %s", f->m->facts.unit.name, f->m->facts.package);
        else if (!getpwnam(f->m->user))
                refuse(f, "there is no user %s.\n  Install the package again: apt-get install --reinstall %s",
                       f->m->user, f->m->facts.package);
}

/* A real configuration of the Python daemon says nothing of its database, which then is PostgreSQL. */
static void check_database(struct refusal *f, const struct settings *settings) {
        const char *uri = settings->db_uri;

        if (uri ? strncmp(uri, "postgresql", strlen("postgresql")) != 0 : !f->other)
                return;
        refuse(f,
               "the data of %s is in PostgreSQL (%s), which this version does not support: it would begin with an empty SQLite\n"
               "  database. To accept that, write into %.*s/conf.d/00-wazo-suite.yml:\n"
               "      db_uri: sqlite://%s/db/%s.sqlite",
               f->m->service, uri ? "its db_uri says so" : "its default: the configuration has no db_uri",
               (int) (strrchr(f->m->config, '/') - f->m->config), f->m->config, f->m->state, f->m->facts.api);
}

/* ---- plugins ---- */

/* With a configuration that gives no plan, what would be served with another. */
static bool is_served(const struct manifest *m, const struct plan *plan, const char *plugin) {
        for (size_t i = 0; i < plan->n_workers; i++)
                if (streq(plan->workers[i].plugin, plugin))
                        return true;
        return plan->n_workers == 0 && suite_lists(m->plugins, plugin);
}

/* Those of the other daemon that the configuration does not switch off, and those that it switches on. */
static int list_enabled(const struct refusal *f, const struct settings *settings, struct package_names *ret) {
        const struct yaml_node *map = settings->enabled_plugins;
        struct package_names found;
        int r = package_plugins(f->site, f->m->service, &found);

        if (r < 0)
                return r;
        *ret = (struct package_names) {0};
        for (size_t i = 0; i < found.n; i++) {
                const struct yaml_entry *entry = yaml_entry(map, found.list[i]);

                if (!entry || settings_switch(entry->value, true))
                        (void) strcopy(ret->list[ret->n++], PACKAGE_NAME_MAX, found.list[i]);
        }
        for (size_t i = 0; map && i < map->n; i++) {
                const struct yaml_entry *entry = &map->entries[i];

                if (settings_switch(entry->value, false) && !package_names_have(ret, entry->key) && ret->n < PACKAGE_NAMES_MAX)
                        (void) strcopy(ret->list[ret->n++], PACKAGE_NAME_MAX, entry->key);
        }
        return 0;
}

static int check_plugins(struct refusal *f, const struct settings *settings, const struct plan *plan) {
        struct package_names enabled;
        unsigned missing = 0;
        int r = list_enabled(f, settings, &enabled);

        for (size_t i = 0; r >= 0 && i < enabled.n; i++) {
                if (is_served(f->m, plan, enabled.list[i]))
                        continue;
                if (missing++ == 0)
                        refuse(f,
                               "plugins are enabled on this host that %s does not serve. If nobody uses them, write into\n"
                               "  %.*s/conf.d/00-wazo-suite.yml:\n      enabled_plugins:",
                               f->m->facts.package, (int) (strrchr(f->m->config, '/') - f->m->config), f->m->config);
                (void) fprintf(f->to, "        %s: false\n", enabled.list[i]);
        }
        return r;
}

/* The whole configuration, as the service would read it. */
static int check_configuration(struct refusal *f) {
        const struct config_request request = {.service = f->m->service, .log_level = -1};
        _cleanup_(pack_done) struct pack packed = PACK_NULL;
        _cleanup_free_ char *descriptions = NULL;
        struct findings findings = {0}, of_settings = {0};
        struct settings settings = SETTINGS_NULL;
        struct plan plan = {0};
        char extra[DISK_PATH_MAX];
        size_t size;
        int r;

        (void) snprintf(extra, sizeof(extra), "%.*s/conf.d", (int) (strrchr(f->m->config, '/') - f->m->config), f->m->config);
        r = settings_read(f->m->config, false, extra, &of_settings, &settings);
        if (r >= 0) {
                check_database(f, &settings);
                r = config_build(&request, &findings, &packed, &descriptions, &size);
        }
        if (r > 0) {
                refuse(f, "its configuration is wrong:");
                findings_print(&findings, f->to);
                r = 0;
        } else if (r == 0)
                r = plan_decode(packed.data, packed.size, &plan);
        if (r >= 0)
                r = check_plugins(f, &settings, &plan);
        plan_done(&plan);
        settings_done(&settings);
        findings_done(&findings);
        findings_done(&of_settings);
        return r;
}

static void check_nginx(struct refusal *f) {
        _cleanup_free_ char *output = NULL;

        if (f->site->read((const char *const[]) {"nginx", "-t", "-q", NULL}, NGINX_SECONDS, &output) == -EIO)
                refuse(f, "nginx's configuration is wrong as it is.\n  Mend it first: nginx -t");
}

int refuse_take_over(const struct site *site, const struct manifest *m, bool other, FILE *to, unsigned *ret) {
        struct refusal f = {.site = site, .m = m, .other = other, .to = to};
        int r;

        check_installed(&f);
        r = check_configuration(&f);
        if (r < 0)
                return r;
        check_nginx(&f);
        *ret = f.n;
        return 0;
}
