/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/take-over/package.h"

#include <glob.h>
#include <stdio.h>

#include "units/take-over/disk.h"

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789-_."

static void fclosep(FILE **f) {
        if (*f)
                (void) fclose(*f);
}

/* NULL with errno. */
static FILE *open_at(const struct site *site, const char *path) {
        char whole[DISK_PATH_MAX];

        if (snprintf(whole, sizeof(whole), "%s%s", site->root, path) >= (int) sizeof(whole)) {
                errno = ENAMETOOLONG;
                return NULL;
        }
        return fopen(whole, "re");
}

/* Calls @take with each line, without its newline. A file that is not there has none. */
static int for_lines(FILE *file, int (*take)(char *line, void *userdata), void *userdata) {
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        int r = 0;

        if (!file)
                return errno == ENOENT ? 0 : -errno;
        while (r == 0 && getline(&line, &size, file) >= 0) {
                line[strcspn(line, "\n")] = 0;
                r = take(line, userdata);
        }
        return r < 0 ? r : ferror(file) ? -EIO : 0;
}

/* ---- dpkg's status ---- */

struct status {
        const char *package;
        bool here; /* in its paragraph */
        enum package_state state;
};

static int take_status(char *line, void *userdata) {
        struct status *s = userdata;
        const char *word;

        if (strncmp(line, "Package: ", 9) == 0)
                s->here = streq(line + 9, s->package);
        if (!s->here || strncmp(line, "Status: ", 8) != 0)
                return 0;
        word = strrchr(line, ' ') + 1;
        s->state = streq(word, "not-installed")  ? PACKAGE_NONE
                   : streq(word, "config-files") ? PACKAGE_CONFIG_FILES
                                                 : PACKAGE_INSTALLED;
        return 1;
}

int package_state(const struct site *site, const char *package, enum package_state *ret) {
        _cleanup_(fclosep) FILE *file = open_at(site, "/var/lib/dpkg/status");
        struct status s = {.package = package};
        int r = for_lines(file, take_status, &s);

        if (r >= 0)
                *ret = s.state;
        return r;
}

/* ---- names ---- */

bool package_names_have(const struct package_names *names, const char *name) {
        for (size_t i = 0; i < names->n; i++)
                if (streq(names->list[i], name))
                        return true;
        return false;
}

/* The name that @text begins with, once. */
static int add(struct package_names *names, const char *text) {
        char name[PACKAGE_NAME_MAX];
        size_t n = strspn(text, NAME_LETTERS);

        if (n == 0 || n >= sizeof(name))
                return 0;
        memcpy(name, text, n);
        name[n] = 0;
        if (package_names_have(names, name))
                return 0;
        if (names->n == PACKAGE_NAMES_MAX)
                return -E2BIG;
        memcpy(names->list[names->n++], name, n + 1);
        return 0;
}

struct commands {
        char prefix[PACKAGE_NAME_MAX + 16];
        struct package_names *names;
};

/* Of a list of files as of a crontab: "/usr/bin/wazo-confd-sync-db", wherever it stands in the line. */
static int take_commands(char *line, void *userdata) {
        struct commands *c = userdata;
        int r = 0;

        if (line[0] == '#')
                return 0;
        for (const char *at = line; r >= 0 && (at = strstr(at, c->prefix)); at++)
                r = add(c->names, at + strlen("/usr/bin/"));
        return r;
}

int package_commands(const struct site *site, const char *package, struct package_names *ret) {
        struct commands c = {.names = ret};
        char paths[3][DISK_PATH_MAX];
        int r = 0;

        *ret = (struct package_names) {0};
        (void) snprintf(c.prefix, sizeof(c.prefix), "/usr/bin/%.60s-", package);
        (void) snprintf(paths[0], sizeof(paths[0]), "/var/lib/dpkg/info/%s.list", package);
        (void) snprintf(paths[1], sizeof(paths[1]), "/etc/cron.d/%s", package);
        (void) snprintf(paths[2], sizeof(paths[2]), "/etc/cron.d/%s" CHANGE_ASIDE_SUFFIX, package);
        for (unsigned i = 0; r >= 0 && i < ELEMENTSOF(paths); i++) {
                _cleanup_(fclosep) FILE *file = open_at(site, paths[i]);

                r = for_lines(file, take_commands, &c);
        }
        return r;
}

/* ---- entry points ---- */

struct entry_points {
        char section[PACKAGE_NAME_MAX + 16];
        bool here;
        struct package_names *names;
};

static int take_entry_point(char *line, void *userdata) {
        struct entry_points *e = userdata;

        line += strspn(line, " \t");
        if (line[0] == '[') {
                e->here = streq(line, e->section);
                return 0;
        }
        return e->here && strchr(line, '=') ? add(e->names, line) : 0;
}

static int module_name(const char *package, char *to, size_t size) {
        if (!strcopy(to, size, package))
                return -ENAMETOOLONG;
        for (char *c = to; *c; c++)
                if (*c == '-')
                        *c = '_';
        return 0;
}

int package_plugins(const struct site *site, const char *package, struct package_names *ret) {
        struct entry_points e = {.names = ret};
        char module[PACKAGE_NAME_MAX], pattern[DISK_PATH_MAX];
        glob_t found = {0};
        int r = module_name(package, module, sizeof(module));

        if (r < 0)
                return r;
        *ret = (struct package_names) {0};
        (void) snprintf(e.section, sizeof(e.section), "[%s.plugins]", module);
        if (snprintf(pattern, sizeof(pattern), "%s/usr/lib/python3/dist-packages/%s-*-info/entry_points.txt", site->root, module) >=
            (int) sizeof(pattern))
                return -ENAMETOOLONG;
        r = glob(pattern, 0, NULL, &found);
        r = r == GLOB_NOSPACE ? -ENOMEM : 0;
        for (size_t i = 0; r >= 0 && i < found.gl_pathc; i++) {
                _cleanup_(fclosep) FILE *file = fopen(found.gl_pathv[i], "re");

                e.here = false;
                r = for_lines(file, take_entry_point, &e);
        }
        globfree(&found);
        return r;
}
