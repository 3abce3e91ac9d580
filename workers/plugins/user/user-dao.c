/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of a user the model's SQL cannot say: members made from several columns, rows that come and go with it, sorting. */
#include <stdio.h>

#include "lib/util.h"
#include "workers/plugins/user/nfkd.h"
#include "workers/plugins/user/user-destination.h"
#include "workers/plugins/user/user-internal.h"

/* ----- loading ----- */

static const char *const record_members[] = {
        "call_record_outgoing_external_enabled",
        "call_record_outgoing_internal_enabled",
        "call_record_incoming_internal_enabled",
        "call_record_incoming_external_enabled",
};

/* Members that are made from hidden ones. */
static int compose(json_t *user) {
        bool recorded = true;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(record_members); i++)
                recorded &= wazo_boolean(user, record_members[i]);
        r = wazo_set(user, "call_record_enabled", json_boolean(recorded));
        if (r >= 0)
                r = wazo_set(user, "services",
                             json_pack("{s:{s:O},s:{s:O}}", "dnd", "enabled", json_object_get(user, "dnd_enabled"), "incallfilter",
                                       "enabled", json_object_get(user, "incallfilter_enabled")));
        if (r >= 0)
                r = wazo_set(user, "forwards",
                             json_pack("{s:{s:O,s:O},s:{s:O,s:O},s:{s:O,s:O}}",
                                       "busy", "enabled", json_object_get(user, "busy_enabled"),
                                       "destination", json_object_get(user, "busy_destination"),
                                       "noanswer", "enabled", json_object_get(user, "noanswer_enabled"),
                                       "destination", json_object_get(user, "noanswer_destination"),
                                       "unconditional", "enabled", json_object_get(user, "unconditional_enabled"),
                                       "destination", json_object_get(user, "unconditional_destination")));
        return r;
}

/* "SELECT ... IN (%s)" with as many placeholders as @values has. */
static int select_many(struct wazo_context *ctx, const char *before, const char *after, const json_t *values, json_t **ret_rows) {
        size_t n = json_array_size(values), size = strlen(before) + n * 2 + strlen(after) + 1;
        _cleanup_free_ char *sql = malloc(size);
        char *at;

        if (!sql)
                return -ENOMEM;
        at = stpcpy(sql, before);
        for (size_t i = 0; i < n; i++)
                at = stpcpy(at, i > 0 ? ",?" : "?");
        (void) strcpy(at, after);
        return wazo_select_array(ctx, ret_rows, sql, values);
}

/* All SIP endpoints behind the users' lines: {"uuid": [endpoint objects]}. */
static int collect_endpoints(const json_t *users, json_t *by_uuid) {
        const json_t *user, *line;
        size_t i, j;

        json_array_foreach(users, i, user) {
                json_array_foreach(json_object_get(user, "lines"), j, line) {
                        json_t *endpoint = json_object_get(line, "endpoint_sip"), *list;
                        const char *uuid = wazo_string(endpoint, "uuid");

                        if (!uuid)
                                continue;
                        list = json_object_get(by_uuid, uuid);
                        if (!list && json_object_set_new(by_uuid, uuid, list = json_array()) < 0)
                                return -ENOMEM;
                        if (json_array_append(list, endpoint) < 0
                            || json_object_set_new(endpoint, "auth_section_options", json_array()) < 0)
                                return -ENOMEM;
                }
        }
        return 0;
}

static int add_option(const json_t *endpoints, const json_t *row) {
        json_t *endpoint;
        size_t i;

        json_array_foreach(endpoints, i, endpoint)
                if (json_array_append_new(json_object_get(endpoint, "auth_section_options"),
                                          json_pack("[s,O]", "username", json_object_get(row, "value"))) < 0)
                        return -ENOMEM;
        return 0;
}

