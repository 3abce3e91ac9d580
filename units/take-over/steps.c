/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/take-over/steps.h"

#include <glob.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>

#include "units/take-over/disk.h"
#include "units/take-over/package.h"

#define ETC_UNITS "/etc/systemd/system"
#define AUTH_KEYS "/etc/wazo-auth-keys/conf.d"
#define LOCATIONS "/etc/nginx/locations"

struct maker {
        const struct site *site;
        const struct manifest *m;
        struct steps *into;
        int base_length; /* of the unit's name without ".service" */
        int error;
};

static bool is_there(const struct maker *k, const char *path) {
        char whole[DISK_PATH_MAX];

        return snprintf(whole, sizeof(whole), "%s%s", k->site->root, path) < DISK_PATH_MAX && disk_is_there(whole);
}

static _printf_(4, 5) void add(struct maker *k, const char *what, const char *wanted, const char *path, ...) {
        struct journal_record *r = &k->into->list[k->into->n];
        va_list ap;
        int n;

        if (k->error < 0)
                return;
        if (k->into->n == JOURNAL_RECORDS_MAX) {
                k->error = -E2BIG;
                return;
        }
        *r = (struct journal_record) {0};
        va_start(ap, path);
        n = vsnprintf(r->path, sizeof(r->path), path, ap);
        va_end(ap);
        if (n >= (int) sizeof(r->path) || !strcopy(r->wanted, sizeof(r->wanted), wanted) ||
            !strcopy(r->what, sizeof(r->what), what))
                k->error = -ENAMETOOLONG;
        else
                k->into->n++;
}

/* What the other daemon's package has running by the clock, and what others call of it. */
static void add_jobs_and_commands(struct maker *k, const char *program) {
        struct package_names commands;

        if (k->error >= 0)
                k->error = package_commands(k->site, k->m->service, &commands);
        if (k->error < 0)
                return;
        add(k, "aside", "-", "/etc/cron.d/%s", k->m->service);
        add(k, "aside", "-", "/etc/logrotate.d/%s", k->m->service);
        for (size_t i = 0; i < commands.n; i++)
                add(k, "link", program, "/usr/local/bin/%s", commands.list[i]);
}

static void add_key_fragment(struct maker *k) {
        char target[JOURNAL_FIELD_MAX];

        if (!k->m->facts.key.file || !is_there(k, AUTH_KEYS))
                return;
        (void) snprintf(target, sizeof(target), "/usr/share/wazo-suite/%s/auth-keys.yml", k->m->service);
        add(k, "link", target, AUTH_KEYS "/50-%.*s.yml", k->base_length, k->m->facts.unit.name);
}

/* By which it starts with the host: links, as "systemctl enable" or an administrator made them. */
static void add_wanting_links(struct maker *k) {
        static const char *const kinds[] = {"wants", "requires"};

        for (unsigned i = 0; i < ELEMENTSOF(kinds) && k->error >= 0; i++) {
                char pattern[DISK_PATH_MAX];
                glob_t found = {0};

                (void) snprintf(pattern, sizeof(pattern), "%s" ETC_UNITS "/*.%s/%s", k->site->root, kinds[i],
                                k->m->facts.unit.replaces);
                if (glob(pattern, 0, NULL, &found) == GLOB_NOSPACE)
                        k->error = -ENOMEM;
                for (size_t j = 0; j < found.gl_pathc; j++)
                        add(k, "link", "-", "%s", found.gl_pathv[j] + strlen(k->site->root));
                globfree(&found);
        }
}

/* Its group stays as it is. */
static void add_owner(struct maker *k, const struct passwd *user, const char *path) {
        char whole[DISK_PATH_MAX], owner[48];
        struct stat st;

        if (!path || snprintf(whole, sizeof(whole), "%s%s", k->site->root, path) >= (int) sizeof(whole) || lstat(whole, &st) < 0)
                return;
        (void) snprintf(owner, sizeof(owner), "%u:%u", user->pw_uid, st.st_gid);
        add(k, "owner", owner, "%s", path);
}

static void add_owners(struct maker *k) {
        const struct passwd *user = getpwnam(k->m->user);

        if (!user) {
                k->error = -ESRCH;
                return;
        }
        add_owner(k, user, k->m->facts.key.file);
        add_owner(k, user, k->m->log);
}

static void add_ours(struct maker *k) {
        char socket[256], path[DISK_PATH_MAX];

        (void) snprintf(socket, sizeof(socket), "%.*s.socket", k->base_length, k->m->facts.unit.name);
        add(k, "run", steps_find_unit(k->site, socket, path, sizeof(path)) < 0 ? "-" : socket, "%s", k->m->facts.unit.name);
}

/* Only where the other daemon's are enabled: who took them out did not want to be reached. */
static void add_locations(struct maker *k) {
        static const char *const kinds[] = {"https", "http"};
        char ours[JOURNAL_FIELD_MAX], enabled[JOURNAL_FIELD_MAX];

        (void) snprintf(ours, sizeof(ours), LOCATIONS "/https-available/%.*s", k->base_length, k->m->facts.unit.name);
        for (unsigned i = 0; i < ELEMENTSOF(kinds) && is_there(k, ours); i++) {
                (void) snprintf(enabled, sizeof(enabled), LOCATIONS "/%s-enabled/%s", kinds[i], k->m->service);
                if (is_there(k, enabled))
                        add(k, "nginx", ours, "%s", enabled);
        }
}

int steps_find_unit(const struct site *site, const char *unit, char *ret, size_t size) {
        static const char *const places[] = {ETC_UNITS, "/usr/lib/systemd/system", "/lib/systemd/system"};

        for (unsigned i = 0; i < ELEMENTSOF(places); i++) {
                char link[DISK_PATH_MAX];

                if (snprintf(ret, size, "%s%s/%s", site->root, places[i], unit) >= (int) size)
                        return -ENAMETOOLONG;
                if (disk_is_there(ret) && disk_read_link(ret, link, sizeof(link)) == -EINVAL)
                        return 0;
        }
        return -ENOENT;
}

int steps_make(const struct site *site, const struct manifest *m, const char *state, const char *program, struct steps *ret) {
        struct maker k = {
                .site = site, .m = m, .into = ret, .base_length = (int) (strlen(m->facts.unit.name) - strlen(".service")),
        };
        char kept[JOURNAL_FIELD_MAX];

        ret->n = 0;
        (void) snprintf(kept, sizeof(kept), "%s/config.yml", state);
        add(&k, "keep", kept, "%s", m->config);
        add_jobs_and_commands(&k, program);
        add_key_fragment(&k);
        add_wanting_links(&k);
        /* From here on until ours runs, nobody answers. */
        add(&k, "stop", m->facts.unit.name, "%s", m->facts.unit.replaces);
        add(&k, "aside", m->facts.unit.name, ETC_UNITS "/%s", m->facts.unit.replaces);
        add(&k, "aside", "-", ETC_UNITS "/%s.d", m->facts.unit.replaces);
        add_owners(&k);
        add_ours(&k);
        add_locations(&k);
        return k.error;
}
