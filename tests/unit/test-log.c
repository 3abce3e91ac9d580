/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>

#include "lib/log.h"
#include "lib/memfd.h"
#include "tests/unit/run.h"

static int file = -1, ring_fd = -1;
static struct ring *ring;

static void begin(void) {
        file = memfd_open("log");
        ring_fd = ring_open();
        ck_assert_int_eq(ring_map(ring_fd, &ring), 0);
        log_setup(file, -1, "wazo_confd.user", LOG_LEVEL_INFO);
        log_set_ring(ring);
}

static void end(void) {
        log_set_ring(NULL);
        log_setup(-1, -1, "wazo", LOG_LEVEL_INFO);
        ring_unmap(ring);
        file = fd_close(file);
        ring_fd = fd_close(ring_fd);
}

static char *written(void) {
        off_t size = lseek(file, 0, SEEK_END);
        char *text = calloc(1, (size_t) size + 1);

        ck_assert_int_eq(pread(file, text, (size_t) size, 0), size);
        return text;
}

START_TEST(a_line_as_wazos) {
        static const char expected[] =
                "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{3} [A-Z0-9+-]+ \\[pid [0-9]+\\] "
                "\\[tid [0-9]+\\] \\(INFO\\) \\(wazo_confd\\.user\\): user 7 is made\n$";
        _cleanup_free_ char *text = NULL, *in_ring = NULL;
        regex_t shape;

        log_info("user %d is %s", 7, "made");
        text = written();
        ck_assert_int_eq(regcomp(&shape, expected, REG_EXTENDED | REG_NOSUB), 0);
        ck_assert_msg(regexec(&shape, text, 0, NULL, 0) == 0, "%s", text);
        regfree(&shape);
        ck_assert_int_eq(ring_read(ring_fd, &in_ring), 0);
        ck_assert_str_eq(in_ring, text);
}
END_TEST

START_TEST(levels) {
        _cleanup_free_ char *text = NULL;

        log_debug("not shown");
        log_set_level(LOG_LEVEL_DEBUG);
        log_debug("shown");
        log_set_level(LOG_LEVEL_ERROR);
        ck_assert_int_eq(log_get_level(), LOG_LEVEL_ERROR);
        log_info("not shown either");
        log_error("an error");
        log_write_as("wazo_confd.line", LOG_LEVEL_CRITICAL, "of another");
        text = written();
        ck_assert_ptr_nonnull(strstr(text, "(DEBUG) (wazo_confd.user): shown\n"));
        ck_assert_ptr_nonnull(strstr(text, "(ERROR) (wazo_confd.user): an error\n"));
        ck_assert_ptr_nonnull(strstr(text, "(CRITICAL) (wazo_confd.line): of another\n"));
        ck_assert_ptr_null(strstr(text, "not shown"));
}
END_TEST

/* A line is a line: what a client sends must not look like another. */
START_TEST(a_line_cannot_be_forged) {
        _cleanup_free_ char *text = NULL;

        log_info("name: %s", "a\n2026-01-01 (ERROR) forged\r\x1b[31m\tb");
        text = written();
        ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
        ck_assert_ptr_null(strchr(text, '\r'));
        ck_assert_ptr_null(strchr(text, '\x1b'));
        ck_assert_ptr_nonnull(strstr(text, "\tb\n"));
}
END_TEST

START_TEST(a_long_line_is_cut) {
        _cleanup_free_ char *text = NULL, *large = malloc(100001);

        memset(large, 'x', 100000);
        large[100000] = 0;
        log_info("%s", large);
        text = written();
        ck_assert_uint_lt(strlen(text), 16385);
        ck_assert_uint_gt(strlen(text), 16000);
        ck_assert_int_eq(text[strlen(text) - 1], '\n');
}
END_TEST

START_TEST(errno_is_kept_and_told) {
        _cleanup_free_ char *text = NULL;

        errno = ENOENT;
        log_info("open: %m");
        ck_assert_int_eq(errno, ENOENT);
        text = written();
        ck_assert_ptr_nonnull(strstr(text, "open: No such file or directory\n"));
}
END_TEST

START_TEST(words) {
        for (int i = 0; i < LOG_LEVEL_MAX; i++)
                ck_assert_int_eq(log_level_from_string(log_level_to_string((unsigned) i)), i);
        ck_assert_int_eq(log_level_from_string("loud"), -EINVAL);
        ck_assert_int_eq(log_level_from_string("INFO"), -EINVAL);
        ck_assert_str_eq(log_level_to_string(99), "unknown");
}
END_TEST

START_TEST(without_any_place_to_write) {
        log_set_ring(NULL);
        log_setup(-1, -1, "wazo", LOG_LEVEL_DEBUG);
        log_info("to nobody");
        log_setup(9999, 9998, "wazo", LOG_LEVEL_DEBUG); /* closed behind its back */
        log_info("to nobody");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("log");
        TCase *tcase = tcase_create("log");

        tcase_add_checked_fixture(tcase, begin, end);
        tcase_add_test(tcase, a_line_as_wazos);
        tcase_add_test(tcase, levels);
        tcase_add_test(tcase, a_line_cannot_be_forged);
        tcase_add_test(tcase, a_long_line_is_cut);
        tcase_add_test(tcase, errno_is_kept_and_told);
        tcase_add_test(tcase, words);
        tcase_add_test(tcase, without_any_place_to_write);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
