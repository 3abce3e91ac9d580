/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdio.h>

#include "tests/unit/run.h"
#include "workers/gateway/router.h"

#define UUID "5d2e0000-0000-4000-8000-000000000001"

static const char descriptions[] =
        "[{\"plugin\": \"user\", \"routes\": ["
        "  {\"path\": \"/users\", \"operations\": ["
        "    {\"method\": \"GET\", \"operation\": 0, \"acl\": \"confd.users.read\"},"
        "    {\"method\": \"POST\", \"operation\": 1, \"acl\": null, \"tenant\": \"master\", \"body\": \"json\", \"body_max\": 99,"
        "     \"attempt\": 1.5, \"total\": 60, \"class\": \"import\", \"secrets\": [\"password\"]}]},"
        "  {\"path\": \"/users/{id:int_or_uuid}\", \"operations\": [{\"method\": \"GET\", \"operation\": 2, \"acl\": \"\"}]},"
        "  {\"path\": \"/users/{user:uuid}/lines/{line:int}\", \"operations\": [{\"method\": \"PUT\", \"operation\": 3, \"acl\": \"\"}]},"
        "  {\"path\": \"/users/{id:int}/lines\", \"operations\": [{\"method\": \"GET\", \"operation\": 4, \"acl\": \"\"},"
        "     {\"method\": \"HEAD\", \"operation\": 5, \"acl\": \"\"}]},"
        "  {\"path\": \"/users/import\", \"operations\": [{\"method\": \"POST\", \"operation\": 6, \"acl\": \"\"}]}]},"
        " {\"plugin\": \"misc\", \"routes\": ["
        "  {\"path\": \"/{any:text}\", \"operations\": [{\"method\": \"DELETE\", \"operation\": 0, \"acl\": \"\"}]},"
        "  {\"path\": \"/users\", \"operations\": [{\"method\": \"GET\", \"operation\": 1, \"acl\": \"\"},"
        "     {\"method\": \"PUT\", \"operation\": 2, \"acl\": \"\"}]},"
        "  {\"path\": \"users\", \"operations\": [{\"method\": \"GET\", \"operation\": 3, \"acl\": \"\"}]},"
        "  {\"path\": \"/a/{b:word}\", \"operations\": [{\"method\": \"GET\", \"operation\": 3, \"acl\": \"\"}]},"
        "  {\"path\": \"/a//b\", \"operations\": [{\"method\": \"GET\", \"operation\": 3, \"acl\": \"\"}]},"
        "  {\"path\": \"/open\", \"operations\": [{\"method\": \"GET\", \"operation\": 3}]},"
        "  {\"path\": \"/open\", \"operations\": [{\"method\": \"BREW\", \"operation\": 3, \"acl\": \"\"}]}]},"
        " {\"routes\": []}, 7]";

static struct router router;
static unsigned problems;

static void on_problem(void *userdata, const char *plugin, const char *text) {
        problems++;
}

static void setup(void) {
        json_t *array = json_loads(descriptions, 0, NULL);

        problems = 0;
        ck_assert_int_eq(router_add_builtin(&router, "/status", BUILTIN_STATUS, "confd.status.read"), 0);
        ck_assert_int_eq(router_load(&router, array, on_problem, NULL), 0);
        json_decref(array);
}

static void teardown(void) {
        router_done(&router);
}

static int match(enum method method, const char *path, struct match *ret) {
        static char copy[512];

        (void) strcopy(copy, sizeof(copy), path);
        return router_match(&router, copy, method, ret);
}

