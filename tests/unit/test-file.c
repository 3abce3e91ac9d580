/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "tests/unit/run.h"

static char dir[32], path[64];

static void begin(void) {
        (void) strcopy(dir, sizeof(dir), "/tmp/test-file-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        (void) snprintf(path, sizeof(path), "%s/file", dir);
}

static void end(void) {
        (void) unlink(path);
        ck_assert_int_eq(rmdir(dir), 0);
}

static void write_file(const char *data, size_t size) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        ck_assert_int_eq(write(fd, data, size), (ssize_t) size);
}

START_TEST(all_of_it_and_a_nul) {
        _cleanup_free_ char *text = NULL, *nothing = NULL;
        size_t size;

        write_file("a\0b", 3);
        ck_assert_int_eq(file_read(path, 3, &text, &size), 0);
        ck_assert_uint_eq(size, 3);
        ck_assert_mem_eq(text, "a\0b", 4);
        write_file("", 0);
        ck_assert_int_eq(file_read(path, 3, &nothing, &size), 0);
        ck_assert_uint_eq(size, 0);
        ck_assert_str_eq(nothing, "");
}
END_TEST

START_TEST(what_is_not_read) {
        char *text = (char *) "untouched";
        size_t size = 7;

        ck_assert_int_eq(file_read(path, 3, &text, &size), -ENOENT);
        write_file("four", 4);
        ck_assert_int_eq(file_read(path, 3, &text, &size), -EFBIG);
        ck_assert_int_eq(unlink(path), 0);
        /* Nobody writes into it: who waited for that would hang. */
        ck_assert_int_eq(mkfifo(path, 0600), 0);
        ck_assert_int_eq(file_read(path, 3, &text, &size), -ENOEXEC);
        ck_assert_int_eq(file_read(dir, 3, &text, &size), -ENOEXEC);
        ck_assert_str_eq(text, "untouched");
        ck_assert_uint_eq(size, 7);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("file");
        TCase *tcase = tcase_create("read");

        tcase_add_checked_fixture(tcase, begin, end);
        tcase_add_test(tcase, all_of_it_and_a_nul);
        tcase_add_test(tcase, what_is_not_read);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
