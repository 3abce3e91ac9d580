/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of wazo-backup that need no files: the index, what is refused, sizes and variables, gzip by threads. */
#include <check.h>
#include <stdio.h>
#include <zlib.h>

#include "backup/gzip.h"
#include "backup/index.h"
#include "backup/lists.h"
#include "backup/screen.h"
#include "backup/steps.h"
#include "tests/unit/run.h"

#define DIGEST "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* ---- the index ---- */

static const char *const good_lines[] = {
        "d 0755 root root 0 1795306225 - etc/wazo-confd",
        "f 0640 root www-data 411 1795306225 " DIGEST " etc/wazo-confd/config.yml",
        "l 0777 #12 #34 0 -5 " DIGEST " a b  c",
        "h 0000 u g 0 0 " DIGEST " new\\012line\\134\\177",
        "f 7777 u g 18446744073709551615 9223372036854775807 " DIGEST " \xff\xfe",
};

START_TEST(a_line_is_read_as_it_was_written) {
        static struct index_entry entry;
        static char again[INDEX_LINE_MAX];
        const char *line = good_lines[_i];
        int n;

        ck_assert_int_eq(index_parse(line, strlen(line), &entry), 0);
        n = index_format(&entry, again, sizeof(again));
        ck_assert_int_eq(n, (int) strlen(line) + 1);
        ck_assert_mem_eq(again, line, strlen(line));
        ck_assert_int_eq(again[n - 1], '\n');
}
END_TEST

static const char *const bad_lines[] = {
        "",
        "d",
        "d 0755 root root 0 0 -",
        "d 0755 root root 0 0 - ",
        "d 0755 root root 0 0 " DIGEST " x",
        "f 0755 root root 0 0 - x",
        "x 0755 root root 0 0 - x",
        "dd 0755 root root 0 0 - x",
        "d 755 root root 0 0 - x",
        "d 0855 root root 0 0 - x",
        "d 17777 root root 0 0 - x",
        "d 0755 root root +0 0 - x",
        "d 0755 root root 00 0 - x",
        "d 0755 root root -1 0 - x",
        "d 0755 root root 18446744073709551616 0 - x",
        "d 0755 root root 0 - x",
        "d 0755  root 0 0 - x",
        "d 0755 root root 0 0 - \\",
        "d 0755 root root 0 0 - \\12",
        "d 0755 root root 0 0 - \\000",
        "d 0755 root root 0 0 - \\141",
        "d 0755 root root 0 0 - \\777",
        "d 0755 root root 0 0 - a\tb",
        "f 0755 root root 0 0 " DIGEST "0 x",
        "f 0755 root root 0 0 000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F x",
};

START_TEST(what_is_no_line_is_refused) {
        static struct index_entry entry;

        ck_assert_int_eq(index_parse(bad_lines[_i], strlen(bad_lines[_i]), &entry), -EBADMSG);
}
END_TEST

START_TEST(a_line_with_a_nul_is_refused) {
        static struct index_entry entry;
        char line[] = "d 0755 root root 0 0 - abc";

        line[sizeof(line) - 3] = 0;
        ck_assert_int_eq(index_parse(line, sizeof(line) - 1, &entry), -EBADMSG);
}
END_TEST

START_TEST(paths_of_any_length) {
        static struct index_entry entry = {.kind = 'd', .user = "u", .group = "g"}, read;
        static char line[INDEX_LINE_MAX];
        int n;

        memset(entry.path, 1, sizeof(entry.path) - 1);
        n = index_format(&entry, line, sizeof(line));
        ck_assert_int_gt(n, 4 * (PATH_MAX - 1));
        ck_assert_int_eq(index_parse(line, (size_t) n - 1, &read), 0);
        ck_assert_str_eq(read.path, entry.path);
        ck_assert_int_eq(index_format(&entry, line, (size_t) n), -EINVAL);
}
END_TEST

