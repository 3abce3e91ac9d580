/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The operations of a plugin in one order, made from its descriptors: what their indexes mean to the gateway and to us. */
#include <stdio.h>

#include "workers/kit/internal.h"

static const struct {
        const char *method, *verb;
        bool item;
} generic[WAZO_OPERATIONS] = {
        [WAZO_LIST_ALL] = {"GET", "read", false}, [WAZO_CREATE] = {"POST", "create", false}, [WAZO_GET] = {"GET", "read", true},
        [WAZO_EDIT] = {"PUT", "update", true},    [WAZO_DELETE] = {"DELETE", "delete", true},
};

static const char *key_type(enum wazo_key key) {
        static const char *const types[] = {[WAZO_KEY_INTEGER] = "int", [WAZO_KEY_UUID] = "uuid", [WAZO_KEY_BOTH] = "int_or_uuid"};

        return types[key];
}

static int fits(int n, size_t size) {
        return n < 0 || (size_t) n >= size ? -ENAMETOOLONG : 0;
}

static int of_resource(const struct wazo_resource *resource, enum wazo_operation operation, struct operation *ret) {
        int r;

        *ret = (struct operation) {
                .method = generic[operation].method,
                .body = operation == WAZO_CREATE || operation == WAZO_EDIT ? WAZO_BODY_JSON : WAZO_BODY_NONE,
                .write = operation == WAZO_CREATE || operation == WAZO_EDIT || operation == WAZO_DELETE,
                .terms = resource->terms[operation],
                .resource = resource,
                .operation = operation,
        };
        if (!generic[operation].item) {
                r = fits(snprintf(ret->path, sizeof(ret->path), "%s", resource->path), sizeof(ret->path));
                return r < 0 ? r : fits(snprintf(ret->acl, sizeof(ret->acl), "%s.%s", resource->acl,
                                                 generic[operation].verb), sizeof(ret->acl));
        }
        r = fits(snprintf(ret->path, sizeof(ret->path), "%s/{%s:%s}", resource->path, resource->parameter, key_type(resource->key)),
                 sizeof(ret->path));
        return r < 0 ? r
                     : fits(snprintf(ret->acl, sizeof(ret->acl), "%s.{%s}.%s", resource->acl, resource->parameter,
                                     generic[operation].verb),
                            sizeof(ret->acl));
}

static int of_association(const struct wazo_association *association, bool dissociate, struct operation *ret) {
        int r;

        *ret = (struct operation) {
                .method = dissociate ? "DELETE" : "PUT",
                .body = dissociate ? WAZO_BODY_NONE : association->member ? WAZO_BODY_JSON : association->body,
                .write = true,
                .terms = &association->terms,
                .association = association,
                .dissociate = dissociate,
        };
        r = fits(snprintf(ret->path, sizeof(ret->path), "%s", association->path), sizeof(ret->path));
        return r < 0 ? r
                     : fits(snprintf(ret->acl, sizeof(ret->acl), "%s.%s", association->acl,
                                     dissociate ? "delete" : "update"),
                            sizeof(ret->acl));
}

static int of_route(const struct wazo_route *route, struct operation *ret) {
        int r;

        *ret = (struct operation) {
                .method = route->method,
                .acl_none = !route->acl,
                .body = route->body,
                .write = route->write,
                .terms = &route->terms,
                .route = route,
        };
        r = fits(snprintf(ret->path, sizeof(ret->path), "%s", route->path), sizeof(ret->path));
        return r < 0 ? r : fits(snprintf(ret->acl, sizeof(ret->acl), "%s", strempty(route->acl)), sizeof(ret->acl));
}

static bool offers(const struct wazo_association *association, bool dissociate) {
        unsigned methods = association->methods ? association->methods : association->member ? 1 : 3;

        return methods & (dissociate ? 2 : 1);
}

int operation_at(const struct wazo_plugin *plugin, unsigned index, struct operation *ret) {
        unsigned i = 0;

        for (const struct wazo_resource *const *resource = plugin->resources; resource && *resource; resource++)
                for (enum wazo_operation operation = 0; operation < WAZO_OPERATIONS; operation++)
                        if ((*resource)->methods == WAZO_CRUD || (*resource)->methods & WAZO_METHOD(operation)) {
                                if (i++ == index)
                                        return of_resource(*resource, operation, ret);
                        }
        for (const struct wazo_association *const *association = plugin->associations; association && *association; association++)
                for (int dissociate = 0; dissociate < 2; dissociate++)
                        if (offers(*association, dissociate)) {
                                if (i++ == index)
                                        return of_association(*association, dissociate, ret);
                        }
        for (const struct wazo_route *route = plugin->routes; route && route->path; route++)
                if (i++ == index)
                        return of_route(route, ret);
        return -ENOENT;
}

bool operation_fits(const struct operation *op, const struct request *request) {
        const char *pattern = op->path, *path = request->path;

        if (!streq(op->method, request->method) && !(request->head && streq(op->method, "GET")))
                return false;
        while (*pattern && *path) {
                size_t n = 1 + strcspn(pattern + 1, "/"), m = 1 + strcspn(path + 1, "/");

                if (pattern[1] != '{' && (n != m || memcmp(pattern, path, n) != 0))
                        return false;
                pattern += n;
                path += m;
        }
        return !*pattern && !*path;
}
