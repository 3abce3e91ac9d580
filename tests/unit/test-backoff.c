/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>

#include "lib/backoff.h"
#include "tests/unit/run.h"

static const struct backoff usual = {.base_msec = 100, .cap_msec = 1500, .intensity = 8, .slow_msec = 300000};

START_TEST(the_schedule) {
        static const uint64_t nominal[] = {0, 0, 100, 200, 400, 800, 1500, 1500, 300000, 300000};

        for (uint32_t i = 0; i < ELEMENTSOF(nominal); i++)
                ck_assert_uint_eq(backoff_nominal_msec(&usual, i), nominal[i]);
        ck_assert_uint_eq(backoff_nominal_msec(&usual, UINT32_MAX), 300000);
}
END_TEST

START_TEST(without_an_intensity) {
        struct backoff b = usual;

        b.intensity = 0;
        ck_assert_uint_eq(backoff_nominal_msec(&b, 8), 1500);
        ck_assert_uint_eq(backoff_nominal_msec(&b, UINT32_MAX), 1500);
}
END_TEST

START_TEST(odd_settings) {
        static const struct backoff base_over_cap = {.base_msec = 500, .cap_msec = 100}, no_base = {.cap_msec = 100},
                huge = {.base_msec = 1, .cap_msec = UINT32_MAX}, slow_at_once = {.intensity = 1, .slow_msec = 7};

        ck_assert_uint_eq(backoff_nominal_msec(&base_over_cap, 2), 100);
        ck_assert_uint_eq(backoff_nominal_msec(&no_base, UINT32_MAX), 0);
        ck_assert_uint_eq(backoff_nominal_msec(&huge, UINT32_MAX), UINT32_MAX);
        ck_assert_uint_eq(backoff_nominal_msec(&slow_at_once, 1), 7);
}
END_TEST

START_TEST(jitter_takes_at_most_half) {
        static const uint32_t random[] = {0, 1, UINT32_MAX / 2, UINT32_MAX - 1, UINT32_MAX};

        for (uint32_t failures = 0; failures < 10; failures++)
                for (size_t i = 0; i < ELEMENTSOF(random); i++) {
                        uint64_t nominal = backoff_nominal_msec(&usual, failures) * NSEC_PER_MSEC, wait;
                        bool failed;

                        wait = backoff_wait(&usual, failures, random[i], &failed);
                        ck_assert_uint_ge(wait, nominal / 2);
                        ck_assert_uint_le(wait, nominal);
                        ck_assert_int_eq(failed, failures >= 8);
                }
}
END_TEST

START_TEST(jitter_reaches_both_ends) {
        bool failed;

        ck_assert_uint_eq(backoff_wait(&usual, 2, 0, &failed), 50 * NSEC_PER_MSEC);
        ck_assert_uint_eq(backoff_wait(&usual, 2, UINT32_MAX, &failed), 100 * NSEC_PER_MSEC);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("backoff");
        TCase *tcase = tcase_create("backoff");

        tcase_add_test(tcase, the_schedule);
        tcase_add_test(tcase, without_an_intensity);
        tcase_add_test(tcase, odd_settings);
        tcase_add_test(tcase, jitter_takes_at_most_half);
        tcase_add_test(tcase, jitter_reaches_both_ends);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
