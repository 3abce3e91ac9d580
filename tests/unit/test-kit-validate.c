/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each type, coercion and message of rest-conventions 3. */
#include <check.h>
#include <stdio.h>

#include "tests/unit/run.h"
#include "workers/kit/internal.h"

const struct wazo_plugin wazo_plugin = {.abi = WAZO_PLUGIN_ABI, .size = sizeof(struct wazo_plugin), .name = "none"};

static const struct wazo_choice modes[] = {{"allow", NULL}, {"deny", NULL}, {}};
static const struct wazo_field any = {"", WAZO_ANY};
static const struct wazo_field text = {"", WAZO_STRING};
static const struct wazo_field pair = {"", WAZO_LIST,
                                       .item = &(const struct wazo_field) {"", WAZO_STRING,
                                                                           .length = WAZO_BETWEEN(1, 4)},
                                       .length = WAZO_BETWEEN(2, 2)};

static const struct wazo_field string = {"f", WAZO_STRING};
static const struct wazo_field nullable = {"f", WAZO_STRING, WAZO_NULLABLE};
static const struct wazo_field integer = {"f", WAZO_INTEGER};
static const struct wazo_field real = {"f", WAZO_FLOAT};
static const struct wazo_field strict = {"f", WAZO_BOOLEAN};
static const struct wazo_field lax = {"f", WAZO_BOOLEAN_LAX};
static const struct wazo_field uuid = {"f", WAZO_UUID};
static const struct wazo_field email = {"f", WAZO_EMAIL, .length = WAZO_AT_MOST(20)};
static const struct wazo_field choice = {"f", WAZO_STRING, .choices = modes};
static const struct wazo_field both = {"f", WAZO_STRING, .length = WAZO_BETWEEN(1, 3)};
static const struct wazo_field longest = {"f", WAZO_STRING, .length = WAZO_AT_MOST(3)};
static const struct wazo_field shortest = {"f", WAZO_STRING, .length = WAZO_AT_LEAST(2)};
static const struct wazo_field exactly = {"f", WAZO_STRING, .length = WAZO_EXACTLY(2)};
static const struct wazo_field between = {"f", WAZO_INTEGER, .range = WAZO_BETWEEN(0, 10)};
static const struct wazo_field at_least = {"f", WAZO_INTEGER, .range = WAZO_AT_LEAST(1)};
static const struct wazo_field pattern = {"f", WAZO_STRING, .pattern = "^[a-z]{2}_[A-Z]{2}$"};
static const struct wazo_field several = {"f", WAZO_STRING, .length = WAZO_AT_MOST(2), .pattern = "^[0-9]+$"};
static const struct wazo_field digits = {"f", WAZO_STRING, .check = wazo_check_digits};
static const struct wazo_field list = {"f", WAZO_LIST, .item = &text};
static const struct wazo_field free_list = {"f", WAZO_LIST};
static const struct wazo_field pairs = {"f", WAZO_LIST, .item = &pair, .length = WAZO_AT_MOST(2)};
static const struct wazo_field nested = {"f", WAZO_OBJECT,
                                         .fields = (const struct wazo_field[]) {{"a", WAZO_INTEGER, WAZO_REQUIRED},
                                                                                {"b", WAZO_STRING, .preset = "\"x\""},
                                                                                {}}};
static const struct wazo_field nested_list =
        {"f", WAZO_LIST, .fields = (const struct wazo_field[]) {{"a", WAZO_INTEGER, WAZO_REQUIRED}, {}}};