/* What of a line's authentication is shown: the user names. */
static int load_user_names(struct wazo_context *ctx, const json_t *users) {
        _wazo_unref_ json_t *by_uuid = json_object(), *uuids = json_array(), *rows = NULL;
        const json_t *row;
        size_t i;
        int r;

        if (!by_uuid || !uuids)
                return -ENOMEM;
        r = collect_endpoints(users, by_uuid);
        if (r < 0)
                return r;
        for (void *at = json_object_iter(by_uuid); at; at = json_object_iter_next(by_uuid, at))
                if (json_array_append_new(uuids, json_string(json_object_iter_key(at))) < 0)
                        return -ENOMEM;
        if (json_array_size(uuids) == 0)
                return 0;
        r = select_many(ctx,
                        "SELECT endpoint_sip_section.endpoint_sip_uuid AS uuid, endpoint_sip_section_option.value AS value "
                        "FROM endpoint_sip_section JOIN endpoint_sip_section_option "
                        "ON endpoint_sip_section_option.endpoint_sip_section_uuid = endpoint_sip_section.uuid "
                        "WHERE endpoint_sip_section.type = 'auth' AND endpoint_sip_section_option.key = 'username' "
                        "AND endpoint_sip_section.endpoint_sip_uuid IN (",
                        ")", uuids, &rows);
        if (r < 0)
                return r;
        json_array_foreach(rows, i, row) {
                r = add_option(json_object_get(by_uuid, wazo_string(row, "uuid")), row);
                if (r < 0)
                        return r;
        }
        return 0;
}

static const struct {
        const char *event, *member;
} fallbacks[] = {
        {"noanswer", "noanswer_destination"},
        {"busy", "busy_destination"},
        {"congestion", "congestion_destination"},
        {"chanunavail", "fail_destination"},
};

static int load_fallbacks(struct wazo_context *ctx, const json_t *users) {
        _wazo_unref_ json_t *by_id = json_object(), *ids = json_array(), *rows = NULL;
        json_t *user;
        const json_t *row;
        size_t i;
        int r;

        if (!by_id || !ids)
                return -ENOMEM;
        json_array_foreach(users, i, user) {
                char id[24];

                (void) snprintf(id, sizeof(id), "%lld", (long long) wazo_integer(user, "id"));
                r = wazo_set(user, "fallbacks", json_pack("{s:n,s:n,s:n,s:n}", "noanswer_destination", "busy_destination",
                                                          "congestion_destination", "fail_destination"));
                if (r < 0 || json_object_set(by_id, id, user) < 0 || json_array_append_new(ids, json_string(id)) < 0)
                        return -ENOMEM;
        }
        r = select_many(ctx,
                        "SELECT event, categoryval, action, actionarg1, actionarg2 FROM dialaction WHERE category = 'user' "
                        "AND categoryval IN (",
                        ")", ids, &rows);
        if (r < 0)
                return r;
        json_array_foreach(rows, i, row) {
                json_t *shown = json_object_get(json_object_get(by_id, wazo_string(row, "categoryval")), "fallbacks");
                _wazo_unref_ json_t *destination = NULL;

                for (size_t j = 0; j < ELEMENTSOF(fallbacks); j++)
                        if (streq(strempty(wazo_string(row, "event")), fallbacks[j].event)) {
                                r = user_destination(ctx, row, &destination);
                                if (r >= 0)
                                        r = wazo_set(shown, fallbacks[j].member, json_incref(destination));
                                if (r < 0)
                                        return r;
                        }
        }
        return 0;
}

/* A statement takes so many values at once. */
#define PART 500

