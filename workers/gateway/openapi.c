/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /api/api.yml: what the enabled plugins offer, merged from their descriptions.
 *
 * The document is made when it is first asked for and kept in a memory file, out of our own memory. The two members that
 * depend on the request stand at its end.
 */
#include <malloc.h>
#include <stdio.h>

#include "lib/memfd.h"
#include "workers/gateway/gateway.h"
#include "workers/gateway/yaml-write.h"

#define DEPTH_MAX 32

/* Objects into objects; where both have something else, the first stays. */
static int merge(json_t *into, json_t *from, unsigned depth) {
        const char *name;
        json_t *value;

        if (depth > DEPTH_MAX)
                return -EINVAL;
        json_object_foreach(from, name, value) {
                json_t *old = json_object_get(into, name);
                int r = 0;

                if (!old)
                        r = json_object_set(into, name, value) < 0 ? -ENOMEM : 0;
                else if (json_is_object(old) && json_is_object(value))
                        r = merge(old, value, depth + 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What the gateway answers itself, as plugins' descriptions say it. */
static json_t *own_paths(void) {
        return json_pack("{s:{s:{s:s, s:[s], s:[], s:{s:{s:s, s:{s:s, s:{s:s}}}}, s:s, s:[{s:[]}]}}, s:{s:{s:s, s:[s], s:[s], s:[], s:{s:{s:s}}}}}",
                         "/status", "get", "summary", "Whether the parts of the service are well", "tags", "status", "parameters",
                         "responses", "200", "description", "Each part with its status, ok or fail", "schema", "type", "object",
                         "additionalProperties", "type", "object",
                         "description", "**Required ACL:** `confd.status.read`", "security", "wazo_auth_token",
                         "/api/api.yml", "get", "summary", "This document", "tags", "api", "produces", "application/x-yaml", "parameters",
                         "responses", "200", "description", "The document");
}

static json_t *skeleton(const struct gateway *g) {
        return json_pack("{s:s, s:{s:s, s:s, s:s}, s:[s], s:[s], s:{s:{s:s, s:s, s:s}}, s:o, s:{}}",
                         "swagger", "2.0",
                         "info", "title", g->settings.service, "description", "REST configuration of the telephony server",
                         "version", g->settings.prefix + 1,
                         "consumes", "application/json", "produces", "application/json",
                         "securityDefinitions", "wazo_auth_token", "type", "apiKey", "name", "X-Auth-Token", "in", "header",
                         "paths", own_paths(), "definitions");
}

static int make_document(const struct gateway *g, struct text *t) {
        _cleanup_free_ char *text = NULL;
        json_t *descriptions = NULL, *document = skeleton(g), *description;
        size_t size, i;
        int r;

        r = document ? memfd_read(g->descriptions_fd, PACK_MAX, &text, &size) : -ENOMEM;
        if (r < 0)
                goto finish;
        descriptions = json_loadb(text, size, 0, NULL);
        if (!descriptions) {
                r = -EINVAL;
                goto finish;
        }
        json_array_foreach((json_t *) descriptions_list(descriptions), i, description) {
                r = merge(document, json_object_get(description, "openapi"), 0);
                if (r < 0)
                        goto finish;
        }
        r = yaml_write(document, t);

finish:
        json_decref(descriptions);
        json_decref(document);
        return r;
}

static int cache_document(struct gateway *g) {
        struct text t = TEXT_NULL;
        int r;

        if (g->openapi_fd >= 0)
                return 0;
        r = make_document(g, &t);
        if (r >= 0) {
                r = memfd_sealed("openapi", t.data, t.size);
                if (r >= 0)
                        g->openapi_fd = r;
        }
        text_done(&t);
        (void) malloc_trim(0);
        return r;
}

static int write_document(struct exchange *ex, struct text *t) {
        struct gateway *g = ex->gateway;
        _cleanup_free_ char *document = NULL;
        const char *script_name = ex->links.script_name;
        size_t size;
        int r;

        r = cache_document(g);
        if (r < 0)
                return r;
        r = memfd_read(g->openapi_fd, PACK_MAX, &document, &size);
        if (r < 0)
                return r;
        text_add(t, document, size);
        text_printf(t, "schemes:\n- %s\nbasePath: %s%s\n", *script_name || strncmp(ex->links.origin, "https", 5) == 0 ? "https" : "http",
                    script_name, g->settings.prefix);
        return 0;
}

void openapi_answer(struct exchange *ex) {
        struct error_body body = {0};
        struct text t = TEXT_NULL;
        int r = write_document(ex, &t);

        if (r < 0) {
                log_error("the OpenAPI document cannot be made: %s", strerror(-r));
                text_done(&t);
                exchange_answer(ex, 500, NULL, error_list("Unexpected error: the OpenAPI document cannot be made"));
                return;
        }
        body.data = text_steal(&t, &body.size);
        exchange_answer(ex, 200, "application/x-yaml", body);
}
