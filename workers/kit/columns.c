/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a field lies in its column, both ways. */
#include <stdio.h>

#include "workers/kit/internal.h"

bool field_is_stored(const struct wazo_field *field) {
        return field->column != NULL;
}

const struct wazo_field *field_find(const struct wazo_field *fields, const char *name) {
        for (const struct wazo_field *f = fields; f && f->name; f++)
                if (streq(f->name, name))
                        return f;
        return NULL;
}

const struct wazo_field *model_key(const struct wazo_model *model) {
        return field_find(model->fields, model->key ? model->key : "id");
}

const char *model_tenant_column(const struct wazo_model *model) {
        size_t n = strlen(model->table);

        if (!model->tenant || strncmp(model->tenant, model->table, n) != 0 || model->tenant[n] != '.')
                return NULL;
        return model->tenant + n + 1;
}

void field_expression(struct text *t, const struct wazo_model *model, const struct wazo_field *field) {
        if (field->expression)
                text_addf(t, "(%s)", field->expression);
        else if (field->column)
                text_addf(t, "%s.%s", model->table, field->column);
        else if (streq(field->name, "tenant_uuid") && model->tenant)
                text_add(t, model->tenant);
        else
                text_add(t, "NULL");
}

void constants_add(struct text *t, const char *constants, bool values) {
        const char *at = constants;

        while (at && *at) {
                size_t n = strcspn(at, ","), name = strcspn(at, "=");

                if (name >= n)
                        return;
                text_add(t, ", ");
                if (values)
                        text_add_bytes(t, at + name + 1, n - name - 1);
                else
                        text_add_bytes(t, at, name);
                at += n + (at[n] == ',');
        }
}

/* ----- reading ----- */

static json_t *text_of(const struct db_value *v) {
        char s[32];

        if (v->type == DB_TEXT)
                return json_stringn(v->text, v->size);
        if (v->type == DB_REAL)
                (void) snprintf(s, sizeof(s), "%.15g", v->real);
        else
                (void) snprintf(s, sizeof(s), "%lld", (long long) v->integer);
        return json_string(s);
}

static json_t *chosen(const struct wazo_field *field, json_t *stored) {
        for (const struct wazo_choice *c = field->choices; c && c->name; c++)
                if (c->stored && json_is_string(stored) && streq(c->stored, json_string_value(stored))) {
                        json_decref(stored);
                        return json_string(c->name);
                }
        return stored;
}

/* 2026-01-02 03:04:05.006 as 2026-01-02T03:04:05.006000. */
static json_t *datetime(const struct db_value *v) {
        char s[] = "0000-00-00T00:00:00.000000";
        size_t n;

        if (v->type != DB_TEXT)
                return json_null();
        n = MIN(v->size, sizeof(s) - 1);
        memcpy(s, v->text, n);
        if (n > 10)
                s[10] = 'T';
        return json_string(s);
}

/* One element of {{a,"b c"},{d,e}}, PostgreSQL's text of an array: advances *s. */
static json_t *array_element(const char **s) {
        _cleanup_text_ struct text t = TEXT_NULL;
        bool quoted = **s == '"';

        *s += quoted;
        while (**s && (quoted ? **s != '"' : !strchr(",}", **s))) {
                if (**s == '\\' && (*s)[1])
                        (*s)++;
                text_add_char(&t, *(*s)++);
        }
        *s += quoted && **s;
        return text_end(&t) < 0 ? NULL : json_string(t.data);
}

static json_t *array_of_pairs(const char *s) {
        _wazo_unref_ json_t *pairs = json_array();

        while (pairs && (s = strpbrk(s, "{"))) {
                _wazo_unref_ json_t *pair = json_array();

                s++;
                if (*s == '{')
                        continue;
                while (*s && *s != '}') {
                        if (json_array_append_new(pair, array_element(&s)) < 0)
                                return NULL;
                        s += *s == ',';
                }
                if (json_array_size(pair) > 0 && json_array_append(pairs, pair) < 0)
                        return NULL;
        }
        return STEAL(pairs);
}