static char *written(size_t *ret_size) {
        struct index_origin origin = {.type = INDEX_DB, .version = "24.10", .host = "pbx", .made = "now", .n_addresses = 2};
        struct index_writer *w;
        struct index_entry entry;
        uint64_t size;
        char *text;
        int fd;

        (void) strcopy(origin.addresses[0], sizeof(origin.addresses[0]), "192.0.2.1");
        (void) strcopy(origin.addresses[1], sizeof(origin.addresses[1]), "192.0.2.2");
        ck_assert_int_eq(index_writer_new(&origin, &w), 0);
        for (unsigned i = 0; i < ELEMENTSOF(good_lines); i++) {
                ck_assert_int_eq(index_parse(good_lines[i], strlen(good_lines[i]), &entry), 0);
                ck_assert_int_eq(index_writer_add(w, &entry), 0);
        }
        ck_assert_int_eq(index_writer_finish(w, &fd, &size), 0);
        text = malloc(size);
        ck_assert_int_eq(read(fd, text, size), (ssize_t) size);
        index_writer_free(w);
        *ret_size = size;
        return text;
}

static int count(void *userdata, const char *line, size_t n) {
        unsigned *seen = userdata;

        ck_assert_str_eq(line, good_lines[*seen]);
        ck_assert_uint_eq(n, strlen(line));
        (*seen)++;
        return 0;
}

static int read_index(struct index_reader *r, const char *text, size_t size, size_t piece, unsigned *seen) {
        int k = 0;

        index_reader_begin(r, seen ? count : NULL, seen);
        for (size_t at = 0; k >= 0 && at < size; at += piece)
                k = index_reader_feed(r, text + at, MIN(piece, size - at));
        return k < 0 ? k : index_reader_end(r);
}

START_TEST(an_index_in_pieces) {
        static const size_t pieces[] = {1, 2, 7, 100, 100000};
        static struct index_reader reader;
        unsigned seen = 0;
        size_t size;
        char *text = written(&size);

        ck_assert_int_eq(read_index(&reader, text, size, pieces[_i], &seen), 0);
        ck_assert_uint_eq(seen, ELEMENTSOF(good_lines));
        ck_assert_str_eq(reader.origin.version, "24.10");
        ck_assert_int_eq(reader.origin.type, INDEX_DB);
        ck_assert_uint_eq(reader.origin.n_addresses, 2);
        ck_assert_str_eq(reader.origin.addresses[1], "192.0.2.2");
        free(text);
}
END_TEST

START_TEST(whatever_is_changed_in_an_index_is_seen) {
        static struct index_reader reader;
        size_t size;
        char *text = written(&size);

        for (size_t i = 0; i < size; i++) {
                ck_assert_int_eq(read_index(&reader, text, i, 64, NULL), -EBADMSG);
                text[i] ^= 1;
                ck_assert_int_eq(read_index(&reader, text, size, 64, NULL), -EBADMSG);
                text[i] ^= 1;
        }
        free(text);
}
END_TEST

/* ---- what is refused ---- */

struct judged {
        struct member member;
        bool refused;
};

#define DIRECTORY(p) {.kind = 'd', .path = (p), .mode = 0755}
#define FILE_AT(p) {.kind = 'f', .path = (p), .mode = 0644}
#define LINK(p, t) {.kind = 'l', .path = (p), .target = (t), .mode = 0777}
#define HARD_LINK(p, t) {.kind = 'h', .path = (p), .target = (t), .mode = 0644}

START_TEST(members_are_judged_in_their_order) {
        static const struct judged members[] = {
                {DIRECTORY("./"), false},
                {DIRECTORY("etc/"), false},
                {FILE_AT("etc/a"), false},
                {FILE_AT("./etc/b"), false},
                {FILE_AT("etc/..b"), false},
                {FILE_AT("etc/..."), false},
                {HARD_LINK("etc/c", "etc/b"), false},
                {HARD_LINK("etc/d", "./etc/c"), false},
                {HARD_LINK("etc/e", "etc/nothing"), true},
                {HARD_LINK("etc/e", "etc"), true},
                {LINK("etc/l", "a"), false},
                {HARD_LINK("etc/e", "etc/l"), true},
                {FILE_AT("etc/l/x"), true},
                {DIRECTORY("etc/l"), true},
                {FILE_AT("etc/lx"), false},
                {LINK("etc/up", "../x"), false},
                {LINK("etc/up2", "../../x"), true},
                {LINK("etc/up3", "a/../../../x"), true},
                {LINK("etc/up4", "a/b/../../../x"), false},
                {LINK("etc/abs", "/x"), false},
                {LINK("etc/abs2", "/.."), true},
                {LINK("etc/none", ""), true},
                {FILE_AT("etc"), true},
                {FILE_AT(""), true},
                {FILE_AT("."), true},
                {FILE_AT(".."), true},
                {FILE_AT("a/../b"), true},
                {FILE_AT("a//b"), true},
                {FILE_AT("a/./b"), true},
                {FILE_AT("/a"), true},
                {FILE_AT("etc/a/b"), true},
                {{.kind = 0, .odd = "a device", .path = "etc/dev"}, true},
                {{.kind = 'f', .path = "etc/suid", .mode = 04755}, true},
                {{.kind = 'd', .path = "etc/sgid", .mode = 02755}, false},
        };
        struct screen *s;
        const char *why;

        ck_assert_int_eq(screen_new(&s), 0);
        for (unsigned i = 0; i < ELEMENTSOF(members); i++)
                ck_assert_msg(screen_member(s, &members[i].member, &why) == members[i].refused, "%s", members[i].member.path);
        screen_free(s);
}
END_TEST

