/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Associations: two resources, their rows, their rules. */
#include "workers/kit/internal.h"

#define ITEM_FIELDS_MAX 16
/* Each is looked for and kept in memory until the answer. */
#define ITEMS_MAX 10000

static const char *member_of(const char *member, const struct wazo_side *side) {
        return member ? member : side->service->model->key ? side->service->model->key : "id";
}

static const json_t *left_key(const struct wazo_association *a, const struct wazo_pair *pair) {
        return json_object_get(pair->left, member_of(a->left_member, &a->left));
}

static const json_t *right_key(const struct wazo_association *a, const json_t *right) {
        return json_object_get(right, member_of(a->right_member, &a->right));
}

static struct db_value key_value(const json_t *key) {
        return json_is_integer(key) ? db_integer(json_integer_value(key)) : db_text(json_string_value(key));
}

/* ----- rows ----- */

static void add_where(const struct wazo_association *a, const struct wazo_pair *pair, const json_t *right,
                      struct text *sql, struct values *values) {
        text_addf(sql, " WHERE %s = ?", a->left_column);
        values_add(values, key_value(left_key(a, pair)));
        if (right) {
                text_addf(sql, " AND %s = ?", a->right_column);
                values_add(values, key_value(right_key(a, right)));
        }
        if (a->where)
                text_addf(sql, " AND %s", a->where);
}

struct load_row {
        const struct wazo_association *association;
        enum db_dialect dialect;
        json_t *row;
};

static int load_row(void *userdata, const struct db_row *row) {
        struct load_row *load = userdata;
        size_t i = 1;

        if (!load->row && !(load->row = json_object()))
                return -ENOMEM;
        for (const struct wazo_field *f = load->association->fields; f && f->name; f++)
                if (f->column && i < row->n
                    && json_object_set_new(load->row, f->name, field_from_db(load->dialect, f, &row->values[i++])) < 0)
                        return -ENOMEM;
        return 0;
}

static int find_row(struct wazo_context *ctx, const struct wazo_association *a, struct wazo_pair *pair) {
        _cleanup_values_ struct values values = VALUES_NULL;
        _cleanup_text_ struct text sql = TEXT_NULL;
        struct load_row load = {.association = a};
        struct db *db;
        int r;

        r = context_db(ctx, &db);
        if (r < 0)
                return r;
        load.dialect = db_dialect(db);
        text_add(&sql, "SELECT 1");
        for (const struct wazo_field *f = a->fields; f && f->name; f++)
                if (f->column)
                        text_addf(&sql, ", %s", f->column);
        text_addf(&sql, " FROM %s", a->table);
        add_where(a, pair, pair->right, &sql, &values);
        r = text_end(&sql);
        if (r >= 0)
                r = sql_run(ctx, sql.data, &values, load_row, &load, NULL);
        if (r < 0) {
                json_decref(load.row);
                return r;
        }
        pair->row = load.row;
        return 0;
}

static int find(struct wazo_context *ctx, const struct wazo_association *a, struct wazo_pair *pair) {
        const json_t *held, *key;

        if (a->find)
                return a->find(ctx, a, pair);
        if (!a->holder)
                return find_row(ctx, a, pair);
        held = json_object_get(pair->left, a->holder);
        key = right_key(a, pair->right);
        if (held && key && json_equal(held, key) && !(pair->row = json_object()))
                return -ENOMEM;
        return 0;
}

/* Sets the left's column that holds the right's key; NULL: nothing. */
static int set_holder(struct wazo_context *ctx, const struct wazo_association *a, struct wazo_pair *pair, const json_t *key) {
        const struct wazo_model *model = a->left.service->model;
        const struct wazo_field *holder = field_find(model->fields, a->holder), *id = model_key(model);
        _cleanup_values_ struct values values = VALUES_NULL;
        _cleanup_text_ struct text sql = TEXT_NULL;
        struct db *db;
        int r;

        if (!holder || !holder->column || !id)
                return -EINVAL;
        r = context_db(ctx, &db);
        if (r < 0)
                return r;
        text_addf(&sql, "UPDATE %s SET %s = ? WHERE %s = ?", model->table, holder->column, id->column);
        field_to_db(db_dialect(db), holder, key, &values);
        field_to_db(db_dialect(db), id, json_object_get(pair->left, id->name), &values);
        r = text_end(&sql);
        if (r >= 0)
                r = sql_run(ctx, sql.data, &values, NULL, NULL, NULL);
        return r < 0 ? r : wazo_set(pair->left, a->holder, key ? json_incref((json_t *) key) : json_null());
}

