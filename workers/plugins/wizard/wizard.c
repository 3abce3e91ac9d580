/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plugin wizard: whether this server is set up, which wazo-upgrade asks before it does anything, without a token.
 *
 * Of the original's POST only what lies with this service can be done here: it marks the server as configured. What the original
 * also does (name server, host name, root's account in wazo-auth, provisioning) belongs to daemons that the embedded default does
 * not have; a host that needs it has been through the original's wizard. See docs/compatibility.md.
 */
#include "workers/kit/wazo-plugin.h"

static const struct wazo_field parts[] = {{"database", WAZO_STRING}, {}};

static const struct wazo_field answer[] = {
        {"configured", WAZO_BOOLEAN, .doc = "The wizard has been through"},
        {"configurable", WAZO_BOOLEAN, .doc = "A POST would be accepted"},
        {"configurable_status", WAZO_OBJECT, .fields = parts, .doc = "What a POST needs, each ok or fail"},
        {},
};

static int is_configured(struct wazo_context *ctx, bool *ret) {
        _wazo_unref_ json_t *row = NULL;
        int r = wazo_select_row(ctx, &row, "SELECT configured FROM infos", NULL);

        if (r < 0)
                return r;
        *ret = r == 0 && wazo_boolean(row, "configured");
        return 0;
}

static int get_wizard(struct wazo_context *ctx) {
        bool configured;
        int r = is_configured(ctx, &configured);

        if (r < 0)
                return r;
        return wazo_reply_json(ctx, 200,
                               json_pack("{s:b,s:b,s:{s:s}}", "configured", (int) configured, "configurable", (int) !configured,
                                         "configurable_status", "database", "ok"));
}

static int post_wizard(struct wazo_context *ctx) {
        bool configured;
        json_t *body;
        int r;

        r = is_configured(ctx, &configured);
        if (r < 0)
                return r;
        if (configured)
                return wazo_error_resource(ctx, NULL, "Operation not permitted. Wazo is already configured");
        r = wazo_json_body(ctx, &body);
        if (r >= 0)
                r = wazo_execute(ctx, "UPDATE infos SET configured = true", NULL);
        if (r < 0)
                return r;
        return wazo_reply_json(ctx, 200, json_pack("{s:s?}", "uuid", wazo_server_uuid(ctx)));
}

static const struct wazo_route routes[] = {
        {"/wizard", "GET", NULL, .handler = get_wizard, .terms = {.tenant = WAZO_TENANT_NONE},
         .summary = "Whether the server is configured", .response = answer},
        {"/wizard", "POST", NULL, .body = WAZO_BODY_JSON, .write = true, .handler = post_wizard,
         .terms = {.tenant = WAZO_TENANT_NONE}, .summary = "Configure the server", .secrets = "admin_password"},
        {},
};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "wizard",
        .version = "1.0",
        .routes = routes,
};
