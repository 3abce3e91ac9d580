/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows about the tools that have to know of a service: wazo-service, monit, the backup.
 */
#include <dirent.h>

#include "units/check/check.h"
#include "units/check/host.h"
#include "units/check/unit.h"

#define MONIT_FOLDER "/etc/monit/conf.d"
#define THEIR_CHECKS "/usr/share/wazo-monitoring/checks"

enum tool { TOOL_NONE, TOOL_OURS, TOOL_THEIRS };

/* Our programs read the manifests; the script of the Python suite has lists of its own, which are in *ret_text. */
static enum tool find_tool(struct check *c, const char *program, char **ret_text) {
        char path[CHECK_PATH_MAX];
        char *text;

        if (!check_path(c, program, path) || host_read(path, &text) < 0)
                return TOOL_NONE;
        if (strncmp(text, "\177ELF", 4) == 0) {
                free(text);
                return TOOL_OURS;
        }
        *ret_text = text;
        return TOOL_THEIRS;
}

/* As a word by itself: "wazo-auth" is not in "wazo-auth-keys". */
static bool names(const char *text, const char *word) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
        size_t n = strlen(word);

        for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
                if ((at == text || !strchr(letters, at[-1])) && (!at[n] || !strchr(letters, at[n])))
                        return true;
        return false;
}

void check_row_service_list(struct check *c, const struct manifest *m) {
        _cleanup_free_ char *text = NULL;
        enum tool tool;

        if (m->facts.order.filter == FACTS_FILTER_NONE) {
                check_skip(c, "by its manifest it is not started by wazo-service");
                return;
        }
        tool = find_tool(c, "/usr/bin/wazo-service", &text);
        if (tool == TOOL_NONE)
                check_skip(c, "there is no wazo-service on this host");
        else if (tool == TOOL_THEIRS && !names(text, m->service) && !strchr(m->facts.unit.name, '*')) {
                check_fail(c, "/usr/bin/wazo-service does not name it");
                check_remedy(c, "apt-get install wazo-suite-service, which knows of every manifest");
        } else if (c->unit && !c->held_back && !check_unit_is(c->unit, "ActiveState", "active")) {
                check_fail(c, "wazo-service knows it, and it does not run");
                check_remedy(c, "wazo-service start %s",
                             m->facts.order.filter == FACTS_FILTER_ALL ? "all" : "default");
        } else if (c->unit)
                check_pass(c, "in the filter %s%s", facts_filter_to_string(m->facts.order.filter),
                           c->held_back ? ", and held back" : ", and it runs");
        else
                check_undecided(c, "wazo-service knows it; no systemd tells here whether it runs");
}

void check_row_order(struct check *c, const struct manifest *m) {
        const struct facts_order *o = &m->facts.order;
        _cleanup_free_ char *text = NULL;
        unsigned before = 0;

        if (o->filter == FACTS_FILTER_NONE) {
                check_skip(c, "by its manifest it is not started by wazo-service");
                return;
        }
        if (find_tool(c, "/usr/bin/wazo-service", &text) != TOOL_OURS) {
                check_skip(c, "this host's wazo-service has lists of its own");
                return;
        }
        if (!c->unit) {
                check_undecided(c, "no systemd tells here what its unit is started after");
                return;
        }
        if (check_order_differs(c, m))
                return;
        for (size_t i = 0; i < c->suite->n; i++)
                before += suite_waits_for(m, &c->suite->services[i]);
        check_pass(c, "position %d, and it waits for %u others", (int) o->start, before);
}

static bool is_there(struct check *c, const char *folder, const char *name) {
        char file[CHECK_PATH_MAX / 2], path[CHECK_PATH_MAX];

        (void) snprintf(file, sizeof(file), "%s/%s", folder, name);
        return check_path(c, file, path) && access(path, F_OK) == 0; /* of a link: what it leads to */
}

/* The name of its check in monit's folder; NULL when it has none there. */
static const char *find_check(struct check *c, const struct manifest *m, char *ours, size_t size) {
        (void) snprintf(ours, size, "suite-%s", m->service);
        if (is_there(c, MONIT_FOLDER, ours))
                return ours;
        return m->facts.monit.theirs && is_there(c, MONIT_FOLDER, m->facts.monit.theirs) ? m->facts.monit.theirs :
                                                                                           NULL;
}

static bool has_monit(struct check *c) {
        return is_there(c, "/usr/bin", "monit");
}

/* Whether monit would start with what is in its folder: one bad file there, and it watches nothing. Asked once. */
static bool monit_is_good(const struct check *c) {
        static int status = -EAGAIN;

        if (*c->root || geteuid() != 0)
                return true;
        if (status == -EAGAIN)
                status = host_run((const char *const[]) {"/usr/bin/monit", "-t", NULL});
        return status <= 0;
}

