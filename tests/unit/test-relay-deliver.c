/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events on their way to plugins, which are channels of ours here. */
#include <check.h>
#include <stdio.h>

#include "lib/channel.h"
#include "lib/memfd.h"
#include "lib/request.h"
#include "tests/unit/run.h"
#include "workers/relay/deliver.h"

#define PATIENCE (30 * NSEC_PER_SEC)

static sd_event *loop;
static struct deliver *deliver;
static struct deliver_setup setup;
static char ended[1024];     /* "tenant:taken:1 ..." */
static char told[1024];      /* "INFLIGHT WANT ..." */
static unsigned finished, nudges, busy;
static struct wire_inflight inflight;

static int on_ended(void *userdata, const char *plugin, struct event *e, enum deliver_outcome outcome, unsigned tries,
                    const char *error) {
        static const char *const words[] = {"taken", "unwanted", "no-event", "given-up"};
        size_t n = strlen(ended);

        if (busy > 0) {
                busy--;
                return -EBUSY;
        }
        (void) snprintf(ended + n, sizeof(ended) - n, "%s:%s:%s:%u ", plugin, e->name, words[outcome], tries);
        if (outcome != DELIVER_TAKEN)
                ck_assert_str_ne(error, "");
        return 0;
}

static void on_finished(void *userdata, struct event *e) {
        finished++;
        (void) event_free(e);
}

static void on_nudged(void *userdata) {
        nudges++;
}

static void on_tell(void *userdata, enum wire_type type, const void *body, size_t size) {
        size_t n = strlen(told);

        ck_assert_uint_eq(size, wire_message_info(type)->body);
        (void) snprintf(told + n, sizeof(told) - n, "%s ", wire_message_info(type)->name);
        if (type == WIRE_INFLIGHT)
                inflight = *(const struct wire_inflight *) body;
}

static void turn(uint64_t msec) {
        uint64_t end = now_monotonic() + msec * NSEC_PER_MSEC;

        do
                ck_assert_int_ge(sd_event_run(loop, 5000), 0);
        while (now_monotonic() < end);
}

/* A worker: our end of its channel. */
static int worker(const char *name, uint32_t slot) {
        struct wire_peer peer = {.slot = slot, .generation = 1, .kind = WIRE_KIND_PLUGIN};
        int pair[2];

        (void) strcopy(peer.name, sizeof(peer.name), name);
        ck_assert_int_eq(channel_pair(pair), 0);
        ck_assert_int_eq(deliver_introduce(deliver, &peer, pair[1]), 0);
        return pair[0];
}

static void slot(const char *name, uint32_t id, enum wire_state state, enum wire_cause cause, unsigned deaths) {
        struct wire_slot news = {.slot = id, .kind = WIRE_KIND_PLUGIN, .state = state, .cause = cause};

        news.deaths[cause] = deaths;
        (void) strcopy(news.name, sizeof(news.name), name);
        deliver_slot(deliver, &news);
}

static void add(const char *plugin, const char *name, const char *payload) {
        struct event *e;

        ck_assert_int_eq(event_new(name, "m1", "key", "{}", payload, strlen(payload), &e), 0);
        ck_assert_int_eq(deliver_add(deliver, plugin, e), 0);
        deliver_flush(deliver);
}

/* What the worker is asked: the id of the question; 0 when nothing comes within a moment. */
static uint64_t asked(int fd, const char *name, const char *payload) {
        uint64_t until = now_monotonic() + (name ? PATIENCE : 50 * NSEC_PER_MSEC), id;
        struct channel_message m;
        struct request request;
        int r, body;

        while ((r = channel_receive(fd, WIRE_ASK, &m)) == -EAGAIN && now_monotonic() < until)
                turn(0);
        if (r == -EAGAIN) {
                ck_assert_ptr_null(name);
                return 0;
        }
        ck_assert_int_eq(r, 1);
        body = channel_message_take_fd(&m, 0);
        ck_assert_int_eq(request_decode(m.body, m.header.size, body, &request), 0);
        ck_assert_str_eq(request.method, "EVENT");
        ck_assert_msg(name && streq(request.path, name), "event %s came", request.path);
        ck_assert_uint_eq(strlen(request.id), EVENT_ID_SIZE - 1);
        if (payload && body < 0)
                ck_assert(request.body_size == strlen(payload) && memcmp(request.body, payload, request.body_size) == 0);
        if (payload && body >= 0) {
                _cleanup_free_ char *text = NULL;
                size_t size;

                ck_assert_int_eq(memfd_read(body, PACK_MAX, &text, &size), 0);
                ck_assert_str_eq(text, payload);
        }
        id = m.header.id;
        request_done(&request);
        channel_message_done(&m);
        (void) fd_close(body);
        return id;
}

