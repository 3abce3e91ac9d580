/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Storage of a model in SQL: what a service has unless its dao says otherwise. */
#include "workers/kit/internal.h"

struct load {
        const struct wazo_model *model;
        enum db_dialect dialect;
        json_t *objects;
};

/* A row's columns are the model's stored fields in their order: see add_select() of query.c. */
static int load_object(void *userdata, const struct db_row *row) {
        struct load *load = userdata;
        _wazo_unref_ json_t *object = json_object();
        size_t i = 0;

        if (!object)
                return -ENOMEM;
        for (const struct wazo_field *f = load->model->fields; f->name; f++) {
                if (!f->column && !f->expression && !streq(f->name, "tenant_uuid"))
                        continue;
                if (i >= row->n || json_object_set_new(object, f->name, field_from_db(load->dialect, f, &row->values[i++])) < 0)
                        return -ENOMEM;
        }
        return json_array_append(load->objects, object) < 0 ? -ENOMEM : 0;
}

static int complete_loaded(struct wazo_context *ctx, const struct wazo_service *service, json_t *objects) {
        int r;

        if (json_array_size(objects) == 0)
                return 0;
        r = wazo_load_relations(ctx, service->model->fields, objects);
        if (r >= 0 && service->dao && service->dao->loaded)
                r = service->dao->loaded(ctx, service, objects);
        return r;
}

int wazo_dao_get(struct wazo_context *ctx, const struct wazo_service *service, const json_t *members, bool tree, json_t **ret) {
        _cleanup_values_ struct values values = VALUES_NULL;
        _cleanup_text_ struct text sql = TEXT_NULL;
        _wazo_unref_ json_t *objects = json_array();
        struct load load = {.model = service->model, .objects = objects};
        struct db *db;
        int r;

        if (!objects)
                return -ENOMEM;
        r = context_db(ctx, &db);
        if (r < 0)
                return r;
        load.dialect = db_dialect(db);
        r = query_get(ctx, load.dialect, service->model, members, tree, &sql, &values);
        if (r >= 0)
                r = sql_run(ctx, sql.data, &values, load_object, &load, NULL);
        if (r >= 0)
                r = complete_loaded(ctx, service, objects);
        if (r < 0)
                return r;
        if (json_array_size(objects) == 0)
                return 1;
        *ret = json_incref(json_array_get(objects, 0));
        return 0;
}

/* ----- lists ----- */

static int count_row(void *userdata, const struct db_row *row) {
        *(int64_t *) userdata = row->values[0].integer;
        return 0;
}

static int count(struct wazo_context *ctx, enum db_dialect dialect, const struct wazo_model *model,
                 const struct wazo_query *query, int64_t *ret) {
        _cleanup_values_ struct values values = VALUES_NULL;
        _cleanup_text_ struct text sql = TEXT_NULL;
        int r;

        r = query_list(ctx, dialect, model, query, true, false, &sql, &values);
        return r < 0 ? r : sql_run(ctx, sql.data, &values, count_row, ret, NULL);
}

/* What is left of a list that was sorted here. */
static int cut(json_t **items, const struct wazo_query *query) {
        json_t *part = json_array(), *item;
        size_t i;

        if (!part)
                return -ENOMEM;
        json_array_foreach(*items, i, item) {
                if ((int64_t) i < query->offset || (query->limit > 0 && (int64_t) i >= query->offset + query->limit))
                        continue;
                if (json_array_append(part, item) < 0) {
                        json_decref(part);
                        return -ENOMEM;
                }
        }
        json_decref(*items);
        *items = part;
        return 0;
}

int wazo_dao_list(struct wazo_context *ctx, const struct wazo_service *service, const struct wazo_query *query,
                  json_t **ret_items, int64_t *ret_total) {
        bool sort = query->order && service->dao && service->dao->sort, pages = query->limit > 0 || query->offset > 0;
        _cleanup_values_ struct values values = VALUES_NULL;
        _cleanup_text_ struct text sql = TEXT_NULL;
        _wazo_unref_ json_t *objects = json_array();
        struct load load = {.model = service->model, .objects = objects};
        int64_t total;
        struct db *db;
        int r;

        if (!objects)
                return -ENOMEM;
        r = context_db(ctx, &db);
        if (r < 0)
                return r;
        load.dialect = db_dialect(db);
        r = query_list(ctx, load.dialect, service->model, query, false, pages && !sort, &sql, &values);
        if (r == 0)
                r = sql_run(ctx, sql.data, &values, load_object, &load, NULL);
        if (r < 0)
                return r;
        total = (int64_t) json_array_size(objects);
        if (r == 0 && pages && !sort)
                r = count(ctx, load.dialect, service->model, query, &total);
        if (r >= 0 && sort) {
                r = service->dao->sort(ctx, objects, query->order, query->descending);
                if (r >= 0 && pages)
                        r = cut(&objects, query);
        }
        if (r >= 0)
                r = complete_loaded(ctx, service, objects);
        if (r < 0)
                return r;
        *ret_items = STEAL(objects);
        *ret_total = total;
        return 0;
}

/* ----- writing ----- */

struct generated {
        json_t *object;
        const struct wazo_model *model;
        enum db_dialect dialect;
};

