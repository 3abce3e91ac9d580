/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin line: what a user calls with: an endpoint, numbers, and a code to bring a phone to it. */
#include <strings.h>

#include "workers/plugins/extension/extension-service.h"
#include "workers/plugins/line/line-service.h"

/* "?recursive=true" takes the extensions along that no other line has. */
static int delete_line(struct wazo_context *ctx, const struct wazo_resource *resource, json_t *line, json_t *body) {
        const char *recursive = wazo_query_value(ctx, "recursive");
        const json_t *item;
        size_t i;
        int r;

        r = wazo_resource_delete(ctx, resource, line, body);
        if (r < 0 || !recursive || strcasecmp(recursive, "true") != 0)
                return r;
        json_array_foreach(json_object_get(line, "extensions"), i, item) {
                _wazo_unref_ json_t *extension = NULL;

                r = wazo_find(ctx, &extension_service, &extension, "s:O", "id", json_object_get(item, "id"));
                if (r == 0 && json_array_size(json_object_get(extension, "lines")) == 0)
                        r = wazo_delete(ctx, &extension_service, extension);
                if (r < 0)
                        return r;
        }
        return 0;
}

static const struct wazo_resource lines = {
        .path = "/lines",
        .parameter = "line_id",
        .key = WAZO_KEY_INTEGER,
        .acl = "confd.lines",
        .service = &line_service,
        .operations = {[WAZO_DELETE] = delete_line},
};

static const struct wazo_resource *const resources[] = {&lines, NULL};

static const char *const daemons[] = {"provd", NULL};
static const struct wazo_needs needs = {.connect = daemons};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "line",
        .version = "1.0",
        .resources = resources,
        .needs = &needs,
};
