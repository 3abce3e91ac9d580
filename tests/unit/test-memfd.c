/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "lib/memfd.h"
#include "tests/unit/run.h"

START_TEST(content_comes_back) {
        static const char content[] = "a\0b";
        _cleanup_close_ int fd = memfd_sealed("test", content, sizeof(content));
        _cleanup_free_ char *data = NULL;
        size_t size;

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        ck_assert_int_eq(memfd_check(fd, sizeof(content), &size), 0);
        ck_assert_uint_eq(size, sizeof(content));
        ck_assert_int_eq(memfd_read(fd, 100, &data, &size), 0);
        ck_assert_uint_eq(size, sizeof(content));
        ck_assert_mem_eq(data, content, sizeof(content));
        ck_assert_int_eq(data[size], 0);
}
END_TEST

START_TEST(content_is_mapped) {
        _cleanup_close_ int fd = memfd_sealed("test", "content", 7), none = memfd_sealed("test", NULL, 0);
        size_t size;
        void *data;

        ck_assert_int_eq(memfd_map(fd, 7, &data, &size), 0);
        ck_assert_uint_eq(size, 7);
        ck_assert_mem_eq(data, "content", 7);
        ck_assert_int_eq(munmap(data, size), 0);
        ck_assert_int_eq(memfd_map(none, 7, &data, &size), -EBADMSG);
}
END_TEST

START_TEST(nothing_is_content_too) {
        _cleanup_close_ int fd = memfd_sealed("test", NULL, 0);
        _cleanup_free_ char *data = NULL;
        size_t size = 1;

        ck_assert_int_eq(memfd_read(fd, 0, &data, &size), 0);
        ck_assert_uint_eq(size, 0);
        ck_assert_str_eq(data, "");
}
END_TEST

START_TEST(nobody_changes_it) {
        _cleanup_close_ int fd = memfd_sealed("test", "content", 7);

        ck_assert_int_eq(pwrite(fd, "x", 1, 0), -1);
        ck_assert_int_eq(pwrite(fd, "x", 1, 7), -1);
        ck_assert_int_eq(ftruncate(fd, 3), -1);
        ck_assert_int_eq(ftruncate(fd, 30), -1);
        ck_assert_ptr_eq(mmap(NULL, 7, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
        ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), -1);
}
END_TEST

/* Two readers of one descriptor share its offset. */
START_TEST(reading_does_not_move) {
        _cleanup_close_ int fd = memfd_sealed("test", "content", 7);
        size_t size;

        for (unsigned i = 0; i < 2; i++) {
                _cleanup_free_ char *data = NULL;
                off_t at = lseek(fd, 0, SEEK_CUR);

                ck_assert_int_eq(memfd_read(fd, 7, &data, &size), 0);
                ck_assert_str_eq(data, "content");
                ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), at);
        }
}
END_TEST

static void refused(int fd, int error) {
        char *data = NULL;
        size_t size = 77;

        ck_assert_int_eq(memfd_check(fd, 100, &size), error);
        ck_assert_int_eq(memfd_read(fd, 100, &data, &size), error);
        ck_assert_int_eq(memfd_map(fd, 100, (void **) &data, &size), error);
        ck_assert_ptr_null(data);
        ck_assert_uint_eq(size, 77);
}

START_TEST(what_is_not_sealed_is_refused) {
        static const int some[] = {
                0, F_SEAL_WRITE, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_GROW,
        };

        for (size_t i = 0; i < ELEMENTSOF(some); i++) {
                _cleanup_close_ int fd = memfd_open("test");

                ck_assert_int_eq(write_all(fd, "content", 7), 0);
                ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, some[i]), 0);
                refused(fd, -EBADMSG);
        }
}
END_TEST

START_TEST(what_is_no_memory_file_is_refused) {
        _cleanup_close_ int null = open("/dev/null", O_RDWR), folder = open("/", O_RDONLY);
        _cleanup_close_ int file = open("/proc/self/exe", O_RDONLY);
        int ends[2];

        ck_assert_int_eq(pipe(ends), 0);
        refused(null, -EBADMSG);
        refused(folder, -EBADMSG);
        refused(file, -EBADMSG);
        refused(ends[0], -EBADMSG);
        refused(-1, -EBADMSG);
        (void) close(ends[0]);
        (void) close(ends[1]);
}
END_TEST

START_TEST(what_is_too_large_is_refused) {
        static const char content[101];
        _cleanup_close_ int fd = memfd_sealed("test", content, sizeof(content));

        refused(fd, -EMSGSIZE);
}
END_TEST

/* A hole of a terabyte costs its sender nothing. */
START_TEST(a_huge_hole_is_refused) {
        _cleanup_close_ int fd = memfd_open("test");

        ck_assert_int_eq(ftruncate(fd, INT64_C(1) << 40), 0);
        ck_assert_int_eq(memfd_seal(fd), 0);
        refused(fd, -EMSGSIZE);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("memfd");
        TCase *tcase = tcase_create("memfd");

        tcase_add_test(tcase, content_comes_back);
        tcase_add_test(tcase, content_is_mapped);
        tcase_add_test(tcase, nothing_is_content_too);
        tcase_add_test(tcase, nobody_changes_it);
        tcase_add_test(tcase, reading_does_not_move);
        tcase_add_test(tcase, what_is_not_sealed_is_refused);
        tcase_add_test(tcase, what_is_no_memory_file_is_refused);
        tcase_add_test(tcase, what_is_too_large_is_refused);
        tcase_add_test(tcase, a_huge_hole_is_refused);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
