/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/uplink.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "lib/log.h"
#include "lib/util.h"

/* Messages of one turn of the loop, so that a talkative supervisor keeps nobody else waiting. */
#define MESSAGES_AT_ONCE 64

int uplink_send(struct uplink *u, enum wire_type type, uint64_t id, const void *body, size_t size) {
        int r = channel_queue_send(&u->queue, u->fd, type, id, body, size, NULL, 0);

        return r > 0 ? sd_event_source_set_io_events(u->io, EPOLLIN | EPOLLOUT) : r;
}

void uplink_tell(struct uplink *u, enum wire_type type, const void *body, size_t size) {
        int r = uplink_send(u, type, 0, body, size);

        if (r < 0)
                log_warning("the supervisor cannot be told: %s", strerror(-r));
}

static int set_level(const struct wire_log_level *level) {
        if (level->level >= LOG_LEVEL_MAX)
                return -EBADMSG;
        log_set_level((enum log_level) level->level);
        return 0;
}

static int take(struct uplink *u, struct channel_message *m) {
        int r = 0;

        if (m->header.type == WIRE_PING)
                r = uplink_send(u, WIRE_PONG, m->header.id, NULL, 0);
        else if (m->header.type == WIRE_LOG_LEVEL)
                r = set_level(m->body);
        for (size_t i = 0; i < u->n_handlers && r >= 0; i++)
                if (u->handlers[i].type == m->header.type)
                        return u->handlers[i].handle(u->userdata, m);
        return r;
}

/* 0: nothing more to read now; 1: the supervisor is gone. */
static int receive(struct uplink *u) {
        struct channel_message m;
        int r;

        for (unsigned n = 0; n < MESSAGES_AT_ONCE; n++) {
                r = channel_receive(u->fd, WIRE_DOWN, &m);
                if (r == -EAGAIN)
                        return 0;
                if (r == 0 || r == -ECONNRESET)
                        return 1;
                if (r < 0)
                        return r;
                r = take(u, &m);
                channel_message_done(&m);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int on_channel(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct uplink *u = userdata;
        int r = 0;

        if (events & EPOLLOUT) {
                r = channel_queue_flush(&u->queue, fd);
                if (r == 0)
                        r = sd_event_source_set_io_events(source, EPOLLIN);
        }
        if (r >= 0)
                r = receive(u);
        if (r == 0) {
                if (u->after)
                        u->after(u->userdata);
                return 0;
        }
        if (r < 0)
                log_error("the line to the supervisor broke: %s", strerror(-r));
        return sd_event_exit(sd_event_source_get_event(source), r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

int uplink_open(struct uplink *u, sd_event *event, int channel, size_t limit, const struct uplink_handler *handlers,
                size_t n_handlers, void (*after)(void *userdata), void *userdata) {
        int r;

        *u = (struct uplink) {
                .queue = CHANNEL_QUEUE_NULL(limit),
                .fd = channel,
                .handlers = handlers,
                .n_handlers = n_handlers,
                .after = after,
                .userdata = userdata,
        };
        r = sd_event_add_io(event, &u->io, channel, EPOLLIN, on_channel, u);
        return r < 0 ? r : sd_event_source_set_priority(u->io, SD_EVENT_PRIORITY_IMPORTANT - 10);
}

void uplink_close(struct uplink *u) {
        channel_queue_done(&u->queue);
        u->io = sd_event_source_disable_unref(u->io);
}
