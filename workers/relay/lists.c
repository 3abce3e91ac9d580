/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/lists.h"

#include "lib/secret.h"

/* What no operator has to see to decide about a row. */
static const char *const secrets[] = {"password", "secret", "token", "client_secret", "auth_password", NULL};

/* ----- values ----- */

/* 2026-01-02 03:04:05.678901 as 2026-01-02T03:04:05.678901Z */
static json_t *stamp_json(const struct db_value *v) {
        char text[48];
        size_t n;

        if (v->type != DB_TEXT || !strcopy(text, sizeof(text) - 1, v->text))
                return json_null();
        n = strlen(text);
        if (n > 10 && text[10] == ' ')
                text[10] = 'T';
        text[n] = 'Z';
        text[n + 1] = 0;
        return json_string(text);
}

/* Parsed and masked; what is no JSON as text. */
static json_t *parsed_json(const struct db_value *v) {
        json_t *json, *masked;

        if (v->type != DB_TEXT)
                return json_null();
        json = json_loadb(v->text, v->size, JSON_DECODE_ANY, NULL);
        if (!json)
                return *v->text ? json_string(v->text) : json_null();
        masked = secret_mask_json(json, secrets);
        json_decref(json);
        return masked;
}

static json_t *value_json(const char *name, const struct db_value *v) {
        if (streq(name, "headers") || streq(name, "payload"))
                return parsed_json(v);
        if (strlen(name) > 3 && streq(name + strlen(name) - 3, "_at"))
                return stamp_json(v);
        if (v->type == DB_INTEGER)
                return json_integer(v->integer);
        return v->type == DB_TEXT ? json_string(v->text) : json_null();
}

static int append_row(void *userdata, const struct db_row *row) {
        json_t *object = json_object();

        for (size_t i = 0; object && i < row->n; i++) {
                json_t *value = value_json(row->names[i], &row->values[i]);

                /* A text that is no UTF-8. */
                if (json_object_set_new(object, row->names[i], value ? value : json_null()) < 0) {
                        json_decref(object);
                        return -ENOMEM;
                }
        }
        return object && json_array_append_new(userdata, object) >= 0 ? 0 : -ENOMEM;
}

/* ----- lists ----- */

static int bounds_row(void *userdata, const struct db_row *row) {
        int64_t *bounds = userdata;

        for (size_t i = 0; i < 3; i++)
                bounds[i] = row->values[i].type == DB_NULL ? 0 : row->values[i].integer;
        return 0;
}

static int read_bounds(struct db *db, int64_t bounds[3]) {
        return db_run(db, "SELECT COUNT(*), MIN(id), MAX(id) FROM event_kept", NULL, 0, bounds_row, bounds, NULL);
}

int lists_kept(struct db *db, json_t **ret) {
        int64_t bounds[3] = {0};
        int r = read_bounds(db, bounds);

        if (r < 0)
                return r;
        *ret = json_pack("{s:I, s:I, s:I}", "kept", (json_int_t) bounds[0], "first", (json_int_t) bounds[1], "last",
                         (json_int_t) bounds[2]);
        return *ret ? 0 : -ENOMEM;
}

#define EVENT_COLUMNS "id, created_at, published_at, name, resource, routing_key, headers, payload"
/* Not what is confirmed before one that was written before: who asks for those after the last that he has would miss that one. */
#define IN_ORDER "id < COALESCE((SELECT MIN(id) FROM outbox WHERE kind = 'event'), 9223372036854775807)"