static void reply(int fd, uint64_t id, unsigned status, const char *text) {
        struct reply answer = {.status = status, .body = (char *) text, .body_size = strlen(text), .body_fd = -1};
        struct pack p = PACK_NULL;

        ck_assert_int_eq(reply_encode(&answer, &p), 0);
        ck_assert_int_eq(channel_send(fd, WIRE_REPLY, id, p.data, p.size, NULL, 0), 0);
        pack_done(&p);
        turn(5);
}

static void expect_ended(const char *text) {
        ck_assert_str_eq(ended, text);
        ended[0] = 0;
}

static void begin(void) {
        ck_assert_int_ge(sd_event_new(&loop), 0);
        setup = (struct deliver_setup) {.event = loop, .tries = 2, .attempt = 10 * NSEC_PER_SEC, .ended = on_ended,
                                        .finished = on_finished,
                                        .nudged = on_nudged, .tell = on_tell};
        ck_assert_int_eq(deliver_new(&setup, &deliver), 0);
        ck_assert_int_eq(deliver_add_plugin(deliver, "tenant"), 0);
        ck_assert_int_eq(deliver_add_plugin(deliver, "moh"), 0);
        ended[0] = told[0] = 0;
        finished = nudges = busy = 0;
}

static void over(void) {
        deliver = deliver_free(deliver);
        loop = sd_event_unref(loop);
}

START_TEST(one_at_a_time_and_in_order) {
        int fd = worker("tenant", 1);
        uint64_t id;

        add("tenant", "first", "{\"n\": 1}");
        add("tenant", "second", "{\"n\": 2}");
        id = asked(fd, "first", "{\"n\": 1}");
        ck_assert_uint_eq(asked(fd, NULL, NULL), 0);
        ck_assert(!deliver_is_idle(deliver));
        reply(fd, id, 204, "");
        expect_ended("tenant:first:taken:1 ");
        ck_assert_uint_eq(finished, 1);
        reply(fd, asked(fd, "second", "{\"n\": 2}"), 204, "");
        expect_ended("tenant:second:taken:1 ");
        ck_assert_uint_eq(deliver_held(deliver), 0);
        ck_assert(deliver_is_idle(deliver));
}
END_TEST

START_TEST(waits_for_a_worker) {
        int fd, other = worker("moh", 2);

        add("tenant", "first", "{}");
        ck_assert_uint_eq(asked(other, NULL, NULL), 0);
        fd = worker("tenant#2", 1);
        reply(fd, asked(fd, "first", "{}"), 204, "");
        expect_ended("tenant:first:taken:1 ");
}
END_TEST

START_TEST(one_event_for_two) {
        int fd = worker("tenant", 1), other = worker("moh", 2);
        struct event *e;
        uint64_t id;

        ck_assert_int_eq(event_new("both", "", "", "{}", "{}", 2, &e), 0);
        ck_assert_int_eq(deliver_add(deliver, "tenant", e), 0);
        ck_assert_int_eq(deliver_add(deliver, "moh", e), 0);
        ck_assert_int_eq(deliver_add(deliver, "nobody", e), -ENOENT);
        deliver_flush(deliver);
        id = asked(fd, "both", "{}");
        reply(other, asked(other, "both", "{}"), 204, "");
        ck_assert_uint_eq(finished, 0);
        reply(fd, id, 204, "");
        ck_assert_uint_eq(finished, 1);
        expect_ended("moh:both:taken:1 tenant:both:taken:1 ");
}
END_TEST

START_TEST(large) {
        int fd = worker("tenant", 1);
        char *payload = malloc(100001);

        memset(payload, 'x', 100000);
        payload[100000] = 0;
        add("tenant", "large", payload);
        reply(fd, asked(fd, "large", payload), 204, "");
        expect_ended("tenant:large:taken:1 ");
        free(payload);
}
END_TEST

