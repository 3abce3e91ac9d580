/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Channels over real socket pairs. Each test ends with as many descriptors open as it began with.
 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/channel.h"
#include "tests/unit/run.h"

static int pair[2];
static int spare;
static struct channel_message message;
static size_t n_open;

static size_t count_open(void) {
        DIR *dir = opendir("/proc/self/fd");
        size_t n = 0;

        ck_assert_ptr_nonnull(dir);
        while (readdir(dir))
                n++;
        (void) closedir(dir);
        return n;
}

static void begin(void) {
        n_open = count_open();
        ck_assert_int_eq(channel_pair(pair), 0);
        spare = open("/dev/null", O_RDWR | O_CLOEXEC);
        ck_assert_int_ge(spare, 0);
}

static void end(void) {
        pair[0] = fd_close(pair[0]);
        pair[1] = fd_close(pair[1]);
        spare = fd_close(spare);
        ck_assert_uint_eq(count_open(), n_open);
}

static int send_want(uint32_t slot) {
        return channel_send(pair[0], WIRE_WANT, 5, &(struct wire_want) {.slot = slot}, sizeof(struct wire_want), NULL, 0);
}

/* What is no message of the catalogue is sent past channel_send(). */
static void send_raw(const void *header, size_t header_size, size_t body_size, const int *fds, size_t n_fds) {
        static uint8_t body[2 * WIRE_INLINE_MAX];
        struct iovec iov[] = {{(void *) header, header_size}, {body, body_size}};
        union {
                struct cmsghdr header;
                uint8_t space[CMSG_SPACE(64 * sizeof(int))];
        } control = {0};
        struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};

        if (n_fds > 0) {
                m.msg_control = &control;
                m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                control.header = (struct cmsghdr) {
                        .cmsg_len = CMSG_LEN(n_fds * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
                };
                memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
        }
        ck_assert_int_ge(sendmsg(pair[0], &m, MSG_NOSIGNAL), 0);
}

START_TEST(a_message_comes_whole) {
        const struct wire_want *want;

        ck_assert_int_eq(channel_receive(pair[1], WIRE_UP, &message), -EAGAIN);
        ck_assert_int_eq(send_want(42), 0);
        ck_assert_int_eq(channel_receive(pair[1], WIRE_UP, &message), 1);
        want = message.body;
        ck_assert_uint_eq(want->slot, 42);
        ck_assert_uint_eq(message.header.type, WIRE_WANT);
        ck_assert_uint_eq(message.header.id, 5);
        ck_assert_uint_eq(message.header.size, sizeof(*want));
        ck_assert_uint_eq((uintptr_t) message.body % 16, 0);
        channel_message_done(&message);
}
END_TEST

START_TEST(the_largest_body) {
        static uint8_t body[WIRE_INLINE_MAX + 1];

        memset(body, 'x', sizeof(body));
        ck_assert_int_eq(channel_send(pair[0], WIRE_REQUEST, 1, body, WIRE_INLINE_MAX + 1, NULL, 0), -EMSGSIZE);
        ck_assert_int_eq(channel_send(pair[0], WIRE_REQUEST, 1, body, WIRE_INLINE_MAX, NULL, 0), 0);
        ck_assert_int_eq(channel_receive(pair[1], WIRE_ASK, &message), 1);
        ck_assert_uint_eq(message.header.size, WIRE_INLINE_MAX);
        ck_assert_mem_eq(message.body, body, WIRE_INLINE_MAX);
        channel_message_done(&message);
}
END_TEST