int lists_events(struct db *db, int64_t after, int64_t limit, json_t **ret) {
        const struct db_value following[] = {db_integer(after), db_integer(limit)}, newest[] = {db_integer(limit)};
        int64_t bounds[3] = {0};
        json_t *list = json_array();
        int r = list ? read_bounds(db, bounds) : -ENOMEM;

        if (r >= 0 && after >= 0)
                r = db_run(db,
                           "SELECT " EVENT_COLUMNS " FROM event_kept WHERE id > ? AND " IN_ORDER
                           " ORDER BY id LIMIT ?",
                           following, ELEMENTSOF(following), append_row, list, NULL);
        else if (r >= 0)
                r = db_run(db,
                           "SELECT " EVENT_COLUMNS " FROM (SELECT " EVENT_COLUMNS " FROM event_kept WHERE " IN_ORDER
                           " ORDER BY id DESC LIMIT ?) AS newest ORDER BY id",
                           newest, ELEMENTSOF(newest), append_row, list, NULL);
        if (r < 0) {
                json_decref(list);
                return r;
        }
        *ret = json_pack("{s:o, s:I, s:I}", "events", list, "first", (json_int_t) bounds[1], "last", (json_int_t) bounds[2]);
        return *ret ? 0 : -ENOMEM;
}

static int count_row(void *userdata, const struct db_row *row) {
        *(int64_t *) userdata = row->values[0].integer;
        return 0;
}

int lists_parked(struct db *db, int64_t after, int64_t limit, json_t **ret) {
        const struct db_value values[] = {db_integer(after), db_integer(limit)};
        json_t *list = json_array();
        int64_t total = 0;
        int r = list ? 0 : -ENOMEM;

        if (r >= 0)
                r = db_run(db,
                           "SELECT id, 'outbox' AS queue, kind, created_at, parked_at, tries, error, name, resource, routing_key, headers, payload "
                           "FROM outbox_parked WHERE id > ? ORDER BY id LIMIT ?",
                           values, ELEMENTSOF(values), append_row, list, NULL);
        if (r >= 0)
                r = db_run(db,
                           "SELECT id, 'inbox' AS queue, 'event' AS kind, plugin, parked_at, tries, error, name, routing_key, message_id, headers, "
                           "payload FROM inbox_parked WHERE id > ? ORDER BY id LIMIT ?",
                           values, ELEMENTSOF(values), append_row, list, NULL);
        if (r >= 0)
                r = db_run(db, "SELECT (SELECT COUNT(*) FROM outbox_parked) + (SELECT COUNT(*) FROM inbox_parked)",
                           NULL, 0, count_row, &total, NULL);
        if (r < 0) {
                json_decref(list);
                return r;
        }
        *ret = json_pack("{s:o, s:I}", "parked", list, "total", (json_int_t) total);
        return *ret ? 0 : -ENOMEM;
}

int lists_parked_count(struct db *db, const char *kind, int64_t *ret) {
        const struct db_value value = db_text(kind);

        return db_run(db, "SELECT COUNT(*) FROM outbox_parked WHERE kind = ?", &value, 1, count_row, ret, NULL);
}

/* ----- what is done with them ----- */

int lists_retry(struct db *db, int64_t id, int64_t *ret_n) {
        const struct db_value values[] = {db_integer(id), db_integer(id)};
        int r;

        r = db_run(db,
                   "INSERT INTO outbox (created_at, kind, resource, name, routing_key, headers, payload) "
                   "SELECT created_at, kind, resource, name, routing_key, headers, payload FROM outbox_parked WHERE id = ? OR ? = 0 ORDER BY id",
                   values, ELEMENTSOF(values), NULL, NULL, NULL);
        return r < 0 ? r : lists_drop(db, id, ret_n);
}

int lists_drop(struct db *db, int64_t id, int64_t *ret_n) {
        const struct db_value values[] = {db_integer(id), db_integer(id)};

        return db_run(db, "DELETE FROM outbox_parked WHERE id = ? OR ? = 0", values, ELEMENTSOF(values), NULL, NULL, ret_n);
}

int lists_drop_inbox(struct db *db, int64_t id, int64_t *ret_n) {
        const struct db_value values[] = {db_integer(id), db_integer(id)};

        return db_run(db, "DELETE FROM inbox_parked WHERE id = ? OR ? = 0", values, ELEMENTSOF(values), NULL, NULL, ret_n);
}