static const struct {
        unsigned status;
        const char *outcome;
} outcomes[] = {
        {204, "tenant:e:taken:1 "}, {400, "tenant:e:given-up:1 "}, {404, "tenant:e:unwanted:1 "}, {415, "tenant:e:no-event:1 "},
};

START_TEST(answers) {
        int fd = worker("tenant", 1);

        add("tenant", "e", "{}");
        reply(fd, asked(fd, "e", "{}"), outcomes[_i].status, "why");
        expect_ended(outcomes[_i].outcome);
        ck_assert_uint_eq(finished, 1);
}
END_TEST

START_TEST(tried_again) {
        int fd = worker("tenant", 1);
        uint64_t before = now_monotonic();

        add("tenant", "e", "{}");
        add("tenant", "behind", "{}");
        reply(fd, asked(fd, "e", "{}"), 500, "no such table");
        expect_ended("");
        ck_assert_uint_eq(asked(fd, NULL, NULL), 0);
        reply(fd, asked(fd, "e", "{}"), 503, "busy");
        ck_assert_uint_ge(now_monotonic(), before + 500 * NSEC_PER_MSEC);
        expect_ended("tenant:e:given-up:2 ");
        reply(fd, asked(fd, "behind", "{}"), 204, "");
        expect_ended("tenant:behind:taken:1 ");
}
END_TEST

/* The database is busy when it is to be put aside. */
START_TEST(told_again) {
        int fd = worker("tenant", 1);

        add("tenant", "e", "{}");
        busy = 3;
        reply(fd, asked(fd, "e", "{}"), 400, "no");
        turn(200);
        expect_ended("tenant:e:given-up:1 ");
        ck_assert_uint_eq(finished, 1);
}
END_TEST

START_TEST(died_of_it_twice) {
        int fd;

        for (unsigned deaths = 1; deaths <= 2; deaths++) {
                slot("tenant", 1, WIRE_STATE_READY, WIRE_CAUSE_SIGNAL, deaths - 1);
                fd = worker("tenant", 1);
                if (deaths == 1)
                        add("tenant", "e", "{}");
                (void) asked(fd, "e", "{}");
                (void) close(fd);
                turn(5);
                ck_assert_str_eq(told, "INFLIGHT ");
                ck_assert_str_eq(inflight.method, "EVENT");
                ck_assert_str_eq(inflight.route, "e");
                ck_assert_uint_eq(inflight.slot, 1);
                told[0] = 0;
                slot("tenant", 1, WIRE_STATE_STARTING, WIRE_CAUSE_SIGNAL, deaths);
        }
        turn(200);
        expect_ended("tenant:e:given-up:2 ");
}
END_TEST

/* What kills it from outside does not count. */
START_TEST(killed_many_times) {
        int fd;

        add("tenant", "e", "{}");
        for (unsigned deaths = 0; deaths < 4; deaths++) {
                slot("tenant", 1, WIRE_STATE_READY, WIRE_CAUSE_KILLED, deaths);
                fd = worker("tenant", 1);
                (void) asked(fd, "e", "{}");
                (void) close(fd);
                turn(5);
        }
        fd = worker("tenant", 1);
        reply(fd, asked(fd, "e", "{}"), 204, "");
        expect_ended("tenant:e:taken:1 ");
}
END_TEST

START_TEST(rests) {
        slot("tenant", 1, WIRE_STATE_RESTING, WIRE_CAUSE_NONE, 0);
        ck_assert_str_eq(told, "");
        add("tenant", "e", "{}");
        add("tenant", "another", "{}");
        ck_assert_str_eq(told, "WANT ");
        slot("tenant", 1, WIRE_STATE_STARTING, WIRE_CAUSE_NONE, 0);
        ck_assert_str_eq(told, "WANT ");
}
END_TEST

START_TEST(overdue) {
        int fd;

        setup.attempt = 100 * NSEC_PER_MSEC;
        deliver = deliver_free(deliver);
        ck_assert_int_eq(deliver_new(&setup, &deliver), 0);
        ck_assert_int_eq(deliver_add_plugin(deliver, "tenant"), 0);
        slot("tenant", 1, WIRE_STATE_READY, WIRE_CAUSE_NONE, 0);
        fd = worker("tenant", 1);
        add("tenant", "e", "{}");
        (void) asked(fd, "e", "{}");
        turn(300);
        ck_assert_str_eq(told, "STALLED ");
        ck_assert_int_eq(worker("tenant", 1) >= 0, true);
        turn(50);
        expect_ended("");
        (void) close(fd);
        turn(5);
        ck_assert_str_eq(told, "STALLED INFLIGHT ");
}
END_TEST