static const struct {
        const struct wazo_field *field;
        const char *in, *out, *errors;
} cases[] = {
        {&any, "{\"x\": 1}", "{\"x\": 1}", NULL},
        {&string, "\"a\"", "\"a\"", NULL},
        {&string, "\"\"", "\"\"", NULL},
        {&string, "1", NULL, "['Not a valid string.']"},
        {&string, "null", NULL, "['Field may not be null.']"},
        {&nullable, "null", "null", NULL},
        {&integer, "5", "5", NULL},
        {&integer, "\"5\"", "5", NULL},
        {&integer, "\" 7 \"", "7", NULL},
        {&integer, "5.5", "5", NULL},
        {&integer, "-5.9", "-5", NULL},
        {&integer, "true", NULL, "['Not a valid integer.']"},
        {&integer, "\"5.5\"", NULL, "['Not a valid integer.']"},
        {&integer, "\"\"", NULL, "['Not a valid integer.']"},
        {&integer, "[]", NULL, "['Not a valid integer.']"},
        {&integer, "1e300", NULL, "['Not a valid integer.']"},
        {&integer, "\"99999999999999999999\"", NULL, "['Not a valid integer.']"},
        {&integer, "2147483648", NULL, "['Must be greater than or equal to -2147483648 and less than or equal to 2147483647.']"},
        {&real, "5", "5.0", NULL},
        {&real, "\"2.5\"", "2.5", NULL},
        {&real, "true", NULL, "['Not a valid number.']"},
        {&real, "\"nan\"", NULL, "['Not a valid number.']"},
        {&strict, "true", "true", NULL},
        {&strict, "1", NULL, "['Not a valid boolean.']"},
        {&strict, "\"true\"", NULL, "['Not a valid boolean.']"},
        {&lax, "1", "true", NULL},
        {&lax, "0", "false", NULL},
        {&lax, "\"0\"", "false", NULL},
        {&lax, "\"T\"", "true", NULL},
        {&lax, "\"Off\"", "false", NULL},
        {&lax, "\"YES\"", "true", NULL},
        {&lax, "\"n\"", "false", NULL},
        {&lax, "2", NULL, "['Not a valid boolean.']"},
        {&lax, "\"\"", NULL, "['Not a valid boolean.']"},
        {&uuid, "\"10000000-0000-4000-8000-00000000000A\"", "\"10000000-0000-4000-8000-00000000000a\"", NULL},
        {&uuid, "\"x\"", NULL, "['Not a valid UUID.']"},
        {&uuid, "1", NULL, "['Not a valid UUID.']"},
        {&email, "\"a@b.example\"", "\"a@b.example\"", NULL},
        {&email, "\"a.b+c@localhost\"", "\"a.b+c@localhost\"", NULL},
        {&email, "\"a\"", NULL, "['Not a valid email address.']"},
        {&email, "\"a@b\"", NULL, "['Not a valid email address.']"},
        {&email, "\"ren\\u00e9@ex\\u00e4mple.fr\"", "\"ren\\u00e9@ex\\u00e4mple.fr\"", NULL},
        {&email, "\"a@[192.0.2.7]\"", "\"a@[192.0.2.7]\"", NULL},
        {&email, "\"a@[192.0.2.777]\"", NULL, "['Not a valid email address.']"},
        {&email, "\"a\\u00a0b@c.de\"", NULL, "['Not a valid email address.']"},
        {&email, "\"a\\u2026@c.de\"", NULL, "['Not a valid email address.']"},
        {&email, "\"\\\"a,b\\\"@c.de\"", "\"\\\"a,b\\\"@c.de\"", NULL},
        {&email, "\"\\\"a b\\\"@c.de\"", NULL, "['Not a valid email address.']"},
        {&email, "\"\\\"a\\\\\\\"@c.de\"", NULL, "['Not a valid email address.']"},
        {&email, "\"a..b@c.de\"", NULL, "['Not a valid email address.']"},
        {&email, "\"a@-b.de\"", NULL, "['Not a valid email address.']"},
        {&email, "\"a b@c.de\"", NULL, "['Not a valid email address.']"},
        {&email, "\"a@b.example.\"", NULL, "['Not a valid email address.']"},
        {&email, "1", NULL, "['Not a valid string.']"},
        {&email, "\"aaaaaaaaaaaaaaaaaaaaaa\"", NULL, "['Longer than maximum length 20.', 'Not a valid email address.']"},
        {&choice, "\"deny\"", "\"deny\"", NULL},
        {&choice, "\"x\"", NULL, "['Must be one of: allow, deny.']"},
        {&both, "\"\"", NULL, "['Length must be between 1 and 3.']"},
        {&both, "\"\\u00e9\\u00e9\\u00e9\"", "\"\\u00e9\\u00e9\\u00e9\"", NULL},
        {&longest, "\"abcd\"", NULL, "['Longer than maximum length 3.']"},
        {&shortest, "\"a\"", NULL, "['Shorter than minimum length 2.']"},
        {&exactly, "\"a\"", NULL, "['Length must be 2.']"},
        {&between, "11", NULL, "['Must be greater than or equal to 0 and less than or equal to 10.']"},
        {&between, "10", "10", NULL},
        {&at_least, "0", NULL, "['Must be greater than or equal to 1.']"},
        {&pattern, "\"fr_FR\"", "\"fr_FR\"", NULL},
        {&pattern, "\"fr_fr\"", NULL, "['String does not match expected pattern.']"},
        {&several, "\"abc\"", NULL, "['Longer than maximum length 2.', 'String does not match expected pattern.']"},
        {&digits, "\"12\"", "\"12\"", NULL},
        {&digits, "\"1x\"", NULL, "['Invalid input.']"},
        {&list, "[\"a\"]", "[\"a\"]", NULL},
        {&list, "{}", NULL, "['Not a valid list.']"},
        {&list, "[1, \"a\", null]", NULL, "{0: ['Not a valid string.'], 2: ['Field may not be null.']}"},
        {&free_list, "[1]", "[1]", NULL},
        {&pairs, "[[\"a\", \"b\"]]", "[[\"a\", \"b\"]]", NULL},
        {&pairs, "[[\"a\"]]", NULL, "{0: ['Length must be between 2 and 2.']}"},
        {&pairs, "[[\"a\", \"\"]]", NULL, "{0: {1: ['Length must be between 1 and 4.']}}"},
        {&pairs, "[[\"a\", \"b\"], [\"a\", \"b\"], [\"a\", \"b\"]]", NULL, "['Longer than maximum length 2.']"},
        {&nested, "{\"a\": \"3\", \"c\": 1}", "{\"a\": 3, \"b\": \"x\"}", NULL},
        {&nested, "{}", NULL, "{'a': ['Missing data for required field.']}"},
        {&nested, "3", NULL, "{'_schema': ['Invalid input type.']}"},
        {&nested_list, "3", NULL, "['Invalid type.']"},
        {&nested_list, "[3]", NULL, "{0: {'_schema': ['Invalid input type.']}}"},
        {&nested_list, "[{\"a\": 1}, {\"a\": true}]", NULL, "{1: {'a': ['Not a valid integer.']}}"},
};

