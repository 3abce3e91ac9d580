/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/kit/openapi.h"

static const struct {
        const char *type, *format;
} types[] = {
        [WAZO_STRING] = {"string", NULL},       [WAZO_INTEGER] = {"integer", NULL},     [WAZO_FLOAT] = {"number", NULL},
        [WAZO_BOOLEAN] = {"boolean", NULL},     [WAZO_BOOLEAN_LAX] = {"boolean", NULL}, [WAZO_UUID] = {"string", "uuid"},
        [WAZO_EMAIL] = {"string", "email"},     [WAZO_DATETIME] = {"string", "date-time"}, [WAZO_LIST] = {"array", NULL},
        [WAZO_OBJECT] = {"object", NULL},       [WAZO_ANY] = {"object", NULL},          [WAZO_LINKS] = {"array", NULL},
};

static json_t *object_schema(const struct wazo_field *fields);

static void set(json_t *object, const char *name, json_t *value) {
        (void) json_object_set_new(object, name, value);
}

static void add_limits(json_t *schema, const struct wazo_limits *limits, const char *minimum, const char *maximum) {
        if (limits->kind == 4 || limits->kind & 1)
                set(schema, minimum, json_integer(limits->min));
        if (limits->kind == 4 || limits->kind & 2)
                set(schema, maximum, json_integer(limits->max));
}

static json_t *links_schema(void) {
        return json_pack("{s:s,s:s,s:{s:{s:s},s:{s:s,s:s}}}", "type", "object", "title", "link", "properties", "rel",
                         "type", "string", "href", "type", "string", "format", "uri");
}

static json_t *field_schema(const struct wazo_field *field) {
        json_t *schema = json_object(), *choices;

        set(schema, "type", json_string(types[field->type].type));
        if (types[field->type].format)
                set(schema, "format", json_string(types[field->type].format));
        if (field->doc)
                set(schema, "description", json_string(field->doc));
        if (field->flags & WAZO_READ_ONLY || field->type == WAZO_LINKS)
                set(schema, "readOnly", json_true());
        if (field->flags & WAZO_NULLABLE)
                set(schema, "x-nullable", json_true());
        if (field->pattern)
                set(schema, "pattern", json_string(field->pattern));
        if (field->preset)
                set(schema, "default", json_loads(field->preset, JSON_DECODE_ANY, NULL));
        add_limits(schema, &field->length, field->type == WAZO_LIST ? "minItems" : "minLength",
                   field->type == WAZO_LIST ? "maxItems" : "maxLength");
        add_limits(schema, &field->range, "minimum", "maximum");
        if (field->choices) {
                choices = json_array();
                for (const struct wazo_choice *c = field->choices; c->name; c++)
                        (void) json_array_append_new(choices, json_string(c->name));
                set(schema, "enum", choices);
        }
        if (field->type == WAZO_LINKS)
                set(schema, "items", links_schema());
        else if (field->type == WAZO_LIST)
                set(schema, "items",
                    field->fields ? object_schema(field->fields)
                    : field->item ? field_schema(field->item)
                                  : json_object());
        else if (field->fields)
                (void) json_object_update_new(schema, object_schema(field->fields));
        return schema;
}

static json_t *object_schema(const struct wazo_field *fields) {
        json_t *properties = json_object(), *required = json_array(), *schema;

        for (const struct wazo_field *f = fields; f->name; f++) {
                if (f->flags & WAZO_HIDDEN)
                        continue;
                set(properties, f->name, field_schema(f));
                if (f->flags & WAZO_REQUIRED)
                        (void) json_array_append_new(required, json_string(f->name));
        }
        schema = json_pack("{s:s,s:o}", "type", "object", "properties", properties);
        if (json_array_size(required) > 0)
                set(schema, "required", required);
        else
                json_decref(required);
        return schema;
}

void openapi_path(struct text *t, const char *path) {
        while (*path) {
                size_t n = strcspn(path, ":");

                text_add_bytes(t, path, n);
                path += n;
                path += strcspn(path, "}");
        }
}

/* ----- parameters ----- */