void check_row_monit(struct check *c, const struct manifest *m) {
        char ours[128];
        const char *found = find_check(c, m, ours, sizeof(ours));
        bool restarts;

        if (!m->facts.monit.check) {
                check_skip(c, "by its manifest it is not monit's");
                return;
        }
        if (found && has_monit(c) && !monit_is_good(c)) {
                check_fail(c, "monit refuses its whole configuration");
                check_remedy(c, "mend what this tells: monit -t");
                return;
        }
        if (found && has_monit(c)) {
                check_pass(c, MONIT_FOLDER "/%s", found);
                return;
        }
        if (!c->unit && m->facts.unit.restart != FACTS_RESTART_NO) {
                check_undecided(
                        c, "there is no check of it, and no systemd tells here whether its unit starts it again");
                return;
        }
        restarts = c->unit && !check_unit_is(c->unit, "Restart", "no") && *check_unit_get(c->unit, "Restart");
        if (restarts)
                check_pass(c, "Restart=%s: systemd starts it again", check_unit_get(c->unit, "Restart"));
        else {
                check_fail(c, "nobody starts it again: it has no Restart=, and monit no check of it");
                check_remedy(c,
                             "apt-get install wazo-suite-monitoring; or: wazo-suite generate monit %s >" MONIT_FOLDER
                             "/%s; monit reload",
                             m->service, ours);
        }
}

void check_row_monit_update(struct check *c, const struct manifest *m) {
        char ours[128], path[CHECK_PATH_MAX], file[CHECK_PATH_MAX / 2], target[CHECK_PATH_MAX];
        const char *found = find_check(c, m, ours, sizeof(ours));
        ssize_t n;

        if (!found || !m->facts.monit.check) {
                check_skip(c, "monit has no check of it");
                return;
        }
        (void) snprintf(file, sizeof(file), MONIT_FOLDER "/%s", found);
        if (!check_path(c, file, path))
                return;
        n = readlink(path, target, sizeof(target) - 1);
        target[MAX(n, 0)] = 0;
        if (is_there(c, THEIR_CHECKS, found) && strncmp(target, THEIR_CHECKS "/", strlen(THEIR_CHECKS "/")) != 0) {
                check_fail(c, "%s is no link to " THEIR_CHECKS "/%s: wazo-monitoring-update replaces it", file,
                           found);
                check_remedy(c, "keep what is yours in a file of another name, then wazo-monitoring-update");
        } else
                check_pass(c, "%s outlives wazo-monitoring-update", file);
}

/* Whether @path is in the archive: as it is, or below a directory that is. */
static bool is_saved(const struct suite *s, const char *path) {
        for (size_t i = 0; i < s->n; i++)
                for (size_t j = 0; j < s->services[i].facts.backup.n_paths; j++) {
                        const char *saved = s->services[i].facts.backup.paths[j];
                        size_t n = strlen(saved);

                        if (strncmp(path, saved, n) == 0 && (!path[n] || path[n] == '/'))
                                return true;
                }
        return false;
}

/* "etc/wazo-confd", with or without a slash at either end, and not "etc/wazo-confd-x". */
static bool names_path(const char *text, const char *path) {
        static const char around[] = " \t\n\"'\\(){};:=";
        size_t n = strlen(path);

        for (const char *at = strstr(text, path); at; at = strstr(at + 1, path)) {
                const char *end = at + n + (at[n] == '/'), *before = at > text && at[-1] == '/' ? at - 1 : at;

                if ((!*end || strchr(around, *end)) && (before == text || strchr(around, before[-1])))
                        return true;
        }
        return false;
}

/* By itself, or by a directory above it. */
static bool script_saves(const char *text, const char *path) {
        char part[CHECK_PATH_MAX], *slash;

        (void) strcopy(part, sizeof(part), path + 1);
        while ((slash = strrchr(part, '/'))) {
                if (names_path(text, part))
                        return true;
                *slash = 0;
        }
        return false;
}

static bool backs_up(struct check *c, const char *path) {
        _cleanup_free_ char *text = NULL;
        enum tool tool = find_tool(c, "/usr/sbin/wazo-backup", &text);

        if (tool == TOOL_NONE) {
                check_skip(c, "there is no wazo-backup on this host");
                return false;
        }
        if (tool == TOOL_OURS ? is_saved(c->suite, path) : script_saves(text, path))
                return true;
        check_fail(c, "wazo-backup does not save %s", path);
        check_remedy(c, tool == TOOL_OURS ? "name it in \"backup: {paths: [...]}\" of its manifest" :
                                            "apt-get install wazo-suite-backup, which knows of every manifest");
        return false;
}

void check_row_backup(struct check *c, const struct manifest *m) {
        char saved[CHECK_PATH_MAX];

        if (!m->config) {
                check_skip(c, "it has no configuration file");
                return;
        }
        (void) snprintf(saved, sizeof(saved), "%.*s", facts_config_saved(m->config), m->config);
        if (backs_up(c, saved))
                check_pass(c, "%s is saved", saved);
}

void check_row_backup_data(struct check *c, const struct manifest *m) {
        const struct facts_backup *b = &m->facts.backup;
        size_t n = 0;

        for (size_t i = 0; i < b->n_paths; i++) {
                if (strncmp(b->paths[i], "/etc/", 5) == 0)
                        continue;
                if (!backs_up(c, b->paths[i]))
                        return;
                n++;
        }
        if (n == 0 && b->n_databases == 0)
                check_skip(c, "it keeps nothing, by its manifest");
        else
                check_pass(c, "%zu paths and %zu databases are saved", n, b->n_databases);
}
