/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The outbox without a broker, what is listed of it, and rows as requests to sysconfd. */
#include <check.h>
#include <stdio.h>

#include "relay-harness.h"
#include "tests/unit/run.h"
#include "workers/relay/keeper.h"
#include "workers/relay/lists.h"
#include "workers/relay/outbox.h"
#include "workers/relay/sysconfd.h"

/* ----- without a broker ----- */

static struct keeper keeper;

static void keep(bool events, bool requests) {
        const struct keeper_settings settings = {.events = events, .requests = requests, .keep = 2, .age_msec = 1000};

        ck_assert_int_ge(keeper_init(&keeper, event, &store, &settings), 0);
        keeper_nudge(&keeper);
        turn_for(300);
        turn();
        keeper_done(&keeper);
}

START_TEST(keeping) {
        for (unsigned i = 0; i < 5; i++)
                insert("users/1");
        sql("UPDATE outbox SET kind = 'sysconfd' WHERE id = 5");
        keep(true, false);
        ck_assert_str_eq(query("SELECT id FROM outbox"), "5");
        ck_assert_str_eq(query("SELECT id FROM event_kept WHERE published_at IS NULL"), "3 4");
        keep(false, true);
        ck_assert_str_eq(query("SELECT COUNT(*) FROM outbox"), "0");
        ck_assert_uint_eq(keeper.dropped, 1);
}
END_TEST

START_TEST(old_events_go) {
        insert("users/1");
        insert("users/1");
        keep(true, false);
        sql("UPDATE event_kept SET kept_at = 5 WHERE id = 1");
        keeper.aged_at = 0;
        keeper_tick(&keeper);
        ck_assert_str_eq(query("SELECT id FROM event_kept"), "2");
}
END_TEST

/* ----- lists ----- */

START_TEST(lists) {
        json_t *list;

        for (unsigned i = 0; i < 5; i++)
                insert("users/1");
        sql("UPDATE outbox SET payload = '{\"data\": {\"password\": \"x\"}}'");
        keep(true, false);
        ck_assert_int_eq(lists_events(db(), -1, 1, &list), 0);
        ck_assert_uint_eq(json_array_size(json_object_get(list, "events")), 1);
        ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(json_object_get(list, "events"), 0), "id")), 5);
        ck_assert_int_eq(json_integer_value(json_object_get(list, "first")), 4);
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(json_object_get(list, "events"), 0), "created_at")),
                         "2026-01-02T03:04:05.000006Z");
        ck_assert_str_eq(json_string_value(json_object_get(
                                 json_object_get(json_object_get(json_array_get(json_object_get(list, "events"), 0),
                                                                 "payload"),
                                                 "data"),
                                 "password")),
                         "<hidden>");
        json_decref(list);
        ck_assert_int_eq(lists_events(db(), 4, 10, &list), 0);
        ck_assert_uint_eq(json_array_size(json_object_get(list, "events")), 1);
        json_decref(list);
}
END_TEST

static size_t listed(int64_t after) {
        json_t *list;
        size_t n;

        ck_assert_int_eq(lists_events(db(), after, 10, &list), 0);
        n = json_array_size(json_object_get(list, "events"));
        json_decref(list);
        return n;
}

START_TEST(none_is_listed_before_one_that_was_before) {
        open_with(3);
        ck_assert_str_eq(published(), "1 2 3");
        confirm(1, false, true);
        confirm(3, false, true);
        turn_until("SELECT id FROM event_kept", "1 3");
        ck_assert_uint_eq(listed(-1), 1);
        ck_assert_uint_eq(listed(1), 0);
        confirm(2, false, true);
        turn_until("SELECT COUNT(*) FROM outbox", "0");
        ck_assert_uint_eq(listed(-1), 3);
        ck_assert_uint_eq(listed(1), 2);
}
END_TEST

