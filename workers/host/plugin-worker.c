/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/host/plugin-worker.h"

#include <fcntl.h>

#include "workers/host/plugin.h"
#include "workers/host/serve.h"
#include "workers/host/title.h"

/* What a sentence for people may take; worker_fail() cuts it to what its message holds. */
#define ERROR_MAX 1024

static void log_line(void *userdata, unsigned level, const char *line) {
        log_write(level < LOG_LEVEL_MAX ? (enum log_level) level : LOG_LEVEL_ERROR, "%s", line);
}

/* The supervisor leaves a file that it cannot open to us, for a sentence about it. */
static int open_plugin(struct worker *w) {
        int fd = worker_take_fd(w, WIRE_FD_PLUGIN, 0);

        if (fd < 0)
                fd = open(w->setup.plugin_path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                worker_fail(w, WIRE_CAUSE_CONFIG, "cannot open %s: %m", w->setup.plugin_path);
        return fd;
}

/* The same file as described, of our ABI, under its own name. */
static const struct wazo_plugin *load(struct worker *w) {
        _cleanup_close_ int fd = open_plugin(w);
        const struct wire_setup *setup = &w->setup;
        const struct wazo_plugin *plugin;
        char error[ERROR_MAX];
        int r;

        r = plugin_check_build_id(fd, setup->plugin_path, setup->plugin_build_id, error, sizeof(error));
        if (r >= 0)
                r = plugin_load(fd, setup->plugin_path, &plugin, error, sizeof(error));
        if (r < 0)
                worker_fail(w, r == -ELIBBAD ? WIRE_CAUSE_MISMATCH : WIRE_CAUSE_CONFIG, "%s", error);
        if (!streq(plugin->name, setup->plugin))
                worker_fail(w, WIRE_CAUSE_MISMATCH, "%s is plugin %s, not %s", setup->plugin_path, plugin->name, setup->plugin);
        return plugin;
}

static void on_outbox(void *userdata) {
        serve_nudge(userdata);
}

static struct wazo_host *start(struct worker *w, const struct wazo_plugin *plugin, struct serve *serve) {
        _cleanup_free_ char *slice = NULL;
        struct wazo_host_setup setup = {.plugin = plugin, .userdata = serve, .log = log_line, .outbox = on_outbox};
        struct wazo_host *host;
        char error[ERROR_MAX] = "";
        int r;

        r = worker_read_slice(w, &slice, &setup.slice_size);
        if (r < 0)
                worker_fail(w, WIRE_CAUSE_EXIT, "the worker's configuration cannot be read: %s", strerror(-r));
        setup.slice = slice;
        r = wazo_host_new(&setup, &host, error, sizeof(error));
        if (r < 0)
                worker_fail(w, r == -ELIBBAD ? WIRE_CAUSE_MISMATCH : r == -EINVAL ? WIRE_CAUSE_CONFIG : WIRE_CAUSE_EXIT,
                            "plugin %s does not start: %s", plugin->name, error[0] ? error : strerror(-r));
        return host;
}

int plugin_worker_run(struct worker *w) {
        const struct wazo_plugin *plugin;
        struct wazo_host *host;
        static struct serve serve;
        int r;

        title_set(w->setup.service, w->setup.name);
        plugin = load(w);
        host = start(w, plugin, &serve);
        r = serve_init(&serve, w, plugin, host);
        if (r < 0)
                worker_fail(w, WIRE_CAUSE_EXIT, "plugin %s does not start: %s", plugin->name, strerror(-r));

        r = worker_ready(w);
        if (r >= 0)
                r = serve_run(&serve);
        if (r < 0)
                log_error("the supervisor's channel failed: %s", strerror(-r));

        serve_done(&serve);
        (void) wazo_host_free(host);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
