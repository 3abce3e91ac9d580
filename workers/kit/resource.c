/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The HTTP side of a resource. */
#include <ctype.h>

#include "workers/kit/internal.h"

#define INT4_MAX 2147483647

/* ----- answers ----- */

static json_t *links_of(struct wazo_context *ctx, const struct wazo_link *link, const json_t *object) {
        const json_t *key = json_object_get(object, link->key);
        _cleanup_text_ struct text href = TEXT_NULL;

        if (json_is_integer(key) && json_integer_value(key) != 0)
                text_addf(&href, "%s%s%" JSON_INTEGER_FORMAT, wazo_base_url(ctx), link->path, json_integer_value(key));
        else if (json_is_string(key) && json_string_length(key) > 0)
                text_addf(&href, "%s%s%s", wazo_base_url(ctx), link->path, json_string_value(key));
        else
                return json_array();
        if (text_end(&href) < 0)
                return NULL;
        return json_pack("[{s:s,s:s}]", "rel", link->rel, "href", href.data);
}

static int output_nested(struct wazo_context *ctx, const struct wazo_field *field, const json_t *value, json_t **ret) {
        _wazo_unref_ json_t *list = NULL;
        const json_t *item;
        size_t i;

        if (!json_is_array(value))
                return wazo_output(ctx, field->fields, value, ret);
        list = json_array();
        json_array_foreach(value, i, item) {
                json_t *output;
                int r = wazo_output(ctx, field->fields, item, &output);

                if (r < 0)
                        return r;
                if (json_array_append_new(list, output) < 0)
                        return -ENOMEM;
        }
        *ret = STEAL(list);
        return *ret ? 0 : -ENOMEM;
}

int wazo_output(struct wazo_context *ctx, const struct wazo_field *fields, const json_t *object, json_t **ret) {
        _wazo_unref_ json_t *output = json_object();

        for (const struct wazo_field *f = fields; output && f->name; f++) {
                json_t *value = json_object_get(object, f->name);
                int r = 0;

                if (f->flags & (WAZO_HIDDEN | WAZO_WRITE_ONLY))
                        continue;
                if (f->type == WAZO_LINKS)
                        value = links_of(ctx, f->link, object);
                else if (!value)
                        value = f->type == WAZO_LIST ? json_array() : json_null();
                else if (f->fields && !json_is_null(value))
                        r = output_nested(ctx, f, value, &value);
                else
                        json_incref(value);
                if (r < 0)
                        return r;
                if (json_object_set_new(output, f->name, value) < 0)
                        return -ENOMEM;
        }
        *ret = STEAL(output);
        return *ret ? 0 : -ENOMEM;
}

/* What is answered of one object. */
static int present(struct wazo_context *ctx, const struct wazo_resource *resource, const json_t *object, json_t **ret) {
        _wazo_unref_ json_t *output = NULL;
        int r;

        r = wazo_output(ctx, resource->service->model->fields, object, &output);
        if (r >= 0 && resource->present)
                r = resource->present(ctx, resource, object, output);
        if (r < 0)
                return r;
        *ret = STEAL(output);
        return 0;
}

/* Of several: as they are, or by the view that was asked for. */
static int present_all(struct wazo_context *ctx, const struct wazo_resource *resource, const json_t *objects, json_t **ret) {
        const char *view = resource->view ? wazo_query_value(ctx, "view") : NULL;
        _wazo_unref_ json_t *outputs = json_array();
        const json_t *object;
        size_t i;
        int r;

        if (!outputs)
                return -ENOMEM;
        json_array_foreach(objects, i, object) {
                json_t *output;

                r = present(ctx, resource, object, &output);
                if (r < 0)
                        return r;
                if (json_array_append_new(outputs, output) < 0)
                        return -ENOMEM;
        }
        if (view) {
                r = resource->view(ctx, resource, view, objects, &outputs);
                if (r < 0)
                        return r;
        }
        *ret = STEAL(outputs);
        return 0;
}

/* ----- the generic operations ----- */

int wazo_resource_list(struct wazo_context *ctx, const struct wazo_resource *resource, json_t *object, json_t *body) {
        _wazo_unref_ json_t *filters = NULL, *items = NULL, *outputs = NULL;
        struct wazo_query query;
        int64_t total;
        int r;

        r = wazo_list_parameters(ctx, resource->service->model, &query, &filters);
        if (r >= 0)
                r = wazo_list(ctx, resource->service, &query, &items, &total);
        if (r >= 0)
                r = present_all(ctx, resource, items, &outputs);
        return r < 0 ? r : wazo_reply_list(ctx, STEAL(outputs), total);
}

static const struct wazo_link *link_of(const struct wazo_model *model) {
        for (const struct wazo_field *f = model->fields; f->name; f++)
                if (f->type == WAZO_LINKS)
                        return f->link;
        return NULL;
}