static const struct {
        enum method method;
        const char *path;
        int result; /* the operation's number, or a negative errno */
} table[] = {
        {METHOD_GET, "/users", 0},
        {METHOD_HEAD, "/users", 0},
        {METHOD_POST, "/users", 1},
        {METHOD_PUT, "/users", 2}, /* of another plugin, on the same path */
        {METHOD_DELETE, "/users", 0}, /* by /{any} */
        {METHOD_PATCH, "/users", -EOPNOTSUPP},
        {METHOD_OTHER, "/users", -EOPNOTSUPP},
        {METHOD_OPTIONS, "/users", -EOPNOTSUPP},
        {METHOD_GET, "/users/7", 2},
        {METHOD_GET, "/users/" UUID, 2},
        {METHOD_GET, "/users/99999999999999999999", 2},
        {METHOD_GET, "/users/999999999999999999999", -ENOENT},
        {METHOD_GET, "/users/abc", -ENOENT},
        {METHOD_GET, "/users/-1", -ENOENT},
        {METHOD_GET, "/users/1.5", -ENOENT},
        {METHOD_GET, "/users/" UUID "0", -ENOENT},
        {METHOD_GET, "/users/5d2e0000x0000-4000-8000-000000000001", -ENOENT},
        {METHOD_GET, "/users/import", -EOPNOTSUPP},
        {METHOD_POST, "/users/import", 6},
        {METHOD_PUT, "/users/" UUID "/lines/3", 3},
        {METHOD_PUT, "/users/7/lines/3", -ENOENT},
        {METHOD_GET, "/users/7/lines", 4},
        {METHOD_HEAD, "/users/7/lines", 5},
        {METHOD_GET, "/users/" UUID "/lines", -ENOENT},
        {METHOD_GET, "/users/", -ENOENT},
        {METHOD_GET, "//users", -ENOENT},
        {METHOD_GET, "/", -ENOENT},
        {METHOD_GET, "", -ENOENT},
        {METHOD_GET, "users", -ENOENT},
        {METHOD_DELETE, "/anything at all", 0},
        {METHOD_GET, "/open", -EOPNOTSUPP}, /* refused for its missing acl; only /{any} is left */
        {METHOD_GET, "/status", 0},
        {METHOD_GET, "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r", -ENOENT},
};

START_TEST(test_table) {
        struct match m;
        int r = match(table[_i].method, table[_i].path, &m);

        ck_assert_msg((r < 0 ? r : (int) m.operation->number) == table[_i].result, "%s: %d", table[_i].path, r);
}
END_TEST

START_TEST(test_params) {
        struct match m;

        ck_assert_int_eq(match(METHOD_PUT, "/users/" UUID "/lines/3", &m), 0);
        ck_assert_uint_eq(m.n_params, 2);
        ck_assert_str_eq(m.params[0].name, "user");
        ck_assert_str_eq(m.params[0].value, UUID);
        ck_assert_str_eq(m.params[1].name, "line");
        ck_assert_str_eq(m.params[1].value, "3");
        ck_assert_str_eq(m.operation->route->shown, "/users/{user}/lines/{line}");
}
END_TEST

START_TEST(test_members) {
        struct match m;

        ck_assert_int_eq(match(METHOD_POST, "/users", &m), 0);
        ck_assert_ptr_null(m.operation->acl);
        ck_assert_int_eq(m.operation->tenant, TENANT_MASTER);
        ck_assert_int_eq(m.operation->body, BODY_JSON);
        ck_assert_uint_eq(m.operation->body_max, 99);
        ck_assert_uint_eq(m.operation->attempt_nsec, 1500000000);
        ck_assert_uint_eq(m.operation->total_nsec, 60000000000);
        ck_assert_str_eq(m.operation->secrets[0], "password");
        ck_assert_str_eq(router.pools[m.operation->pool].class, "import");
        ck_assert_uint_eq(router.n_pools, 3);
}
END_TEST

START_TEST(test_allowed) {
        struct match m;

        ck_assert_int_eq(match(METHOD_OTHER, "/users", &m), -EOPNOTSUPP);
        ck_assert_uint_eq(m.allowed, 1U << METHOD_GET | 1U << METHOD_POST | 1U << METHOD_PUT | 1U << METHOD_DELETE);
}
END_TEST

START_TEST(test_problems) {
        /* A stolen route, three malformed paths, a missing acl, a method that is none, two descriptions without a name. */
        ck_assert_uint_eq(problems, 8);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("gateway-router");
        TCase *tcase = tcase_create("router");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_loop_test(tcase, test_table, 0, (int) ELEMENTSOF(table));
        tcase_add_test(tcase, test_params);
        tcase_add_test(tcase, test_members);
        tcase_add_test(tcase, test_allowed);
        tcase_add_test(tcase, test_problems);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