static int insert_row(struct wazo_context *ctx, const struct wazo_association *a, struct wazo_pair *pair, const json_t *right,
                      const json_t *own, size_t index) {
        _cleanup_text_ struct text sql = TEXT_NULL, places = TEXT_NULL;
        _cleanup_values_ struct values values = VALUES_NULL;
        struct db *db;
        int r;

        r = context_db(ctx, &db);
        if (r < 0)
                return r;
        text_addf(&sql, "INSERT INTO %s (%s, %s", a->table, a->left_column, a->right_column);
        text_add(&places, "?, ?");
        values_add(&values, key_value(left_key(a, pair)));
        values_add(&values, key_value(right_key(a, right)));
        if (a->order_column) {
                text_addf(&sql, ", %s", a->order_column);
                text_add(&places, ", ?");
                values_add(&values, db_integer((int64_t) index));
        }
        for (const struct wazo_field *f = a->fields; f && f->name; f++) {
                if (!f->column || !json_object_get(own, f->name))
                        continue;
                text_addf(&sql, ", %s", f->column);
                text_add(&places, ", ?");
                field_to_db(db_dialect(db), f, json_object_get(own, f->name), &values);
        }
        constants_add(&sql, a->constants, false);
        constants_add(&places, a->constants, true);
        r = text_end(&places);
        if (r < 0)
                return r;
        text_addf(&sql, ") VALUES (%s)", places.data);
        r = text_end(&sql);
        return r < 0 ? r : sql_run(ctx, sql.data, &values, NULL, NULL, NULL);
}

static int insert(struct wazo_context *ctx, const struct wazo_association *a, struct wazo_pair *pair) {
        if (a->insert)
                return a->insert(ctx, a, pair);
        if (a->holder)
                return set_holder(ctx, a, pair, right_key(a, pair->right));
        return insert_row(ctx, a, pair, pair->right, pair->row, 0);
}

static int delete_rows(struct wazo_context *ctx, const struct wazo_association *a, struct wazo_pair *pair, const json_t *right) {
        _cleanup_values_ struct values values = VALUES_NULL;
        _cleanup_text_ struct text sql = TEXT_NULL;
        int r;

        text_addf(&sql, "DELETE FROM %s", a->table);
        add_where(a, pair, right, &sql, &values);
        r = text_end(&sql);
        return r < 0 ? r : sql_run(ctx, sql.data, &values, NULL, NULL, NULL);
}

static int delete(struct wazo_context *ctx, const struct wazo_association *a, struct wazo_pair *pair) {
        if (a->delete)
                return a->delete(ctx, a, pair);
        return a->holder ? set_holder(ctx, a, pair, NULL) : delete_rows(ctx, a, pair, pair->right);
}

/* PUT again of a pair that has columns of its own. */
static int update_row(struct wazo_context *ctx, const struct wazo_association *a, struct wazo_pair *pair) {
        _cleanup_values_ struct values values = VALUES_NULL;
        _cleanup_text_ struct text sql = TEXT_NULL;
        const char *separator = " SET ";
        struct db *db;
        int r;

        r = context_db(ctx, &db);
        if (r < 0)
                return r;
        text_addf(&sql, "UPDATE %s", a->table);
        for (const struct wazo_field *f = a->fields; f && f->name; f++) {
                if (!f->column || !json_object_get(pair->body, f->name))
                        continue;
                text_addf(&sql, "%s%s = ?", separator, f->column);
                field_to_db(db_dialect(db), f, json_object_get(pair->body, f->name), &values);
                separator = ", ";
        }
        if (separator[0] != ',')
                return 0;
        add_where(a, pair, pair->right, &sql, &values);
        r = text_end(&sql);
        return r < 0 ? r : sql_run(ctx, sql.data, &values, NULL, NULL, NULL);
}

/* ----- rules ----- */

static int check_tenants(struct wazo_context *ctx, const struct wazo_association *a, const json_t *left, const json_t *right) {
        const char *x = wazo_string(left, "tenant_uuid"), *y = wazo_string(right, "tenant_uuid");
        _wazo_unref_ json_t *metadata = NULL;

        if (a->tenants_free || !x || !y || streq(x, y))
                return 0;
        metadata = json_object();
        if (!metadata)
                return -ENOMEM;
        for (int i = 0; i < 2; i++) {
                _cleanup_text_ struct text key = TEXT_NULL;

                text_addf(&key, "%s_tenant_uuid", i == 0 ? a->left.name : a->right.name);
                if (text_end(&key) < 0 || wazo_set(metadata, key.data, json_string(i == 0 ? x : y)) < 0)
                        return -ENOMEM;
        }
        return wazo_error_resource(ctx, STEAL(metadata), "different tenants");
}

