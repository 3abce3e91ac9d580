/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin endpoint_sip: what a SIP phone or a SIP trunk registers and calls with. */
#include <errno.h>

#include "lib/util.h"
#include "workers/plugins/endpoint_sip/endpoint_sip-service.h"
#include "workers/plugins/endpoint_sip/pjsip-options.h"

/* {"a": "1"} as [["a", "1"]]. */
static json_t *pairs(json_t *options) {
        json_t *list = json_array(), *value;
        const char *name;

        json_object_foreach(options, name, value)
                if (json_array_append_new(list, json_pack("[s,O]", name, value)) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

/* ?view=merged: with what is inherited from templates. */
static int view(struct wazo_context *ctx, const struct wazo_resource *resource, const char *name,
                const json_t *objects, json_t **outputs) {
        _wazo_unref_ json_t *uuids = json_array(), *merged = NULL;
        const json_t *endpoint;
        json_t *output;
        size_t i;
        int r;

        if (!streq(name, "merged"))
                return wazo_error_input(ctx, NULL, "view: ['Must be one of: merged.']");
        json_array_foreach(objects, i, endpoint)
                if (json_array_append(uuids, json_object_get(endpoint, "uuid")) < 0)
                        return -ENOMEM;
        r = endpoint_sip_merge(ctx, uuids, NULL, &merged);
        json_array_foreach(*outputs, i, output) {
                const json_t *sections = json_object_get(merged, wazo_string(output, "uuid"));

                for (size_t j = 0; j < PJSIP_SECTIONS && r >= 0; j++)
                        r = wazo_set(output, pjsip_sections[j].member,
                                     pairs(json_object_get(sections, pjsip_sections[j].member)));
                if (r < 0)
                        return r;
        }
        return r;
}

static const struct wazo_resource endpoints = {
        .path = "/endpoints/sip",
        .parameter = "endpoint_uuid",
        .key = WAZO_KEY_UUID,
        .acl = "confd.endpoints.sip",
        .service = &endpoint_sip_service,
        .missing = "uuid",
        .view = view,
};

static const struct wazo_resource *const resources[] = {&endpoints, NULL};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "endpoint_sip",
        .version = "1.0",
        .resources = resources,
};