START_TEST(nonsense) {
        static const char reply_to_nothing[] = "\061\000\000\000\000\000\000\000\007\000\000\000\000\000\000\000";
        int fd = worker("tenant", 1), quiet = worker("voicemail", 3);

        ck_assert_int_eq(write(fd, "garbage", 7), 7);
        turn(5);
        ck_assert_str_eq(told, "STALLED ");
        ck_assert_int_eq(write(quiet, reply_to_nothing, 16), 16);
        turn(5);
        ck_assert_str_eq(told, "STALLED STALLED ");
        ck_assert_uint_eq(nudges, 2);
        expect_ended("");
}
END_TEST

START_TEST(nudge) {
        int fd = worker("voicemail", 3);

        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(channel_send(fd, WIRE_NUDGE, 0, NULL, 0, NULL, 0), 0);
        turn(5);
        ck_assert_uint_eq(nudges, 1);
        (void) close(fd);
        turn(5);
        ck_assert_uint_eq(nudges, 2);
}
END_TEST

START_TEST(forgotten) {
        int fd = worker("tenant", 1);
        json_t *status;

        for (int i = 0; i < 5; i++)
                add("tenant", "e", "{}");
        for (int i = 0; i < 3; i++)
                add("moh", "e", "{}");
        (void) asked(fd, "e", "{}");
        ck_assert_uint_eq(deliver_held(deliver), 8);
        ck_assert_uint_eq(deliver_forget(deliver, 4), 4);
        ck_assert_uint_eq(finished, 4);
        status = deliver_status(deliver);
        ck_assert_str_eq(json_string_value(json_object_get(json_object_get(status, "tenant"), "state")), "working");
        ck_assert_str_eq(json_string_value(json_object_get(json_object_get(status, "moh"), "state")), "absent");
        json_decref(status);
        /* That which is at work stays. */
        ck_assert_uint_eq(deliver_forget(deliver, 0), 3);
        ck_assert_uint_eq(deliver_held(deliver), 1);
        add("tenant", "next", "{}");
        ck_assert_uint_eq(deliver_held(deliver), 2);
}
END_TEST

START_TEST(drained) {
        int fd = worker("tenant", 1);
        uint64_t id;

        add("tenant", "first", "{}");
        add("tenant", "second", "{}");
        add("moh", "nobody", "{}");
        id = asked(fd, "first", "{}");
        deliver_drain(deliver, _i == 1);
        reply(fd, id, 204, "");
        expect_ended("tenant:first:taken:1 ");
        if (_i == 1) {
                ck_assert(!deliver_is_idle(deliver));
                reply(fd, asked(fd, "second", "{}"), 204, "");
        } else
                ck_assert_uint_eq(asked(fd, NULL, NULL), 0);
        ck_assert(deliver_is_idle(deliver));
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("relay-deliver");
        TCase *tc = tcase_create("deliver");

        tcase_set_timeout(tc, 30);
        tcase_add_checked_fixture(tc, begin, over);
        tcase_add_test(tc, one_at_a_time_and_in_order);
        tcase_add_test(tc, waits_for_a_worker);
        tcase_add_test(tc, one_event_for_two);
        tcase_add_test(tc, large);
        tcase_add_loop_test(tc, answers, 0, ELEMENTSOF(outcomes));
        tcase_add_test(tc, tried_again);
        tcase_add_test(tc, told_again);
        tcase_add_test(tc, died_of_it_twice);
        tcase_add_test(tc, killed_many_times);
        tcase_add_test(tc, rests);
        tcase_add_test(tc, overdue);
        tcase_add_test(tc, nonsense);
        tcase_add_test(tc, nudge);
        tcase_add_test(tc, forgotten);
        tcase_add_loop_test(tc, drained, 0, 2);
        suite_add_tcase(s, tc);
        return s;
}

int main(void) {
        return check_run(suite());
}
