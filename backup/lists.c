/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/lists.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>

#include "backup/report.h"
#include "backup/tree.h"

#define COMMON_CONF "etc/xivo/common.conf"
#define COMMON_CONF_MAX (256U * 1024)
#define FILE_MAX_DEFAULT "10M"
#define ENTRIES_MAX_DEFAULT "100"

bool lists_variable(const char *text, const char *name, char *ret, size_t size) {
        size_t length = strlen(name);
        bool found = false;

        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                const char *p = line + strspn(line, " \t");
                size_t n;

                if (strncmp(p, "export ", 7) == 0)
                        p += 7 + strspn(p + 7, " \t");
                if (strncmp(p, name, length) != 0 || p[length] != '=')
                        continue;
                p += length + 1;
                if (*p == '"' || *p == '\'') {
                        const char quote[] = {*p, '\n', 0};

                        n = strcspn(++p, quote);
                } else
                        n = strcspn(p, " \t\r\n#;");
                if (n >= size)
                        continue;
                memcpy(ret, p, n);
                ret[n] = 0;
                found = true;
        }
        return found;
}

int lists_size(const char *text, uint64_t *ret) {
        static const struct {
                char suffix;
                uint64_t bytes;
        } units[] = {{0, 512}, {'b', 512}, {'c', 1}, {'w', 2}, {'k', 1 << 10}, {'M', 1 << 20}, {'G', 1 << 30}};
        uint64_t value;
        char *end;

        if (text[0] < '0' || text[0] > '9')
                return -EINVAL;
        errno = 0;
        value = strtoull(text, &end, 10);
        if (errno != 0 || (end[0] && end[1]))
                return -EINVAL;
        for (unsigned i = 0; i < ELEMENTSOF(units); i++)
                if (units[i].suffix == *end) {
                        if (value > UINT64_MAX / units[i].bytes)
                                return -EINVAL;
                        *ret = value * units[i].bytes;
                        return 0;
                }
        return -EINVAL;
}

/* The file is what today's tool reads into its shell: what it says wins over the environment. */
static void variable(const char *conf, const char *name, const char *otherwise, char *ret, size_t size) {
        const char *value = getenv(name);

        if (conf && lists_variable(conf, name, ret, size) && ret[0])
                return;
        (void) strcopy(ret, size, value && value[0] ? value : otherwise);
}

static void read_limits(struct lists *l, int root_fd) {
        _cleanup_free_ char *conf = NULL;
        char text[64], *end;

        if (tree_read(root_fd, COMMON_CONF, COMMON_CONF_MAX, &conf) < 0)
                conf = NULL;
        variable(conf, "XIVO_BACKUP_MAX_SOUND_FILE_SIZE", FILE_MAX_DEFAULT, text, sizeof(text));
        if (lists_size(text, &l->file_max) < 0) {
                report_warning("XIVO_BACKUP_MAX_SOUND_FILE_SIZE=%s is no size: " FILE_MAX_DEFAULT " it is", text);
                (void) lists_size(FILE_MAX_DEFAULT, &l->file_max);
        }
        variable(conf, "XIVO_BACKUP_MAX_FILES_PER_SOUND_DIR", ENTRIES_MAX_DEFAULT, text, sizeof(text));
        errno = 0;
        l->entries_max = strtoull(text, &end, 10);
        if (errno != 0 || *end || text[0] < '0' || text[0] > '9') {
                report_warning("XIVO_BACKUP_MAX_FILES_PER_SOUND_DIR=%s is no number: " ENTRIES_MAX_DEFAULT " it is", text);
                l->entries_max = strtoull(ENTRIES_MAX_DEFAULT, NULL, 10);
        }
}

