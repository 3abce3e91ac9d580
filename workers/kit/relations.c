/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nested objects: read for many owners with one statement, and written with their owner. */
#include <stdio.h>

#include "workers/kit/internal.h"

#define OWNERS_MAX 500 /* keys a statement */

static const char *owner_member(const struct wazo_relation *relation) {
        return relation->owner ? relation->owner : "id";
}

/* Keys of any type as one text. */
static void key_of(const json_t *value, char *ret, size_t size) {
        if (json_is_integer(value))
                (void) snprintf(ret, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        else
                (void) snprintf(ret, size, "%s", strempty(json_string_value(value)));
}

/* ----- reading ----- */

struct load {
        const struct wazo_field *field;
        enum db_dialect dialect;
        json_t *by_owner; /* {"owner's key": [nested, ...]} */
        json_t *all;      /* the same nested objects, for their own relations */
};

static const struct db_value *column_of(const struct db_row *row, const char *name) {
        for (size_t i = 0; i < row->n; i++)
                if (streq(row->names[i], name))
                        return &row->values[i];
        return NULL;
}

static json_t *nested_of(const struct load *load, const struct db_row *row) {
        _wazo_unref_ json_t *nested = NULL;

        if (!load->field->fields) {
                const struct db_value *value = column_of(row, "value");

                return value ? json_of_value(value) : json_null();
        }
        nested = json_object();
        if (!nested)
                return NULL;
        for (const struct wazo_field *f = load->field->fields; f->name; f++) {
                const struct db_value *value = column_of(row, f->column ? f->column : f->name);

                if (value && json_object_set_new(nested, f->name, field_from_db(load->dialect, f, value)) < 0)
                        return NULL;
        }
        return STEAL(nested);
}

static int load_row(void *userdata, const struct db_row *row) {
        struct load *load = userdata;
        const struct db_value *owner = column_of(row, "_owner");
        _wazo_unref_ json_t *key_value = NULL, *nested = NULL;
        json_t *list;
        char key[300];

        if (!owner)
                return -EINVAL;
        key_value = json_of_value(owner);
        nested = nested_of(load, row);
        if (!key_value || !nested)
                return -ENOMEM;
        key_of(key_value, key, sizeof(key));
        list = json_object_get(load->by_owner, key);
        if (!list) {
                list = json_array();
                if (json_object_set_new(load->by_owner, key, list) < 0)
                        return -ENOMEM;
        }
        return json_array_append(list, nested) < 0 || json_array_append(load->all, nested) < 0 ? -ENOMEM : 0;
}

/* The relation's statement with placeholders for "%s". */
static int statement(const char *sql, size_t n, struct text *t) {
        const char *at = strstr(sql, "%s");

        if (!at)
                return -EINVAL;
        text_add_bytes(t, sql, (size_t) (at - sql));
        for (size_t i = 0; i < n; i++)
                text_add(t, i > 0 ? ", ?" : "?");
        text_add(t, at + 2);
        return text_end(t);
}

static int load_some(struct wazo_context *ctx, struct load *load, const struct values *keys) {
        _cleanup_text_ struct text sql = TEXT_NULL;
        int r;

        if (keys->n == 0)
                return 0;
        r = statement(load->field->relation->sql, keys->n, &sql);
        return r < 0 ? r : sql_run(ctx, sql.data, keys, load_row, load, NULL);
}

static int load_rows(struct wazo_context *ctx, struct load *load, const json_t *objects) {
        _wazo_unref_ json_t *seen = json_object();
        const json_t *object;
        size_t i = 0, size = json_array_size(objects);
        int r;

        if (!seen)
                return -ENOMEM;
        while (i < size) {
                _cleanup_values_ struct values keys = VALUES_NULL;

                for (; i < size && keys.n < OWNERS_MAX; i++) {
                        const json_t *owner;
                        char key[300];

                        object = json_array_get(objects, i);
                        owner = json_object_get(object, owner_member(load->field->relation));
                        if (!owner || json_is_null(owner))
                                continue;
                        key_of(owner, key, sizeof(key));
                        if (json_object_get(seen, key))
                                continue;
                        if (json_object_set_new(seen, key, json_true()) < 0)
                                return -ENOMEM;
                        values_add(&keys, json_is_integer(owner) ? db_integer(json_integer_value(owner))
                                                                 : db_text(json_string_value(owner)));
                }
                r = load_some(ctx, load, &keys);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int distribute(const struct load *load, json_t *objects) {
        const struct wazo_field *field = load->field;
        json_t *object;
        size_t i;

        json_array_foreach(objects, i, object) {
                const json_t *owner = json_object_get(object, owner_member(field->relation));
                json_t *list, *value;
                char key[300] = "";

                if (owner)
                        key_of(owner, key, sizeof(key));
                list = json_object_get(load->by_owner, key);
                if (field->type == WAZO_OBJECT)
                        value = list ? json_incref(json_array_get(list, 0)) : json_null();
                else
                        value = list ? json_copy(list) : json_array();
                if (json_object_set_new(object, field->name, value) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int load_relation(struct wazo_context *ctx, const struct wazo_field *field, json_t *objects) {
        _wazo_unref_ json_t *by_owner = json_object(), *all = json_array();
        struct load load = {.field = field, .by_owner = by_owner, .all = all};
        struct db *db;
        int r;

        if (!by_owner || !all)
                return -ENOMEM;
        r = context_db(ctx, &db);
        if (r < 0)
                return r;
        load.dialect = db_dialect(db);
        r = load_rows(ctx, &load, objects);
        if (r >= 0 && field->fields && json_array_size(all) > 0)
                r = wazo_load_relations(ctx, field->fields, all);
        return r < 0 ? r : distribute(&load, objects);
}

int wazo_load_relations(struct wazo_context *ctx, const struct wazo_field *fields, json_t *objects) {
        for (const struct wazo_field *f = fields; f->name; f++) {
                int r;

                if (!f->relation)
                        continue;
                r = load_relation(ctx, f, objects);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ----- writing ----- */

static void add_conditions(struct text *t, const char *constants) {
        for (const char *at = constants; at && *at;) {
                size_t n = strcspn(at, ",");

                text_add(t, " AND ");
                text_add_bytes(t, at, n);
                at += n + (at[n] == ',');
        }
}

static int delete_items(struct wazo_context *ctx, const struct wazo_relation *relation, const struct db_value *owner) {
        _cleanup_text_ struct text sql = TEXT_NULL;
        struct values values = {.items = (struct db_value *) owner, .n = 1};
        int r;

        text_addf(&sql, "DELETE FROM %s WHERE %s = ?", relation->table, relation->owner_column);
        add_conditions(&sql, relation->constants);
        r = text_end(&sql);
        return r < 0 ? r : sql_run(ctx, sql.data, &values, NULL, NULL, NULL);
}

static int insert_item(struct wazo_context *ctx, const struct wazo_field *field, enum db_dialect dialect,
                       const struct db_value *owner, const json_t *item, size_t index) {
        const struct wazo_relation *relation = field->relation;
        _cleanup_text_ struct text sql = TEXT_NULL, places = TEXT_NULL;
        _cleanup_values_ struct values values = VALUES_NULL;

        text_addf(&sql, "INSERT INTO %s (%s", relation->table, relation->owner_column);
        text_add(&places, "?");
        values_add(&values, *owner);
        if (relation->order_column) {
                text_addf(&sql, ", %s", relation->order_column);
                text_add(&places, ", ?");
                values_add(&values, db_integer((int64_t) index));
        }
        if (relation->value_column) {
                text_addf(&sql, ", %s", relation->value_column);
                text_add(&places, ", ?");
                field_to_db(dialect, field->item, item, &values);
        }
        for (const struct wazo_field *f = field->fields; f && f->name; f++) {
                if (!f->column || !json_object_get(item, f->name))
                        continue;
                text_addf(&sql, ", %s", f->column);
                text_add(&places, ", ?");
                field_to_db(dialect, f, json_object_get(item, f->name), &values);
        }
        constants_add(&sql, relation->constants, false);
        constants_add(&places, relation->constants, true);
        if (text_end(&places) < 0)
                return -ENOMEM;
        text_addf(&sql, ") VALUES (%s)", places.data);
        return text_end(&sql) < 0 ? -ENOMEM : sql_run(ctx, sql.data, &values, NULL, NULL, NULL);
}

static int write_relation(struct wazo_context *ctx, const struct wazo_field *field, const json_t *before, const json_t *object) {
        const json_t *items = json_object_get(object, field->name), *item;
        const json_t *key = json_object_get(object, owner_member(field->relation));
        struct db_value owner = json_is_integer(key) ? db_integer(json_integer_value(key)) : db_text(json_string_value(key));
        struct db *db;
        size_t i;
        int r;

        if (before && !wazo_differs(before, object, field->name))
                return 0;
        r = context_db(ctx, &db);
        if (r >= 0 && before)
                r = delete_items(ctx, field->relation, &owner);
        if (r < 0)
                return r;
        json_array_foreach(items, i, item) {
                r = insert_item(ctx, field, db_dialect(db), &owner, item, i);
                if (r < 0)
                        return r;
        }
        return 0;
}

int relations_write(struct wazo_context *ctx, const struct wazo_model *model, const json_t *before, const json_t *object) {
        for (const struct wazo_field *f = model->fields; f->name; f++) {
                int r;

                if (!f->relation || !f->relation->table || f->flags & WAZO_READ_ONLY || !json_object_get(object, f->name))
                        continue;
                r = write_relation(ctx, f, before, object);
                if (r < 0)
                        return r;
        }
        return 0;
}
