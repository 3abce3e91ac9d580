/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/user_line/user_line-service.h"

#include "lib/util.h"
#include "workers/plugins/line/line-service.h"
#include "workers/plugins/user/user-service.h"

static json_int_t id_of(const json_t *object) {
        return (json_int_t) wazo_integer(object, "id");
}

/* ----- rules ----- */

/* An extension that several lines have reaches one user: the main user of each. */
static int check_main_users(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair,
                            const void *data) {
        _wazo_unref_ json_t *row = NULL;
        int r;

        r = wazo_select_row(ctx, &row,
                            "SELECT other.line_id AS line_id, other.extension_id AS extension_id FROM line_extension AS own "
                            "JOIN line_extension AS other ON other.extension_id = own.extension_id AND other.line_id <> own.line_id "
                            "JOIN user_line ON user_line.line_id = other.line_id AND user_line.main_user = true "
                            "WHERE own.line_id = ? AND user_line.user_id <> ? "
                            "AND NOT EXISTS (SELECT 1 FROM user_line AS mine WHERE mine.line_id = own.line_id AND mine.main_user = true) "
                            "ORDER BY other.line_id, other.extension_id LIMIT 1",
                            "II", id_of(pair->right), id_of(pair->left));
        if (r != 0)
                return r < 0 ? r : 0;
        return wazo_error_resource(ctx, STEAL(row), "Line is associated with a Extension");
}

static int check_no_secondary(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair,
                              const void *data) {
        _wazo_unref_ json_t *row = NULL;
        int r;

        r = wazo_select_row(ctx, &row,
                            "SELECT user_id FROM user_line WHERE line_id = ? AND main_user = false AND user_id <> ?",
                            "II", id_of(pair->right), id_of(pair->left));
        if (r != 0)
                return r < 0 ? r : 0;
        return wazo_error_resource(ctx, json_pack("{s:O}", "line_id", json_object_get(pair->right, "id")),
                                   "There are secondary users associated to the line");
}

static const struct wazo_pair_rule associate_rules[] = {{line_rule_endpoint, "line"}, {check_main_users}, {}};
static const struct wazo_pair_rule dissociate_rules[] = {{check_no_secondary}, {line_rule_no_device, "line"}, {}};

/* ----- rows ----- */

static int find(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair) {
        int r;

        r = wazo_select_row(ctx, &pair->row, "SELECT main_user, main_line FROM user_line WHERE user_id = ? AND line_id = ?", "II",
                            id_of(pair->left), id_of(pair->right));
        return r < 0 ? r : 0;
}

/* The first user of a line is its main user, the first line of a user his main line. */
static int insert(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair) {
        int r;

        r = wazo_execute(ctx,
                         "INSERT INTO user_line (user_id, line_id, main_user, main_line) VALUES (?, ?, "
                         "NOT EXISTS (SELECT 1 FROM user_line WHERE line_id = ?), NOT EXISTS (SELECT 1 FROM user_line WHERE user_id = ?))",
                         "IIII", id_of(pair->left), id_of(pair->right), id_of(pair->right), id_of(pair->left));
        if (r < 0)
                return r;
        json_decref(pair->row);
        pair->row = NULL;
        return find(ctx, association, pair);
}

static int set_main_line(struct wazo_context *ctx, json_int_t user_id, json_int_t line_id) {
        int r;

        r = wazo_execute(ctx,
                         "UPDATE user_line SET main_line = (line_id = ?) WHERE user_id = ? AND main_line <> (line_id = ?)",
                         "III", line_id, user_id, line_id);
        return r <= 0 ? r : line_refresh(ctx, line_id);
}

/* A user who loses his main line gets the lowest of the others for it. */
static int delete(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair) {
        _wazo_unref_ json_t *next = NULL;
        int r;

        r = line_leave_queues(ctx, id_of(pair->right), id_of(pair->left));
        if (r >= 0)
                r = wazo_execute(ctx, "DELETE FROM user_line WHERE user_id = ? AND line_id = ?", "II",
                                 id_of(pair->left), id_of(pair->right));
        if (r < 0 || !wazo_boolean(pair->row, "main_line"))
                return r < 0 ? r : 0;
        r = wazo_select_row(ctx, &next, "SELECT line_id FROM user_line WHERE user_id = ? ORDER BY line_id LIMIT 1",
                            "I", id_of(pair->left));
        if (r != 0)
                return r < 0 ? r : 0;
        return set_main_line(ctx, id_of(pair->left), (json_int_t) wazo_integer(next, "line_id"));
}

static int refresh(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair) {
        return line_refresh(ctx, id_of(pair->right));
}

/* ----- notifier ----- */

/* {"uuid": ...} of an endpoint, or null. */
static json_t *endpoint_key(const json_t *line, const char *member, const char *key) {
        json_t *value = json_object_get(json_object_get(line, member), key);

        return value ? json_pack("{s:O}", key, value) : json_null();
}

static int describe_line(struct wazo_context *ctx, const json_t *objects, json_t *data) {
        const json_t *line = json_object_get(objects, "line");

        return wazo_set(data, "line",
                        json_pack("{s:O,s:O,s:o,s:o,s:o}", "id", json_object_get(line, "id"), "name", json_object_get(line, "name"),
                                  "endpoint_sip", endpoint_key(line, "endpoint_sip", "uuid"),
                                  "endpoint_sccp", endpoint_key(line, "endpoint_sccp", "id"),
                                  "endpoint_custom", endpoint_key(line, "endpoint_custom", "id")));
}