START_TEST(value) {
        _wazo_unref_ json_t *in = json_loads(cases[_i].in, JSON_DECODE_ANY, NULL), *out = NULL, *errors = NULL;
        _cleanup_text_ struct text dumped = TEXT_NULL;
        _cleanup_free_ char *python = NULL;

        ck_assert_int_eq(validate_value(NULL, cases[_i].field, in, &out, &errors), 0);
        ck_assert_msg(!out != !errors, "%s: either a value or messages", cases[_i].in);
        if (out) {
                dump_add(&dumped, out);
                ck_assert_int_eq(text_end(&dumped), 0);
        }
        python = errors ? wazo_python(errors) : NULL;
        if (cases[_i].out)
                ck_assert_msg(out && streq(dumped.data, cases[_i].out), "%s: %s %s", cases[_i].in,
                              strempty(dumped.data), strempty(python));
        else
                ck_assert_msg(python && streq(python, cases[_i].errors), "%s: %s %s", cases[_i].in,
                              strempty(dumped.data), strempty(python));
}
END_TEST

START_TEST(patterns) {
        static const struct {
                const char *pattern, *s;
                bool matches;
        } p[] = {
                {"^[a-z]{2,4}$", "abc", true},        {"^[a-z]{2,4}$", "a", false},       {"^[a-z]{2,4}$", "abcde", false},
                {"^[a-z]{2,}$", "abcdefgh", true},    {"^[a-z]{3}$", "abc", true},        {"^[a-z]{3}$", "abcd", false},
                {"^[0-9#*]+$", "1*#", true},          {"^[0-9#*]+$", "", false},          {"^[0-9]*$", "", true},
                {"^[-_.a-zA-Z0-9]+$", "a-b_c.D9", true}, {"^[-_.a-zA-Z0-9]+$", "a b", false}, {"^[^x]+$", "abc", true},
                {"^[^x]+$", "axc", false},            {"^[]a]+$", "]a", true},            {"^[a]$", "aa", false},
                {"^\\+?[0-9]+$", "+12", true},        {"^\\+?[0-9]+$", "1+2", false},     {"^\"(.*)\"( <\\+?[0-9]+>)?$", "\"A b\" <12>", true},
                {"^[0-9]{1,40}$|^x", "xyz", true},    {"(", "(", false},
        };

        for (size_t i = 0; i < ELEMENTSOF(p); i++)
                ck_assert_msg(pattern_matches(p[i].pattern, p[i].s) == p[i].matches, "%s on %s", p[i].pattern, p[i].s);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("kit-validate");
        TCase *tc = tcase_create("validate");

        tcase_add_loop_test(tc, value, 0, ELEMENTSOF(cases));
        tcase_add_test(tc, patterns);
        suite_add_tcase(suite, tc);
        return check_run(suite);
}
