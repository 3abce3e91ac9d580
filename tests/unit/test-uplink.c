/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A worker's line to its supervisor, with the test as the supervisor.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/uplink.h"
#include "lib/util.h"
#include "tests/unit/run.h"

#define LIMIT 4

static struct {
        unsigned pings, slots, turns;
        int answer; /* of on_slot */
} seen;

static struct uplink uplink;
static sd_event *event;
static int pair[2];

static int on_ping(void *userdata, struct channel_message *m) {
        ck_assert_ptr_eq(userdata, &seen);
        seen.pings++;
        return 0;
}

static int on_slot_gone(void *userdata, struct channel_message *m) {
        const struct wire_slot_gone *gone = m->body;

        seen.slots += gone->slot;
        return seen.answer;
}

static void after(void *userdata) {
        seen.turns++;
}

static void begin(void) {
        static const struct uplink_handler handlers[] = {{WIRE_PING, on_ping}, {WIRE_SLOT_GONE, on_slot_gone}};

        memset(&seen, 0, sizeof(seen));
        ck_assert_int_eq(channel_pair(pair), 0);
        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_ge(uplink_open(&uplink, event, pair[0], LIMIT, handlers, ELEMENTSOF(handlers), after, &seen), 0);
}

static void end(void) {
        uplink_close(&uplink);
        event = sd_event_unref(event);
        pair[0] = fd_close(pair[0]);
        pair[1] = fd_close(pair[1]);
}

static void say(enum wire_type type, uint64_t id, const void *body, size_t size) {
        ck_assert_int_eq(channel_send(pair[1], type, id, body, size, NULL, 0), 0);
}

static void say_gone(uint32_t slot) {
        say(WIRE_SLOT_GONE, 0, &(struct wire_slot_gone) {.slot = slot}, sizeof(struct wire_slot_gone));
}

/* Until there is nothing to do. Returns 0, or what the loop ended with, plus 1. */
static int run(void) {
        int r, code;

        while ((r = sd_event_run(event, 0)) > 0)
                if (sd_event_get_state(event) == SD_EVENT_FINISHED) {
                        ck_assert_int_ge(sd_event_get_exit_code(event, &code), 0);
                        return code + 1;
                }
        ck_assert_int_eq(r, 0);
        return 0;
}

START_TEST(pings_are_answered_with_their_number) {
        static struct channel_message m;

        say(WIRE_PING, 77, NULL, 0);
        ck_assert_int_eq(run(), 0);
        ck_assert_int_eq(channel_receive(pair[1], WIRE_UP, &m), 1);
        ck_assert_uint_eq(m.header.type, WIRE_PONG);
        ck_assert_uint_eq(m.header.id, 77);
        channel_message_done(&m);
        ck_assert_uint_eq(seen.pings, 1);
}
END_TEST

START_TEST(each_message_has_its_handler_or_none) {
        say_gone(3);
        say(WIRE_DRAIN, 0, &(struct wire_drain) {0}, sizeof(struct wire_drain));
        say_gone(4);
        ck_assert_int_eq(run(), 0);
        ck_assert_uint_eq(seen.slots, 7);
        ck_assert_uint_eq(seen.turns, 1);
}
END_TEST

START_TEST(the_log_level_is_set) {
        say(WIRE_LOG_LEVEL, 0, &(struct wire_log_level) {.level = LOG_LEVEL_DEBUG}, sizeof(struct wire_log_level));
        ck_assert_int_eq(run(), 0);
        ck_assert_int_eq(log_get_level(), LOG_LEVEL_DEBUG);
}
END_TEST

START_TEST(what_no_supervisor_says_ends_it) {
        switch (_i) {
        case 0: say(WIRE_LOG_LEVEL, 0, &(struct wire_log_level) {.level = LOG_LEVEL_MAX}, sizeof(struct wire_log_level)); break;
        case 1: ck_assert_int_eq((int) write(pair[1], "garbage", 7), 7); break;
        default: seen.answer = -EBADMSG; say_gone(1);
        }
        ck_assert_int_eq(run(), EXIT_FAILURE + 1);
        ck_assert_uint_eq(seen.turns, 0);
}
END_TEST

START_TEST(what_was_said_before_the_end_is_heard) {
        say_gone(5);
        pair[1] = fd_close(pair[1]);
        ck_assert_int_eq(run(), EXIT_SUCCESS + 1);
        ck_assert_uint_eq(seen.slots, 5);
}
END_TEST

START_TEST(what_waits_is_bounded_and_goes_in_order) {
        static struct channel_message m;
        struct wire_want want = {0};
        uint32_t expected = 0;
        unsigned queued = 0;
        int r;

        /* The socket takes some; then the queue. */
        while ((r = uplink_send(&uplink, WIRE_WANT, 0, &want, sizeof(want))) >= 0) {
                queued += uplink.queue.n > 0;
                want.slot++;
                ck_assert_uint_lt(want.slot, 100000);
        }
        ck_assert_int_eq(r, -ENOBUFS);
        ck_assert_uint_eq(queued, LIMIT);
        while (expected < want.slot) {
                r = channel_receive(pair[1], WIRE_UP, &m);
                if (r == 1) {
                        ck_assert_uint_eq(((const struct wire_want *) m.body)->slot, expected++);
                        channel_message_done(&m);
                } else {
                        ck_assert_int_eq(r, -EAGAIN);
                        ck_assert_int_eq(run(), 0);
                }
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("uplink");
        TCase *tcase = tcase_create("line");

        tcase_add_checked_fixture(tcase, begin, end);
        tcase_add_test(tcase, pings_are_answered_with_their_number);
        tcase_add_test(tcase, each_message_has_its_handler_or_none);
        tcase_add_test(tcase, the_log_level_is_set);
        tcase_add_loop_test(tcase, what_no_supervisor_says_ends_it, 0, 3);
        tcase_add_test(tcase, what_was_said_before_the_end_is_heard);
        tcase_add_test(tcase, what_waits_is_bounded_and_goes_in_order);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
