/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin context: contexts, what they include, what is free in their ranges. */
#include "workers/plugins/context/context-ranges.h"
#include "workers/plugins/context/context-service.h"

#include <string.h>

/* "name" was the label once. */
static int copy_name(struct wazo_context *ctx, const struct wazo_resource *resource, enum wazo_operation operation, json_t *body) {
        json_t *name = json_object_get(body, "name");

        if (operation != WAZO_CREATE || !name || json_object_get(body, "label"))
                return 0;
        return wazo_set(body, "label", json_incref(name));
}

static const struct wazo_resource contexts = {
        .path = "/contexts",
        .parameter = "context_id",
        .key = WAZO_KEY_INTEGER,
        .acl = "confd.contexts",
        .service = &context_service,
        .prepare = copy_name,
};

static const struct wazo_resource *const resources[] = {&contexts, NULL};

/* ----- includes ----- */

static int check_included(struct wazo_context *ctx, const struct wazo_association *association,
                          struct wazo_pair *pair, json_t *items) {
        const json_t *item, *other;
        size_t i, j;

        json_array_foreach(items, i, item) {
                const json_t *included = json_object_get(item, "included");

                if (wazo_integer(included, "id") == wazo_integer(pair->left, "id"))
                        return wazo_error_resource(ctx, NULL, "Operation not permitted. Cannot include context inside itself");
                json_array_foreach(items, j, other)
                        if (j < i && wazo_integer(json_object_get(other, "included"), "id") == wazo_integer(included, "id"))
                                return wazo_error_resource(
                                        ctx, NULL,
                                        "Operation not permitted. Cannot include same context more than once");
        }
        return 0;
}

static const struct wazo_association included = {
        .path = "/contexts/{context_id:int}/contexts",
        .acl = "confd.contexts.{context_id}.contexts",
        .left = {.name = "context", .parameter = "context_id", .key = WAZO_KEY_INTEGER, .service = &context_service},
        .right = {.name = "included", .key = WAZO_KEY_INTEGER, .service = &context_service},
        .member = "contexts",
        .table = "contextinclude",
        .left_column = "context",
        .left_member = "name",
        .right_column = "\"include\"",
        .right_member = "name",
        .order_column = "priority",
        .tenants_free = true,
        .check_items = check_included,
        .associated = {.name = "contexts_associated", .routing_key = "config.contexts.contexts.updated",
                       .data = "context_id=context.id context_ids=contexts.included.id"},
        .reload = "dialplan reload",
};

static const struct wazo_association *const associations[] = {&included, NULL};

/* ----- ranges ----- */

static int get_ranges(struct wazo_context *ctx) {
        const char *kind = wazo_route_data(ctx), *availability = wazo_query_value(ctx, "availability");
        _wazo_unref_ json_t *context = NULL, *ranges = NULL;
        int r;

        if (availability && strcmp(availability, "available") != 0 && strcmp(availability, "all") != 0)
                return wazo_error_input(ctx, NULL, "availability: ['Must be one of: available, all.']");
        r = wazo_lookup(ctx, &context_service, "context_id", WAZO_KEY_INTEGER, &context);
        if (r >= 0)
                r = context_list_ranges(ctx, context, kind, !availability || strcmp(availability, "available") == 0, &ranges);
        if (r < 0)
                return r;
        return wazo_reply_list(ctx, json_incref(ranges), (int64_t) json_array_size(ranges));
}

static const struct wazo_field range[] = {{"start", WAZO_STRING}, {"end", WAZO_STRING}, {}};
static const struct wazo_field range_list[] = {{"total", WAZO_INTEGER}, {"items", WAZO_LIST, .fields = range}, {}};

#define RANGES(kind)                                                                                                        \
        {"/contexts/{context_id:int}/ranges/" kind, "GET", "confd.contexts.{context_id}.ranges." kind ".read",              \
         .handler = get_ranges, .summary = "List the numbers of a context for kind " kind, .response = range_list, .data = kind}

static const struct wazo_route routes[] = {RANGES("user"), RANGES("group"), RANGES("queue"), RANGES("incall"), {}};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "context",
        .version = "1.0",
        .resources = resources,
        .associations = associations,
        .routes = routes,
};