static int add(struct lists *l, const char *path) {
        char **grown;

        if (l->n_paths >= LISTS_PATHS_MAX)
                return -E2BIG;
        if ((l->n_paths & (l->n_paths - 1)) == 0) {
                grown = reallocarray(l->paths, MAX(l->n_paths * 2, (size_t) 1), sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                l->paths = grown;
        }
        l->paths[l->n_paths] = strdup(path);
        if (!l->paths[l->n_paths])
                return -ENOMEM;
        l->n_paths++;
        return 0;
}

static int expand(struct lists *l, int root_fd, const char *begin, const char *pattern);

/* The component with wildcards @part (@n characters), in the directory @begin ("" is the root). */
static int expand_wildcard(struct lists *l, int root_fd, const char *begin, const char *part, size_t n, const char *rest) {
        char wild[NAME_MAX + 1], path[PATH_MAX];
        DIR *dir;
        int fd, r = 0;

        if (n >= sizeof(wild))
                return 0;
        memcpy(wild, part, n);
        wild[n] = 0;
        fd = begin[0] ? tree_open(root_fd, begin, O_RDONLY | O_DIRECTORY)
                      : openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (!dir) {
                (void) fd_close(fd);
                return 0;
        }
        for (struct dirent *e = readdir(dir); e && r >= 0; e = readdir(dir))
                if (!streq(e->d_name, ".") && !streq(e->d_name, "..") && fnmatch(wild, e->d_name, FNM_PERIOD) == 0 &&
                    snprintf(path, sizeof(path), "%s%s%s", begin, begin[0] ? "/" : "", e->d_name) < (int) sizeof(path))
                        r = expand(l, root_fd, path, rest);
        (void) closedir(dir);
        return r;
}

/* @begin is there already; adds all that @pattern names below it. */
static int expand(struct lists *l, int root_fd, const char *begin, const char *pattern) {
        char path[PATH_MAX];
        struct stat st;

        (void) strcopy(path, sizeof(path), begin);
        for (;;) {
                size_t n, length = strlen(path);

                pattern += strspn(pattern, "/");
                n = strcspn(pattern, "/");
                if (n == 0)
                        break;
                if (memchr(pattern, '*', n) || memchr(pattern, '?', n))
                        return expand_wildcard(l, root_fd, path, pattern, n, pattern + n);
                if (length + n + 2 > sizeof(path))
                        return 0;
                if (length > 0)
                        path[length++] = '/';
                memcpy(path + length, pattern, n);
                path[length + n] = 0;
                pattern += n;
        }
        if (!path[0] || tree_stat(root_fd, path, &st) < 0)
                return 0;
        return add(l, path);
}

/* So that everything below a path comes right behind it. */
static int compare_paths(const void *a, const void *b) {
        const unsigned char *p = (const unsigned char *) *(char *const *) a, *q = (const unsigned char *) *(char *const *) b;

        for (; *p && *p == *q; p++)
                q++;
        return (*p == '/' ? 1 : *p * 2) - (*q == '/' ? 1 : *q * 2);
}

static bool is_below(const char *path, const char *top) {
        size_t n = strlen(top);

        return strncmp(path, top, n) == 0 && (path[n] == '/' || !path[n]);
}

static void sort_paths(struct lists *l) {
        size_t kept = 0;

        if (l->n_paths == 0)
                return;
        qsort(l->paths, l->n_paths, sizeof(*l->paths), compare_paths);
        for (size_t i = 1; i < l->n_paths; i++)
                if (is_below(l->paths[i], l->paths[kept]))
                        free(l->paths[i]);
                else
                        l->paths[++kept] = l->paths[i];
        l->n_paths = kept + 1;
}

static void tell_findings(const struct findings *f) {
        for (size_t i = 0; i < f->n; i++)
                if (f->list[i].severity == FINDING_ERROR)
                        report_warning("%s:%u:%u: %s", strempty(f->list[i].place.file), f->list[i].place.line,
                                       f->list[i].place.column, f->list[i].text);
}

int lists_load(const char *root, int root_fd, struct lists *ret) {
        struct lists l = {.suite = SUITE_NULL};
        int r;

        r = suite_load(root, NULL, &l.findings, &l.suite);
        tell_findings(&l.findings);
        if (r >= 0)
                read_limits(&l, root_fd);
        for (size_t i = 0; r >= 0 && i < l.suite.n; i++)
                for (size_t j = 0; r >= 0 && j < l.suite.services[i].facts.backup.n_paths; j++)
                        r = expand(&l, root_fd, "", l.suite.services[i].facts.backup.paths[j]);
        if (r < 0) {
                lists_done(&l);
                return r;
        }
        sort_paths(&l);
        *ret = l;
        return 0;
}

void lists_done(struct lists *l) {
        for (size_t i = 0; i < l->n_paths; i++)
                free(l->paths[i]);
        free(l->paths);
        suite_done(&l->suite);
        findings_done(&l->findings);
        *l = (struct lists) {.suite = SUITE_NULL};
}

/*
 * fnmatch() without its knowledge of character sets, which most of the time of a backup would go into: patterns with brackets or
 * backslashes are left to it.
 */
static bool matches(const char *pattern, const char *s) {
        const char *star = NULL, *from = NULL;

        if (strpbrk(pattern, "[\\"))
                return fnmatch(pattern, s, 0) == 0;
        while (*s)
                if (*pattern == '*') {
                        star = ++pattern;
                        from = s;
                } else if (*pattern == '?' || *pattern == *s) {
                        pattern++;
                        s++;
                } else if (star) {
                        pattern = star;
                        s = ++from;
                } else
                        return false;
        return !pattern[strspn(pattern, "*")];
}

bool lists_excluded(const struct lists *l, const char *path) {
        char absolute[PATH_MAX + 1];

        (void) snprintf(absolute, sizeof(absolute), "/%s", path);
        for (size_t i = 0; i < l->suite.n; i++) {
                const struct yaml_node *patterns = l->suite.services[i].facts.backup.exclude;

                for (size_t j = 0; j < yaml_count(patterns); j++)
                        if (matches(yaml_text(patterns, j), absolute))
                                return true;
        }
        return false;
}

bool lists_limited(const struct lists *l, const char *path) {
        for (size_t i = 0; i < l->suite.n; i++) {
                const struct yaml_node *limited = l->suite.services[i].facts.backup.limited;

                for (size_t j = 0; j < yaml_count(limited); j++)
                        if (is_below(path, yaml_text(limited, j) + 1))
                                return true;
        }
        return false;
}

int lists_databases(const struct lists *l,
                    int (*each)(void *userdata, const struct manifest *service,
                                const struct facts_database *database),
                    void *userdata) {
        int r = 0;

        for (size_t i = 0; i < l->suite.n && r >= 0; i++) {
                const struct facts_backup *b = &l->suite.services[i].facts.backup;

                for (size_t j = 0; j < b->n_databases && r >= 0; j++)
                        r = each(userdata, &l->suite.services[i], &b->databases[j]);
        }
        return r;
}
