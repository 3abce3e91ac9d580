/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the outbox to a broker that the test plays: what is published, in which order, and what becomes of the rows. */
#include <check.h>
#include <stdio.h>

#include "relay-harness.h"
#include "tests/unit/run.h"

START_TEST(a_window_at_a_time) {
        open_with(6);
        ck_assert_str_eq(published(), "1 2 3 4");
        ck_assert_str_eq(query("SELECT id FROM outbox"), "1 2 3 4 5 6");
        confirm(2, true, true);
        ck_assert_str_eq(published(), "5 6");
        confirm(6, true, true);
        ck_assert_str_eq(query("SELECT COUNT(*) FROM outbox"), "0");
        ck_assert(publisher_is_idle(&publisher));
        ck_assert_uint_eq(publisher.confirmed, 6);
        insert("users/9");
        publisher_nudge(&publisher);
        ck_assert_str_eq(published(), "7");
}
END_TEST

START_TEST(nothing_before_the_first_nudge) {
        insert("users/1");
        publisher_opened(&publisher);
        ck_assert_str_eq(published(), "");
        publisher_nudge(&publisher);
        ck_assert_str_eq(published(), "1");
}
END_TEST

START_TEST(a_lost_connection_repeats) {
        open_with(6);
        ck_assert_str_eq(published(), "1 2 3 4");
        confirm(1, false, true);
        ck_assert_str_eq(published(), "5");
        played.room = 0;
        publisher_lost(&publisher, BROKER_LOSS_CONNECTION, "cut");
        ck_assert_str_eq(published(), "");
        played.room = 1000;
        publisher_opened(&publisher);
        ck_assert_str_eq(published(), "2 3 4 5");
        confirm(4, true, true);
        confirm(5, true, true);
        ck_assert_str_eq(published(), "6");
        ck_assert_str_eq(query("SELECT COUNT(*) FROM outbox_parked"), "0");
        ck_assert_uint_eq(publisher.retried, 4);
}
END_TEST

/* Row 1 is refused: 3, of the same resource, goes once more behind it; 2 is done. */
START_TEST(a_refused_row_and_those_behind_it) {
        const char *order;

        open_with(3);
        ck_assert_str_eq(published(), "1 2 3");
        confirm(1, false, false);
        ck_assert_str_eq(query("SELECT id, tries FROM outbox WHERE tries > 0"), "1 1");
        confirm(3, true, true);
        ck_assert_str_eq(query("SELECT id FROM outbox"), "1 3");
        /* Others have their turn meanwhile. */
        insert("users/1");
        insert("users/5");
        publisher_nudge(&publisher);
        order = published();
        /* On a machine so busy that the wait is over by now, they are in front. */
        if (!streq(order, "1 3 4 5")) {
                ck_assert_str_eq(order, "5");
                turn_for(600);
                ck_assert_str_eq(published(), "1 3 4");
        }
        confirm(7, true, true);
        ck_assert_str_eq(query("SELECT COUNT(*) FROM outbox"), "0");
}
END_TEST

START_TEST(refused_too_often_it_is_parked) {
        open_with(3);
        ck_assert_str_eq(published(), "1 2 3");
        confirm(2, false, false);
        confirm(3, true, true);
        turn_for(600);
        ck_assert_str_eq(published(), "2");
        confirm(4, false, false);
        ck_assert_str_eq(query("SELECT id, tries, kind, name FROM outbox_parked"), "2 2 event e");
        ck_assert_str_eq(query("SELECT COUNT(*) FROM outbox"), "0");
        ck_assert_uint_eq(publisher.parked, 1);
        ck_assert_str_eq(published(), "");
}
END_TEST

/* The wait of a refused row outlives the relay. */
START_TEST(a_row_that_waits_in_the_database) {
        insert("users/1");
        insert("users/1");
        insert("users/2");
        sql("UPDATE outbox SET tries = 1, next_try_at = (SELECT (strftime('%s', 'now') + 3) * 1000 - 400) WHERE id = 1");
        open_with(0);
        ck_assert_str_eq(published(), "3");
        turn_for(2800);
        ck_assert_str_eq(published(), "1 2");
}
END_TEST

START_TEST(a_row_that_cannot_be_sent) {
        open_with(3);
        sql("UPDATE outbox SET headers = 'no JSON' WHERE id = 1; UPDATE outbox SET headers = '[1]' WHERE id = 2");
        played.refused_id = "2";
        played.result = -EINVAL;
        sql("UPDATE outbox SET headers = '{}' WHERE id = 2");
        ck_assert_str_eq(published(), "3");
        ck_assert_str_eq(query("SELECT id, tries FROM outbox_parked ORDER BY id"), "1 1 2 1");
        ck_assert_str_eq(query("SELECT id FROM outbox"), "3");
}
END_TEST