static int loaded(struct wazo_context *ctx, const struct wazo_service *service, json_t *users) {
        json_t *user;
        size_t i;
        int r;

        json_array_foreach(users, i, user) {
                r = compose(user);
                if (r < 0)
                        return r;
        }
        for (i = 0; i < json_array_size(users); i += PART) {
                _wazo_unref_ json_t *part = json_array();

                for (size_t j = i; j < json_array_size(users) && j < i + PART; j++)
                        if (json_array_append(part, json_array_get(users, j)) < 0)
                                return -ENOMEM;
                r = load_user_names(ctx, part);
                if (r >= 0)
                        r = load_fallbacks(ctx, part);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ----- rows that come and go with a user ----- */

static int insert(struct wazo_context *ctx, const struct wazo_service *service, json_t *user) {
        _wazo_unref_ json_t *row = NULL;
        char slug[64];
        int r;

        /* The function keys of the user's own: a template without a name. Its tenant's row must be there before. */
        r = wazo_tenant_slug(ctx, slug, sizeof(slug));
        if (r >= 0)
                r = wazo_select_row(ctx, &row,
                                    "INSERT INTO func_key_template (tenant_uuid, private) VALUES (?, true) RETURNING id",
                                    "s", wazo_tenant(ctx));
        if (r != 0)
                return r < 0 ? r : -EIO;
        r = wazo_set(user, "private_template_id", json_incref(json_object_get(row, "id")));
        return r < 0 ? r : wazo_dao_insert(ctx, service, user);
}

#define KEYS_OF_USER "(SELECT func_key_id FROM func_key_dest_user WHERE user_id = ?)"
#define FILTERS_OF_USER "(SELECT id FROM callfiltermember WHERE type = 'user' AND typeval = CAST(? AS TEXT))"
#define KEYS_OF_FILTERS "(SELECT func_key_id FROM func_key_dest_bsfilter WHERE filtermember_id IN " FILTERS_OF_USER ")"

/* Rows of the user and of others that lead to it, no foreign key removing them. Each takes the user's id once.
 * Function keys go from the templates where they lie, then with their destination; the destination last, as the key's
 * id is known from there. */
static const char *const dependants[] = {
        "DELETE FROM dialaction WHERE category = 'user' AND categoryval = CAST(? AS TEXT)",
        "DELETE FROM dialaction WHERE action = 'user' AND actionarg1 = CAST(? AS TEXT)",
        "DELETE FROM queuemember WHERE usertype = 'user' AND userid = ?",
        "DELETE FROM rightcallmember WHERE type = 'user' AND typeval = CAST(? AS TEXT)",
        "DELETE FROM schedule_path WHERE path = 'user' AND pathid = ?",
        "DELETE FROM pickupmember WHERE membertype = 'user' AND memberid = ?",
        "DELETE FROM paginguser WHERE userfeaturesid = ?",
        "DELETE FROM switchboard_member_user WHERE user_uuid = (SELECT uuid FROM userfeatures WHERE id = ?)",
        ("DELETE FROM func_key_mapping WHERE func_key_id IN " KEYS_OF_USER),
        ("DELETE FROM func_key_mapping WHERE func_key_id IN " KEYS_OF_FILTERS),
};

/* Function keys that lead to the user, or to its place in a call filter. */
static int delete_keys(struct wazo_context *ctx, json_int_t id, const char *select, const char *destination) {
        _wazo_unref_ json_t *keys = NULL;
        const json_t *key;
        size_t i;
        int r;

        r = wazo_select(ctx, &keys, select, "I", id);
        if (r >= 0)
                r = wazo_execute(ctx, destination, "I", id);
        json_array_foreach(keys, i, key)
                if (r >= 0)
                        r = wazo_execute(ctx, "DELETE FROM func_key WHERE id = ?", "I",
                                         (json_int_t) wazo_integer(key, "func_key_id"));
        return r < 0 ? r : 0;
}

static int delete_dependants(struct wazo_context *ctx, json_int_t id) {
        int r;

        for (size_t i = 0; i < ELEMENTSOF(dependants); i++) {
                r = wazo_execute(ctx, dependants[i], "I", id);
                if (r < 0)
                        return r;
        }
        r = delete_keys(ctx, id, "SELECT func_key_id FROM func_key_dest_user WHERE user_id = ?",
                        "DELETE FROM func_key_dest_user WHERE user_id = ?");
        if (r >= 0)
                r = delete_keys(ctx, id, "SELECT func_key_id FROM func_key_dest_bsfilter WHERE filtermember_id IN " FILTERS_OF_USER,
                                "DELETE FROM func_key_dest_bsfilter WHERE filtermember_id IN " FILTERS_OF_USER);
        if (r >= 0)
                r = wazo_execute(ctx, "DELETE FROM callfiltermember WHERE type = 'user' AND typeval = CAST(? AS TEXT)", "I", id);
        return r < 0 ? r : 0;
}

static int delete(struct wazo_context *ctx, const struct wazo_service *service, const json_t *user) {
        int r;

        r = delete_dependants(ctx, (json_int_t) wazo_integer(user, "id"));
        if (r >= 0)
                r = wazo_dao_delete(ctx, service, user);
        if (r >= 0)
                r = wazo_execute(ctx, "DELETE FROM func_key_template WHERE id = ?", "I",
                                 (json_int_t) wazo_integer(user, "private_template_id"));
        return r < 0 ? r : 0;
}

/* ----- sorting: NFKD, names without their case, empty values last ----- */

struct item {
        json_t *user;
        char *text;     /* NULL: empty */
        int64_t number; /* where the column is one */
        size_t index;
};

static const char *const folded_columns[] = {"firstname", "lastname", "fullname", "description"};

static int compare(const void *a, const void *b, void *descending) {
        const struct item *x = a, *y = b;
        int c;

        if (!x->text || !y->text)
                c = (x->text == NULL) - (y->text == NULL);
        else if (x->text[0] && y->text[0])
                c = strcmp(x->text, y->text);
        else
                c = (x->number > y->number) - (x->number < y->number);
        if (*(bool *) descending)
                c = -c;
        return c != 0 ? c : (x->index > y->index) - (x->index < y->index);
}

/* A column that no field has: {"user's id": "text"}. */
static int column_values(struct wazo_context *ctx, const char *expression, json_t **ret) {
        _wazo_unref_ json_t *rows = NULL, *values = json_object();
        _cleanup_free_ char *sql = NULL;
        const json_t *row;
        size_t i;
        int r;

        if (!values || asprintf(&sql, "SELECT userfeatures.id AS id, (%s) AS value FROM userfeatures", expression) < 0)
                return -ENOMEM;
        r = wazo_select(ctx, &rows, sql, NULL);
        if (r < 0)
                return r;
        json_array_foreach(rows, i, row) {
                char id[24];

                (void) snprintf(id, sizeof(id), "%lld", (long long) wazo_integer(row, "id"));
                if (json_object_set(values, id, json_object_get(row, "value")) < 0)
                        return -ENOMEM;
        }
        *ret = STEAL(values);
        return 0;
}

/* The text of an item is "" where its number counts. */
static int fill_item(struct item *item, const json_t *value, bool fold) {
        if (json_is_integer(value) || json_is_boolean(value)) {
                item->number = json_is_integer(value) ? json_integer_value(value) : json_is_true(value);
                item->text = strdup("");
        } else if (json_string_length(value) > 0)
                item->text = fold ? nfkd_fold(json_string_value(value)) : nfkd(json_string_value(value));
        else
                return 0;
        return item->text ? 0 : -ENOMEM;
}

static int fill_items(struct wazo_context *ctx, struct item *items, json_t *users, const char *order) {
        const char *expression = user_column_expression(order);
        _wazo_unref_ json_t *values = NULL;
        bool fold = false;
        json_t *user;
        size_t i;
        int r;

        for (i = 0; i < ELEMENTSOF(folded_columns); i++)
                fold |= streq(order, folded_columns[i]);
        if (expression) {
                r = column_values(ctx, expression, &values);
                if (r < 0)
                        return r;
        }
        json_array_foreach(users, i, user) {
                char id[24];

                (void) snprintf(id, sizeof(id), "%lld", (long long) wazo_integer(user, "id"));
                items[i].user = json_incref(user);
                items[i].index = i;
                r = fill_item(&items[i], values ? json_object_get(values, id) : json_object_get(user, order), fold);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int sort(struct wazo_context *ctx, json_t *users, const char *order, bool descending) {
        size_t n = json_array_size(users);
        struct item *items = calloc(n + 1, sizeof(*items));
        int r;

        if (!items)
                return -ENOMEM;
        r = fill_items(ctx, items, users, order);
        if (r >= 0) {
                qsort_r(items, n, sizeof(*items), compare, &descending);
                for (size_t i = 0; i < n && r >= 0; i++)
                        r = json_array_set(users, i, items[i].user) < 0 ? -ENOMEM : 0;
        }
        for (size_t i = 0; i < n; i++) {
                json_decref(items[i].user);
                free(items[i].text);
        }
        free(items);
        return r;
}

const struct wazo_dao user_dao = {
        .loaded = loaded,
        .insert = insert,
        .delete = delete,
        .sort = sort,
};
