/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>

#include "config/yaml.h"
#include "tests/unit/config-files.h"
#include "tests/unit/run.h"

static struct findings findings;

static void begin(void) {
        (void) files_begin();
        findings = (struct findings) {0};
}

static void end(void) {
        findings_done(&findings);
        files_end();
}

static struct yaml_node *good(const char *text) {
        struct yaml_node *node = NULL;

        ck_assert_int_eq(yaml_parse(text, strlen(text), "f", FINDING_ERROR, &findings, &node), 0);
        ck_assert_ptr_nonnull(node);
        return node;
}

START_TEST(places_and_values) {
        _cleanup_(yaml_node_freep) struct yaml_node *node = good("a: 1\nb:\n  c: 'x y'\n  d: [p, q]\nempty:\n");
        const struct yaml_node *c = yaml_at(node, "b.c"), *d = yaml_at(node, "b.d");

        ck_assert_str_eq(yaml_at(node, "a")->text, "1");
        ck_assert(!yaml_at(node, "a")->quoted);
        ck_assert_str_eq(c->text, "x y");
        ck_assert(c->quoted);
        ck_assert_uint_eq(c->place.line, 3);
        ck_assert_uint_eq(c->place.column, 6);
        ck_assert_uint_eq(yaml_entry(node, "b")->place.line, 2);
        ck_assert_uint_eq(yaml_entry(node, "b")->place.column, 1);
        ck_assert_uint_eq(d->n, 2);
        ck_assert_str_eq(d->entries[1].value->text, "q");
        ck_assert_uint_eq(d->entries[1].place.column, 10);
        ck_assert(yaml_is_null(yaml_at(node, "empty")));
        ck_assert_ptr_null(yaml_at(node, "b.c.d"));
        ck_assert_ptr_null(yaml_at(node, "nothing.at.all"));
}
END_TEST

START_TEST(nothing_is_an_empty_map) {
        static const char *const texts[] = {"", "# only a comment\n", "---\n", "~\n", "---\n...\n", "{}"};
        _cleanup_(yaml_node_freep) struct yaml_node *node = good(texts[_i]);

        ck_assert_int_eq(node->kind, YAML_KIND_MAP);
        ck_assert_uint_eq(node->n, 0);
}
END_TEST

static const struct {
        const char *text, *finding;
} bad[] = {
        {"a: 1\nb: [1, 2\nc: 3\n",
         "f:3:2: error: did not find expected ',' or ']', while parsing a flow sequence that began in line 2\n"},
        {"a:\n\t- b\n",
         "f:2:1: error: found character that cannot start any token, while scanning for the next token\n"},
        {"a: &x 1\nb: *x\n", "f:1:4: error: anchors and aliases are not supported: write the value out\n"
                             "f:2:4: error: anchors and aliases are not supported: write the value out\n"},
        {"a: 1\nb: 2\na: 3\n", "f:3:1: error: this key is here twice; it was in line 1 already\n"},
        {"a:\n  <<: {b: 1}\n", "f:2:3: error: merge keys (<<) are not supported: write the values out\n"},
        {"a: 1\n---\nb: 2\n", "f:2:1: error: a second document: one file holds one\n"},
        {"- a\n- b\n", "f:1:1: error: the file must hold a map of keys, not a list\n"},
        {"just words\n", "f:1:1: error: the file must hold a map of keys, not a text\n"},
        {"a: !python/object:os.system x\n", "f:1:4: error: a tag that is not known here\n"},
        {"? [a, b]\n: c\n", "f:1:3: error: a key must be a text\n"},
        {"'': c\n", "f:1:1: error: a key must be a text\n"},
        {"a: \"\\0\"\n", "f:1:4: error: a text must not hold a NUL\n"},
        {"a: caf\xe9\n", "f:1:7: error: incomplete UTF-8 octet sequence\n"},
        {"a: b\nc: \xff\xfe\n", "f:2:4: error: invalid leading UTF-8 octet\n"},
        {"a: x\x01y\n", "f:1:5: error: control characters are not allowed\n"},
        {"a: b: c\n", "f:1:5: error: mapping values are not allowed in this context\n"},
        {"a: [b, *c]\n\"x\": {y: 1, y: 2}\n", "f:1:8: error: anchors and aliases are not supported: write the value out\n"
                                             "f:2:13: error: this key is here twice; it was in line 2 already\n"},
};

START_TEST(bad_input_with_its_place) {
        struct yaml_node *node = NULL;

        ck_assert_int_eq(yaml_parse(bad[_i].text, strlen(bad[_i].text), "f", FINDING_ERROR, &findings, &node), -EINVAL);
        ck_assert_ptr_null(node);
        ck_assert_str_eq(files_findings(&findings), bad[_i].finding);
}
END_TEST

START_TEST(exec_is_absent_with_a_warning) {
        _cleanup_(yaml_node_freep) struct yaml_node *node = good("a: !exec {command: rm -rf /}\nb: 1\nc: !exec ls\n");

        ck_assert_ptr_null(yaml_entry(node, "a"));
        ck_assert_ptr_null(yaml_entry(node, "c"));
        ck_assert_str_eq(yaml_at(node, "b")->text, "1");
        ck_assert_str_eq(files_findings(&findings), "f:1:4: warning: !exec is not run here: the key is as if it were absent\n"
                                                    "f:3:4: warning: !exec is not run here: the key is as if it were absent\n");
}
END_TEST

START_TEST(core_tags_are_known) {
        _cleanup_(yaml_node_freep) struct yaml_node *node = good("a: !!str 1\nb: !!int 2\nc: ! 3\n");

        ck_assert(yaml_at(node, "a")->quoted);
        ck_assert(!yaml_at(node, "b")->quoted);
        ck_assert(yaml_at(node, "c")->quoted);
}
END_TEST