/* What RETURNING gives: the fields that the database made. */
static int generated_row(void *userdata, const struct db_row *row) {
        struct generated *g = userdata;
        size_t i = 0;

        for (const struct wazo_field *f = g->model->fields; f->name && i < row->n; f++)
                if (f->flags & WAZO_GENERATED && f->type == WAZO_INTEGER
                    && json_object_set_new(g->object, f->name, field_from_db(g->dialect, f, &row->values[i++])) < 0)
                        return -ENOMEM;
        return 0;
}

static void add_returning(struct text *sql, const struct wazo_model *model) {
        const char *separator = " RETURNING ";

        for (const struct wazo_field *f = model->fields; f->name; f++)
                if (f->column && f->flags & WAZO_GENERATED && f->type == WAZO_INTEGER) {
                        text_addf(sql, "%s%s", separator, f->column);
                        separator = ", ";
                }
}

/* Of a new object: the effective tenant, unless a service says another (for a tenant that an event told of). */
static const char *tenant_of(const struct wazo_context *ctx, const json_t *object) {
        const char *tenant = wazo_string(object, "tenant_uuid");

        return tenant ? tenant : wazo_tenant(ctx);
}

static int insert_statement(struct wazo_context *ctx, enum db_dialect dialect, const struct wazo_model *model, const json_t *object,
                            struct text *sql, struct values *values) {
        _cleanup_text_ struct text places = TEXT_NULL;
        const char *tenant = model_tenant_column(model), *separator = "";

        text_addf(sql, "INSERT INTO %s (", model->table);
        for (const struct wazo_field *f = model->fields; f->name; f++) {
                const json_t *value = json_object_get(object, f->name);

                if (!f->column || !value || (tenant && streq(f->column, tenant)))
                        continue;
                text_addf(sql, "%s%s", separator, f->column);
                text_addf(&places, "%s?", separator);
                field_to_db(dialect, f, value, values);
                separator = ", ";
        }
        if (tenant) {
                text_addf(sql, "%s%s", separator, tenant);
                text_addf(&places, "%s?", separator);
                values_add(values, db_text(tenant_of(ctx, object)));
        }
        if (text_end(&places) < 0)
                return -ENOMEM;
        text_addf(sql, ") VALUES (%s)", places.data);
        add_returning(sql, model);
        return text_end(sql);
}

int wazo_dao_insert(struct wazo_context *ctx, const struct wazo_service *service, json_t *object) {
        _cleanup_values_ struct values values = VALUES_NULL;
        _cleanup_text_ struct text sql = TEXT_NULL;
        struct generated generated = {.object = object, .model = service->model};
        struct db *db;
        int r;

        r = context_db(ctx, &db);
        if (r >= 0 && model_tenant_column(service->model))
                r = tenant_ensure(ctx, tenant_of(ctx, object));
        if (r < 0)
                return r;
        generated.dialect = db_dialect(db);
        r = insert_statement(ctx, generated.dialect, service->model, object, &sql, &values);
        if (r >= 0)
                r = sql_run(ctx, sql.data, &values, generated_row, &generated, NULL);
        if (r >= 0)
                r = relations_write(ctx, service->model, NULL, object);
        return r;
}

static int add_key(struct text *sql, struct values *values, enum db_dialect dialect, const struct wazo_model *model,
                   const json_t *object) {
        const struct wazo_field *key = model_key(model);

        if (!key || !key->column || !json_object_get(object, key->name))
                return -EINVAL;
        text_addf(sql, " WHERE %s = ?", key->column);
        field_to_db(dialect, key, json_object_get(object, key->name), values);
        return text_end(sql);
}

int wazo_dao_update(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before, json_t *object) {
        const struct wazo_model *model = service->model;
        _cleanup_values_ struct values values = VALUES_NULL;
        _cleanup_text_ struct text sql = TEXT_NULL;
        const char *separator = " SET ";
        struct db *db;
        int r;

        r = context_db(ctx, &db);
        if (r < 0)
                return r;
        text_addf(&sql, "UPDATE %s", model->table);
        for (const struct wazo_field *f = model->fields; f->name; f++) {
                if (!f->column || !json_object_get(object, f->name) || !wazo_differs(before, object, f->name))
                        continue;
                text_addf(&sql, "%s%s = ?", separator, f->column);
                field_to_db(db_dialect(db), f, json_object_get(object, f->name), &values);
                separator = ", ";
        }
        if (separator[0] == ',') {
                r = add_key(&sql, &values, db_dialect(db), model, before);
                if (r >= 0)
                        r = sql_run(ctx, sql.data, &values, NULL, NULL, NULL);
        }
        if (r >= 0)
                r = relations_write(ctx, model, before, object);
        return r;
}

int wazo_dao_delete(struct wazo_context *ctx, const struct wazo_service *service, const json_t *object) {
        _cleanup_values_ struct values values = VALUES_NULL;
        _cleanup_text_ struct text sql = TEXT_NULL;
        struct db *db;
        int r;

        r = context_db(ctx, &db);
        if (r < 0)
                return r;
        text_addf(&sql, "DELETE FROM %s", service->model->table);
        r = add_key(&sql, &values, db_dialect(db), service->model, object);
        return r < 0 ? r : sql_run(ctx, sql.data, &values, NULL, NULL, NULL);
}
