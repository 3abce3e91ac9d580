/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The SQL of gets and lists. */
#include <ctype.h>

#include "lib/fold.h"
#include "workers/kit/internal.h"

#define SEARCH_MAX 8192

static void add_select(struct text *sql, const struct wazo_model *model) {
        const char *separator = "SELECT ";

        for (const struct wazo_field *f = model->fields; f->name; f++) {
                if (!f->column && !f->expression && !streq(f->name, "tenant_uuid"))
                        continue;
                text_add(sql, separator);
                field_expression(sql, model, f);
                separator = ", ";
        }
}

static void add_from(struct text *sql, const struct wazo_model *model) {
        text_addf(sql, " FROM %s", model->table);
        if (model->join)
                text_addf(sql, " %s", model->join);
        text_add(sql, " WHERE ");
        text_add(sql, model->where ? model->where : "1 = 1");
}

static void add_tenants(struct text *sql, struct values *values, const struct wazo_context *ctx,
                        const struct wazo_model *model, bool tree) {
        const struct request *request = ctx->request;
        const char *separator = "";

        if (!model->tenant || !request) /* jobs and events see all tenants */
                return;
        if (!tree || request->n_tenants == 0) {
                text_addf(sql, " AND %s = ?", model->tenant);
                values_add(values, db_text(wazo_tenant(ctx)));
                return;
        }
        text_addf(sql, " AND %s IN (", model->tenant);
        for (size_t i = 0; i < request->n_tenants; i++) {
                text_addf(sql, "%s?", separator);
                values_add(values, db_text(request->tenants[i]));
                separator = ", ";
        }
        text_add_char(sql, ')');
}

int query_get(const struct wazo_context *ctx, enum db_dialect dialect, const struct wazo_model *model, const json_t *members,
              bool tree, struct text *sql, struct values *values) {
        add_select(sql, model);
        add_from(sql, model);
        for (void *at = json_object_iter((json_t *) members); at; at = json_object_iter_next((json_t *) members, at)) {
                const struct wazo_field *field = field_find(model->fields, json_object_iter_key(at));
                const json_t *value = json_object_iter_value(at);

                if (!field)
                        return -EINVAL;
                text_add(sql, " AND ");
                field_expression(sql, model, field);
                if (json_is_null(value) && field->store != WAZO_AS_EMPTY)
                        text_add(sql, " IS NULL");
                else {
                        text_add(sql, " = ?");
                        field_to_db(dialect, field, value, values);
                }
        }
        if (tree)
                add_tenants(sql, values, ctx, model, true);
        text_add(sql, " LIMIT 1");
        return values->failed ? -ENOMEM : text_end(sql);
}

/* ----- columns of lists ----- */

static enum wazo_type column_type(const struct wazo_model *model, const struct wazo_column *column) {
        const struct wazo_field *field = column->expression ? NULL : field_find(model->fields, column->name);

        return field ? field->type : column->type;
}

/* SQL whose value is of the column's type: a boolean is one, however it is stored. */
static void add_column(struct text *sql, const struct wazo_model *model, const struct wazo_column *column) {
        const struct wazo_field *field = column->expression ? NULL : field_find(model->fields, column->name);

        if (!field) {
                text_addf(sql, "(%s)", column->expression ? column->expression : "NULL");
                return;
        }
        if (field->store == WAZO_AS_INT || field->store == WAZO_AS_INVERTED)
                text_add_char(sql, '(');
        field_expression(sql, model, field);
        if (field->store == WAZO_AS_INT || field->store == WAZO_AS_INVERTED)
                text_add(sql, field->store == WAZO_AS_INT ? " = 1)" : " = 0)");
}

static bool is_boolean(enum wazo_type type) {
        return type == WAZO_BOOLEAN || type == WAZO_BOOLEAN_LAX;
}

static bool integer_text(const char *s, int64_t *ret) {
        char *end;

        errno = 0;
        *ret = strtoll(s, &end, 10);
        return end != s && !*end && errno == 0 && !isspace((unsigned char) s[0]);
}

/* One value compared with a column. False when no row can have it. */
static bool add_filter_value(struct values *values, const struct wazo_model *model, const struct wazo_column *column, char *text) {
        const struct wazo_field *field = column->expression ? NULL : field_find(model->fields, column->name);
        enum wazo_type type = column_type(model, column);
        int64_t number;
        int b;

        if (type == WAZO_INTEGER) {
                if (!integer_text(text, &number))
                        return false;
                values_add(values, db_integer(number));
        } else if (is_boolean(type)) {
                b = lax_boolean(text);
                if (b < 0)
                        return false;
                values_add(values, db_boolean(b));
        } else if (type == WAZO_UUID && !wazo_uuid_valid(text))
                return false;
        else {
                const char *stored = text;

                for (const struct wazo_choice *c = field ? field->choices : NULL; c && c->name; c++)
                        if (c->stored && streq(c->name, text))
                                stored = c->stored;
                if (stored == text)
                        values_add_owned(values, strdup(text));
                else
                        values_add(values, db_text(stored));
        }
        return true;
}

