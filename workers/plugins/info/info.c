/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin info: which server this is. */
#include "workers/kit/wazo-plugin.h"

static const struct wazo_field fields[] = {
        {"uuid", WAZO_UUID, WAZO_READ_ONLY, .doc = "The server's uuid"},
        {"wazo_version", WAZO_STRING, WAZO_READ_ONLY, .doc = "The platform's version"},
        {},
};

static int get_infos(struct wazo_context *ctx) {
        _wazo_unref_ json_t *row = NULL;
        int r;

        r = wazo_select_row(ctx, &row, "SELECT uuid, wazo_version FROM infos", NULL);
        if (r < 0)
                return r;
        if (r > 0)
                return wazo_error_unexpected(ctx, "table infos is empty: run wazo-migrate");
        return wazo_reply_json(ctx, 200, json_incref(row));
}

static const struct wazo_route routes[] = {
        {"/infos", "GET", "confd.infos.read", .handler = get_infos, .terms = {.tenant = WAZO_TENANT_NONE},
         .summary = "Get the server's uuid and version", .response = fields},
        {},
};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "info",
        .version = "1.0",
        .routes = routes,
};
