/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the outbox to a broker that the test plays: what is published, in which order, and what becomes of the rows. */
#include <check.h>
#include <stdio.h>

#include "lib/log.h"
#include "workers/relay/keeper.h"
#include "workers/relay/lists.h"
#include "workers/relay/outbox.h"
#include "workers/relay/publisher.h"
#include "workers/relay/sysconfd.h"

#define WINDOW 4

/* ----- a broker ----- */

static struct {
        char published[1024]; /* ids since they were looked at */
        size_t room;
        enum broker_state state;
        unsigned reconnects;
        int result; /* of publishing, for the id */
        const char *refused_id;
} played;

static size_t played_room(const struct broker *b) {
        return played.room;
}

static int played_publish(struct broker *b, const struct broker_message *m) {
        size_t n = strlen(played.published);
        const char *id = strchr(m->message_id, '/') + 1;

        ck_assert(json_is_object(m->headers));
        ck_assert_int_eq(strncmp(m->message_id, "test/", 5), 0);
        if (played.refused_id && streq(played.refused_id, id))
                return played.result;
        (void) snprintf(played.published + n, sizeof(played.published) - n, "%s%s", n > 0 ? " " : "", id);
        return 0;
}

static void played_flush(struct broker *b) {
}

static void played_status(const struct broker *b, struct broker_status *ret) {
        *ret = (struct broker_status) {.state = played.state};
}

static void played_reconnect(struct broker *b, const char *reason) {
        played.reconnects++;
}

static const struct broker_driver driver = {
        .room = played_room, .publish = played_publish, .flush = played_flush, .status = played_status, .reconnect = played_reconnect};
static struct broker broker = {.driver = &driver};

/* ----- the rest ----- */

static sd_event *event;
static struct store store;
static struct publisher publisher;
static char path[64], uri[96];

static char *read_file(const char *folder, const char *name) {
        static char text[65536];
        char file[512];
        size_t n;
        FILE *f;

        (void) snprintf(file, sizeof(file), "%s/%s", folder, name);
        f = fopen(file, "r");
        ck_assert_ptr_nonnull(f);
        n = fread(text, 1, sizeof(text) - 1, f);
        text[n] = 0;
        (void) fclose(f);
        return text;
}

static struct db *db(void) {
        struct db *ret;

        ck_assert_int_eq(store_open(&store, &ret), 0);
        return ret;
}

static void sql(const char *text) {
        ck_assert_int_eq(db_script(db(), text), 0);
}

static int take_text(void *userdata, const struct db_row *row) {
        size_t n = strlen(userdata);

        for (size_t i = 0; i < row->n; i++)
                if (row->values[i].type == DB_TEXT)
                        n += (size_t) snprintf((char *) userdata + n, 1024 - n, "%s%s", n > 0 ? " " : "", row->values[i].text);
                else
                        n += (size_t) snprintf((char *) userdata + n, 1024 - n, "%s%lld", n > 0 ? " " : "", (long long) row->values[i].integer);
        return 0;
}

/* All values of all rows. */
static const char *query(const char *text) {
        static char answer[1024];

        *answer = 0;
        ck_assert_int_eq(db_run(db(), text, NULL, 0, take_text, answer, NULL), 0);
        return answer;
}

static void insert(const char *resource) {
        const struct db_value value = db_text(resource);

        ck_assert_int_eq(db_run(db(),
                                "INSERT INTO outbox (created_at, kind, resource, name, routing_key, headers, payload) "
                                "VALUES ('2026-01-02 03:04:05.000006', 'event', ?, 'e', 'k', '{\"name\": \"e\"}', '{\"data\": {}}')",
                                &value, 1, NULL, NULL, NULL),
                         0);
}

static void turn(void) {
        for (unsigned i = 0; i < 20; i++)
                ck_assert_int_ge(sd_event_run(event, 0), 0);
}

static void turn_for(unsigned msec) {
        uint64_t until = now_monotonic() + msec * NSEC_PER_MSEC;

        while (now_monotonic() < until)
                ck_assert_int_ge(sd_event_run(event, 1000), 0);
}

/* Until the values of a query are these. */
static void turn_until(const char *text, const char *wanted) {
        for (unsigned i = 0; i < 5000 && !streq(query(text), wanted); i++)
                ck_assert_int_ge(sd_event_run(event, 1000), 0);
        ck_assert_str_eq(query(text), wanted);
}

/* What was published since the last look. */
static const char *published(void) {
        static char last[sizeof(played.published)];

        turn();
        (void) strcopy(last, sizeof(last), played.published);
        *played.published = 0;
        return last;
}

static void confirm(uint64_t tag, bool multiple, bool ok) {
        publisher_confirmed(&publisher, tag, multiple, ok);
        turn();
}

static void begin(void) {
        const struct publisher_settings settings = {.window = WINDOW, .confirm_msec = 100, .tries = 2, .keep = 3, .service = "test"};
        const char *folder = getenv("WAZO_TEST_MIGRATIONS");
        int fd;

        ck_assert_ptr_nonnull(folder);
        log_setup(-1, -1, "test", LOG_LEVEL_CRITICAL);
        (void) strcopy(path, sizeof(path), "/tmp/wazo-relay-XXXXXX");
        fd = mkstemp(path);
        ck_assert_int_ge(fd, 0);
        (void) close(fd);
        (void) snprintf(uri, sizeof(uri), "sqlite://%s", path);
        store = (struct store) {.uri = uri, .driver_dir = getenv("WAZO_TEST_DRIVERS")};
        sql(read_file(folder, "002-outbox.sql"));
        sql(read_file(folder, "004-relay.sql"));
        memset(&played, 0, sizeof(played));
        played.room = 1000;
        played.state = BROKER_READY;
        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_ge(publisher_init(&publisher, event, &store, &settings), 0);
        publisher.broker = &broker;
}

static void end(void) {
        static const char *const suffixes[] = {"", "-wal", "-shm"};

        publisher_done(&publisher);
        store_done(&store);
        event = sd_event_unref(event);
        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                char file[80];

                (void) snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
                (void) unlink(file);
        }
}

static void open_with(unsigned rows) {
        static const char *const resources[] = {"users/1", "users/2", "users/1", "users/3", "users/1", "users/4"};

        for (unsigned i = 0; i < rows; i++)
                insert(resources[i % ELEMENTSOF(resources)]);
        publisher_opened(&publisher);
        publisher_nudge(&publisher);
}

/* ----- publishing ----- */

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
                                 json_object_get(json_object_get(json_array_get(json_object_get(list, "events"), 0), "payload"), "data"),
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
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(json_object_get(list, "parked"), 1), "headers")), "no JSON");
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
        ck_assert_uint_le(now_realtime() - outbox_parse_stamp(oldest), NSEC_PER_SEC);
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

        ck_assert_str_eq(request("/exec_request_handlers", "{\"method\": \"POST\"}"), "POST http://localhost:8668/exec_request_handlers");
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
        Suite *suite = suite_create("relay-outbox");
        TCase *tcase = tcase_create("outbox");
        SRunner *runner = srunner_create(suite);
        int failed;

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
        tcase_add_test(tcase, keeping);
        tcase_add_test(tcase, old_events_go);
        tcase_add_test(tcase, lists);
        tcase_add_test(tcase, none_is_listed_before_one_that_was_before);
        tcase_add_test(tcase, what_is_parked);
        tcase_add_test(tcase, backlog_and_times);
        tcase_add_test(tcase, requests);
        suite_add_tcase(suite, tcase);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
