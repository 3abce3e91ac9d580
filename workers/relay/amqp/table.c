/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/amqp/table.h"

#include "workers/relay/amqp/frame.h"

/* ----- from JSON ----- */

static int make_table(const json_t *object, amqp_pool_t *pool, unsigned depth, amqp_table_t *ret);
static int make_array(const json_t *list, amqp_pool_t *pool, unsigned depth, amqp_array_t *ret);

static void make_integer(json_int_t number, amqp_field_value_t *ret) {
        if (number >= INT32_MIN && number <= INT32_MAX) {
                ret->kind = AMQP_FIELD_KIND_I32;
                ret->value.i32 = (int32_t) number;
        } else {
                ret->kind = AMQP_FIELD_KIND_I64;
                ret->value.i64 = number;
        }
}

static int make_value(const json_t *value, amqp_pool_t *pool, unsigned depth, amqp_field_value_t *ret) {
        switch (json_typeof(value)) {
        case JSON_STRING:
                ret->kind = AMQP_FIELD_KIND_UTF8;
                ret->value.bytes = codec_bytes(json_string_value(value), json_string_length(value));
                return 0;
        case JSON_INTEGER:
                make_integer(json_integer_value(value), ret);
                return 0;
        case JSON_REAL:
                ret->kind = AMQP_FIELD_KIND_F64;
                ret->value.f64 = json_real_value(value);
                return 0;
        case JSON_TRUE:
        case JSON_FALSE:
                ret->kind = AMQP_FIELD_KIND_BOOLEAN;
                ret->value.boolean = json_is_true(value);
                return 0;
        case JSON_NULL:
                ret->kind = AMQP_FIELD_KIND_VOID;
                return 0;
        case JSON_OBJECT:
                ret->kind = AMQP_FIELD_KIND_TABLE;
                return make_table(value, pool, depth + 1, &ret->value.table);
        case JSON_ARRAY:
                ret->kind = AMQP_FIELD_KIND_ARRAY;
                return make_array(value, pool, depth + 1, &ret->value.array);
        default:
                return -EINVAL;
        }
}

static int make_array(const json_t *list, amqp_pool_t *pool, unsigned depth, amqp_array_t *ret) {
        size_t n = json_array_size(list), i;
        const json_t *value;

        if (depth > FRAME_TABLE_DEPTH_MAX)
                return -EINVAL;
        *ret = (amqp_array_t) {.num_entries = (int) n};
        if (n > 0 && !(ret->entries = amqp_pool_alloc(pool, n * sizeof(*ret->entries))))
                return -ENOMEM;
        json_array_foreach(list, i, value) {
                int r = make_value(value, pool, depth, &ret->entries[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int make_table(const json_t *object, amqp_pool_t *pool, unsigned depth, amqp_table_t *ret) {
        size_t n = json_object_size(object), i = 0;
        const json_t *value;
        const char *name;

        if (!json_is_object(object) || depth > FRAME_TABLE_DEPTH_MAX)
                return -EINVAL;
        *ret = (amqp_table_t) {.num_entries = (int) n};
        if (n > 0 && !(ret->entries = amqp_pool_alloc(pool, n * sizeof(*ret->entries))))
                return -ENOMEM;
        json_object_foreach((json_t *) object, name, value) {
                int r;

                if (strlen(name) > TABLE_NAME_MAX)
                        return -ENAMETOOLONG;
                ret->entries[i].key = codec_string(name);
                r = make_value(value, pool, depth, &ret->entries[i++].value);
                if (r < 0)
                        return r;
        }
        return 0;
}

int table_from_json(const json_t *object, amqp_pool_t *pool, amqp_table_t *ret) {
        return make_table(object, pool, 1, ret);
}

/* ----- to JSON ----- */

static json_t *json_text(amqp_bytes_t bytes) {
        json_t *text = json_stringn(bytes.bytes ? bytes.bytes : "", bytes.len);

        return text ? text : json_null();
}

static json_t *json_number(double number) {
        json_t *real = json_real(number); /* NULL for what is no number */

        return real ? real : json_null();
}

static json_t *json_list(const amqp_array_t *array);

static json_t *json_value(const amqp_field_value_t *v) {
        switch (v->kind) {
        case AMQP_FIELD_KIND_BOOLEAN:
                return json_boolean(v->value.boolean);
        case AMQP_FIELD_KIND_I8:
                return json_integer(v->value.i8);
        case AMQP_FIELD_KIND_U8:
                return json_integer(v->value.u8);
        case AMQP_FIELD_KIND_I16:
                return json_integer(v->value.i16);
        case AMQP_FIELD_KIND_U16:
                return json_integer(v->value.u16);
        case AMQP_FIELD_KIND_I32:
                return json_integer(v->value.i32);
        case AMQP_FIELD_KIND_U32:
                return json_integer(v->value.u32);
        case AMQP_FIELD_KIND_I64:
                return json_integer(v->value.i64);
        case AMQP_FIELD_KIND_U64:
        case AMQP_FIELD_KIND_TIMESTAMP:
                return json_integer((json_int_t) v->value.u64);
        case AMQP_FIELD_KIND_F32:
                return json_number((double) v->value.f32);
        case AMQP_FIELD_KIND_F64:
                return json_number(v->value.f64);
        case AMQP_FIELD_KIND_UTF8:
        case AMQP_FIELD_KIND_BYTES:
                return json_text(v->value.bytes);
        case AMQP_FIELD_KIND_TABLE:
                return table_to_json(&v->value.table);
        case AMQP_FIELD_KIND_ARRAY:
                return json_list(&v->value.array);
        default:
                return json_null();
        }
}

static json_t *json_list(const amqp_array_t *array) {
        json_t *list = json_array();

        for (int i = 0; list && i < array->num_entries; i++)
                if (json_array_append_new(list, json_value(&array->entries[i])) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

json_t *table_to_json(const amqp_table_t *table) {
        json_t *object = json_object();

        for (int i = 0; object && i < table->num_entries; i++) {
                const amqp_table_entry_t *entry = &table->entries[i];
                char name[TABLE_NAME_MAX + 1];
                size_t n = MIN(entry->key.len, (size_t) TABLE_NAME_MAX);

                if (n > 0)
                        memcpy(name, entry->key.bytes, n);
                name[n] = 0;
                /* A name that is no UTF-8 is refused, and its value freed. */
                (void) json_object_set_new(object, name, json_value(&entry->value));
        }
        return object;
}