/* The server closes its channel over one of several rows: they go one at a time, and the one alone with it is the culprit. */
START_TEST(the_culprit_is_sought) {
        open_with(3);
        ck_assert_str_eq(published(), "1 2 3");
        publisher_lost(&publisher, BROKER_LOSS_REFUSED, "406");
        publisher_opened(&publisher);
        ck_assert_str_eq(published(), "1");
        confirm(1, false, true);
        ck_assert_str_eq(published(), "2");
        publisher_lost(&publisher, BROKER_LOSS_REFUSED, "406");
        publisher_opened(&publisher);
        ck_assert_str_eq(published(), "3");
        ck_assert_str_eq(query("SELECT id, tries, error FROM outbox WHERE tries > 0"), "2 1 406");
        confirm(1, false, true);
        turn_for(600);
        ck_assert_str_eq(published(), "2");
        publisher_lost(&publisher, BROKER_LOSS_REFUSED, "406");
        turn();
        ck_assert_str_eq(query("SELECT id, error FROM outbox_parked"), "2 406");
        publisher_opened(&publisher);
        insert("users/1");
        insert("users/1");
        publisher_nudge(&publisher);
        ck_assert_str_eq(published(), "4 5");
}
END_TEST

START_TEST(a_confirm_that_does_not_come) {
        uint64_t patient;

        open_with(1);
        ck_assert_str_eq(published(), "1");
        played.state = BROKER_BLOCKED;
        turn_for(200);
        ck_assert_uint_eq(played.reconnects, 0);
        /* From then on it has its time. */
        played.state = BROKER_READY;
        patient = now_monotonic();
        publisher_patient(&publisher);
        while (played.reconnects == 0)
                ck_assert_int_ge(sd_event_run(event, 1000), 0);
        ck_assert_uint_ge(now_monotonic() - patient, 100 * NSEC_PER_MSEC);
}
END_TEST

START_TEST(a_confirm_of_nothing) {
        open_with(1);
        (void) published();
        confirm(9, false, true);
        ck_assert_uint_eq(played.reconnects, 1);
}
END_TEST

/* Somebody else writes: nothing waits for it, and it is done a little later. */
START_TEST(a_lock) {
        struct store other = store;
        struct db *writer;

        open_with(2);
        ck_assert_str_eq(published(), "1 2");
        other.db = NULL;
        ck_assert_int_eq(store_begin(&other, &writer), 0);
        confirm(2, true, true);
        ck_assert(!publisher_is_idle(&publisher));
        ck_assert_str_eq(query("SELECT COUNT(*) FROM outbox"), "2");
        ck_assert_int_eq(store_end(&other, 0), 0);
        turn_until("SELECT COUNT(*) FROM outbox", "0");
        ck_assert(publisher_is_idle(&publisher));
        store_done(&other);
}
END_TEST

START_TEST(draining) {
        open_with(6);
        ck_assert_str_eq(published(), "1 2 3 4");
        publisher_drain(&publisher);
        confirm(3, true, true);
        ck_assert_str_eq(published(), "");
        ck_assert(!publisher_is_idle(&publisher));
        confirm(4, true, true);
        ck_assert(publisher_is_idle(&publisher));
        ck_assert_str_eq(query("SELECT id FROM outbox"), "5 6");
}
END_TEST

START_TEST(the_last_are_kept) {
        open_with(6);
        (void) published();
        confirm(4, true, true);
        confirm(6, true, true);
        ck_assert_str_eq(query("SELECT id FROM event_kept"), "4 5 6");
        ck_assert_str_eq(query("SELECT COUNT(*) FROM event_kept WHERE published_at IS NULL"), "0");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("relay-outbox");
        TCase *tcase = tcase_create("outbox");

        tcase_set_timeout(tcase, 20);
        tcase_add_checked_fixture(tcase, begin, end);
        tcase_add_test(tcase, a_window_at_a_time);
        tcase_add_test(tcase, nothing_before_the_first_nudge);
        tcase_add_test(tcase, a_lost_connection_repeats);
        tcase_add_test(tcase, a_refused_row_and_those_behind_it);
        tcase_add_test(tcase, refused_too_often_it_is_parked);
        tcase_add_test(tcase, a_row_that_waits_in_the_database);
        tcase_add_test(tcase, a_row_that_cannot_be_sent);
        tcase_add_test(tcase, the_culprit_is_sought);
        tcase_add_test(tcase, a_confirm_that_does_not_come);
        tcase_add_test(tcase, a_confirm_of_nothing);
        tcase_add_test(tcase, a_lock);
        tcase_add_test(tcase, draining);
        tcase_add_test(tcase, the_last_are_kept);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
