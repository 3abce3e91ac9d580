/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plugin that says into a FIFO, as bench-child does, when it has been started: just before its worker's READY. It has no needs
 * of its own, as most have none, and so the usual sandbox: the FIFO is where the database is. */
#include <fcntl.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "workers/kit/wazo-plugin.h"

static int start(struct wazo_context *ctx) {
        const char *path = wazo_setting_string(ctx, "fifo");
        struct timespec now;
        int64_t record[2];
        int fd;

        if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
                return wazo_error_plain(ctx, 500, "no clock");
        record[0] = getpid();
        record[1] = (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
        fd = path ? open(path, O_WRONLY | O_CLOEXEC) : -1;
        if (fd < 0 || write(fd, record, sizeof(record)) != sizeof(record))
                return wazo_error_plain(ctx, 500, "the setting fifo is no FIFO");
        (void) close(fd);
        return 0;
}

static int get(struct wazo_context *ctx) {
        return wazo_reply_json(ctx, 200, json_pack("{s:i}", "pid", (int) getpid()));
}

static const struct wazo_field fields[] = {
        {"pid", WAZO_INTEGER, WAZO_READ_ONLY, .doc = "Of the worker"},
        {},
};

static const struct wazo_route routes[] = {
        {"/restart", "GET", "confd.restart.read", .handler = get, .terms = {.tenant = WAZO_TENANT_NONE},
         .summary = "Get who answers", .response = fields},
        {},
};

static const struct wazo_setting settings[] = {
        {"fifo", WAZO_STRING, .doc = "Where the start is told"},
        {},
};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "restart",
        .version = "1.0",
        .routes = routes,
        .settings = settings,
        .init = start,
};
