/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/kit/describe.h"

#include <stdarg.h>
#include <stdio.h>

#include "workers/kit/openapi.h"

/* ----- checks: what a plugin's author should hear at build time ----- */

struct complaint {
        const char *plugin;
        char *text;
        size_t size;
};

static int complain(const struct complaint *c, const char *format, ...) _printf_(2, 3);
static int complain(const struct complaint *c, const char *format, ...) {
        char text[256];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        (void) snprintf(c->text, c->size, "plugin %s: %s", c->plugin, text);
        return -EINVAL;
}

static int check_fields(const struct complaint *c, const struct wazo_field *fields, unsigned depth) {
        int r;

        if (depth > 8)
                return complain(c, "fields nest without end");
        for (const struct wazo_field *f = fields; f->name; f++) {
                if (f->type > WAZO_LINKS)
                        return complain(c, "field %s has no known type", f->name);
                if (f->type == WAZO_LINKS && (!f->link || !f->link->rel || !f->link->path || !f->link->key))
                        return complain(c, "field %s is links without a .link", f->name);
                if (f->type == WAZO_OBJECT && !f->fields)
                        return complain(c, "field %s is an object without .fields", f->name);
                if (f->preset) {
                        json_t *value = NULL;

                        if (preset_value(f, &value) < 0)
                                return complain(c, "field %s: .preset is no JSON: %s", f->name, f->preset);
                        json_decref(value);
                }
                if (f->relation && (!f->relation->sql || !strstr(f->relation->sql, "%s")))
                        return complain(c, "field %s: its relation's statement has no %%s", f->name);
                if (f->relation && f->relation->table && !f->relation->owner_column)
                        return complain(c, "field %s: its relation has a .table but no .owner_column", f->name);
                r = f->fields ? check_fields(c, f->fields, depth + 1) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_resource(const struct complaint *c, const struct wazo_resource *resource) {
        const struct wazo_model *model = resource->service ? resource->service->model : NULL;

        if (!resource->path || !resource->parameter || !resource->acl)
                return complain(c, "a resource lacks .path, .parameter or .acl");
        if (!model || !model->name || !model->fields)
                return complain(c, "%s: its service lacks a model with .name and .fields", resource->path);
        if (!model->table && !(resource->service->dao && resource->service->dao->get))
                return complain(c, "%s: its model has no .table, and no dao replaces it", resource->path);
        if (!model_key(model))
                return complain(c, "%s: its model has no field named as its key", resource->path);
        for (const struct wazo_column *column = model->columns; column && column->name; column++)
                if (!column->expression && !field_find(model->fields, column->name))
                        return complain(c, "%s: column %s is no field and has no .expression", resource->path, column->name);
        return check_fields(c, model->fields, 0);
}

static int check_association(const struct complaint *c, const struct wazo_association *a) {
        if (!a->path || !a->acl || !a->left.service || !a->right.service || !a->left.name || !a->right.name)
                return complain(c, "an association lacks .path, .acl, or a side its .name or .service");
        if (!a->table && !a->holder && !(a->find && a->insert && a->delete) && !a->replace)
                return complain(c, "%s: no .table, no .holder, and no functions instead", a->path);
        if (a->table && (!a->left_column || !a->right_column))
                return complain(c, "%s: .table without .left_column and .right_column", a->path);
        return 0;
}

static int check_path(const struct complaint *c, const char *path) {
        static const char *const known[] = {"int}", "uuid}", "int_or_uuid}", "text}"};
        const char *at = path;

        if (path[0] != '/')
                return complain(c, "path %s does not begin with /", path);
        while ((at = strchr(at, '{'))) {
                const char *type = strchr(at, ':');
                bool ok = false;

                for (size_t i = 0; type && i < ELEMENTSOF(known); i++)
                        ok |= strncmp(type + 1, known[i], strlen(known[i])) == 0;
                if (!ok)
                        return complain(c, "path %s: a parameter is {name:int}, {name:uuid}, {name:int_or_uuid} or {name:text}",
                                        path);
                at = type;
        }
        return 0;
}

static int check(const struct complaint *c, const struct wazo_plugin *plugin) {
        struct operation op;
        int r = 0;

        for (const struct wazo_resource *const *resource = plugin->resources; resource && *resource && r >= 0; resource++)
                r = check_resource(c, *resource);
        for (const struct wazo_association *const *a = plugin->associations; a && *a && r >= 0; a++)
                r = check_association(c, *a);
        for (const struct wazo_route *route = plugin->routes; route && route->path && r >= 0; route++)
                if (!route->method || !route->handler)
                        r = complain(c, "route %s lacks .method or .handler", route->path);
        for (unsigned i = 0; r >= 0 && (r = operation_at(plugin, i, &op)) >= 0; i++)
                r = check_path(c, op.path);
        if (r == -ENAMETOOLONG)
                return complain(c, "a path or ACL is too long");
        return r == -ENOENT ? 0 : r;
}

/* ----- the description ----- */

static int add_secret(json_t *secrets, const char *name, size_t n) {
        const json_t *known;
        size_t i;

        json_array_foreach(secrets, i, known)
                if (json_string_length(known) == n && strncmp(json_string_value(known), name, n) == 0)
                        return 0;
        return json_array_append_new(secrets, json_stringn(name, n)) < 0 ? -ENOMEM : 0;
}

static int add_secret_fields(json_t *secrets, const struct wazo_field *fields) {
        for (const struct wazo_field *f = fields; f && f->name; f++) {
                int r = f->flags & WAZO_SECRET ? add_secret(secrets, f->name, strlen(f->name)) : 0;

                if (r >= 0 && f->fields)
                        r = add_secret_fields(secrets, f->fields);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int collect_secrets(const struct operation *op, json_t **ret) {
        _wazo_unref_ json_t *secrets = json_array();
        int r = 0;

        if (!secrets)
                return -ENOMEM;
        if (op->resource)
                r = add_secret_fields(secrets, op->resource->service->model->fields);
        else if (op->association)
                r = add_secret_fields(secrets, op->association->fields);
        else {
                const char *at = strempty(op->route->secrets);

                r = add_secret_fields(secrets, op->route->request);
                if (r >= 0)
                        r = add_secret_fields(secrets, op->route->response);
                while (r >= 0 && *at) {
                        size_t n = strcspn(at, " ");

                        r = add_secret(secrets, at, n);
                        at += n + strspn(at + n, " ");
                }
        }
        if (r < 0)
                return r;
        *ret = STEAL(secrets);
        return 0;
}

static int add_terms(json_t *o, const struct wazo_terms *terms) {
        static const char *const tenants[] = {[WAZO_TENANT_MASTER] = "master", [WAZO_TENANT_NONE] = "none"};
        int r = 0;

        if (!terms)
                return 0;
        if (terms->tenant != WAZO_TENANT_EFFECTIVE)
                r = wazo_set(o, "tenant", json_string(tenants[terms->tenant]));
        if (r >= 0 && terms->body_max)
                r = wazo_set(o, "body_max", json_integer((json_int_t) terms->body_max));
        if (r >= 0 && terms->attempt)
                r = wazo_set(o, "attempt", json_integer(terms->attempt));
        if (r >= 0 && terms->total)
                r = wazo_set(o, "total", json_integer(terms->total));
        if (r >= 0 && terms->class)
                r = wazo_set(o, "class", json_string(terms->class));
        return r;
}

static int describe_operation(const struct operation *op, unsigned index, json_t **ret) {
        static const char *const bodies[] = {[WAZO_BODY_JSON] = "json", [WAZO_BODY_RAW] = "raw"};
        _wazo_unref_ json_t *o = NULL, *secrets = NULL;
        int r;

        o = json_pack("{s:s,s:i,s:s?}", "method", op->method, "operation", (int) index, "acl", op->acl_none ? NULL : op->acl);
        r = o ? wazo_set(o, "tenant", json_string(op->acl_none ? "none" : "effective")) : -ENOMEM;
        if (r >= 0)
                r = add_terms(o, op->terms);
        if (r >= 0 && op->body != WAZO_BODY_NONE)
                r = wazo_set(o, "body", json_string(bodies[op->body]));
        if (r >= 0)
                r = collect_secrets(op, &secrets);
        if (r >= 0 && json_array_size(secrets) > 0)
                r = wazo_set(o, "secrets", STEAL(secrets));
        if (r < 0)
                return r;
        *ret = STEAL(o);
        return 0;
}

/* Operations of one path stand together, at the place of the first. */
static int add_route(json_t *routes, const char *path, json_t *operation) {
        json_t *route;
        size_t i;

        json_array_foreach(routes, i, route)
                if (streq(wazo_string(route, "path"), path))
                        return json_array_append_new(json_object_get(route, "operations"), operation) < 0 ? -ENOMEM : 0;
        return json_array_append_new(routes, json_pack("{s:s,s:[o]}", "path", path, "operations", operation)) < 0 ? -ENOMEM : 0;
}

static int describe_routes(const struct wazo_plugin *plugin, json_t *routes) {
        struct operation op;
        int r;

        for (unsigned i = 0; (r = operation_at(plugin, i, &op)) >= 0; i++) {
                json_t *o;

                r = describe_operation(&op, i, &o);
                if (r >= 0)
                        r = add_route(routes, op.path, o);
                if (r < 0)
                        return r;
        }
        return r == -ENOENT ? 0 : r;
}

static int describe_settings(const struct wazo_plugin *plugin, json_t *settings) {
        static const char *const types[] = {[WAZO_STRING] = "string", [WAZO_INTEGER] = "integer", [WAZO_FLOAT] = "number",
                                            [WAZO_BOOLEAN] = "boolean"};

        for (const struct wazo_setting *s = plugin->settings; s && s->key; s++) {
                json_t *o;

                if (s->type > WAZO_BOOLEAN)
                        return -EINVAL;
                o = json_pack("{s:s,s:s,s:s}", "key", s->key, "type", types[s->type], "doc", strempty(s->doc));
                if (!o || json_array_append_new(settings, o) < 0)
                        return -ENOMEM;
                if (s->range.kind == 4 || s->range.kind & 1)
                        (void) json_object_set_new(o, "min", json_integer(s->range.min));
                if (s->range.kind == 4 || s->range.kind & 2)
                        (void) json_object_set_new(o, "max", json_integer(s->range.max));
                if (s->preset)
                        (void) json_object_set_new(o, "default", json_loads(s->preset, JSON_DECODE_ANY, NULL));
                if (s->flags & WAZO_SECRET)
                        (void) json_object_set_new(o, "secret", json_true());
        }
        return 0;
}

static json_t *strings(const char *const *list) {
        json_t *array = json_array();

        for (; list && *list; list++)
                (void) json_array_append_new(array, json_string(*list));
        return array;
}

static json_t *describe_needs(const struct wazo_needs *needs) {
        return json_pack("{s:o,s:o,s:o,s:o,s:o,s:b}", "read", strings(needs->read), "write", strings(needs->write),
                         "connect", strings(needs->connect), "sockets", strings(needs->sockets), "execute",
                         strings(needs->execute), "processes", needs->processes);
}

static int make(const struct wazo_plugin *plugin, const char *build_id, json_t **ret) {
        static const struct wazo_needs none = {0};
        _wazo_unref_ json_t *routes = json_array(), *settings = json_array(), *subscriptions = json_array(), *openapi = NULL;
        int r;

        if (!routes || !settings || !subscriptions)
                return -ENOMEM;
        r = describe_routes(plugin, routes);
        if (r >= 0)
                r = describe_settings(plugin, settings);
        if (r >= 0)
                r = openapi_make(plugin, &openapi);
        if (r < 0)
                return r;
        for (const struct wazo_subscription *s = plugin->subscriptions; s && s->event; s++)
                if (json_array_append_new(subscriptions, json_pack("{s:s}", "event", s->event)) < 0)
                        return -ENOMEM;
        *ret = json_pack("{s:s,s:i,s:s,s:s,s:O,s:O,s:O,s:o,s:o,s:O}", "plugin", plugin->name, "abi",
                         (int) plugin->abi, "version", strempty(plugin->version), "build_id", build_id, "routes",
                         routes, "subscriptions", subscriptions, "config", settings, "sandbox",
                         describe_needs(plugin->needs ? plugin->needs : &none), "migrations",
                         strings(plugin->migrations), "openapi", openapi);
        return *ret ? 0 : -ENOMEM;
}

int wazo_plugin_describe(const struct wazo_plugin *plugin, const char *build_id, char **ret, char *error, size_t error_size) {
        const struct complaint complaint = {.plugin = strempty(plugin->name), .text = error, .size = error_size};
        _wazo_unref_ json_t *description = NULL;
        char *text;
        int r;

        if (plugin->abi != WAZO_PLUGIN_ABI || plugin->size < sizeof(*plugin) || !plugin->name)
                return complain(&complaint, "made for version %u of the kit, this is version %u", plugin->abi, WAZO_PLUGIN_ABI);
        error[0] = 0;
        r = check(&complaint, plugin);
        if (r >= 0)
                r = make(plugin, build_id, &description);
        if (r < 0) {
                if (!error[0])
                        (void) complain(&complaint, "%s", strerror(-r));
                return r;
        }
        text = json_dumps(description, JSON_INDENT(1) | JSON_ENSURE_ASCII);
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}
