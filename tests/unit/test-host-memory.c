/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <alloca.h>
#include <check.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/util.h"
#include "tests/unit/run.h"
#include "workers/host/memory.h"

#define DEEP (256U * 1024)

__attribute__((noinline)) static void go_deep(void) {
        volatile char *stack = alloca(DEEP);

        for (size_t i = 0; i < DEEP; i++)
                stack[i] = (char) 0xaa;
}

/* Wherever a page happens to end: nothing that the callers use is lost. */
START_TEST(the_callers_keep_theirs) {
        for (size_t offset = 16; offset < 8192; offset += 16) {
                unsigned char *ours = alloca(offset);
                size_t kept = 0;

                memset(ours, 0x55, offset);
                memory_give_back();
                /* One assertion each would be two million. */
                for (size_t i = 0; i < offset; i++)
                        kept += ours[i] == 0x55;
                ck_assert_uint_eq(kept, offset);
        }
}
END_TEST

START_TEST(what_was_deep_is_given_back) {
        size_t page = (size_t) sysconf(_SC_PAGESIZE);
        uintptr_t here = (uintptr_t) __builtin_frame_address(0);
        char *deep = (char *) ((here - DEEP) & ~(page - 1));
        unsigned char present[16], gone[16];

        go_deep();
        ck_assert_int_eq(mincore(deep, sizeof(present) * page, present), 0);
        memory_give_back();
        ck_assert_int_eq(mincore(deep, sizeof(gone) * page, gone), 0);
        for (size_t i = 0; i < sizeof(gone); i++) {
                ck_assert_uint_eq(present[i] & 1, 1);
                ck_assert_uint_eq(gone[i] & 1, 0);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("host-memory");
        TCase *tcase = tcase_create("stack");

        tcase_set_timeout(tcase, 60);
        tcase_add_test(tcase, the_callers_keep_theirs);
        tcase_add_test(tcase, what_was_deep_is_given_back);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