START_TEST(many_members) {
        struct screen *s;
        const char *why;
        char path[64];

        ck_assert_int_eq(screen_new(&s), 0);
        for (unsigned i = 0; i < 20000; i++) {
                struct member m = FILE_AT(path), link = HARD_LINK("x", path);

                (void) snprintf(path, sizeof(path), "folder/%u", i);
                ck_assert_int_eq(screen_member(s, &m, &why), 0);
                ck_assert_int_eq(screen_member(s, &link, &why), 0);
                (void) snprintf(path, sizeof(path), "folder/%u", i + 1);
                ck_assert_int_eq(screen_member(s, &link, &why), 1);
        }
        screen_free(s);
}
END_TEST

/* ---- variables and sizes ---- */

START_TEST(variables_as_a_shell_has_them) {
        static const struct {
                const char *text, *value;
        } files[] = {
                {"A=1\n", "1"}, {"A=1", "1"}, {"  A=1 # why\n", "1"}, {"export A=\"x y\"\n", "x y"}, {"A='x'\n", "x"},
                {"A=1\nA=2\n", "2"},
                {"B=1\nA=\n", ""}, {"#A=1\n", NULL}, {"AA=1\n", NULL}, {"B=A=1\n", NULL}, {"", NULL}, {"A", NULL}, {"A=\"x\n", "x"},
                {"A=123456789012345\n", NULL}, {"A=1;B=2\n", "1"},
        };
        char value[8];

        for (unsigned i = 0; i < ELEMENTSOF(files); i++) {
                bool found = lists_variable(files[i].text, "A", value, sizeof(value));

                ck_assert_msg(found == (files[i].value != NULL), "%s", files[i].text);
                ck_assert(!found || streq(value, files[i].value));
        }
}
END_TEST

START_TEST(sizes_as_find_has_them) {
        static const struct {
                const char *text;
                uint64_t size;
        } sizes[] = {{"10M", 10 << 20}, {"1k", 1024}, {"3", 1536}, {"3b", 1536}, {"7c", 7}, {"2w", 4}, {"1G", 1 << 30}, {"0", 0}};
        static const char *const wrong[] = {"", "M", "-1", "1m", "1MB", "1 M", " 1", "99999999999999999999", "99999999999999999G"};
        uint64_t size;

        for (unsigned i = 0; i < ELEMENTSOF(sizes); i++) {
                ck_assert_int_eq(lists_size(sizes[i].text, &size), 0);
                ck_assert_uint_eq(size, sizes[i].size);
        }
        for (unsigned i = 0; i < ELEMENTSOF(wrong); i++)
                ck_assert_int_eq(lists_size(wrong[i], &size), -EINVAL);
}
END_TEST

START_TEST(the_uuid_in_systems_configuration) {
        static const struct {
                const char *old, *new;
        } files[] = {
                {"", "[Manager]\nDefaultEnvironment=XIVO_UUID=new\n"},
                {"[Manager]\nA=b", "[Manager]\nA=b\nDefaultEnvironment=XIVO_UUID=new\n"},
                {"[Manager]\nDefaultEnvironment=\n", "[Manager]\nDefaultEnvironment=XIVO_UUID=new\n"},
                {"DefaultEnvironment=XIVO_UUID=old", "DefaultEnvironment=XIVO_UUID=new"},
                {"[Manager]\nDefaultEnvironment=A=b\nX=XIVO_UUID=1\n",
                 "[Manager]\nDefaultEnvironment=XIVO_UUID=new A=b\nX=XIVO_UUID=1\n"},
                {"#DefaultEnvironment=\nDefaultEnvironment=\"A=b\" \"XIVO_UUID=old\" C=d\nE=f\n",
                 "#DefaultEnvironment=\nDefaultEnvironment=\"A=b\" \"XIVO_UUID=new\" C=d\nE=f\n"},
        };

        for (unsigned i = 0; i < ELEMENTSOF(files); i++) {
                char *text = steps_set_uuid(files[i].old, "new");

                ck_assert_str_eq(text, files[i].new);
                free(text);
        }
}
END_TEST

