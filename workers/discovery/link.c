/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line to the supervisor. */
#include <sys/epoll.h>

#include "workers/discovery/discovery.h"

/* Messages of one turn. */
#define MESSAGES_AT_ONCE 64

void discovery_send(struct discovery *d, enum wire_type type, const void *body, size_t size) {
        int e = channel_queue_send(&d->queue, d->worker.channel, type, 0, body, size, NULL, 0);

        if (e < 0)
                log_warning("the supervisor cannot be told: %s", strerror(-e));
        if (e > 0)
                (void) sd_event_source_set_io_events(d->io, EPOLLIN | EPOLLOUT);
}

static int on_ping(struct discovery *d, struct channel_message *m) {
        int e = channel_queue_send(&d->queue, d->worker.channel, WIRE_PONG, m->header.id, NULL, 0, NULL, 0);

        return e > 0 ? sd_event_source_set_io_events(d->io, EPOLLIN | EPOLLOUT) : e;
}

static int on_service(struct discovery *d, struct channel_message *m) {
        return health_take_service(&d->health, m->body);
}

static int on_slot(struct discovery *d, struct channel_message *m) {
        return health_take_slot(&d->health, m->body);
}

static int on_slot_gone(struct discovery *d, struct channel_message *m) {
        const struct wire_slot_gone *gone = m->body;

        health_drop_slot(&d->health, gone->slot);
        return 0;
}

static int on_drain(struct discovery *d, struct channel_message *m) {
        const struct wire_drain *drain = m->body;

        return discovery_drain(d, drain->deadline, drain->idle >= drain->deadline);
}

static int on_log_level(struct discovery *d, struct channel_message *m) {
        const struct wire_log_level *level = m->body;

        if (level->level >= LOG_LEVEL_MAX)
                return -EBADMSG;
        log_set_level((enum log_level) level->level);
        return 0;
}

static int on_message(struct discovery *d, struct channel_message *m) {
        static const struct {
                enum wire_type type;
                int (*handle)(struct discovery *d, struct channel_message *m);
        } handlers[] = {
                {WIRE_PING, on_ping},   {WIRE_SERVICE, on_service}, {WIRE_SLOT, on_slot}, {WIRE_SLOT_GONE, on_slot_gone},
                {WIRE_DRAIN, on_drain}, {WIRE_LOG_LEVEL, on_log_level},
        };

        for (size_t i = 0; i < ELEMENTSOF(handlers); i++)
                if (handlers[i].type == m->header.type)
                        return handlers[i].handle(d, m);
        return 0;
}

/* 0: nothing more to read now; 1: the supervisor is gone. */
static int receive(struct discovery *d) {
        struct channel_message m;
        int e;

        for (unsigned n = 0; n < MESSAGES_AT_ONCE; n++) {
                e = channel_receive(d->worker.channel, WIRE_DOWN, &m);
                if (e == -EAGAIN)
                        return 0;
                if (e == 0 || e == -ECONNRESET)
                        return 1;
                if (e < 0)
                        return e;
                e = on_message(d, &m);
                channel_message_done(&m);
                if (e < 0)
                        return e;
        }
        return 0;
}

static int on_channel(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct discovery *d = userdata;
        int e = 0;

        if (events & EPOLLOUT) {
                e = channel_queue_flush(&d->queue, fd);
                if (e == 0)
                        e = sd_event_source_set_io_events(source, EPOLLIN);
        }
        if (e >= 0)
                e = receive(d);
        if (e == 0) {
                /* Of all that came, the sum. */
                discovery_tell(d);
                return 0;
        }
        if (e < 0)
                log_error("the line to the supervisor broke: %s", strerror(-e));
        /* Without a word to consul: whoever comes next registers the service again, and if nobody does, its check says so in time. */
        return sd_event_exit(d->event, e < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

int discovery_link(struct discovery *d) {
        int e = sd_event_add_io(d->event, &d->io, d->worker.channel, EPOLLIN, on_channel, d);

        /* A ping is answered before anything else is done. */
        return e < 0 ? e : sd_event_source_set_priority(d->io, SD_EVENT_PRIORITY_NORMAL - 10);
}
