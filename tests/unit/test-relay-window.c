/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is on its way to RabbitMQ, and what waits for its next try. */
#include <check.h>
#include <stdio.h>

#include "tests/unit/run.h"
#include "workers/relay/holds.h"
#include "workers/relay/window.h"

static struct window window;
static char told[256];

static void begin(void) {
        ck_assert_int_eq(window_init(&window, 8), 0);
        *told = 0;
}

static void end(void) {
        window_done(&window);
}

static void settle(void *userdata, const struct window_entry *entry, bool ok) {
        size_t n = strlen(told);

        (void) snprintf(told + n, sizeof(told) - n, "%s%lld%s%s", n > 0 ? " " : "", (long long) entry->id, ok ? "" : "!",
                        entry->again ? "*" : "");
}

/* What the callbacks were told by this. */
static const char *confirm(uint64_t tag, bool multiple, bool ok) {
        *told = 0;
        ck_assert_int_eq(window_settle(&window, tag, multiple, ok, settle, NULL), 0);
        return told;
}

static void add(int64_t id, const char *resource) {
        window_add(&window, id, window_digest(resource), 0, (uint64_t) id);
}

static void add_five(void) {
        add(11, "users/1");
        add(12, "users/2");
        add(13, "users/1");
        add(14, "users/3");
        add(15, "users/1");
}

START_TEST(in_order) {
        add_five();
        ck_assert_uint_eq(window_waiting(&window), 5);
        ck_assert_str_eq(confirm(1, false, true), "11");
        ck_assert_str_eq(confirm(4, true, true), "12 13 14");
        ck_assert_str_eq(confirm(5, false, true), "15");
        ck_assert_uint_eq(window.n, 0);
        ck_assert_ptr_null(window_oldest(&window));
}
END_TEST

START_TEST(out_of_order) {
        add_five();
        ck_assert_str_eq(confirm(3, false, true), "13");
        ck_assert_uint_eq(window.n, 5);
        ck_assert_uint_eq(window_waiting(&window), 4);
        ck_assert(!window_has(&window, 13) && window_has(&window, 12));
        ck_assert_int_eq(window_oldest(&window)->id, 11);
        ck_assert_int_eq(window_highest(&window), 15);
        ck_assert_str_eq(confirm(2, true, true), "11 12");
        ck_assert_uint_eq(window.n, 2);
        /* What it has spoken about already, "multiple" may cover again. */
        ck_assert_str_eq(confirm(3, true, true), "");
        ck_assert_str_eq(confirm(0, true, true), "14 15");
}
END_TEST

START_TEST(nonsense) {
        add_five();
        ck_assert_int_eq(window_settle(&window, 6, false, true, settle, NULL), -EBADMSG);
        ck_assert_int_eq(window_settle(&window, 6, true, true, settle, NULL), -EBADMSG);
        ck_assert_int_eq(window_settle(&window, 0, false, true, settle, NULL), -EBADMSG);
        ck_assert_int_eq(window_settle(&window, UINT64_MAX, false, true, settle, NULL), -EBADMSG);
        ck_assert_str_eq(confirm(2, true, true), "11 12");
        ck_assert_int_eq(window_settle(&window, 1, false, true, settle, NULL), -EBADMSG);
}
END_TEST

START_TEST(a_refusal_repeats_what_follows_it) {
        add_five();
        ck_assert_str_eq(confirm(1, false, false), "11!");
        ck_assert_str_eq(confirm(5, true, true), "12 13* 14 15*");
}
END_TEST

START_TEST(it_is_a_ring) {
        for (int64_t i = 1; i <= 8; i++)
                add(i, "a");
        ck_assert(window_full(&window));
        ck_assert_str_eq(confirm(6, true, true), "1 2 3 4 5 6");
        for (int64_t i = 9; i <= 14; i++)
                add(i, "a");
        ck_assert(window_full(&window));
        ck_assert_str_eq(confirm(12, true, true), "7 8 9 10 11 12");
        window_reset(&window);
        add(20, "b");
        ck_assert_str_eq(confirm(1, false, true), "20");
}
END_TEST

START_TEST(later_rows_wait) {
        struct holds holds = {0};

        ck_assert_int_eq(holds_add(&holds, 12, 1, 1000), 0);
        ck_assert(holds_has(&holds, 12, 1) && holds_has(&holds, 13, 1));
        ck_assert(!holds_has(&holds, 11, 1) && !holds_has(&holds, 13, 2));
        ck_assert_int_eq(holds_add(&holds, 12, 1, 2000), 0);
        ck_assert_uint_eq(holds.n, 1);
        ck_assert_uint_eq(holds_next(&holds), 2000);
        ck_assert(!holds_end(&holds, 1999) && holds_end(&holds, 2000));
        ck_assert_uint_eq(holds_next(&holds), NSEC_NEVER);
}
END_TEST

START_TEST(holds_are_few) {
        struct holds holds = {0};

        for (int64_t i = 0; i < HOLDS_MAX; i++)
                ck_assert_int_eq(holds_add(&holds, i, (uint64_t) i, 10), 0);
        ck_assert_int_eq(holds_add(&holds, 1000, 1000, 10), -ENOBUFS);
        ck_assert_int_eq(holds_add(&holds, 5, 5, 20), 0);
        ck_assert(holds_end(&holds, 10));
        ck_assert_uint_eq(holds.n, 1);
}
END_TEST

START_TEST(the_wait_doubles) {
        ck_assert_uint_eq(retry_wait_msec(1, UINT32_MAX), 500);
        ck_assert_uint_eq(retry_wait_msec(1, 0), 250);
        ck_assert_uint_eq(retry_wait_msec(3, UINT32_MAX), 2000);
        ck_assert_uint_eq(retry_wait_msec(100, UINT32_MAX), 60000);
        ck_assert_uint_eq(retry_wait_msec(UINT32_MAX, 0), 30000);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("relay-window");
        TCase *tcase = tcase_create("window");

        tcase_add_checked_fixture(tcase, begin, end);
        tcase_add_test(tcase, in_order);
        tcase_add_test(tcase, out_of_order);
        tcase_add_test(tcase, nonsense);
        tcase_add_test(tcase, a_refusal_repeats_what_follows_it);
        tcase_add_test(tcase, it_is_a_ring);
        tcase_add_test(tcase, later_rows_wait);
        tcase_add_test(tcase, holds_are_few);
        tcase_add_test(tcase, the_wait_doubles);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