START_TEST(depth_is_limited) {
        char text[4096];
        struct yaml_node *node = NULL;
        size_t n = (size_t) sprintf(text, "a: ");

        memset(text + n, '[', 1000);
        text[n + 1000] = 0;
        ck_assert_int_eq(yaml_parse(text, strlen(text), "f", FINDING_ERROR, &findings, &node), -EINVAL);
        ck_assert_str_eq(files_findings(&findings), "f:1:35: error: nested more than 32 deep\n");
}
END_TEST

START_TEST(size_and_count_are_limited) {
        size_t size = YAML_FILE_MAX + 1;
        _cleanup_free_ char *text = malloc(size);
        struct yaml_node *node = NULL;

        memset(text, '#', size);
        ck_assert_int_eq(yaml_parse(text, size, "f", FINDING_ERROR, &findings, &node), -EINVAL);
        memcpy(text, "a: [", 4);
        for (size_t i = 4; i < size - 1; i += 2)
                memcpy(text + i, "1,", 2);
        ck_assert_int_eq(yaml_parse(text, YAML_FILE_MAX, "g", FINDING_ERROR, &findings, &node), -EINVAL);
        memset(text, 'x', size);
        memcpy(text, "a: ", 3);
        ck_assert_int_eq(yaml_parse(text, 3 + YAML_SCALAR_MAX + 1, "h", FINDING_ERROR, &findings, &node), -EINVAL);
        ck_assert_str_eq(files_findings(&findings), "f: error: larger than 1024 KiB\n"
                                                    "g:1:131071: error: more than 65536 values in one file\n"
                                                    "h:1:4: error: a text of 65537 bytes: at most 65536 are allowed\n");
}
END_TEST

START_TEST(files_that_are_none) {
        struct yaml_node *node = NULL;

        files_write("folder/x", "");
        ck_assert_int_eq(yaml_load(files_path("missing.yml"), FINDING_ERROR, &findings, &node), -ENOENT);
        ck_assert_int_eq(yaml_load(files_path("folder"), FINDING_WARNING, &findings, &node), -EINVAL);
        ck_assert_int_eq(yaml_load("/dev/zero", FINDING_WARNING, &findings, &node), -EINVAL);
        ck_assert_str_eq(files_findings(&findings),
                         "/folder: warning: not a regular file\n/dev/zero: warning: not a regular file\n");
}
END_TEST

START_TEST(merging) {
        _cleanup_(yaml_node_freep) struct yaml_node *high = good("a: 1\nm: {x: 1, l: [1]}\ns: text\n");
        _cleanup_(yaml_node_freep) struct yaml_node *low = good("a: 2\nb: 3\nm: {x: 2, y: 3, l: [2, 3]}\ns: {k: v}\nz: {}\n");
        static const char *const order[] = {"a", "m", "s", "b", "z"};

        ck_assert_int_eq(yaml_merge(high, low), 0);
        ck_assert_str_eq(yaml_at(high, "a")->text, "1");
        ck_assert_str_eq(yaml_at(high, "b")->text, "3");
        ck_assert_str_eq(yaml_at(high, "m.x")->text, "1");
        ck_assert_str_eq(yaml_at(high, "m.y")->text, "3");
        ck_assert_uint_eq(yaml_at(high, "m.l")->n, 1);
        ck_assert_str_eq(yaml_at(high, "s")->text, "text");
        ck_assert_uint_eq(high->n, ELEMENTSOF(order));
        for (size_t i = 0; i < high->n; i++)
                ck_assert_str_eq(high->entries[i].key, order[i]);
        ck_assert_ptr_null(yaml_entry(low, "b"));
}
END_TEST

START_TEST(findings_are_bounded_sorted_and_clean) {
        struct place place = {.file = findings_file(&findings, "b"), .line = 2, .column = 1};
        const char *text;

        findings_error(&findings, &place, "a line\nfeed and \x1b[31m");
        place.line = 1;
        findings_warning(&findings, &place, "first");
        findings_warning(&findings, &place, "first");
        ck_assert_uint_eq(findings.n_warnings, 1);
        text = files_findings(&findings);
        ck_assert_str_eq(text, "b:1:1: warning: first\nb:2:1: error: a line?feed and ?[31m\n");
        for (uint32_t i = 0; i < FINDINGS_MAX * 2; i++) {
                place.line = i + 10;
                findings_error(&findings, &place, "x");
        }
        ck_assert_ptr_nonnull(strstr(files_findings(&findings), "\nand 502 more\n"));
        ck_assert(!findings_pass(&findings));
}
END_TEST

START_TEST(strict_makes_warnings_errors) {
        findings.strict = true;
        ck_assert(findings_pass(&findings));
        findings_warning(&findings, NULL, "something");
        ck_assert(!findings_pass(&findings));
        ck_assert_str_eq(files_findings(&findings), "error: something\n");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("config-yaml");
        TCase *tcase = tcase_create("yaml");

        tcase_add_checked_fixture(tcase, begin, end);
        tcase_add_test(tcase, places_and_values);
        tcase_add_loop_test(tcase, nothing_is_an_empty_map, 0, 6);
        tcase_add_loop_test(tcase, bad_input_with_its_place, 0, (int) ELEMENTSOF(bad));
        tcase_add_test(tcase, exec_is_absent_with_a_warning);
        tcase_add_test(tcase, core_tags_are_known);
        tcase_add_test(tcase, depth_is_limited);
        tcase_add_test(tcase, size_and_count_are_limited);
        tcase_add_test(tcase, files_that_are_none);
        tcase_add_test(tcase, merging);
        tcase_add_test(tcase, findings_are_bounded_sorted_and_clean);
        tcase_add_test(tcase, strict_makes_warnings_errors);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