START_TEST(what_is_parked) {
        json_t *list;
        int64_t n;

        insert("users/1");
        insert("users/2");
        insert("users/3");
        ck_assert_int_eq(outbox_park(db(), 1, 5, "because"), 0);
        ck_assert_int_eq(outbox_park(db(), 2, 5, "because"), 0);
        sql("UPDATE outbox_parked SET headers = 'no JSON' WHERE id = 2");
        ck_assert_int_eq(lists_parked(db(), 0, 10, &list), 0);
        ck_assert_int_eq(json_integer_value(json_object_get(list, "total")), 2);
        ck_assert_str_eq(json_string_value(
                                 json_object_get(json_array_get(json_object_get(list, "parked"), 1), "headers")),
                         "no JSON");
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(json_object_get(list, "parked"), 0), "queue")), "outbox");
        json_decref(list);
        ck_assert_int_eq(lists_retry(db(), 1, &n), 0);
        ck_assert_int_eq(n, 1);
        ck_assert_str_eq(query("SELECT id, resource, tries FROM outbox"), "3 users/3 0 4 users/1 0");
        ck_assert_int_eq(lists_retry(db(), 1, &n), 0);
        ck_assert_int_eq(n, 0);
        ck_assert_int_eq(lists_drop(db(), 0, &n), 0);
        ck_assert_int_eq(n, 1);
        ck_assert_str_eq(query("SELECT COUNT(*) FROM outbox_parked"), "0");
}
END_TEST

START_TEST(backlog_and_times) {
        char oldest[OUTBOX_STAMP_SIZE];
        int64_t n;

        ck_assert_int_eq(outbox_backlog(db(), OUTBOX_EVENT, &n, oldest), 0);
        ck_assert_int_eq(n, 0);
        ck_assert_str_eq(oldest, "");
        insert("users/1");
        insert("users/1");
        ck_assert_int_eq(outbox_backlog(db(), OUTBOX_EVENT, &n, oldest), 0);
        ck_assert_int_eq(n, 2);
        ck_assert_str_eq(oldest, "2026-01-02 03:04:05.000006");
        ck_assert_uint_eq(outbox_parse_stamp("1970-01-02 00:00:01.5"), UINT64_C(86401500000000));
        ck_assert_uint_eq(outbox_parse_stamp("yesterday"), 0);
        outbox_stamp(oldest);
        ck_assert_uint_le(now_realtime() - outbox_parse_stamp(oldest), 60 * NSEC_PER_SEC);
}
END_TEST

/* ----- requests to sysconfd ----- */

static const char *request(const char *name, const char *headers) {
        const struct outbox_row row = {.name = name, .headers = headers};
        static char answer[256];
        char method[16], *url;
        int r = sysconfd_request(&row, "localhost", 8668, method, &url);

        if (r < 0)
                return strerror(-r);
        (void) snprintf(answer, sizeof(answer), "%s %s", method, url);
        free(url);
        return answer;
}

START_TEST(requests) {
        const char *none = strerror(EINVAL);

        ck_assert_str_eq(request("/exec_request_handlers", "{\"method\": \"POST\"}"),
                         "POST http://localhost:8668/exec_request_handlers");
        ck_assert_str_eq(request("/delete_voicemail", "{\"method\": \"GET\", \"query\": {\"mailbox\": \"10 0&é\", \"n\": 5}}"),
                         "GET http://localhost:8668/delete_voicemail?mailbox=10%200%26%C3%A9&n=5");
        ck_assert_str_eq(request("/x", "{\"method\": \"PATCH\"}"), none);
        ck_assert_str_eq(request("/x", "{}"), none);
        ck_assert_str_eq(request("/x", "nothing"), none);
        ck_assert_str_eq(request("x", "{\"method\": \"GET\"}"), none);
        ck_assert_str_eq(request("/x y", "{\"method\": \"GET\"}"), none);
        ck_assert_str_eq(request("@elsewhere/", "{\"method\": \"GET\"}"), none);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("relay-lists");
        TCase *tcase = tcase_create("lists");

        tcase_set_timeout(tcase, 20);
        tcase_add_checked_fixture(tcase, begin, end);
        tcase_add_test(tcase, keeping);
        tcase_add_test(tcase, old_events_go);
        tcase_add_test(tcase, lists);
        tcase_add_test(tcase, none_is_listed_before_one_that_was_before);
        tcase_add_test(tcase, what_is_parked);
        tcase_add_test(tcase, backlog_and_times);
        tcase_add_test(tcase, requests);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
