/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A worker's line to its supervisor, on an sd-event loop: pings are answered and the log level is set here, before anything else is
 * done in a turn; other messages go to whom the table names. What is sent is queued while the supervisor does not read.
 */
#pragma once

#include <systemd/sd-event.h>

#include "lib/channel.h"

struct uplink_handler {
        enum wire_type type;
        /* What it returns below 0 ends the loop. It may take descriptors out of the message. */
        int (*handle)(void *userdata, struct channel_message *m);
};

struct uplink {
        sd_event_source *io;
        struct channel_queue queue;
        int fd;
        const struct uplink_handler *handlers;
        size_t n_handlers;
        void (*after)(void *userdata);
        void *userdata;
};

/*
 * Watches @channel, which stays the caller's, on the loop @event. @handlers stay, too; a message that none of them
 * takes is ignored: it is a later minor version's, or for others. One for PING is called when it has been answered.
 * @after, unless NULL, is called when all that had come was handled. The loop ends when the supervisor is gone (with
 * EXIT_SUCCESS), or when it sent what no supervisor sends (EXIT_FAILURE, and an error in the log). @limit: messages
 * that wait. Errors of sd_event_add_io().
 */
int uplink_open(struct uplink *u, sd_event *event, int channel, size_t limit, const struct uplink_handler *handlers,
                size_t n_handlers, void (*after)(void *userdata), void *userdata) _must_check_;
/* Also one that was zeroed and never opened. */
void uplink_close(struct uplink *u);

/* Sends or queues. -ENOBUFS: the queue is full. Errors of channel_send(). */
int uplink_send(struct uplink *u, enum wire_type type, uint64_t id, const void *body, size_t size) _must_check_;
/* The same, for whom there is nothing else to do about it than to log. */
void uplink_tell(struct uplink *u, enum wire_type type, const void *body, size_t size);
