/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The SQL made from models, in both dialects, without a database. */
#include <check.h>

#include "tests/unit/run.h"
#include "workers/kit/internal.h"

const struct wazo_plugin wazo_plugin = {.abi = WAZO_PLUGIN_ABI, .size = sizeof(struct wazo_plugin), .name = "none"};

static const struct wazo_choice modes[] = {{"allow", "1"}, {"deny", "0"}, {}};
static const struct wazo_field fields[] = {
        {"id", WAZO_INTEGER, WAZO_READ_ONLY | WAZO_GENERATED, .column = "uniqueid"},
        {"tenant_uuid", WAZO_UUID, WAZO_READ_ONLY},
        {"name", WAZO_STRING, .column = "fullname", .store = WAZO_AS_EMPTY},
        {"enabled", WAZO_BOOLEAN, .column = "commented", .store = WAZO_AS_INVERTED},
        {"mode", WAZO_STRING, .column = "authorization", .choices = modes},
        {"protocol", WAZO_STRING, WAZO_READ_ONLY, .expression = "CASE WHEN x THEN 'sip' END"},
        {"nowhere", WAZO_STRING},
        {},
};
static const struct wazo_column columns[] = {
        {"name", WAZO_SEARCH}, {"enabled", WAZO_SEARCH}, {"mode"}, {"id", WAZO_SPLIT},
        {"type", WAZO_SEARCH, .expression = "context.contexttype"}, {},
};
static const struct wazo_model model = {
        .name = "Box", .table = "box", .fields = fields, .join = "JOIN context ON context.name = box.context",
        .where = "box.template = false",
        .tenant = "context.tenant_uuid", .columns = columns, .order = "name",
};
static const struct wazo_model plain = {.name = "Box", .table = "box", .fields = fields};

#define SELECT                                                                                                                    \
        "SELECT box.uniqueid, context.tenant_uuid, box.fullname, box.commented, box.authorization, (CASE WHEN x THEN 'sip' END) " \
        "FROM box JOIN context ON context.name = box.context WHERE box.template = false"

static const char *tenants[] = {"t1", "t2"};
static const struct request request = {.tenant = "t1", .tenants = tenants, .n_tenants = 2, .body_fd = -1};
static const struct wazo_context ctx = {.request = &request};

static void check_values(const struct values *values, const char *expected) {
        _cleanup_text_ struct text t = TEXT_NULL;

        for (size_t i = 0; i < values->n; i++) {
                const struct db_value *v = &values->items[i];

                text_add(&t, i > 0 ? " " : "");
                if (v->type == DB_TEXT)
                        text_addf(&t, "'%s'", v->text);
                else if (v->type == DB_NULL)
                        text_add(&t, "NULL");
                else
                        text_addf(&t, v->type == DB_BOOLEAN ? "b%lld" : "%lld", (long long) v->integer);
        }
        ck_assert_int_eq(text_end(&t), 0);
        ck_assert_str_eq(t.data, expected);
}

static void check_get(const struct wazo_model *m, json_t *members, bool tree, const char *sql, const char *expected) {
        _cleanup_values_ struct values values = VALUES_NULL;
        _cleanup_text_ struct text t = TEXT_NULL;

        ck_assert_int_eq(query_get(&ctx, DB_SQLITE, m, members, tree, &t, &values), 0);
        ck_assert_str_eq(t.data, sql);
        check_values(&values, expected);
        json_decref(members);
}

START_TEST(gets) {
        _cleanup_values_ struct values values = VALUES_NULL;
        _cleanup_text_ struct text t = TEXT_NULL;
        _wazo_unref_ json_t *unknown = json_pack("{s:i}", "unknown", 1);

        check_get(&model, json_pack("{s:i}", "id", 3), true,
                  SELECT " AND box.uniqueid = ? AND context.tenant_uuid IN (?, ?) LIMIT 1", "3 't1' 't2'");
        check_get(&model, json_pack("{s:s,s:b}", "mode", "deny", "enabled", 1), false,
                  SELECT " AND box.authorization = ? AND box.commented = ? LIMIT 1", "'0' 0");
        check_get(&model, json_pack("{s:n,s:n}", "name", "mode"), false,
                  SELECT " AND box.fullname = ? AND box.authorization IS NULL LIMIT 1", "''");
        check_get(&plain, json_pack("{s:s}", "protocol", "sip"), true,
                  "SELECT box.uniqueid, NULL, box.fullname, box.commented, box.authorization, (CASE WHEN x THEN 'sip' END) FROM box WHERE 1 = 1 "
                  "AND (CASE WHEN x THEN 'sip' END) = ? LIMIT 1",
                  "'sip'");
        ck_assert_int_eq(query_get(&ctx, DB_SQLITE, &model, unknown, false, &t, &values), -EINVAL);
}
END_TEST

