/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parameters of lists. */
#include "workers/kit/internal.h"

static int add_error(json_t *errors, const char *name, const char *details) {
        return json_array_append_new(errors, json_sprintf("Input Error - %s: %s", name, details)) < 0 ? -ENOMEM : 0;
}

static int get_number(const struct wazo_context *ctx, const char *name, json_t *errors, int64_t *ret) {
        const char *text = wazo_query_value(ctx, name);
        char *end;
        long long value;

        if (!text)
                return 0;
        errno = 0;
        value = strtoll(text, &end, 10);
        if (end == text || *end || errno != 0)
                return add_error(errors, name,
                                 "{'message': 'Not a valid integer.', 'constraint_id': 'type', 'constraint': 'integer'}");
        if (value < 0)
                return add_error(errors, name,
                                 "[{'constraint_id': 'range', 'constraint': {'min': 0}, "
                                 "'message': 'Must be greater than or equal to 0.'}]");
        *ret = value;
        return 0;
}

static int get_recurse(const struct wazo_context *ctx, json_t *errors, bool *ret) {
        const char *text = wazo_query_value(ctx, "recurse");
        int value = text ? lax_boolean(text) : 0;

        if (value < 0)
                return add_error(errors, "recurse",
                                 "{'message': 'Not a valid boolean.', 'constraint_id': 'type', 'constraint': 'boolean'}");
        *ret = value;
        return 0;
}

static const struct wazo_column *sortable(const struct wazo_model *model, const char *name) {
        for (const struct wazo_column *c = model->columns; c && c->name; c++)
                if (streq(c->name, name) && !(c->flags & WAZO_NO_SORT))
                        return c;
        return NULL;
}

static int collect_filters(const struct wazo_context *ctx, const struct wazo_model *model, json_t *filters) {
        for (const struct wazo_column *c = model->columns; c && c->name; c++) {
                const char *value = c->flags & WAZO_NO_FILTER ? NULL : wazo_query_value(ctx, c->name);

                if (value && json_object_set_new(filters, c->name, json_string(value)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int wazo_list_parameters(struct wazo_context *ctx, const struct wazo_model *model, struct wazo_query *ret_query,
                         json_t **ret_filters) {
        const char *limit = wazo_query_value(ctx, "limit"), *direction = wazo_query_value(ctx, "direction");
        _wazo_unref_ json_t *errors = json_array(), *filters = json_object();
        struct wazo_query query = {.search = wazo_query_value(ctx, "search"), .order = wazo_query_value(ctx, "order")};
        int r;

        if (!errors || !filters)
                return -ENOMEM;
        r = get_number(ctx, "limit", errors, &query.limit);
        if (r >= 0)
                r = get_number(ctx, "offset", errors, &query.offset);
        if (r >= 0)
                r = get_recurse(ctx, errors, &query.recurse);
        if (r < 0)
                return r;
        if (json_array_size(errors) > 0) {
                r = wazo_reply_json(ctx, 400, STEAL(errors));
                return r < 0 ? r : -ECANCELED;
        }
        if (query.order && !sortable(model, query.order))
                return wazo_error_input(ctx, NULL, "order: column '%s' was not found", query.order);
        if (direction && !streq(direction, "asc") && !streq(direction, "desc"))
                return wazo_error_input(ctx, NULL, "direction: must be 'asc' or 'desc'");
        if (limit && query.limit == 0)
                return wazo_error_input(ctx, NULL, "field 'limit': wrong type. Should be a positive number");
        query.descending = direction && streq(direction, "desc");
        r = collect_filters(ctx, model, filters);
        if (r < 0)
                return r;
        query.filters = filters;
        *ret_query = query;
        *ret_filters = STEAL(filters);
        return 0;
}
