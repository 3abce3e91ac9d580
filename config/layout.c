/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/layout.h"

#include <stdarg.h>
#include <stdio.h>

#define ETC_SERVICES "/etc/wazo-suite/services.d"

static _printf_(2, 3) int put(char to[LAYOUT_PATH_MAX], const char *format, ...) {
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(to, LAYOUT_PATH_MAX, format, ap);
        va_end(ap);
        return n < 0 || n >= LAYOUT_PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Workers live in /: what the command line says relative to where it was typed must be absolute. */
static int put_absolute(char to[LAYOUT_PATH_MAX], const char *path) {
        _cleanup_free_ char *real = realpath(path, NULL), *here = NULL;

        if (real)
                return put(to, "%s", real);
        if (*path == '/')
                return put(to, "%s", path);
        here = getcwd(NULL, 0);
        return here ? put(to, "%s/%s", here, path) : -errno;
}

int layout_begin(struct layout *l, const struct config_request *request, const struct paths *paths) {
        size_t n = 0, usual = 0;
        int r = 0;

        *l = (struct layout) {0};
        if (request->dev_dir)
                r = put_absolute(l->dev, request->dev_dir);
        if (r >= 0 && request->plugin_dir)
                r = put_absolute(l->plugin_dir, request->plugin_dir);
        if (r < 0)
                return r;

        for (; request->services_dirs[n]; n++)
                l->services_dirs[n] = request->services_dirs[n];
        if (*l->dev)
                r = put(l->usual_services[usual++], "%s/etc/services.d", l->dev);
        if (r >= 0)
                r = put(l->usual_services[usual++], "%s", ETC_SERVICES);
        if (r >= 0)
                r = put(l->usual_services[usual++], "%s", paths->services);
        for (size_t i = 0; i < usual; i++)
                l->services_dirs[n++] = l->usual_services[i];
        return r;
}

/* wazo-confd's database is confd.sqlite. */
static const char *short_name(const char *service) {
        return strncmp(service, "wazo-", 5) == 0 ? service + 5 : service;
}

static int finish_dev(struct layout *l, const char *service) {
        int r = put(l->config, "%s/etc/config.yml", l->dev);

        if (r >= 0)
                r = put(l->extra, "%s/etc/conf.d", l->dev);
        if (r >= 0)
                r = put(l->state, "%s/state", l->dev);
        if (r >= 0)
                r = put(l->run, "%s/run", l->dev);
        if (r >= 0)
                r = put(l->log, "%s/log/%s.log", l->dev, service);
        return r;
}

static int finish_installed(struct layout *l, const struct manifest *manifest) {
        int r = put(l->config, "%s", strempty(manifest->config));

        if (r >= 0 && manifest->config)
                r = put(l->extra, "%.*sconf.d", (int) (strrchr(manifest->config, '/') - manifest->config + 1),
                        manifest->config);
        if (r >= 0)
                r = put(l->state, "%s", strempty(manifest->state));
        if (r >= 0)
                r = put(l->run, "%s", strempty(manifest->run));
        if (r >= 0)
                r = put(l->log, "%s", strempty(manifest->log));
        return r;
}

int layout_finish(struct layout *l, const struct config_request *request, const struct manifest *manifest) {
        int r = *l->dev ? finish_dev(l, request->service) : finish_installed(l, manifest);

        if (r >= 0 && request->config_file)
                r = put_absolute(l->config, request->config_file);
        if (r >= 0)
                r = put(l->control, "%s/control.sock", l->run);
        if (r >= 0)
                r = put(l->crashes, "%s/crashes", l->state);
        if (r >= 0)
                r = put(l->cores, "%s/cores", l->state);
        if (r >= 0)
                r = put(l->tokens, "%s/tokens.yml", l->state);
        if (r >= 0)
                r = put(l->db_uri, "sqlite://%s/db/%s.sqlite", l->state, short_name(request->service));
        return r;
}