static void check_list(enum db_dialect dialect, const struct wazo_query *query, bool count, const char *rest,
                       const char *expected) {
        _cleanup_values_ struct values values = VALUES_NULL;
        _cleanup_text_ struct text t = TEXT_NULL;
        const char *from =
                count ? "SELECT COUNT(*) FROM box JOIN context ON context.name = box.context WHERE box.template = false"
                      : SELECT;
        int r = query_list(&ctx, dialect, &model, query, count, true, &t, &values);

        if (!rest) {
                ck_assert_int_eq(r, 1);
                return;
        }
        ck_assert_int_eq(r, 0);
        ck_assert_msg(strncmp(t.data, from, strlen(from)) == 0, "%s", t.data);
        ck_assert_str_eq(t.data + strlen(from), rest);
        check_values(&values, expected);
}

#define ORDER " ORDER BY box.fullname ASC NULLS LAST, box.uniqueid ASC"

START_TEST(lists) {
        check_list(DB_SQLITE, &(const struct wazo_query) {0}, false, " AND context.tenant_uuid = ?" ORDER, "'t1'");
        check_list(DB_SQLITE, &(const struct wazo_query) {.recurse = true, .limit = 5, .offset = 2}, false,
                   " AND context.tenant_uuid IN (?, ?)" ORDER " LIMIT ? OFFSET ?", "'t1' 't2' 5 2");
        check_list(DB_SQLITE, &(const struct wazo_query) {.offset = 2}, false,
                   " AND context.tenant_uuid = ?" ORDER " LIMIT -1 OFFSET ?", "'t1' 2");
        check_list(DB_POSTGRESQL, &(const struct wazo_query) {.offset = 2}, false,
                   " AND context.tenant_uuid = ?" ORDER " OFFSET ?", "'t1' 2");
        check_list(DB_SQLITE, &(const struct wazo_query) {.order = "enabled", .descending = true}, false,
                   " AND context.tenant_uuid = ? ORDER BY (box.commented = 0) DESC NULLS FIRST, box.uniqueid DESC", "'t1'");
        check_list(DB_SQLITE, &(const struct wazo_query) {.order = "type"}, false,
                   " AND context.tenant_uuid = ? ORDER BY (context.contexttype) ASC NULLS LAST, box.uniqueid ASC", "'t1'");
        check_list(DB_SQLITE, &(const struct wazo_query) {0}, true, " AND context.tenant_uuid = ?", "'t1'");
}
END_TEST

START_TEST(searches) {
        check_list(DB_SQLITE, &(const struct wazo_query) {.search = "Été%"}, true,
                   " AND context.tenant_uuid = ? AND (fold(CAST(box.fullname AS TEXT)) LIKE ? OR fold(CASE WHEN (box.commented = 0) THEN 'true' ELSE "
                   "'false' END) LIKE ? OR fold(CAST((context.contexttype) AS TEXT)) LIKE ?)",
                   "'t1' '%ete%%' '%ete%%' '%ete%%'");
        check_list(DB_POSTGRESQL, &(const struct wazo_query) {.search = "a"}, true,
                   " AND context.tenant_uuid = ? AND (unaccent(CAST(box.fullname AS TEXT)) ILIKE ? OR unaccent(CASE WHEN (box.commented = 0) THEN 'true' "
                   "ELSE 'false' END) ILIKE ? OR unaccent(CAST((context.contexttype) AS TEXT)) ILIKE ?)",
                   "'t1' '%a%' '%a%' '%a%'");
}
END_TEST

static void check_filter(const char *name, const char *value, const char *rest, const char *expected) {
        _wazo_unref_ json_t *filters = json_pack("{s:s}", name, value);

        check_list(DB_SQLITE, &(const struct wazo_query) {.filters = filters}, true, rest, expected);
}

START_TEST(filters) {
        check_filter("name", "a' OR 1=1", " AND context.tenant_uuid = ? AND box.fullname IN (?)", "'t1' 'a' OR 1=1'");
        check_filter("enabled", "True", " AND context.tenant_uuid = ? AND (box.commented = 0) IN (?)", "'t1' b1");
        check_filter("enabled", "perhaps", NULL, NULL);
        check_filter("mode", "allow", " AND context.tenant_uuid = ? AND box.authorization IN (?)", "'t1' '1'");
        check_filter("id", "1,x,3", " AND context.tenant_uuid = ? AND box.uniqueid IN (?, ?)", "'t1' 1 3");
        check_filter("id", "99999999999999999999", NULL, NULL);
        check_filter("unknown", "x", " AND context.tenant_uuid = ?", "'t1'");
}
END_TEST

START_TEST(conditions_of_callers) {
        _wazo_unref_ json_t *parameters = json_pack("[s,i,b]", "x", 3, 1);

        check_list(DB_SQLITE, &(const struct wazo_query) {.where = "a = ? AND b = ? OR c = ?", .parameters = parameters}, true,
                   " AND context.tenant_uuid = ? AND (a = ? AND b = ? OR c = ?)", "'t1' 'x' 3 b1");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("kit-query");
        TCase *tc = tcase_create("query");

        tcase_add_test(tc, gets);
        tcase_add_test(tc, lists);
        tcase_add_test(tc, searches);
        tcase_add_test(tc, filters);
        tcase_add_test(tc, conditions_of_callers);
        suite_add_tcase(suite, tc);
        return check_run(suite);
}