/* ---- gzip ---- */

static int write_file(void *userdata, const void *data, size_t size) {
        return fwrite(data, 1, size, userdata) == size ? 0 : -EIO;
}

static int write_some(void *userdata, const void *data, size_t size) {
        unsigned *left = userdata;

        return *left == 0 ? -ENOSPC : ((*left)--, 0);
}

START_TEST(gzip_by_threads_is_gzip) {
        static const size_t sizes[] = {0, 1, 1000, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 5 * 1000 * 1000};
        size_t size = sizes[_i / 3], pieces[] = {size + 1, 100000, 4096}, piece = pieces[_i % 3];
        unsigned threads = (unsigned) (1 + _i % 4);
        uint8_t *data = malloc(size + 1), *again = malloc(size + 1);
        FILE *file = tmpfile();
        struct gzip *g;
        gzFile gz;

        for (size_t i = 0; i < size; i++)
                data[i] = (uint8_t) (i * i >> (i / 1000 % 13));
        ck_assert_int_eq(gzip_new(write_file, file, 6, threads, &g), 0);
        for (size_t at = 0; at < size; at += piece)
                ck_assert_int_eq(gzip_write(g, data + at, MIN(piece, size - at)), 0);
        ck_assert_int_eq(gzip_finish(g), 0);
        gzip_free(g);

        ck_assert_int_eq(fflush(file), 0);
        ck_assert_int_eq(lseek(fileno(file), 0, SEEK_SET), 0);
        gz = gzdopen(dup(fileno(file)), "rb");
        ck_assert_int_eq(gzread(gz, again, (unsigned) size + 1), (int) size);
        ck_assert_mem_eq(data, again, size);
        ck_assert_int_eq(gzread(gz, again, 1), 0);
        ck_assert_int_eq(gzclose(gz), Z_OK);
        (void) fclose(file);
        free(data);
        free(again);
}
END_TEST

START_TEST(gzip_that_cannot_write_ends) {
        uint8_t *data = calloc(1, 1 << 20);
        unsigned left = 5;
        struct gzip *g;
        int r = 0;

        ck_assert_int_eq(gzip_new(write_some, &left, 6, 2, &g), 0);
        for (unsigned i = 0; i < 64 && r >= 0; i++)
                r = gzip_write(g, data, 1 << 20);
        ck_assert_int_eq(r, -ENOSPC);
        gzip_free(g);
        free(data);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("backup");
        TCase *index = tcase_create("index"), *screen = tcase_create("screen"), *other = tcase_create("other");

        tcase_add_loop_test(index, a_line_is_read_as_it_was_written, 0, (int) ELEMENTSOF(good_lines));
        tcase_add_loop_test(index, what_is_no_line_is_refused, 0, (int) ELEMENTSOF(bad_lines));
        tcase_add_test(index, a_line_with_a_nul_is_refused);
        tcase_add_test(index, paths_of_any_length);
        tcase_add_loop_test(index, an_index_in_pieces, 0, 5);
        tcase_add_test(index, whatever_is_changed_in_an_index_is_seen);
        tcase_add_test(screen, members_are_judged_in_their_order);
        tcase_add_test(screen, many_members);
        tcase_add_test(other, variables_as_a_shell_has_them);
        tcase_add_test(other, sizes_as_find_has_them);
        tcase_add_test(other, the_uuid_in_systems_configuration);
        tcase_add_loop_test(other, gzip_by_threads_is_gzip, 0, 21);
        tcase_add_test(other, gzip_that_cannot_write_ends);
        suite_add_tcase(suite, index);
        suite_add_tcase(suite, screen);
        suite_add_tcase(suite, other);
        return check_run(suite);
}
