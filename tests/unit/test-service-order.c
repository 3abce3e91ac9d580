/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>

#include "tests/unit/run.h"
#include "units/wazo-service/order.h"

/* "database", "broker", "auth" (both), "web" (none), "calls" (auth, broker). */
static const char *const needs[] = {"", "", "01", "", "12"};
#define N ELEMENTSOF(needs)

static bool waits_for(const void *services, size_t later, size_t earlier) {
        const char *const *all = services;

        return strchr(all[later], '0' + (int) earlier) != NULL;
}

static void expect(struct order *o, const char *who) {
        for (; *who; who++)
                ck_assert_uint_eq(order_next(o), (size_t) (*who - '0'));
        ck_assert_uint_eq(order_next(o), o->n);
}

START_TEST(what_is_independent_starts_side_by_side) {
        struct order o;

        order_init(&o, N, false, waits_for, needs);
        expect(&o, "013");
        order_done(&o, 0);
        expect(&o, "");
        order_done(&o, 1);
        expect(&o, "2");
        order_done(&o, 3);
        expect(&o, "");
        order_done(&o, 2);
        expect(&o, "4");
        order_done(&o, 4);
        expect(&o, "");
}
END_TEST

START_TEST(stops_are_the_other_way_round) {
        struct order o;

        order_init(&o, N, true, waits_for, needs);
        expect(&o, "43");
        order_done(&o, 4);
        expect(&o, "2");
        order_done(&o, 2);
        expect(&o, "10");
}
END_TEST

START_TEST(nobody_at_all) {
        struct order o;

        order_init(&o, 0, false, waits_for, needs);
        expect(&o, "");
}
END_TEST

/* Each is under way only once, and only when all that it waits for are done, whatever the order in which they end. */
START_TEST(a_chain_is_a_chain) {
        static const char *const chain[] = {"", "0", "1", "2", "3", "4", "5", "6"};
        struct order o;

        order_init(&o, ELEMENTSOF(chain), false, waits_for, chain);
        for (size_t i = 0; i < ELEMENTSOF(chain); i++) {
                ck_assert_uint_eq(order_next(&o), i);
                ck_assert_uint_eq(order_next(&o), o.n);
                order_done(&o, i);
        }
        ck_assert_uint_eq(order_next(&o), o.n);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("service-order");
        TCase *tcase = tcase_create("order");

        tcase_add_test(tcase, what_is_independent_starts_side_by_side);
        tcase_add_test(tcase, stops_are_the_other_way_round);
        tcase_add_test(tcase, nobody_at_all);
        tcase_add_test(tcase, a_chain_is_a_chain);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