static void add_parameter(json_t *parameters, const char *where, const char *name, const char *type, bool required) {
        (void) json_array_append_new(parameters, json_pack("{s:s,s:s,s:s,s:b}", "in", where, "name", name, "type", type, "required",
                                                           (int) required));
}

static void add_path_parameters(json_t *parameters, const char *path) {
        while ((path = strchr(path, '{'))) {
                size_t n = strcspn(++path, ":}");
                _cleanup_free_ char *name = strndup(path, n);

                if (name)
                        add_parameter(parameters, "path", name, strncmp(path + n, ":int}", 5) == 0 ? "integer" : "string", true);
        }
}

static void add_list_parameters(json_t *parameters, const struct wazo_model *model) {
        static const struct {
                const char *name, *type;
        } common[] = {{"limit", "integer"}, {"offset", "integer"}, {"order", "string"}, {"direction", "string"},
                      {"search", "string"}, {"recurse", "boolean"}};

        for (size_t i = 0; i < ELEMENTSOF(common); i++)
                add_parameter(parameters, "query", common[i].name, common[i].type, false);
        for (const struct wazo_column *c = model->columns; c && c->name; c++)
                if (!(c->flags & WAZO_NO_FILTER))
                        add_parameter(parameters, "query", c->name, "string", false);
}

static void add_body(json_t *parameters, json_t *schema) {
        (void) json_array_append_new(parameters, json_pack("{s:s,s:s,s:b,s:o}", "in", "body", "name", "body",
                                                           "required", 1, "schema", schema));
}

static json_t *ref(const char *name, const char *suffix) {
        return json_pack("{s:o}", "$ref", json_sprintf("#/definitions/%s%s", name, suffix));
}

/* The list form's body. */
static json_t *list_schema(const struct wazo_association *a) {
        json_t *item = a->fields ? object_schema(a->fields) : json_pack("{s:s,s:{}}", "type", "object", "properties");
        json_t *properties = json_object_get(item, "properties");

        if (a->right.key != WAZO_KEY_UUID)
                set(properties, "id", json_pack("{s:s}", "type", "integer"));
        if (a->right.key != WAZO_KEY_INTEGER)
                set(properties, "uuid", json_pack("{s:s,s:s}", "type", "string", "format", "uuid"));
        return json_pack("{s:s,s:[s],s:{s:{s:s,s:o}}}", "type", "object", "required", a->member, "properties",
                         a->member, "type", "array", "items", item);
}

/* ----- operations ----- */

static const struct {
        const char *verb, *status, *text;
} resource_texts[WAZO_OPERATIONS] = {
        [WAZO_LIST_ALL] = {"List", "200", "The list"}, [WAZO_CREATE] = {"Create", "201", "Created"},
        [WAZO_GET] = {"Get", "200", "The object"},     [WAZO_EDIT] = {"Update", "204", "Updated"},
        [WAZO_DELETE] = {"Delete", "204", "Deleted"},
};

static void describe_resource(const struct operation *op, json_t *parameters, json_t *responses, json_t **summary) {
        const struct wazo_model *model = op->resource->service->model;
        json_t *response = json_pack("{s:s}", "description", resource_texts[op->operation].text);

        if (op->operation == WAZO_LIST_ALL)
                add_list_parameters(parameters, model);
        if (op->body == WAZO_BODY_JSON)
                add_body(parameters, ref(model->name, ""));
        if (op->operation == WAZO_LIST_ALL)
                set(response, "schema", ref(model->name, "Items"));
        else if (op->operation == WAZO_CREATE || op->operation == WAZO_GET)
                set(response, "schema", ref(model->name, ""));
        set(responses, resource_texts[op->operation].status, response);
        *summary = json_sprintf("%s %s", resource_texts[op->operation].verb, model->name);
}

static void describe_association(const struct operation *op, json_t *parameters, json_t *responses, json_t **summary) {
        const struct wazo_association *a = op->association;
        const char *left = a->left.service->model->name, *right = a->right.service->model->name;

        if (a->member && op->body == WAZO_BODY_JSON)
                add_body(parameters, list_schema(a));
        else if (op->body == WAZO_BODY_JSON && a->fields)
                add_body(parameters, object_schema(a->fields));
        set(responses, "204", json_pack("{s:s}", "description", op->dissociate ? "Dissociated" : "Associated"));
        *summary = json_sprintf("%s %s and %s", op->dissociate ? "Dissociate" : "Associate", left, right);
}

