/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts of the kit: Python literals, JSON out, JSON in, folding, templates and data of events, columns. */
#include <check.h>
#include <stdio.h>

#include "lib/fold.h"
#include "tests/unit/run.h"
#include "workers/kit/internal.h"

const struct wazo_plugin wazo_plugin = {.abi = WAZO_PLUGIN_ABI, .size = sizeof(struct wazo_plugin), .name = "none"};

START_TEST(python_literals) {
        static const char *const cases[][2] = {
                {"null", "None"},
                {"true", "True"},
                {"[1, 2.5, \"a\", false]", "[1, 2.5, 'a', False]"},
                {"\"it's\"", "\"it's\""},
                {"\"it's \\\"x\\\"\"", "'it\\'s \"x\"'"},
                {"\"a\\nb\\\\c\\u0001\"", "'a\\nb\\\\c\\x01'"},
                {"\"\\u00e9\"", "'\xc3\xa9'"},
                {"{\"a\": {\"b\": [\"c\"]}, \"d\": {}}", "{'a': {'b': ['c']}, 'd': {}}"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _wazo_unref_ json_t *value = json_loads(cases[i][0], JSON_DECODE_ANY, NULL);
                _cleanup_free_ char *text = wazo_python(value);

                ck_assert_str_eq(text, cases[i][1]);
        }
}
END_TEST

START_TEST(python_uuids_and_indexes) {
        _wazo_unref_ json_t *uuid = wazo_uuid("10000000-0000-4000-8000-000000000001");
        _wazo_unref_ json_t *map = json_pack("{s:[s]}", "\0020", "bad");
        _cleanup_free_ char *a = wazo_python(uuid), *b = wazo_python(map);

        ck_assert_str_eq(a, "UUID('10000000-0000-4000-8000-000000000001')");
        ck_assert_str_eq(b, "{0: ['bad']}");
}
END_TEST

START_TEST(json_out) {
        static const char *const cases[][2] = {
                {"{\"a\":[1,2],\"b\":{\"c\":null}}", "{\"a\": [1, 2], \"b\": {\"c\": null}}"},
                {"\"\\u00e9\\ud83d\\ude00\\u0001\\\"\\\\/\"", "\"\\u00e9\\ud83d\\ude00\\u0001\\\"\\\\/\""},
                {"[5.0, 0.1, 1e300, -2.5]", "[5.0, 0.1, 1e+300, -2.5]"},
                {"[]", "[]"},
                {"{}", "{}"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _wazo_unref_ json_t *value = json_loads(cases[i][0], JSON_DECODE_ANY, NULL);
                _cleanup_text_ struct text t = TEXT_NULL;

                dump_add(&t, value);
                ck_assert_int_eq(text_end(&t), 0);
                ck_assert_str_eq(t.data, cases[i][1]);
        }
}
END_TEST

static int parse(const char *text, size_t size, json_t **ret) {
        /* In memory of exactly its size: a read behind its end is seen. */
        char *copy = malloc(size ? size : 1);
        int r;

        memcpy(copy, text, size);
        r = body_parse(copy, size, ret);
        free(copy);
        return r;
}

START_TEST(json_in) {
        static const char *const refused[] = {"", " ", "{", "{\"a\": 1}x", "a=b", "{\"a\": \"\\u0000\"}", "\"\xff\"",
                                              "\"\xed\xa0\x80\"",
                                              "{\"a\": 99999999999999999999}", "[1e999]", "'a'", "{\"a\": NaN}", "\"\\ud800\"", "\"a\\"};
        char deep[512];
        json_t *value = NULL;

        for (size_t i = 0; i < ELEMENTSOF(refused); i++)
                ck_assert_msg(parse(refused[i], strlen(refused[i]), &value) == 1, "accepted: %s", refused[i]);
        ck_assert_int_eq(parse("\"a\0b\"", 5, &value), 1);
        for (int depth = 64; depth <= 65; depth++) {
                memset(deep, '[', (size_t) depth);
                memset(deep + depth, ']', (size_t) depth);
                ck_assert_int_eq(parse(deep, (size_t) depth * 2, &value), depth > 64);
                if (depth == 64)
                        json_decref(value);
        }
        memset(deep, '{', sizeof(deep));
        ck_assert_int_eq(parse(deep, sizeof(deep), &value), 1);
        ck_assert_int_eq(parse("{\"a\": 1, \"a\": 2}", 16, &value), 0);
        ck_assert_int_eq(wazo_integer(value, "a"), 2);
        json_decref(value);
        ck_assert_int_eq(parse("[]", 2, &value), 0);
        ck_assert(json_is_object(value));
        json_decref(value);
        ck_assert_int_eq(parse("\"[[[[\"", 6, &value), 0);
        json_decref(value);
}
END_TEST

START_TEST(folding) {
        static const char *const cases[][2] = {
                {"Éloïse", "eloise"},     {"ÆSIR straße", "aesir strasse"}, {"Łódź", "lodz"},       {"ΑΒΓ", "αβγ"},  {"Ἀ", "Ἀ"},
                {"Привет", "привет"},     {"e\xcc\x81", "e"},               {"ＡＢ１", "ab1"},      {"ﬁn", "fin"},   {"日本", "日本"},
                {"Vi\xe1\xbb\x87t", "viet"}, {"\xff\xc3", "\xff\xc3"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *folded = wazo_fold(cases[i][0]);

                ck_assert_str_eq(folded, cases[i][1]);
        }
        ck_assert_uint_eq(fold_length("aé日😀"), 4);
}
END_TEST

START_TEST(event_texts) {
        _wazo_unref_ json_t *object = json_pack("{s:{s:i,s:s,s:n},s:[{s:i},{s:i}],s:i}", "line", "id", 3, "name", "x",
                                                "none", "users", "id", 1, "id", 2, "main", 1);
        _wazo_unref_ json_t *data = json_object();
        _cleanup_text_ struct text key = TEXT_NULL, dumped = TEXT_NULL;

        template_add(&key, "config.lines.{line.id}.{line.name}.{line.none}.updated", object);
        ck_assert_int_eq(text_end(&key), 0);
        ck_assert_str_eq(key.data, "config.lines.3.x..updated");
        ck_assert_int_eq(data_collect("line.id line.name line_id=line.id ids=users.id main absent", object, data), 0);
        dump_add(&dumped, data);
        ck_assert_int_eq(text_end(&dumped), 0);
        ck_assert_str_eq(
                dumped.data,
                "{\"line\": {\"id\": 3, \"name\": \"x\"}, \"line_id\": 3, \"ids\": [1, 2], \"main\": 1, \"absent\": null}");
}
END_TEST

static void check_column(enum db_dialect dialect, const struct wazo_field *field, struct db_value stored, const char *json) {
        _wazo_unref_ json_t *value = field_from_db(dialect, field, &stored);
        _cleanup_values_ struct values values = VALUES_NULL;
        _cleanup_text_ struct text t = TEXT_NULL;

        dump_add(&t, value);
        ck_assert_int_eq(text_end(&t), 0);
        ck_assert_str_eq(t.data, json);
        field_to_db(dialect, field, value, &values);
        ck_assert_uint_eq(values.n, 1);
        ck_assert_int_eq(values.items[0].type, stored.type);
        if (stored.type == DB_TEXT && field->type != WAZO_DATETIME)
                ck_assert_str_eq(values.items[0].text, stored.text);
        else if (stored.type != DB_TEXT)
                ck_assert_int_eq(values.items[0].integer, stored.integer);
}

START_TEST(columns) {
        static const struct wazo_choice choices[] = {{"allow", "1"}, {"deny", "0"}, {}};
        const struct wazo_field inverted = {"enabled", WAZO_BOOLEAN, .store = WAZO_AS_INVERTED};
        const struct wazo_field as_int = {"attach", WAZO_BOOLEAN, .store = WAZO_AS_INT};
        const struct wazo_field plain = {"main", WAZO_BOOLEAN};
        const struct wazo_field empty = {"lastname", WAZO_STRING, .store = WAZO_AS_EMPTY};
        const struct wazo_field pairs = {"options", WAZO_LIST, .store = WAZO_AS_PAIRS};
        const struct wazo_field mode = {"mode", WAZO_STRING, .choices = choices};
        const struct wazo_field stamp = {"created_at", WAZO_DATETIME};

        check_column(DB_SQLITE, &inverted, db_integer(0), "true");
        check_column(DB_SQLITE, &inverted, db_integer(1), "false");
        check_column(DB_SQLITE, &as_int, db_integer(1), "true");
        check_column(DB_SQLITE, &as_int, db_null(), "null");
        check_column(DB_SQLITE, &plain, db_boolean(true), "true");
        check_column(DB_SQLITE, &empty, db_text(""), "null");
        check_column(DB_SQLITE, &empty, db_text("x"), "\"x\"");
        check_column(DB_SQLITE, &pairs, db_text("[[\"a\", \"b\"]]"), "[[\"a\", \"b\"]]");
        check_column(DB_POSTGRESQL, &pairs, db_text("{{\"a\",\"b c\"},{\"d\\\"\\\\\",\"e\"}}"),
                     "[[\"a\", \"b c\"], [\"d\\\"\\\\\", \"e\"]]");
        check_column(DB_SQLITE, &mode, db_text("1"), "\"allow\"");
        check_column(DB_SQLITE, &stamp, db_text("2026-01-02 03:04:05.1"), "\"2026-01-02T03:04:05.100000\"");
}
END_TEST

START_TEST(postgres_array_plain) {
        const struct wazo_field pairs = {"options", WAZO_LIST, .store = WAZO_AS_PAIRS};
        struct db_value value = db_text("{{a,b},{c,d}}"), none = db_text("{}");
        _wazo_unref_ json_t *two = field_from_db(DB_POSTGRESQL, &pairs, &value),
                            *zero = field_from_db(DB_POSTGRESQL, &pairs, &none);

        ck_assert_uint_eq(json_array_size(two), 2);
        ck_assert_str_eq(json_string_value(json_array_get(json_array_get(two, 1), 0)), "c");
        ck_assert_uint_eq(json_array_size(zero), 0);
}
END_TEST

START_TEST(randomness) {
        char uuid[WAZO_UUID_SIZE], text[9];

        wazo_uuid_make(uuid);
        ck_assert(wazo_uuid_valid(uuid));
        ck_assert_int_eq(uuid[14], '4');
        ck_assert(!wazo_uuid_valid("10000000-0000-4000-8000-00000000000"));
        ck_assert(!wazo_uuid_valid("10000000-0000-4000-8000-0000000000011"));
        ck_assert(!wazo_uuid_valid("1000000g-0000-4000-8000-000000000001"));
        wazo_random_text(text, 8, "ab");
        ck_assert_uint_eq(strspn(text, "ab"), 8);
        ck_assert_uint_eq(strlen(text), 8);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("kit-text");
        TCase *tc = tcase_create("text");

        tcase_add_test(tc, python_literals);
        tcase_add_test(tc, python_uuids_and_indexes);
        tcase_add_test(tc, json_out);
        tcase_add_test(tc, json_in);
        tcase_add_test(tc, folding);
        tcase_add_test(tc, event_texts);
        tcase_add_test(tc, columns);
        tcase_add_test(tc, postgres_array_plain);
        tcase_add_test(tc, randomness);
        suite_add_tcase(suite, tc);
        return check_run(suite);
}
