/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Statements within a request's transaction, with their values in JSON. */
#include <stdio.h>

#include "workers/kit/internal.h"

/* ----- values ----- */

void values_add(struct values *v, struct db_value value) {
        if (v->failed)
                return;
        if (v->n == v->allocated) {
                size_t allocated = v->allocated ? v->allocated * 2 : 16;
                struct db_value *items = realloc(v->items, allocated * sizeof(*items));

                if (!items) {
                        v->failed = true;
                        return;
                }
                v->items = items;
                v->allocated = allocated;
        }
        v->items[v->n++] = value;
}

void values_add_owned(struct values *v, char *text) {
        char **owned = text ? realloc(v->owned, (v->n_owned + 1) * sizeof(*owned)) : NULL;

        if (!owned) {
                free(text);
                v->failed = true;
                return;
        }
        v->owned = owned;
        v->owned[v->n_owned++] = text;
        values_add(v, db_text(text));
}

void values_done(struct values *v) {
        for (size_t i = 0; i < v->n_owned; i++)
                free(v->owned[i]);
        free(v->owned);
        free(v->items);
        *v = VALUES_NULL;
}

static void add_json(struct values *v, const json_t *value) {
        switch (json_typeof(value)) {
        case JSON_STRING:
                values_add(v, db_text(json_string_value(value)));
                break;
        case JSON_INTEGER:
                values_add(v, db_integer(json_integer_value(value)));
                break;
        case JSON_REAL:
                values_add(v, db_real(json_real_value(value)));
                break;
        case JSON_TRUE:
        case JSON_FALSE:
                values_add(v, db_boolean(json_is_true(value)));
                break;
        default:
                values_add(v, db_null());
        }
}

json_t *json_of_value(const struct db_value *value) {
        switch (value->type) {
        case DB_INTEGER:
                return json_integer(value->integer);
        case DB_REAL:
                return json_real(value->real);
        case DB_TEXT:
                return json_stringn(value->text, value->size);
        case DB_BOOLEAN:
                return json_boolean(value->integer);
        case DB_NULL:
                break;
        }
        return json_null();
}

/* ----- execution ----- */

int sql_run(struct wazo_context *ctx, const char *sql, const struct values *values,
            int (*row)(void *, const struct db_row *), void *userdata, int64_t *ret_changes) {
        struct db *db;
        int r;

        if (values && values->failed)
                return -ENOMEM;
        r = context_db(ctx, &db);
        if (r < 0)
                return r;
        r = db_run(db, sql, values ? values->items : NULL, values ? values->n : 0, row, userdata, ret_changes);
        if (r < 0 && r != -ECANCELED)
                (void) snprintf(ctx->failure, sizeof(ctx->failure), "%s", db_error(db)[0] ? db_error(db) : strerror(-r));
        return r;
}

static int collect_row(void *userdata, const struct db_row *row) {
        _wazo_unref_ json_t *object = json_object();

        if (!object)
                return -ENOMEM;
        for (size_t i = 0; i < row->n; i++)
                if (json_object_set_new(object, row->names[i], json_of_value(&row->values[i])) < 0)
                        return -ENOMEM;
        return json_array_append(userdata, object) < 0 ? -ENOMEM : 0;
}

static int select_values(struct wazo_context *ctx, json_t **ret_rows, const char *sql, const json_t *list) {
        _cleanup_values_ struct values values = VALUES_NULL;
        _wazo_unref_ json_t *rows = json_array();
        const json_t *value;
        size_t i;
        int r;

        if (!rows)
                return -ENOMEM;
        json_array_foreach(list, i, value)
                add_json(&values, value);
        r = sql_run(ctx, sql, &values, collect_row, rows, NULL);
        if (r < 0)
                return r;
        *ret_rows = STEAL(rows);
        return 0;
}

/* An array of the values that a format describes; of none for NULL. */
static json_t *pack_list(const char *format, va_list ap) {
        char brackets[128];

        if (!format)
                return json_array();
        if (snprintf(brackets, sizeof(brackets), "[%s]", format) >= (int) sizeof(brackets))
                return NULL;
        return json_vpack_ex(NULL, 0, brackets, ap);
}

int wazo_select_array(struct wazo_context *ctx, json_t **ret_rows, const char *sql, const json_t *values) {
        return select_values(ctx, ret_rows, sql, values);
}

int wazo_select(struct wazo_context *ctx, json_t **ret_rows, const char *sql, const char *format, ...) {
        _wazo_unref_ json_t *list = NULL;
        va_list ap;

        va_start(ap, format);
        list = pack_list(format, ap);
        va_end(ap);
        return list ? select_values(ctx, ret_rows, sql, list) : -EINVAL;
}

int wazo_select_row(struct wazo_context *ctx, json_t **ret_row, const char *sql, const char *format, ...) {
        _wazo_unref_ json_t *list = NULL, *rows = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        list = pack_list(format, ap);
        va_end(ap);
        r = list ? select_values(ctx, &rows, sql, list) : -EINVAL;
        if (r < 0)
                return r;
        if (json_array_size(rows) == 0)
                return 1;
        *ret_row = json_incref(json_array_get(rows, 0));
        return 0;
}

int wazo_execute_array(struct wazo_context *ctx, const char *sql, const json_t *list) {
        _cleanup_values_ struct values values = VALUES_NULL;
        const json_t *value;
        int64_t changes = 0;
        size_t i;
        int r;

        json_array_foreach(list, i, value)
                add_json(&values, value);
        r = sql_run(ctx, sql, &values, NULL, NULL, &changes);
        return r < 0 ? r : (int) MIN(changes, (int64_t) INT32_MAX);
}

int wazo_execute(struct wazo_context *ctx, const char *sql, const char *format, ...) {
        _wazo_unref_ json_t *list = NULL;
        va_list ap;

        va_start(ap, format);
        list = pack_list(format, ap);
        va_end(ap);
        return list ? wazo_execute_array(ctx, sql, list) : -EINVAL;
}