static int reply_created(struct wazo_context *ctx, const struct wazo_resource *resource, const json_t *object, json_t *output) {
        const struct wazo_link *link = link_of(resource->service->model);
        _cleanup_text_ struct text key = TEXT_NULL, path = TEXT_NULL;
        const json_t *value = json_object_get(object, link ? link->key : "id");

        if (json_is_integer(value))
                text_addf(&key, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        else
                text_add(&key, strempty(json_string_value(value)));
        if (resource->location)
                text_add(&path, resource->location);
        else if (link)
                text_add(&path, link->path);
        else
                text_addf(&path, "%s/", resource->path);
        if (text_end(&key) < 0 || text_end(&path) < 0) {
                json_decref(output);
                return -ENOMEM;
        }
        return wazo_reply_created(ctx, output, path.data, key.data);
}

int wazo_resource_create(struct wazo_context *ctx, const struct wazo_resource *resource, json_t *object, json_t *body) {
        json_t *output;
        int r;

        r = wazo_create(ctx, resource->service, body);
        if (r >= 0)
                r = present(ctx, resource, body, &output);
        return r < 0 ? r : reply_created(ctx, resource, body, output);
}

int wazo_resource_get(struct wazo_context *ctx, const struct wazo_resource *resource, json_t *object, json_t *body) {
        _wazo_unref_ json_t *objects = json_pack("[O]", object), *outputs = NULL;
        int r;

        r = objects ? present_all(ctx, resource, objects, &outputs) : -ENOMEM;
        return r < 0 ? r : wazo_reply_json(ctx, 200, json_incref(json_array_get(outputs, 0)));
}

int wazo_resource_edit(struct wazo_context *ctx, const struct wazo_resource *resource, json_t *object, json_t *body) {
        int r = wazo_edit(ctx, resource->service, object, body, NULL);

        return r < 0 ? r : wazo_reply_empty(ctx, 204);
}

int wazo_resource_delete(struct wazo_context *ctx, const struct wazo_resource *resource, json_t *object, json_t *body) {
        int r = wazo_delete(ctx, resource->service, object);

        return r < 0 ? r : wazo_reply_empty(ctx, 204);
}

/* ----- finding what a path names ----- */

static int not_found(struct wazo_context *ctx, const struct wazo_service *service, const char *missing,
                     const char *text, bool number) {
        const char *name = service->model->name;

        if (!number)
                return wazo_error_not_found(ctx, json_pack("{s:o}", missing, wazo_uuid(text)), "%s was not found", name);
        while (text[0] == '0' && text[1])
                text++;
        return wazo_error_not_found(ctx, NULL, "%s was not found ('%s': %s)", name, missing, text);
}

static int lookup(struct wazo_context *ctx, const struct wazo_service *service, const char *parameter, enum wazo_key key,
                  const char *missing, json_t **ret) {
        const char *text = strempty(wazo_parameter(ctx, parameter));
        bool number = *text && strspn(text, "0123456789") == strlen(text);
        char uuid[WAZO_UUID_SIZE] = "";
        long long id;
        int r = 1;

        if (number && key != WAZO_KEY_UUID) {
                errno = 0;
                id = strtoll(text, NULL, 10);
                if (errno == 0 && id <= INT4_MAX)
                        r = wazo_find(ctx, service, ret, "s:I", "id", (json_int_t) id);
                return r <= 0 ? r : not_found(ctx, service, missing, text, true);
        }
        if (key != WAZO_KEY_INTEGER && wazo_uuid_valid(text)) {
                for (size_t i = 0; i < sizeof(uuid); i++)
                        uuid[i] = (char) tolower((unsigned char) text[i]);
                r = wazo_find(ctx, service, ret, "s:s", "uuid", uuid);
        }
        return r <= 0 ? r : not_found(ctx, service, missing, *uuid ? uuid : text, false);
}

int wazo_lookup(struct wazo_context *ctx, const struct wazo_service *service, const char *parameter,
                enum wazo_key key, json_t **ret) {
        return lookup(ctx, service, parameter, key, key == WAZO_KEY_UUID ? "uuid" : "id", ret);
}

/* ----- one request ----- */

static int read_body(struct wazo_context *ctx, const struct wazo_resource *resource, enum wazo_operation operation, json_t **ret) {
        _wazo_unref_ json_t *messages = json_array(), *object = NULL;
        json_t *body;
        int r;

        r = messages ? wazo_json_body(ctx, &body) : -ENOMEM;
        if (r >= 0 && resource->prepare && json_is_object(body))
                r = resource->prepare(ctx, resource, operation, body);
        if (r >= 0)
                r = wazo_validate(ctx, resource->service->model->fields, body, operation, &object);
        if (r >= 0 && resource->schema)
                r = resource->schema(ctx, resource, operation, object, messages);
        if (r >= 0)
                r = wazo_refuse_schema(ctx, messages);
        if (r < 0)
                return r;
        *ret = STEAL(object);
        return 0;
}

int resource_run(struct wazo_context *ctx) {
        static int (*const generic[WAZO_OPERATIONS])(struct wazo_context *, const struct wazo_resource *, json_t *, json_t *) = {
                [WAZO_LIST_ALL] = wazo_resource_list, [WAZO_CREATE] = wazo_resource_create, [WAZO_GET] = wazo_resource_get,
                [WAZO_EDIT] = wazo_resource_edit,     [WAZO_DELETE] = wazo_resource_delete,
        };
        const struct wazo_resource *resource = ctx->operation.resource;
        enum wazo_operation operation = ctx->operation.operation;
        _wazo_unref_ json_t *object = NULL, *body = NULL;
        int r = 0;

        if (operation >= WAZO_GET)
                r = lookup(ctx, resource->service, resource->parameter, resource->key,
                           resource->missing ? resource->missing : "id", &object);
        if (r >= 0 && ctx->operation.body == WAZO_BODY_JSON)
                r = read_body(ctx, resource, operation, &body);
        if (r < 0)
                return r;
        if (resource->operations[operation])
                return resource->operations[operation](ctx, resource, object, body);
        return generic[operation](ctx, resource, object, body);
}
