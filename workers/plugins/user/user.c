/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin user: /users. */
#include "workers/plugins/user/user-service.h"

static const struct wazo_resource users = {
        .path = "/users",
        .parameter = "user_id",
        .key = WAZO_KEY_BOTH,
        .acl = "confd.users",
        .service = &user_service,
        .schema = user_schema,
};

static const struct wazo_resource *const resources[] = {&users, NULL};

/* Whether there is such a user: not the user itself, as a HEAD of any other resource, but an empty text. */
static int head(struct wazo_context *ctx) {
        _wazo_unref_ json_t *user = NULL;
        int r;

        r = wazo_lookup(ctx, &user_service, "user_id", WAZO_KEY_BOTH, &user);
        return r < 0 ? r : wazo_reply_json(ctx, 200, json_string(""));
}

static const struct wazo_route routes[] = {
        {"/users/{user_id:int_or_uuid}", "HEAD", "confd.users.{user_id}.read", .handler = head,
         .summary = "Check that a user exists"},
        {},
};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "user",
        .version = "1.0",
        .resources = resources,
        .routes = routes,
};