static int run_rules(struct wazo_context *ctx, const struct wazo_association *a, const struct wazo_pair_rule *rules,
                     struct wazo_pair *pair) {
        for (const struct wazo_pair_rule *rule = rules; rule && rule->check; rule++) {
                int r = rule->check(ctx, a, pair, rule->data);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* ----- pairs ----- */

static void pair_done(struct wazo_pair *pair) {
        json_decref(pair->row);
        json_decref(pair->body);
        json_decref(pair->objects);
}

static int pair_begin(const struct wazo_association *a, json_t *left, json_t *right, json_t *body, struct wazo_pair *ret) {
        *ret = (struct wazo_pair) {
                .left = left,
                .right = right,
                .body = body ? json_incref(body) : json_object(),
                .objects = json_pack("{s:O}", a->left.name, left),
        };
        if (!ret->body || !ret->objects || (right && json_object_set(ret->objects, a->right.name, right) < 0))
                return -ENOMEM;
        return 0;
}

/* The row's members stand beside the two objects in events. */
static int add_row_members(struct wazo_pair *pair) {
        return pair->row && json_object_update_missing(pair->objects, pair->row) < 0 ? -ENOMEM : 0;
}

static int tell(struct wazo_context *ctx, const struct wazo_association *a, const struct wazo_event *event,
                const struct wazo_pair *pair) {
        int r = 0;

        if (a->reload)
                r = wazo_reload(ctx, a->reload);
        if (r >= 0 && event->name)
                r = wazo_event_send(ctx, event, pair->objects);
        return r;
}

static int associate(struct wazo_context *ctx, const struct wazo_association *a, struct wazo_pair *pair) {
        int r;

        r = find(ctx, a, pair);
        if (r < 0)
                return r;
        if (pair->row)
                return a->update ? update_row(ctx, a, pair) : 0;
        r = a->tenants_last ? 0 : check_tenants(ctx, a, pair->left, pair->right);
        if (r >= 0)
                r = run_rules(ctx, a, a->associate, pair);
        if (r >= 0 && a->tenants_last)
                r = check_tenants(ctx, a, pair->left, pair->right);
        if (r < 0)
                return r;
        pair->row = json_copy(pair->body);
        if (!pair->row)
                return -ENOMEM;
        r = insert(ctx, a, pair);
        if (r >= 0 && a->inserted)
                r = a->inserted(ctx, a, pair);
        if (r >= 0)
                r = add_row_members(pair);
        return r < 0 ? r : tell(ctx, a, &a->associated, pair);
}

int wazo_associate(struct wazo_context *ctx, const struct wazo_association *association, json_t *left, json_t *right,
                   json_t *body) {
        _cleanup_(pair_done) struct wazo_pair pair;
        int r = pair_begin(association, left, right, body, &pair);

        return r < 0 ? r : associate(ctx, association, &pair);
}

static int dissociate(struct wazo_context *ctx, const struct wazo_association *a, struct wazo_pair *pair) {
        int r;

        r = find(ctx, a, pair);
        if (r < 0 || !pair->row)
                return r;
        r = add_row_members(pair);
        if (r >= 0)
                r = run_rules(ctx, a, a->dissociate, pair);
        if (r >= 0 && a->notify_before)
                r = tell(ctx, a, &a->dissociated, pair);
        if (r >= 0)
                r = delete(ctx, a, pair);
        if (r >= 0 && a->deleted)
                r = a->deleted(ctx, a, pair);
        if (r >= 0 && !a->notify_before)
                r = tell(ctx, a, &a->dissociated, pair);
        return r < 0 ? r : 0;
}

int wazo_dissociate(struct wazo_context *ctx, const struct wazo_association *association, json_t *left, json_t *right) {
        _cleanup_(pair_done) struct wazo_pair pair;
        int r = pair_begin(association, left, right, NULL, &pair);

        return r < 0 ? r : dissociate(ctx, association, &pair);
}

/* ----- the list form ----- */

static int replace_rows(struct wazo_context *ctx, const struct wazo_association *a, struct wazo_pair *pair, json_t *items) {
        const json_t *item;
        size_t i;
        int r;

        r = delete_rows(ctx, a, pair, NULL);
        if (r < 0)
                return r;
        json_array_foreach(items, i, item) {
                r = insert_row(ctx, a, pair, json_object_get(item, a->right.name), item, i);
                if (r < 0)
                        return r;
        }
        return 0;
}

int wazo_associate_list(struct wazo_context *ctx, const struct wazo_association *a, json_t *left, json_t *items) {
        _cleanup_(pair_done) struct wazo_pair pair;
        const json_t *item;
        size_t i;
        int r;

        r = pair_begin(a, left, NULL, NULL, &pair);
        if (r >= 0)
                r = wazo_set(pair.objects, a->member, json_incref(items));
        if (r < 0)
                return r;
        json_array_foreach(items, i, item) {
                r = check_tenants(ctx, a, left, json_object_get(item, a->right.name));
                if (r < 0)
                        return r;
        }
        if (a->check_items)
                r = a->check_items(ctx, a, &pair, items);
        if (r >= 0)
                r = a->replace ? a->replace(ctx, a, &pair, items) : replace_rows(ctx, a, &pair, items);
        if (r >= 0 && a->inserted)
                r = a->inserted(ctx, a, &pair);
        return r < 0 ? r : tell(ctx, a, &a->associated, &pair);
}

static int one_identifier(struct wazo_context *ctx, json_t *item, json_t *messages) {
        if (json_object_get(item, "id") || json_object_get(item, "uuid"))
                return 0;
        return json_array_append_new(messages, json_string("One identifier(id or uuid) must be provided")) < 0 ? -ENOMEM : 0;
}

/* The member's items as {"<right>": object, own members}. */
static int find_items(struct wazo_context *ctx, const struct wazo_association *a, const json_t *list, json_t **ret) {
        _wazo_unref_ json_t *items = json_array();
        const json_t *named;
        size_t i;

        if (!items)
                return -ENOMEM;
        json_array_foreach(list, i, named) {
                const char *key = json_object_get(named, "uuid") ? "uuid" : "id";
                _wazo_unref_ json_t *right = NULL, *item = NULL;
                json_t *value = json_object_get(named, key);
                int r;

                r = wazo_find(ctx, a->right.service, &right, "s:O", key, value);
                if (r < 0)
                        return r;
                if (r > 0)
                        return wazo_error_input(ctx, json_pack("{s:O}", key, value), "field '%s': %s was not found", a->member,
                                                a->right.service->model->name);
                item = json_copy((json_t *) named);
                if (!item)
                        return -ENOMEM;
                (void) json_object_del(item, "id");
                (void) json_object_del(item, "uuid");
                if (json_object_set(item, a->right.name, right) < 0 || json_array_append(items, item) < 0)
                        return -ENOMEM;
        }
        *ret = STEAL(items);
        return 0;
}

static int run_list(struct wazo_context *ctx, const struct wazo_association *a, json_t *left) {
        _wazo_unref_ json_t *valid = NULL, *items = NULL;
        struct wazo_field item[ITEM_FIELDS_MAX] = {0}, member[2] = {0};
        unsigned required = a->right.key == WAZO_KEY_BOTH ? 0 : WAZO_REQUIRED;
        size_t n = 0;
        json_t *body;
        int r;

        if (a->right.key != WAZO_KEY_UUID)
                item[n++] = (struct wazo_field) {"id", WAZO_INTEGER, required};
        if (a->right.key != WAZO_KEY_INTEGER)
                item[n++] = (struct wazo_field) {"uuid", WAZO_UUID, required};
        for (const struct wazo_field *f = a->fields; f && f->name && n < ITEM_FIELDS_MAX - 1; f++)
                item[n++] = *f;
        member[0] = (struct wazo_field) {a->member, WAZO_LIST, WAZO_REQUIRED, .fields = item, .length = WAZO_AT_MOST(ITEMS_MAX)};
        if (a->right.key == WAZO_KEY_BOTH)
                member[0].schema = one_identifier;
        r = wazo_json_body(ctx, &body);
        if (r >= 0)
                r = wazo_validate(ctx, member, body, WAZO_CREATE, &valid);
        if (r >= 0)
                r = find_items(ctx, a, json_object_get(valid, a->member), &items);
        return r < 0 ? r : wazo_associate_list(ctx, a, left, items);
}

/* ----- one request ----- */

int association_run(struct wazo_context *ctx) {
        static const struct wazo_field none[] = {{0}};
        const struct wazo_association *a = ctx->operation.association;
        _wazo_unref_ json_t *left = NULL, *right = NULL, *valid = NULL;
        json_t *body;
        int r;

        r = wazo_lookup(ctx, a->left.service, a->left.parameter, a->left.key, &left);
        if (r >= 0 && !a->member)
                r = wazo_lookup(ctx, a->right.service, a->right.parameter, a->right.key, &right);
        if (r < 0)
                return r;
        if (a->member)
                r = run_list(ctx, a, left);
        else if (ctx->operation.dissociate)
                r = wazo_dissociate(ctx, a, left, right);
        else {
                if (a->body == WAZO_BODY_JSON) {
                        r = wazo_json_body(ctx, &body);
                        if (r >= 0)
                                r = wazo_validate(ctx, a->fields ? a->fields : none, body, WAZO_CREATE, &valid);
                }
                if (r >= 0)
                        r = wazo_associate(ctx, a, left, right, valid);
        }
        return r < 0 ? r : wazo_reply_empty(ctx, 204);
}
