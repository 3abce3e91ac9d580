/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Channels: SOCK_SEQPACKET socket pairs that carry the messages of lib/wire.h, and descriptors.
 *
 * Sending never blocks and never raises SIGPIPE. A peer that does not read fills a queue of a fixed size, then the send
 * fails and the caller decides what becomes of the peer. After a peer's death its channel still holds what it said:
 * receive until the end, ECONNRESET notwithstanding, before acting on it.
 */
#pragma once

#include "lib/wire.h"

/* Both ends close-on-exec and non-blocking. */
int channel_pair(int ret[2]) _must_check_;

/*
 * One packet, now. @fds stay the caller's. 0, or -EAGAIN when the peer does not keep up, -EPIPE or -ECONNRESET when it is
 * gone, -EMSGSIZE for a body over WIRE_INLINE_MAX.
 */
int channel_send(int fd, enum wire_type type, uint64_t id, const void *body, size_t size, const int *fds,
                 size_t n_fds) _must_check_;

/* A received message. The body is aligned for any of the structures of lib/wire.h. */
struct channel_message {
        struct wire_header header;
        const void *body;
        int fds[WIRE_FDS_MAX];
        size_t n_fds;
        _Alignas(16) uint8_t packet[sizeof(struct wire_header) + WIRE_INLINE_MAX + 1];
};

/*
 * The next message from a peer that is allowed @direction. 1: a message, to be given to channel_message_done(); 0: the
 * end; -EAGAIN: none yet; -EBADMSG: what came is no message of the catalogue, and nothing of it is kept. Descriptors come
 * close-on-exec.
 */
int channel_receive(int fd, unsigned direction, struct channel_message *ret) _must_check_;

/* Closes the descriptors that nobody took. */
void channel_message_done(struct channel_message *m);

/* Takes descriptor @i out of the message; -1 when there is none. */
int channel_message_take_fd(struct channel_message *m, size_t i);

/* Waits for the channel to be readable, until the CLOCK_MONOTONIC @deadline (NSEC_NEVER: for ever). 1, or 0 on time-out. */
int channel_wait(int fd, uint64_t deadline) _must_check_;

/* Messages that wait for their peer to read, with a copy of their descriptors. */
struct channel_queue {
        struct channel_queued *first, *last;
        size_t n, max;
};

#define CHANNEL_QUEUE_NULL(limit) ((struct channel_queue) {.max = (limit)})

/* Sends now or queues, in order. 0: sent; 1: queued, so watch for writability and flush; -ENOBUFS: the queue is full. */
int channel_queue_send(struct channel_queue *q, int fd, enum wire_type type, uint64_t id, const void *body, size_t size,
                       const int *fds, size_t n_fds) _must_check_;
/* 0: the queue is empty; 1: some is left; or an error of channel_send(). */
int channel_queue_flush(struct channel_queue *q, int fd) _must_check_;
void channel_queue_done(struct channel_queue *q);
