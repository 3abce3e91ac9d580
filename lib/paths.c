/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/paths.h"

#include <fcntl.h>
#include <stdio.h>

/* Cuts the last component; false when there is none left. */
static bool cut(char *path) {
        char *slash = strrchr(path, '/');

        if (!slash || slash == path)
                return false;
        *slash = 0;
        return true;
}

static bool ends_with(const char *s, const char *end) {
        size_t n = strlen(s), m = strlen(end);

        return n >= m && streq(s + n - m, end);
}

/* The build folder's marker holds the path of the sources on its one line. */
static int read_marker(const char *build, char *source, size_t size) {
        _cleanup_close_ int fd = -1;
        char path[512];
        ssize_t n;

        if (snprintf(path, sizeof(path), "%s/wazo-suite.paths", build) >= (int) sizeof(path))
                return -ENAMETOOLONG;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        n = read(fd, source, size - 1);
        if (n <= 0)
                return n < 0 ? -errno : -ENOENT;
        source[n] = 0;
        source[strcspn(source, "\n")] = 0;
        return 0;
}

static int put(char *to, size_t size, const char *base, const char *rest) {
        int n = snprintf(to, size, "%s/%s", base, rest);

        return n < 0 || (size_t) n >= size ? -ENAMETOOLONG : 0;
}

#define PUT(member, base, rest)                                         \
        do {                                                            \
                int put_r = put((member), sizeof(member), (base), (rest)); \
                if (put_r < 0)                                          \
                        return put_r;                                   \
        } while (0)

static int fill_build(struct paths *p, const char *build, const char *source) {
        p->build_tree = true;
        PUT(p->supervisord, build, "supervisor/wazo-supervisord");
        PUT(p->libexec, build, "workers");
        PUT(p->plugins, build, "workers/plugins");
        PUT(p->drivers, build, "workers/drivers");
        PUT(p->services, source, "config/services.d");
        PUT(p->shipped, source, "config/shipped");
        PUT(p->migrations, source, "workers/migrate/sql");
        PUT(p->templates, source, "config/templates");
        return 0;
}

static int fill_prefix(struct paths *p, const char *prefix) {
        p->build_tree = false;
        PUT(p->supervisord, prefix, "sbin/wazo-supervisord");
        PUT(p->libexec, prefix, "libexec/wazo-suite");
        PUT(p->plugins, prefix, WAZO_LIBDIR "/wazo-suite/plugins");
        PUT(p->drivers, prefix, WAZO_LIBDIR "/wazo-suite/drivers");
        PUT(p->services, prefix, "share/wazo-suite/services.d");
        PUT(p->shipped, prefix, "share/wazo-suite");
        PUT(p->migrations, prefix, "share/wazo-suite/migrations");
        PUT(p->templates, prefix, "share/wazo-suite/templates");
        return 0;
}

int paths_find(struct paths *ret) {
        static const char *const program_dirs[] = {"/sbin", "/bin", "/libexec/wazo-suite"};
        struct paths found = {0};
        char exe[512], source[512];
        ssize_t n;
        int r;

        n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
        if (n < 0)
                return -errno;
        exe[n] = 0;
        if (ends_with(exe, " (deleted)"))
                exe[n - (ssize_t) strlen(" (deleted)")] = 0;
        if (!cut(exe))
                return -ENOENT;

        for (unsigned i = 0; i < ELEMENTSOF(program_dirs); i++)
                if (ends_with(exe, program_dirs[i])) {
                        exe[strlen(exe) - strlen(program_dirs[i])] = 0;
                        r = fill_prefix(&found, exe);
                        if (r < 0)
                                return r;
                        *ret = found;
                        return 0;
                }

        do {
                r = read_marker(exe, source, sizeof(source));
                if (r >= 0) {
                        r = fill_build(&found, exe, source);
                        if (r < 0)
                                return r;
                        *ret = found;
                        return 0;
                }
        } while (cut(exe));
        return -ENOENT;
}

int paths_program(const struct paths *paths, const char *name, char *ret, size_t size) {
        static const struct {
                const char *name, *room; /* of the build folder's workers/ */
        } programs[] = {
                {"wazo-gateway", "gateway"}, {"wazo-control", "control"},      {"wazo-host", "host"},
                {"wazo-migrate", "migrate"}, {"wazo-plugin-describe", "host"}, {"wazo-config", "../config"},
                {"wazo-relay", "relay"},     {"wazo-discovery", "discovery"},  {"wazo-backup-snapshot", "../backup"},
                {"wazo-generate", "../config/generate"}, {"wazo-check", "../units/check"},
                {"wazo-take-over", "../units/take-over"}, {"wazo-new", "../config/new"},
                {"wazo-top", "control/survey"},          {"wazo-page", "control/survey"},
        };

        for (unsigned i = 0; i < ELEMENTSOF(programs); i++) {
                int n;

                if (!streq(programs[i].name, name))
                        continue;
                n = snprintf(ret, size, "%s/%s%s%s", paths->libexec, paths->build_tree ? programs[i].room : "",
                             paths->build_tree ? "/" : "", name);
                return n < 0 || (size_t) n >= size ? -ENAMETOOLONG : 0;
        }
        return -ENOENT;
}
