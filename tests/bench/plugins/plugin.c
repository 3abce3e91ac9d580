/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small plugin, built many times over with another NUMBER: a service of as many plugins as Wazo's confd has. */
#include "workers/kit/wazo-plugin.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

static const struct wazo_field fields[] = {
        {"number", WAZO_INTEGER, WAZO_READ_ONLY, .doc = "Which of the copies this is"},
        {},
};

static int get(struct wazo_context *ctx) {
        return wazo_reply_json(ctx, 200, json_pack("{s:i}", "number", NUMBER));
}

static const struct wazo_route routes[] = {
        {"/bench" TEXT(NUMBER), "GET", "confd.bench" TEXT(NUMBER) ".read", .handler = get, .terms = {.tenant = WAZO_TENANT_NONE},
         .summary = "Get the copy's number", .response = fields},
        {},
};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "bench" TEXT(NUMBER),
        .version = "1.0",
        .routes = routes,
};