static void describe_route(const struct operation *op, json_t *parameters, json_t *responses, json_t **summary) {
        const struct wazo_route *route = op->route;
        json_t *response = json_pack("{s:s}", "description", "Success");

        if (route->request)
                add_body(parameters, object_schema(route->request));
        if (route->response)
                set(response, "schema", object_schema(route->response));
        set(responses, route->response || streq(route->method, "GET") ? "200" : "204", response);
        *summary = json_string(route->summary ? route->summary : route->path);
}

static json_t *describe_operation(const struct wazo_plugin *plugin, const struct operation *op) {
        json_t *parameters = json_array(), *responses = json_object(), *summary = NULL, *result;

        add_path_parameters(parameters, op->path);
        if (!op->terms || op->terms->tenant != WAZO_TENANT_NONE)
                add_parameter(parameters, "header", "Wazo-Tenant", "string", false);
        if (op->resource)
                describe_resource(op, parameters, responses, &summary);
        else if (op->association)
                describe_association(op, parameters, responses, &summary);
        else
                describe_route(op, parameters, responses, &summary);
        if (op->body != WAZO_BODY_NONE)
                set(responses, "400", json_pack("{s:s}", "description", "Refused"));
        if (strchr(op->path, '{'))
                set(responses, "404", json_pack("{s:s}", "description", "Not found"));
        result = json_pack("{s:o,s:[s],s:o,s:o}", "summary", summary, "tags", plugin->name, "parameters", parameters,
                           "responses", responses);
        if (!op->acl_none)
                set(result, "description", json_sprintf("**Required ACL:** `%s`", op->acl));
        if (!op->acl_none)
                set(result, "security", json_pack("[{s:[]}]", "wazo_auth_token"));
        return result;
}

static int add_operation(const struct wazo_plugin *plugin, const struct operation *op, json_t *paths) {
        static const char *const names[][2] = {{"GET", "get"}, {"POST", "post"}, {"PUT", "put"}, {"DELETE", "delete"}};
        _cleanup_text_ struct text path = TEXT_NULL;
        json_t *item;

        openapi_path(&path, op->path);
        if (text_end(&path) < 0)
                return -ENOMEM;
        item = json_object_get(paths, path.data);
        if (!item) {
                item = json_object();
                if (json_object_set_new(paths, path.data, item) < 0)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(op->method, names[i][0]) && json_object_set_new(item, names[i][1], describe_operation(plugin, op)) < 0)
                        return -ENOMEM;
        return 0;
}

static int add_definitions(const struct wazo_plugin *plugin, json_t *definitions) {
        for (const struct wazo_resource *const *r = plugin->resources; r && *r; r++) {
                const struct wazo_model *model = (*r)->service->model;
                _cleanup_text_ struct text items = TEXT_NULL;

                text_addf(&items, "%sItems", model->name);
                if (text_end(&items) < 0 ||
                    json_object_set_new(definitions, model->name, object_schema(model->fields)) < 0 ||
                    json_object_set_new(definitions, items.data,
                                        json_pack("{s:s,s:{s:{s:s},s:{s:s,s:o}}}", "type", "object", "properties",
                                                  "total", "type", "integer", "items", "type", "array", "items",
                                                  ref(model->name, ""))) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int openapi_make(const struct wazo_plugin *plugin, json_t **ret) {
        _wazo_unref_ json_t *paths = json_object(), *definitions = json_object();
        struct operation op;
        int r;

        if (!paths || !definitions)
                return -ENOMEM;
        for (unsigned i = 0; (r = operation_at(plugin, i, &op)) >= 0; i++) {
                r = add_operation(plugin, &op, paths);
                if (r < 0)
                        return r;
        }
        if (r != -ENOENT)
                return r;
        r = add_definitions(plugin, definitions);
        if (r < 0)
                return r;
        *ret = json_pack("{s:O,s:O}", "paths", paths, "definitions", definitions);
        return *ret ? 0 : -ENOMEM;
}
