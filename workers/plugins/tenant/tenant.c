/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin tenant: follows wazo-auth's tenants, and /tenants, which shows them. */
#include "workers/plugins/tenant/tenant-service.h"

static const struct wazo_resource tenants = {
        .path = "/tenants",
        .parameter = "tenant_uuid",
        .key = WAZO_KEY_UUID,
        .acl = "confd.tenants",
        .methods = WAZO_METHOD(WAZO_LIST_ALL) | WAZO_METHOD(WAZO_GET),
        .service = &tenant_service,
        .missing = "uuid",
};

static const struct wazo_resource *const resources[] = {&tenants, NULL};

static int uuid_of(struct wazo_context *ctx, const json_t *event, const char **ret) {
        const char *uuid = wazo_string(json_object_get(event, "data"), "uuid");

        if (!uuid || !wazo_uuid_valid(uuid))
                return wazo_error_input(ctx, NULL, "the event says no tenant's uuid");
        *ret = uuid;
        return 0;
}

static int on_added(struct wazo_context *ctx, const json_t *event) {
        const char *uuid = NULL;
        int r = uuid_of(ctx, event, &uuid);

        return r < 0 ? r : tenant_added(ctx, uuid, wazo_string(json_object_get(event, "data"), "slug"));
}

static int on_deleted(struct wazo_context *ctx, const json_t *event) {
        const char *uuid = NULL;
        int r = uuid_of(ctx, event, &uuid);

        return r < 0 ? r : tenant_deleted(ctx, uuid);
}

static const struct wazo_subscription subscriptions[] = {
        {"auth_tenant_added", on_added},
        {"auth_tenant_deleted", on_deleted},
        {},
};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "tenant",
        .version = "1.0",
        .resources = resources,
        .subscriptions = subscriptions,
};