#define EVENT(verb, key)                                                                    \
        {.name = "user_line_" verb, .routing_key = "config.users.{user.uuid}.lines.{line.id}." key, \
         .data = "line.id main_line main_user user.id user.uuid user.tenant_uuid",          \
         .scope = WAZO_TO_USER, .user = "user.uuid", .tenant = "user.tenant_uuid", .fill = describe_line}
#define RELOAD "dialplan reload,module reload res_pjsip.so"

/* ----- the association ----- */

const struct wazo_association user_line_association = {
        .path = "/users/{user_id:int_or_uuid}/lines/{line_id:int}",
        .acl = "confd.users.{user_id}.lines.{line_id}",
        .left = {"user", "user_id", WAZO_KEY_BOTH, &user_service},
        .right = {"line", "line_id", WAZO_KEY_INTEGER, &line_service},
        .associate = associate_rules,
        .dissociate = dissociate_rules,
        .find = find,
        .insert = insert,
        .delete = delete,
        .inserted = refresh,
        .deleted = refresh,
        .associated = EVENT("associated", "updated"),
        .dissociated = EVENT("dissociated", "deleted"),
        .reload = RELOAD,
        .notify_before = true,
};

int user_line_dissociate_all(struct wazo_context *ctx, json_t *line) {
        _wazo_unref_ json_t *rows = NULL;
        const json_t *row;
        size_t i;
        int r;

        r = wazo_select(ctx, &rows,
                        "SELECT user_id FROM user_line WHERE line_id = ? ORDER BY main_user DESC, user_id", "I",
                        id_of(line));
        json_array_foreach(rows, i, row) {
                _wazo_unref_ json_t *user = NULL;

                r = wazo_find_anywhere(ctx, &user_service, &user, "s:O", "id", json_object_get(row, "user_id"));
                if (r == 0)
                        r = wazo_dissociate(ctx, &user_line_association, user, line);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : 0;
}

/* ----- the list form ----- */

static json_t *find_item(const json_t *items, json_int_t line_id) {
        json_t *item;
        size_t i;

        json_array_foreach(items, i, item)
                if (id_of(json_object_get(item, "line")) == line_id)
                        return json_object_get(item, "line");
        return NULL;
}

static int check_items(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair,
                       json_t *items) {
        const json_t *item;
        size_t i;

        json_array_foreach(items, i, item)
                if (find_item(items, id_of(json_object_get(item, "line"))) != json_object_get(item, "line"))
                        return wazo_error_resource(ctx, NULL, "Operation not permitted. Cannot associate same line more than once");
        return 0;
}

static int remove_others(struct wazo_context *ctx, json_t *user, const json_t *items) {
        _wazo_unref_ json_t *rows = NULL;
        const json_t *row;
        size_t i;
        int r;

        r = wazo_select(ctx, &rows,
                        "SELECT line_id FROM user_line WHERE user_id = ? ORDER BY main_line DESC, line_id", "I",
                        id_of(user));
        json_array_foreach(rows, i, row) {
                _wazo_unref_ json_t *line = NULL;

                if (find_item(items, (json_int_t) wazo_integer(row, "line_id")))
                        continue;
                r = wazo_find_anywhere(ctx, &line_service, &line, "s:O", "id", json_object_get(row, "line_id"));
                if (r == 0)
                        r = wazo_dissociate(ctx, &user_line_association, user, line);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : 0;
}

/* The rules and rows of one line of the list, unless it is there already; its event comes when all flags are final. */
static int add(struct wazo_context *ctx, struct wazo_pair *pair) {
        int r;

        r = find(ctx, &user_line_association, pair);
        if (r < 0 || pair->row)
                return r;
        for (const struct wazo_pair_rule *rule = associate_rules; rule->check; rule++) {
                r = rule->check(ctx, &user_line_association, pair, rule->data);
                if (r < 0)
                        return r;
        }
        r = insert(ctx, &user_line_association, pair);
        return r < 0 ? r : line_refresh(ctx, id_of(pair->right));
}

static int tell(struct wazo_context *ctx, json_t *user, json_t *line) {
        _wazo_unref_ json_t *objects = json_pack("{s:O,s:O}", "user", user, "line", line);
        struct wazo_pair pair = {.left = user, .right = line};
        int r;

        r = find(ctx, &user_line_association, &pair);
        if (r >= 0 && (!objects || json_object_update(objects, pair.row) < 0))
                r = -ENOMEM;
        if (r >= 0)
                r = wazo_event_send(ctx, &user_line_association.associated, objects);
        json_decref(pair.row);
        return r;
}

/* What is not in the list goes, what is new comes, the first becomes the main line, and each is told of, changed or not. */
static int replace(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair, json_t *items) {
        const json_t *item;
        size_t i;
        int r;

        r = remove_others(ctx, pair->left, items);
        if (r < 0)
                return r;
        json_array_foreach(items, i, item) {
                struct wazo_pair one = {.left = pair->left, .right = json_object_get(item, "line")};

                r = add(ctx, &one);
                json_decref(one.row);
                if (r < 0)
                        return r;
        }
        if (json_array_size(items) > 0)
                r = set_main_line(ctx, id_of(pair->left), id_of(json_object_get(json_array_get(items, 0), "line")));
        json_array_foreach(items, i, item)
                if (r >= 0)
                        r = tell(ctx, pair->left, json_object_get(item, "line"));
        return r;
}

const struct wazo_association user_lines_association = {
        .path = "/users/{user_id:int_or_uuid}/lines",
        .acl = "confd.users.{user_id}.lines",
        .left = {"user", "user_id", WAZO_KEY_BOTH, &user_service},
        .right = {"line", "line_id", WAZO_KEY_INTEGER, &line_service},
        .member = "lines",
        .check_items = check_items,
        .replace = replace,
        .reload = RELOAD,
};
