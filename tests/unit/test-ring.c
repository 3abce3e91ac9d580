/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/memfd.h"
#include "lib/ring.h"
#include "tests/unit/run.h"

static void holds(int fd, const char *expected) {
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(ring_read(fd, &text), 0);
        ck_assert_str_eq(text, expected);
}

START_TEST(lines_in_order) {
        _cleanup_close_ int fd = ring_open();
        struct ring *ring;

        holds(fd, "");
        ck_assert_int_eq(ring_map(fd, &ring), 0);
        ring_write(ring, "one\n", 4);
        ck_assert_int_eq(ring_append(fd, "two\n", 4), 0);
        ring_write(ring, "three\n", 6);
        ring_write(ring, "", 0);
        ring_unmap(ring);
        ring_unmap(NULL);
        holds(fd, "one\ntwo\nthree\n");
}
END_TEST

START_TEST(the_newest_whole_lines_stay) {
        _cleanup_close_ int fd = ring_open();
        _cleanup_free_ char *text = NULL;
        char line[32];
        int first;

        for (int i = 0; i < 1000; i++) {
                (void) snprintf(line, sizeof(line), "line %d\n", i);
                ck_assert_int_eq(ring_append(fd, line, strlen(line)), 0);
        }
        ck_assert_int_eq(ring_read(fd, &text), 0);
        ck_assert_uint_le(strlen(text), RING_TEXT);
        ck_assert_uint_gt(strlen(text), RING_TEXT - 10);
        ck_assert_int_eq(sscanf(text, "line %d", &first), 1);
        for (char *at = text; *at; at = strchr(at, '\n') + 1) {
                (void) snprintf(line, sizeof(line), "line %d\n", first++);
                ck_assert_int_eq(strncmp(at, line, strlen(line)), 0);
        }
        ck_assert_int_eq(first, 1000);
}
END_TEST

START_TEST(one_line_larger_than_the_ring) {
        _cleanup_close_ int fd = ring_open();
        _cleanup_free_ char *text = NULL;
        char large[3 * RING_SIZE];

        memset(large, 'x', sizeof(large));
        large[sizeof(large) - 4] = '\n';
        memcpy(large + sizeof(large) - 3, "ab\n", 3);
        ck_assert_int_eq(ring_append(fd, large, sizeof(large)), 0);
        ck_assert_int_eq(ring_append(fd, "end\n", 4), 0);
        ck_assert_int_eq(ring_read(fd, &text), 0);
        ck_assert_str_eq(text, "ab\nend\n");
}
END_TEST

/* A worker has the ring mapped and may write anything there, the head included. */
START_TEST(garbage_is_text_in_the_end) {
        static const uint64_t heads[] = {0, 1, RING_TEXT - 1, RING_TEXT, RING_TEXT + 1, INT64_MAX, UINT64_MAX - 1, UINT64_MAX};

        for (size_t i = 0; i < ELEMENTSOF(heads); i++) {
                _cleanup_close_ int fd = ring_open();
                _cleanup_free_ char *text = NULL;
                uint8_t bytes[RING_SIZE];

                for (size_t j = 0; j < sizeof(bytes); j++)
                        bytes[j] = (uint8_t) (j * 7);
                memcpy(bytes, &heads[i], sizeof(heads[i]));
                ck_assert_int_eq(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
                ck_assert_int_eq(ring_read(fd, &text), 0);
                ck_assert_uint_le(strlen(text), RING_TEXT);
                for (const char *at = text; *at; at++)
                        ck_assert((unsigned char) *at >= ' ' || *at == '\n' || *at == '\t');
                ck_assert_int_eq(ring_append(fd, "more\n", 5), 0);
        }
}
END_TEST

START_TEST(it_cannot_shrink) {
        _cleanup_close_ int fd = ring_open();

        ck_assert_int_eq(ftruncate(fd, 0), -1);
        ck_assert_int_eq(ftruncate(fd, 2 * RING_SIZE), -1);
}
END_TEST

START_TEST(what_is_no_ring_is_refused) {
        _cleanup_close_ int null = open("/dev/null", O_RDWR), open_end = memfd_open("test");
        _cleanup_close_ int small = memfd_sealed("test", "x", 1);
        int fds[] = {null, open_end, small, -1};
        struct ring *ring = NULL;
        char *text = NULL;

        ck_assert_int_eq(ftruncate(open_end, RING_SIZE), 0);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                ck_assert_int_eq(ring_map(fds[i], &ring), -EBADMSG);
                ck_assert_int_eq(ring_read(fds[i], &text), -EBADMSG);
                ck_assert_int_eq(ring_append(fds[i], "x", 1), -EBADMSG);
        }
        ck_assert_ptr_null(ring);
        ck_assert_ptr_null(text);
}
END_TEST

/* Worker and supervisor write at the same time: each line is whole. */
START_TEST(two_writers) {
        _cleanup_close_ int fd = ring_open();
        _cleanup_free_ char *text = NULL;
        struct ring *ring;
        unsigned n = 0;
        pid_t pid;

        ck_assert_int_eq(ring_map(fd, &ring), 0);
        pid = fork();
        for (unsigned i = 0; i < 100; i++)
                ring_write(ring, pid == 0 ? "from the child\n" : "of the parent.\n", 15);
        if (pid == 0)
                _exit(0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        ring_unmap(ring);
        ck_assert_int_eq(ring_read(fd, &text), 0);
        for (const char *at = text; *at; at += 15, n++)
                ck_assert(strncmp(at, "from the child\n", 15) == 0 || strncmp(at, "of the parent.\n", 15) == 0);
        ck_assert_uint_eq(n, 200);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("ring");
        TCase *tcase = tcase_create("ring");

        tcase_add_test(tcase, lines_in_order);
        tcase_add_test(tcase, the_newest_whole_lines_stay);
        tcase_add_test(tcase, one_line_larger_than_the_ring);
        tcase_add_test(tcase, garbage_is_text_in_the_end);
        tcase_add_test(tcase, it_cannot_shrink);
        tcase_add_test(tcase, what_is_no_ring_is_refused);
        tcase_add_test(tcase, two_writers);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
