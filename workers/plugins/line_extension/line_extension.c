/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin line_extension: the number that rings a line, maybe made in the same request. */
#include <errno.h>
#include <stdio.h>

#include "workers/plugins/extension/extension-service.h"
#include "workers/plugins/line/line-service.h"
#include "workers/plugins/line_extension/line_extension-service.h"

/* The answer is the extension as it was made, before the line has it. */
static int create_extension(struct wazo_context *ctx) {
        _wazo_unref_ json_t *line = NULL, *extension = NULL;
        json_t *body, *output;
        char id[24];
        int r;

        r = wazo_lookup(ctx, &line_service, "line_id", WAZO_KEY_INTEGER, &line);
        if (r >= 0)
                r = wazo_json_body(ctx, &body);
        if (r >= 0)
                r = extension_validate(ctx, body, WAZO_CREATE, &extension);
        if (r >= 0)
                r = wazo_create(ctx, &extension_service, extension);
        if (r >= 0)
                r = wazo_output(ctx, extension_service.model->fields, extension, &output);
        if (r < 0)
                return r;
        r = wazo_associate(ctx, &line_extension_association, line, extension, NULL);
        if (r < 0) {
                json_decref(output);
                return r;
        }
        (void) snprintf(id, sizeof(id), "%lld", (long long) wazo_integer(extension, "id"));
        return wazo_reply_created(ctx, output, "/extensions/", id);
}

static int list_extensions(struct wazo_context *ctx) {
        _wazo_unref_ json_t *line = NULL, *parameters = NULL, *found = NULL, *items = json_array();
        struct wazo_query query = {
                .recurse = true,
                .where = "extensions.id IN (SELECT extension_id FROM line_extension WHERE line_id = ?)",
        };
        const json_t *extension;
        int64_t total;
        size_t i;
        int r;

        if (!items)
                return -ENOMEM;
        r = wazo_lookup(ctx, &line_service, "line_id", WAZO_KEY_INTEGER, &line);
        if (r < 0)
                return r;
        query.parameters = parameters = json_pack("[O]", json_object_get(line, "id"));
        if (!parameters)
                return -ENOMEM;
        r = wazo_list(ctx, &extension_service, &query, &found, &total);
        json_array_foreach(found, i, extension) {
                json_t *output;

                if (r >= 0)
                        r = wazo_output(ctx, extension_service.model->fields, extension, &output);
                if (r < 0)
                        return r;
                if (json_array_append_new(items, output) < 0)
                        return -ENOMEM;
        }
        return r < 0 ? r : wazo_reply_list(ctx, json_incref(items), total);
}

static const struct wazo_route routes[] = {
        {"/lines/{line_id:int}/extensions", "GET", "confd.lines.{line_id}.extensions.read",
         .handler = list_extensions, .summary = "List a line's extensions"},
        {"/lines/{line_id:int}/extensions", "POST", "confd.lines.{line_id}.extensions.create", .body = WAZO_BODY_JSON,
         .write = true, .handler = create_extension, .summary = "Create an extension and associate it with a line"},
        {},
};

static const struct wazo_association *const associations[] = {&line_extension_association, NULL};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "line_extension",
        .version = "1.0",
        .associations = associations,
        .routes = routes,
};
