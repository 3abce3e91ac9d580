/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdio.h>

#include "tests/unit/run.h"
#include "workers/gateway/access.h"
#include "workers/gateway/tenants.h"

#define ME "5d2e0000-0000-4000-8000-000000000001"
#define SESSION "77770000-0000-4000-8000-000000000001"

static const struct {
        const char *pattern, *right;
        bool matches;
} table[] = {
        {"#", "confd.users.read", true},
        {"#", "", true},
        {"confd.#", "confd.users.read", true},
        {"confd.#", "confd", false},
        {"confd.#", "confd.", true},
        {"confd#", "confd", true},
        {"#.read", "confd.users.read", true},
        {"#.read", "read", false},
        {"confd.#.read", "confd.users.7.lines.read", true},
        {"confd.#.read", "confd.users.7.lines.update", false},
        {"confd.*.read", "confd.users.read", true},
        {"confd.*.read", "confd.users.7.read", false},
        {"confd.us*.read", "confd.users.read", true},
        {"confd.us*s.read", "confd.users.read", true},
        {"confd.us*x.read", "confd.users.read", false},
        {"confd.*.*.read", "confd.users.7.read", true},
        {"*.*", "confd.users", true},
        {"*", "confd.users", false},
        {"*", "con#fd", false},
        {"*", "", true},
        {"confd.users.read", "confd.users.read", true},
        {"confd.users.read", "confd.users.readx", false},
        {"confd.users.read", "confd.users", false},
        {"confd users", "confd.users", false},
        {"confd+users", "confd.users", false},
        {"", "confd", false},
        {"", "", true},
        {"confd.users.me.read", "confd.users.me.read", true},
        {"confd.users.me.read", "confd.users." ME ".read", true},
        {"confd.users.me.read", "confd.users.7.read", false},
        {"confd.users.me", "confd.users." ME, true},
        {"me", ME, true},
        {"confd.some.read", "confd.so" ME ".read", false},
        {"confd.users.me*.read", "confd.users." ME ".read", false},
        {"auth.my_session.read", "auth." SESSION ".read", true},
        {"auth.my_session.read", "auth.my_session.read", true},
        {"confd.users.edit", "confd.users.edit", true},
        {"confd.users.edit", "confd.users.update", true},
        {"confd.users.edit", "confd.users.delete", false},
        {"confd.users.edited", "confd.users.updateed", false},
        {"a#b#c", "aXbYc", true},
        {"a#b#c", "abc", true},
        {"a#b#c", "acb", false},
        {"#*#*#*#*#*#*#*#*#x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
};

START_TEST(test_patterns) {
        ck_assert_msg(access_match(table[_i].pattern, table[_i].right, ME, SESSION) == table[_i].matches, "%s on %s",
                      table[_i].pattern, table[_i].right);
}
END_TEST

START_TEST(test_without_session) {
        ck_assert(access_match("a.my_session", "a.my_session", ME, NULL));
        ck_assert(!access_match("a.my_session", "a." SESSION, ME, NULL));
}
END_TEST

/* What the longest patterns and rights cost is bounded. */
START_TEST(test_no_blow_up) {
        char pattern[4096], right[ACCESS_RIGHT_MAX + 2];
        uint64_t start = now_monotonic();

        for (size_t i = 0; i + 2 < sizeof(pattern); i += 2)
                memcpy(pattern + i, "#a", 3);
        memset(right, 'a', ACCESS_RIGHT_MAX);
        right[ACCESS_RIGHT_MAX - 1] = 'b';
        right[ACCESS_RIGHT_MAX] = 0;
        ck_assert(!access_match(pattern, right, ME, SESSION));
        ck_assert(now_monotonic() - start < 20 * NSEC_PER_SEC);
        memset(right, 'a', ACCESS_RIGHT_MAX + 1);
        right[ACCESS_RIGHT_MAX + 1] = 0;
        ck_assert(!access_match("*", right, ME, SESSION));
}
END_TEST

/* SHA-256 of "secret". */
#define DIGEST "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"

static json_t *token_json(const char *acl, const char *expires) {
        return json_pack("[{s:s, s:s, s:n, s:s, s:o, s:s?}]", "sha256", DIGEST, "auth_id", ME, "session_uuid", "tenant_uuid", "t",
                         "acl", json_loads(acl, 0, NULL), "expires_at", expires);
}

START_TEST(test_tokens) {
        json_t *array = token_json("[\"confd.#\", \"!confd.users.*.delete\"]", "2026-01-02T03:04:05.123456");
        struct tokens tokens = {0};
        const struct token *token;
        size_t bad;

        ck_assert_int_eq(tokens_load(&tokens, array, &bad), 0);
        ck_assert_ptr_null(tokens_find(&tokens, "other", 0));
        ck_assert_ptr_null(tokens_find(&tokens, "", 0));
        ck_assert_ptr_null(tokens_find(&tokens, "secret", 1767323045));
        token = tokens_find(&tokens, "secret", 1767323044);
        ck_assert_ptr_nonnull(token);
        ck_assert(token_allows(token, "confd.users.7.read"));
        ck_assert(!token_allows(token, "confd.users.7.delete"));
        ck_assert(!token_allows(token, "auth.users.read"));
        tokens_done(&tokens);
        json_decref(array);
}
END_TEST

START_TEST(test_bad_tokens) {
        static const char *const bad[] = {
                "[{}]", "[1]", "[{\"sha256\": \"12\", \"auth_id\": \"a\", \"tenant_uuid\": \"t\", \"acl\": []}]",
                "[{\"sha256\": \"" DIGEST "\", \"auth_id\": \"a\", \"tenant_uuid\": \"t\"}]",
                "[{\"sha256\": \"" DIGEST "\", \"auth_id\": \"a\", \"tenant_uuid\": \"t\", \"acl\": [1]}]",
                "[{\"sha256\": \"" DIGEST "\", \"auth_id\": 3, \"tenant_uuid\": \"t\", \"acl\": []}]",
                "[{\"sha256\": \"" DIGEST "\", \"auth_id\": \"a\", \"tenant_uuid\": \"t\", \"acl\": [], \"expires_at\": \"soon\"}]",
        };
        json_t *array = json_loads(bad[_i], 0, NULL);
        struct tokens tokens = {0};
        size_t index = 9;

        ck_assert_int_eq(tokens_load(&tokens, array, &index), -EINVAL);
        ck_assert_uint_eq(index, 0);
        tokens_done(&tokens);
        json_decref(array);
}
END_TEST

#define A "2f4b0000-0000-4000-8000-00000000000a"
#define B "2f4b0000-0000-4000-8000-00000000000b"
#define C "2f4b0000-0000-4000-8000-00000000000c"
#define D "2f4b0000-0000-4000-8000-00000000000d"

START_TEST(test_tenants) {
        json_t *array = json_pack("[{s:s, s:s}, {s:s, s:n}, {s:s, s:s}, {s:s, s:s}]", "uuid", C, "parent", B, "uuid", A, "parent",
                                  "uuid", B, "parent", A, "uuid", D, "parent", "nowhere");
        struct tenants t = {0};
        const struct tenant *a, *b, *c, *d;

        ck_assert_int_eq(tenants_load(&t, array, A), 0);
        a = tenants_find(&t, A);
        b = tenants_find(&t, "2F4B0000-0000-4000-8000-00000000000B");
        c = tenants_find(&t, C);
        d = tenants_find(&t, D);
        ck_assert(a && b && c && d && t.master == a);
        ck_assert_ptr_null(tenants_find(&t, "nonsense"));
        ck_assert_ptr_null(tenants_find(&t, A "0"));
        ck_assert(tenant_within(c, a) && tenant_within(c, b) && tenant_within(c, c));
        ck_assert(!tenant_within(a, c) && !tenant_within(d, a));
        ck_assert_uint_eq(a->n_family, 3);
        ck_assert_str_eq(a->family[0], A);
        ck_assert_uint_eq(c->n_family, 1);
        tenants_done(&t);
        json_decref(array);
}
END_TEST

START_TEST(test_tenants_in_a_circle) {
        json_t *array = json_pack("[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}]", "uuid", A, "parent", B, "uuid", B, "parent", A, "uuid", C,
                                  "parent", C);
        struct tenants t = {0};

        ck_assert_int_eq(tenants_load(&t, array, NULL), 0);
        ck_assert(!tenant_within(tenants_find(&t, A), tenants_find(&t, C)));
        ck_assert_ptr_null(t.master);
        tenants_done(&t);
        json_decref(array);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("gateway-access");
        TCase *tcase = tcase_create("access");

        tcase_add_loop_test(tcase, test_patterns, 0, (int) ELEMENTSOF(table));
        tcase_add_test(tcase, test_without_session);
        tcase_add_test(tcase, test_no_blow_up);
        tcase_add_test(tcase, test_tokens);
        tcase_add_loop_test(tcase, test_bad_tokens, 0, 7);
        tcase_add_test(tcase, test_tenants);
        tcase_add_test(tcase, test_tenants_in_a_circle);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