json_t *field_from_db(enum db_dialect dialect, const struct wazo_field *field, const struct db_value *v) {
        json_t *json;

        if (field->store == WAZO_AS_PAIRS && dialect == DB_POSTGRESQL)
                return v->type == DB_TEXT ? array_of_pairs(v->text) : json_array();
        if (field->store == WAZO_AS_PAIRS || field->store == WAZO_AS_JSON) {
                json = v->type == DB_TEXT ? json_loadb(v->text, v->size, JSON_DECODE_ANY, NULL) : NULL;
                return json ? json : field->store == WAZO_AS_PAIRS ? json_array() : json_null();
        }
        if (v->type == DB_NULL)
                return json_null();
        if (field->store == WAZO_AS_EMPTY && v->type == DB_TEXT && v->size == 0)
                return json_null();
        if (field->store == WAZO_AS_INVERTED)
                return json_boolean(v->integer == 0);
        switch (field->type) {
        case WAZO_BOOLEAN:
        case WAZO_BOOLEAN_LAX:
                return json_boolean(v->integer != 0);
        case WAZO_INTEGER:
                return json_integer(v->type == DB_TEXT   ? strtoll(v->text, NULL, 10)
                                    : v->type == DB_REAL ? (int64_t) v->real
                                                         : v->integer);
        case WAZO_FLOAT:
                return json_real(v->type == DB_TEXT ? strtod(v->text, NULL) : v->type == DB_REAL ? v->real : (double) v->integer);
        case WAZO_DATETIME:
                return datetime(v);
        case WAZO_STRING:
        case WAZO_UUID:
        case WAZO_EMAIL:
                return chosen(field, text_of(v));
        default:
                return json_of_value(v);
        }
}

/* ----- writing ----- */

static void add_array_text(struct text *t, const json_t *pairs) {
        const json_t *pair, *element;
        const char *outer = "";
        size_t i, j;

        text_add_char(t, '{');
        json_array_foreach(pairs, i, pair) {
                const char *inner = "";

                text_addf(t, "%s{", outer);
                json_array_foreach(pair, j, element) {
                        text_addf(t, "%s\"", inner);
                        for (const char *s = strempty(json_string_value(element)); *s; s++) {
                                if (*s == '"' || *s == '\\')
                                        text_add_char(t, '\\');
                                text_add_char(t, *s);
                        }
                        text_add_char(t, '"');
                        inner = ",";
                }
                text_add_char(t, '}');
                outer = ",";
        }
        text_add_char(t, '}');
}

static void add_as_text(enum db_dialect dialect, const struct wazo_field *field, const json_t *value, struct values *values) {
        _cleanup_text_ struct text t = TEXT_NULL;

        if (field->store == WAZO_AS_PAIRS && dialect == DB_POSTGRESQL)
                add_array_text(&t, value);
        else
                dump_add(&t, value);
        if (text_end(&t) < 0)
                values->failed = true;
        else
                values_add_owned(values, STEAL(t.data));
}

static const char *stored_choice(const struct wazo_field *field, const char *s) {
        for (const struct wazo_choice *c = field->choices; c && c->name; c++)
                if (c->stored && streq(c->name, s))
                        return c->stored;
        return s;
}

void field_to_db(enum db_dialect dialect, const struct wazo_field *field, const json_t *value, struct values *values) {
        if (!value || json_is_null(value))
                values_add(values, field->store == WAZO_AS_EMPTY ? db_text("") : db_null());
        else if (field->store == WAZO_AS_PAIRS || field->store == WAZO_AS_JSON)
                add_as_text(dialect, field, value, values);
        else if (field->store == WAZO_AS_INT || field->store == WAZO_AS_INVERTED)
                values_add(values, db_integer(json_is_true(value) == (field->store == WAZO_AS_INT)));
        else if (json_is_boolean(value))
                values_add(values, db_boolean(json_is_true(value)));
        else if (json_is_integer(value))
                values_add(values, db_integer(json_integer_value(value)));
        else if (json_is_real(value))
                values_add(values, db_real(json_real_value(value)));
        else
                values_add(values, db_text(stored_choice(field, strempty(json_string_value(value)))));
}
