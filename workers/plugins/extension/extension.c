/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin extension: the numbers that can be dialled in a context. */
#include "workers/plugins/extension/extension-service.h"

static int commented(struct wazo_context *ctx, const struct wazo_resource *resource, enum wazo_operation operation,
                     json_t *object, json_t *messages) {
        extension_apply_commented(object);
        return 0;
}

static const struct wazo_resource extensions = {
        .path = "/extensions",
        .parameter = "extension_id",
        .key = WAZO_KEY_INTEGER,
        .acl = "confd.extensions",
        .service = &extension_service,
        .schema = commented,
};

static const struct wazo_resource *const resources[] = {&extensions, NULL};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "extension",
        .version = "1.0",
        .resources = resources,
};