START_TEST(descriptors_travel_close_on_exec) {
        static const struct wire_setup setup;
        int fds[WIRE_FDS_MAX], taken;

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = spare;
        ck_assert_int_eq(channel_send(pair[0], WIRE_SETUP, 0, &setup, sizeof(setup), fds, WIRE_FDS_MAX), 0);
        ck_assert_int_eq(channel_receive(pair[1], WIRE_DOWN, &message), 1);
        ck_assert_uint_eq(message.n_fds, WIRE_FDS_MAX);
        taken = channel_message_take_fd(&message, 3);
        ck_assert_int_ge(taken, 0);
        ck_assert_int_eq(channel_message_take_fd(&message, 3), -1);
        ck_assert_int_eq(channel_message_take_fd(&message, WIRE_FDS_MAX), -1);
        ck_assert_int_eq(fcntl(taken, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        channel_message_done(&message);
        ck_assert_int_ge(fcntl(taken, F_GETFD), 0); /* what was taken stays */
        (void) close(taken);
}
END_TEST

START_TEST(too_many_descriptors_are_not_sent) {
        int fds[WIRE_FDS_MAX + 1];
        struct channel_queue queue = CHANNEL_QUEUE_NULL(4);

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = spare;
        ck_assert_int_eq(channel_send(pair[0], WIRE_SETUP, 0, NULL, 0, fds, WIRE_FDS_MAX + 1), -EINVAL);
        ck_assert_int_eq(channel_queue_send(&queue, pair[0], WIRE_SETUP, 0, NULL, 0, fds, WIRE_FDS_MAX + 1), -EINVAL);
}
END_TEST

/* Bad packets, each followed by a good one, which must still be there; no descriptor that came with them stays. */
START_TEST(bad_packets) {
        static const struct {
                struct wire_header header;
                size_t header_size, body, n_fds;
        } bad[] = {
                {{.type = 999}, sizeof(struct wire_header), 0, 0},
                {{.type = WIRE_PING}, sizeof(struct wire_header), 0, 0},                       /* the wrong direction */
                {{.type = WIRE_WANT, .size = 4}, sizeof(struct wire_header), 3, 0},
                {{.type = WIRE_WANT, .size = 5}, sizeof(struct wire_header), 5, 0},
                {{.type = WIRE_WANT, .size = 4}, 7, 0, 0},                                     /* half a header */
                {{.type = WIRE_WANT, .size = 4, .fds = 1}, sizeof(struct wire_header), 4, 1},  /* none is allowed */
                {{.type = WIRE_WANT, .size = 4}, sizeof(struct wire_header), 4, 1},            /* not said */
                {{.type = WIRE_WANT, .size = 4, .fds = 1}, sizeof(struct wire_header), 4, 0},  /* said, not there */
                {{.type = WIRE_FORKED, .size = sizeof(struct wire_forked), .fds = 40}, sizeof(struct wire_header),
                 sizeof(struct wire_forked), 40},                                              /* more than there is room for */
                {{.type = WIRE_WANT, .size = WIRE_INLINE_MAX + 2}, sizeof(struct wire_header), WIRE_INLINE_MAX + 2, 3}, /* cut */
        };
        int fds[40];

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = spare;
        send_raw(&bad[_i].header, bad[_i].header_size, bad[_i].body, fds, bad[_i].n_fds);
        ck_assert_int_eq(send_want(1), 0);
        ck_assert_int_eq(channel_receive(pair[1], WIRE_UP, &message), -EBADMSG);
        ck_assert_uint_eq(message.n_fds, 0);
        ck_assert_int_eq(channel_receive(pair[1], WIRE_UP, &message), 1);
        channel_message_done(&message);
}
END_TEST

START_TEST(an_empty_packet_with_descriptors) {
        send_raw(NULL, 0, 0, &spare, 1);
        ck_assert_int_eq(channel_receive(pair[1], WIRE_UP, &message), 0);
        ck_assert_uint_eq(message.n_fds, 0);
}
END_TEST

START_TEST(the_end_comes_after_what_was_said) {
        ck_assert_int_eq(send_want(1), 0);
        pair[0] = fd_close(pair[0]);
        ck_assert_int_eq(channel_receive(pair[1], WIRE_UP, &message), 1);
        ck_assert_int_eq(channel_receive(pair[1], WIRE_UP, &message), 0);
        ck_assert_int_eq(channel_receive(pair[1], WIRE_UP, &message), 0);
}
END_TEST

/* The peer dies with a request unread: ECONNRESET comes first, its replies after. */
START_TEST(replies_of_a_dead_peer) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0)
                _exit(channel_wait(pair[0], now_monotonic() + 10 * NSEC_PER_SEC) != 1 || send_want(7) < 0 || send_want(8) < 0);
        pair[0] = fd_close(pair[0]);
        ck_assert_int_eq(channel_send(pair[1], WIRE_PING, 0, NULL, 0, NULL, 0), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        for (uint32_t slot = 7; slot <= 8; slot++) {
                ck_assert_int_eq(channel_receive(pair[1], WIRE_UP, &message), 1);
                ck_assert_uint_eq(((const struct wire_want *) message.body)->slot, slot);
        }
        ck_assert_int_eq(channel_receive(pair[1], WIRE_UP, &message), 0);
        ck_assert_int_eq(channel_send(pair[1], WIRE_PING, 0, NULL, 0, NULL, 0), -EPIPE);
}
END_TEST

START_TEST(a_peer_that_does_not_read) {
        static const uint8_t body[WIRE_INLINE_MAX];
        struct channel_queue queue = CHANNEL_QUEUE_NULL(3);
        uint64_t id = 0, expected = 0;
        int r;

        while ((r = channel_queue_send(&queue, pair[0], WIRE_REPLY, id, body, sizeof(body), &spare, 1)) == 0)
                ck_assert_uint_lt(id++, 10000);
        ck_assert_int_eq(r, 1);
        id++;
        ck_assert_int_eq(channel_queue_send(&queue, pair[0], WIRE_REPLY, id, "x", WIRE_INLINE_MAX + 1, NULL, 0), -EMSGSIZE);
        ck_assert_int_eq(channel_queue_send(&queue, pair[0], WIRE_REPLY, id++, "a", 1, &spare, 1), 1);
        ck_assert_int_eq(channel_queue_send(&queue, pair[0], WIRE_REPLY, id++, NULL, 0, NULL, 0), 1);
        ck_assert_int_eq(channel_queue_send(&queue, pair[0], WIRE_REPLY, id, "c", 1, &spare, 1), -ENOBUFS);
        ck_assert_uint_eq(queue.n, 3);
        ck_assert_int_eq(channel_queue_flush(&queue, pair[0]), 1);

        /* It reads at last: all comes, in order, descriptors included. */
        do {
                while ((r = channel_receive(pair[1], WIRE_TELL, &message)) == 1) {
                        ck_assert_uint_eq(message.header.id, expected++);
                        ck_assert_uint_eq(message.n_fds, message.header.size > 0);
                        channel_message_done(&message);
                }
                ck_assert_int_eq(r, -EAGAIN);
                r = channel_queue_flush(&queue, pair[0]);
                ck_assert_int_ge(r, 0);
        } while (expected < id);
        ck_assert_int_eq(r, 0);
        ck_assert_uint_eq(queue.n, 0);
        ck_assert_ptr_null(queue.first);
}
END_TEST

START_TEST(what_is_queued_for_the_dead_is_closed) {
        static const uint8_t body[WIRE_INLINE_MAX];
        struct channel_queue queue = CHANNEL_QUEUE_NULL(100);

        while (channel_queue_send(&queue, pair[0], WIRE_REPLY, 0, body, sizeof(body), &spare, 1) >= 0)
                ;
        ck_assert_uint_eq(queue.n, 100);
        pair[1] = fd_close(pair[1]);
        ck_assert_int_lt(channel_queue_flush(&queue, pair[0]), 0);
        channel_queue_done(&queue);
        channel_queue_done(&queue);
}
END_TEST

START_TEST(waiting) {
        uint64_t begin_at = now_monotonic();

        ck_assert_int_eq(channel_wait(pair[1], begin_at), 0);
        ck_assert_int_eq(channel_wait(pair[1], begin_at + 20 * NSEC_PER_MSEC), 0);
        ck_assert_uint_ge(now_monotonic() - begin_at, 20 * NSEC_PER_MSEC);
        ck_assert_int_eq(send_want(1), 0);
        ck_assert_int_eq(channel_wait(pair[1], 0), 1);
        ck_assert_int_eq(channel_wait(pair[1], NSEC_NEVER), 1);
        ck_assert_int_eq(channel_receive(pair[1], WIRE_UP, &message), 1);
        pair[0] = fd_close(pair[0]);
        ck_assert_int_eq(channel_wait(pair[1], NSEC_NEVER), 1); /* the end can be read, too */
}
END_TEST

int main(void) {
        Suite *suite = suite_create("channel");
        TCase *tcase = tcase_create("channel");

        tcase_add_checked_fixture(tcase, begin, end);
        tcase_add_test(tcase, a_message_comes_whole);
        tcase_add_test(tcase, the_largest_body);
        tcase_add_test(tcase, descriptors_travel_close_on_exec);
        tcase_add_test(tcase, too_many_descriptors_are_not_sent);
        tcase_add_loop_test(tcase, bad_packets, 0, 10);
        tcase_add_test(tcase, an_empty_packet_with_descriptors);
        tcase_add_test(tcase, the_end_comes_after_what_was_said);
        tcase_add_test(tcase, replies_of_a_dead_peer);
        tcase_add_test(tcase, a_peer_that_does_not_read);
        tcase_add_test(tcase, what_is_queued_for_the_dead_is_closed);
        tcase_add_test(tcase, waiting);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
