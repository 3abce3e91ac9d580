/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>

#include "lib/mask.h"
#include "lib/secret.h"
#include "tests/unit/run.h"

static const char *const secrets[] = {"password", "secret", "auth_section_options", NULL};

START_TEST(tokens) {
        static const char *const cases[][2] = {
                {"b5d1ae96-6b6a-4ea6-9f0d-2b8bf8c9e4a1", "XXXXXXXX-XXXX-XXXX-XXXX-XXXXf8c9e4a1"},
                {"12345678", "XXXXXXXX"},
                {"short", "XXXXX"},
                {"123456789", "X23456789"},
                {"", ""},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *masked = mask_token(cases[i][0]);

                ck_assert_str_eq(masked, cases[i][1]);
        }
}
END_TEST

static void masked(const char *from, const char *expected) {
        json_t *value = json_loads(from, JSON_DECODE_ANY, NULL), *copy;
        _cleanup_free_ char *before = json_dumps(value, JSON_ENCODE_ANY), *after = NULL, *text = NULL;

        ck_assert_ptr_nonnull(value);
        copy = secret_mask_json(value, secrets);
        text = json_dumps(copy, JSON_ENCODE_ANY);
        ck_assert_str_eq(text, expected);
        after = json_dumps(value, JSON_ENCODE_ANY);
        ck_assert_str_eq(before, after);
        json_decref(copy);
        json_decref(value);
}

START_TEST(members) {
        masked("{\"name\": \"a\", \"password\": \"b\"}", "{\"name\": \"a\", \"password\": \"<hidden>\"}");
        masked("{\"secret\": {\"deep\": [1, 2]}}", "{\"secret\": \"<hidden>\"}");
        masked("{\"secret\": null}", "{\"secret\": null}");
        masked("[{\"a\": {\"b\": [{\"password\": 3}]}}]", "[{\"a\": {\"b\": [{\"password\": \"<hidden>\"}]}}]");
        masked("{\"password_hint\": 1}", "{\"password_hint\": 1}");
        masked("\"password\"", "\"password\"");
        masked("[]", "[]");
        masked("12", "12");
}
END_TEST

START_TEST(pairs) {
        masked("[[\"username\", \"u\"], [\"password\", \"p\"]]", "[[\"username\", \"u\"], [\"password\", \"<hidden>\"]]");
        masked("[\"password\", {\"p\": 1}]", "[\"password\", \"<hidden>\"]");
        masked("[\"password\", \"a\", \"b\"]", "[\"password\", \"a\", \"b\"]");
        masked("[\"password\"]", "[\"password\"]");
        masked("[1, 2]", "[1, 2]");
}
END_TEST

START_TEST(passwords_hide_without_a_list) {
        json_t *value = json_loads("[[\"password\", \"p\"], {\"password\": 1}]", 0, NULL), *copy = secret_mask_json(value, NULL);
        _cleanup_free_ char *text = json_dumps(copy, 0);

        ck_assert_str_eq(text, "[[\"password\", \"<hidden>\"], {\"password\": 1}]");
        json_decref(copy);
        json_decref(value);
}
END_TEST

/* Deeper than anybody looks, a secret does not get out either. */
START_TEST(depth) {
        json_t *value = json_pack("{s:s}", "password", "known-secret"), *copy;
        _cleanup_free_ char *text = NULL;

        for (unsigned i = 0; i < 500; i++)
                value = json_pack("[o]", value);
        copy = secret_mask_json(value, secrets);
        text = json_dumps(copy, 0);
        ck_assert_ptr_null(strstr(text, "known-secret"));
        json_decref(copy);
        json_decref(value);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("secret");
        TCase *tcase = tcase_create("secret");

        tcase_add_test(tcase, tokens);
        tcase_add_test(tcase, members);
        tcase_add_test(tcase, pairs);
        tcase_add_test(tcase, passwords_hide_without_a_list);
        tcase_add_test(tcase, depth);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