/* AND column IN (...). 1: nothing can match. */
static int add_filter(struct text *sql, struct values *values, const struct wazo_model *model, const struct wazo_column *column,
                      const char *text) {
        _cleanup_free_ char *copy = strdup(text);
        char *rest = copy, *part;
        size_t n = 0;

        if (!copy)
                return -ENOMEM;
        text_add(sql, " AND ");
        add_column(sql, model, column);
        text_add(sql, " IN (");
        if (!(column->flags & WAZO_SPLIT)) {
                if (!add_filter_value(values, model, column, copy))
                        return 1;
                text_add(sql, "?)");
                return 0;
        }
        while ((part = strsep(&rest, ","))) {
                if (!add_filter_value(values, model, column, part))
                        continue;
                text_add(sql, n++ > 0 ? ", ?" : "?");
        }
        text_add_char(sql, ')');
        return n == 0;
}

static void add_search_column(struct text *sql, enum db_dialect dialect, const struct wazo_model *model,
                              const struct wazo_column *column) {
        bool boolean = is_boolean(column_type(model, column));

        text_add(sql, dialect == DB_SQLITE ? "fold(" : "unaccent(");
        text_add(sql, boolean ? "CASE WHEN " : "CAST(");
        add_column(sql, model, column);
        text_add(sql, boolean ? " THEN 'true' ELSE 'false' END" : " AS TEXT)");
        text_add(sql, dialect == DB_SQLITE ? ") LIKE ?" : ") ILIKE ?");
}

/* "%" and "_" in the term are wildcards, as they have always been. 1: nothing can match. */
static int add_search(struct text *sql, struct values *values, enum db_dialect dialect,
                      const struct wazo_model *model, const char *term) {
        _cleanup_free_ char *folded = NULL;
        const char *separator = " AND (";

        if (strlen(term) > SEARCH_MAX)
                return 1;
        folded = fold_text(term, strlen(term));
        if (!folded)
                return -ENOMEM;
        for (const struct wazo_column *c = model->columns; c && c->name; c++) {
                _cleanup_text_ struct text like = TEXT_NULL;

                if (!(c->flags & WAZO_SEARCH))
                        continue;
                text_add(sql, separator);
                add_search_column(sql, dialect, model, c);
                separator = " OR ";
                text_addf(&like, "%%%s%%", folded);
                if (text_end(&like) < 0)
                        return -ENOMEM;
                values_add_owned(values, STEAL(like.data));
        }
        if (separator[1] == 'O')
                text_add_char(sql, ')');
        return 0;
}

static const struct wazo_column *find_column(const struct wazo_model *model, const char *name) {
        for (const struct wazo_column *c = model->columns; c && c->name; c++)
                if (streq(c->name, name))
                        return c;
        return NULL;
}

static int add_filters(struct text *sql, struct values *values, enum db_dialect dialect, const struct wazo_model *model,
                       const struct wazo_query *query) {
        int r = 0;

        for (void *at = json_object_iter((json_t *) query->filters); at && r == 0;
             at = json_object_iter_next((json_t *) query->filters, at)) {
                const struct wazo_column *column = find_column(model, json_object_iter_key(at));

                if (column)
                        r = add_filter(sql, values, model, column, strempty(json_string_value(json_object_iter_value(at))));
        }
        if (r == 0 && query->search && *query->search)
                r = add_search(sql, values, dialect, model, query->search);
        return r;
}

static void add_where(struct text *sql, struct values *values, const struct wazo_query *query) {
        const json_t *value;
        size_t i;

        if (!query->where)
                return;
        text_addf(sql, " AND (%s)", query->where);
        json_array_foreach(query->parameters, i, value) {
                if (json_is_integer(value))
                        values_add(values, db_integer(json_integer_value(value)));
                else if (json_is_boolean(value))
                        values_add(values, db_boolean(json_is_true(value)));
                else
                        values_add(values, db_text(json_string_value(value)));
        }
}

static void add_order(struct text *sql, const struct wazo_model *model, const struct wazo_query *query) {
        const char *name = query->order ? query->order : model->order;
        const struct wazo_column *column = name ? find_column(model, name) : NULL;
        const struct wazo_field *key = model_key(model);

        text_add(sql, " ORDER BY ");
        if (column) {
                add_column(sql, model, column);
                text_add(sql, query->descending ? " DESC NULLS FIRST" : " ASC NULLS LAST");
        }
        if (key) {
                text_add(sql, column ? ", " : "");
                field_expression(sql, model, key);
                text_add(sql, query->descending ? " DESC" : " ASC");
        } else if (!column)
                text_add_char(sql, '1');
}

int query_list(const struct wazo_context *ctx, enum db_dialect dialect, const struct wazo_model *model,
               const struct wazo_query *query, bool count, bool cut, struct text *sql, struct values *values) {
        int r;

        if (count)
                text_add(sql, "SELECT COUNT(*)");
        else
                add_select(sql, model);
        add_from(sql, model);
        add_tenants(sql, values, ctx, model, query->recurse);
        r = add_filters(sql, values, dialect, model, query);
        if (r != 0)
                return r;
        add_where(sql, values, query);
        if (!count)
                add_order(sql, model, query);
        if (cut && query->limit > 0) {
                text_add(sql, " LIMIT ?");
                values_add(values, db_integer(query->limit));
        } else if (cut && query->offset > 0 && dialect == DB_SQLITE)
                text_add(sql, " LIMIT -1"); /* which SQLite wants in front of an OFFSET */
        if (cut && query->offset > 0) {
                text_add(sql, " OFFSET ?");
                values_add(values, db_integer(query->offset));
        }
        return values->failed ? -ENOMEM : text_end(sql);
}
