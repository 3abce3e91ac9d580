/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/pages.h"
#include "lib/util.h"
#include "tests/unit/run.h"

#define N_PAGES 512
#define PAGE 4096

/* Of the program's file, in a segment that is only read. */
static _Alignas(PAGE) const char constants[N_PAGES * PAGE] = "the first page";
/* Relocated when the program starts, and only read from then on. */
static const char *const relocated[] = {constants, constants + PAGE};
static char data[N_PAGES * PAGE] = "as in the file";
static char zeros[N_PAGES * PAGE];

static unsigned sum_of(const volatile char *bytes) {
        unsigned sum = 0;

        for (size_t i = 0; i < N_PAGES; i++)
                sum += (unsigned char) bytes[i * PAGE];
        return sum;
}

/* How many of its pages are mapped: bit 63 of each entry, for everybody to read. */
static size_t mapped(const char *bytes) {
        _cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
        uint64_t entries[N_PAGES];
        size_t n = 0;

        ck_assert_int_eq(pread(fd, entries, sizeof(entries), (off_t) ((uintptr_t) bytes / PAGE * sizeof(*entries))),
                         sizeof(entries));
        for (size_t i = 0; i < N_PAGES; i++)
                n += entries[i] >> 63;
        return n;
}

START_TEST(what_is_only_read_is_given_back) {
        unsigned sum = sum_of(constants);

        ck_assert_uint_gt(mapped(constants), N_PAGES / 2);
        pages_give_back();
        /* What lies beside it has been used since, and the kernel maps what is around a page, too. */
        ck_assert_uint_lt(mapped(constants), N_PAGES / 4);
        ck_assert_uint_eq(sum_of(constants), sum);
        ck_assert_str_eq(constants, "the first page");
}
END_TEST

/* Neither what the program wrote to nor what the loader has relocated is in the file. */
START_TEST(what_was_written_stays) {
        memset(data, 'd', sizeof(data));
        memset(zeros, 'z', sizeof(zeros));
        for (int i = 0; i < 3; i++) {
                pages_give_back();
                ck_assert_uint_eq(sum_of(data), N_PAGES * 'd');
                ck_assert_uint_eq(sum_of(zeros), N_PAGES * 'z');
                for (size_t j = 0; j < ELEMENTSOF(relocated); j++)
                        ck_assert_ptr_eq(*(const char *const volatile *) &relocated[j], constants + j * PAGE);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("pages");
        TCase *tcase = tcase_create("pages");

        tcase_set_timeout(tcase, 60);
        tcase_add_test(tcase, what_is_only_read_is_given_back);
        tcase_add_test(tcase, what_was_written_stays);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
