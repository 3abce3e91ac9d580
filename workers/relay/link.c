/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line to the supervisor. */
#include <sys/epoll.h>

#include "workers/relay/relay.h"

/* Messages of one turn. */
#define MESSAGES_AT_ONCE 64

void relay_tell(struct relay *r, enum wire_type type, const void *body, size_t size) {
        int e = channel_queue_send(&r->queue, r->worker.channel, type, 0, body, size, NULL, 0);

        if (e < 0)
                log_warning("the supervisor cannot be told: %s", strerror(-e));
        if (e > 0)
                (void) sd_event_source_set_io_events(r->io, EPOLLIN | EPOLLOUT);
}

static int on_ping(struct relay *r, struct channel_message *m) {
        int e = channel_queue_send(&r->queue, r->worker.channel, WIRE_PONG, m->header.id, NULL, 0, NULL, 0);

        /* It wakes us every half minute: the time for what is to be looked after now and then. */
        relay_tick(r);
        return e > 0 ? sd_event_source_set_io_events(r->io, EPOLLIN | EPOLLOUT) : e;
}

static int on_peer(struct relay *r, struct channel_message *m) {
        const struct wire_peer *peer = m->body;
        int fd = channel_message_take_fd(m, 0), e;

        if (fd < 0 || !wire_string_valid(peer->name)) {
                (void) fd_close(fd);
                return -EBADMSG;
        }
        if (peer->kind == WIRE_KIND_PLUGIN) {
                r->n_plugins++;
                e = consumer_add_plugin(r->consumer, peer, fd);
                relay_nudge(r);
        } else
                e = askers_add(r, peer, fd);
        if (e < 0)
                log_warning("no channel to '%s': %s", peer->name, strerror(-e));
        return 0;
}

static int on_slot(struct relay *r, struct channel_message *m) {
        const struct wire_slot *slot = m->body;

        if (!wire_string_valid(slot->name) || !wire_string_valid(slot->plugin) || !wire_string_valid(slot->class) ||
            !wire_string_valid(slot->reason))
                return -EBADMSG;
        consumer_slot(r->consumer, slot);
        return 0;
}

static int on_drain(struct relay *r, struct channel_message *m) {
        const struct wire_drain *drain = m->body;

        /* Nobody comes after us when connections are not waited for. */
        return relay_drain(r, drain->deadline, drain->idle >= drain->deadline);
}

static int on_log_level(struct relay *r, struct channel_message *m) {
        const struct wire_log_level *level = m->body;

        if (level->level >= LOG_LEVEL_MAX)
                return -EBADMSG;
        log_set_level((enum log_level) level->level);
        return 0;
}

static int on_message(struct relay *r, struct channel_message *m) {
        static const struct {
                enum wire_type type;
                int (*handle)(struct relay *r, struct channel_message *m);
        } handlers[] = {
                {WIRE_PING, on_ping}, {WIRE_PEER, on_peer}, {WIRE_SLOT, on_slot}, {WIRE_DRAIN, on_drain}, {WIRE_LOG_LEVEL, on_log_level},
        };

        for (size_t i = 0; i < ELEMENTSOF(handlers); i++)
                if (handlers[i].type == m->header.type)
                        return handlers[i].handle(r, m);
        return 0;
}

/* 0: nothing more to read now; 1: the supervisor is gone. */
static int receive(struct relay *r) {
        struct channel_message m;
        int e;

        for (unsigned n = 0; n < MESSAGES_AT_ONCE; n++) {
                e = channel_receive(r->worker.channel, WIRE_DOWN, &m);
                if (e == -EAGAIN)
                        return 0;
                if (e == 0 || e == -ECONNRESET)
                        return 1;
                if (e < 0)
                        return e;
                e = on_message(r, &m);
                channel_message_done(&m);
                if (e < 0)
                        return e;
        }
        return 0;
}

static int on_channel(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct relay *r = userdata;
        int e = 0;

        if (events & EPOLLOUT) {
                e = channel_queue_flush(&r->queue, fd);
                if (e == 0)
                        e = sd_event_source_set_io_events(source, EPOLLIN);
        }
        if (e >= 0)
                e = receive(r);
        if (e == 0)
                return 0;
        if (e < 0)
                log_error("the line to the supervisor broke: %s", strerror(-e));
        return sd_event_exit(r->event, e < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

int relay_link(struct relay *r) {
        int e = sd_event_add_io(r->event, &r->io, r->worker.channel, EPOLLIN, on_channel, r);

        /* A ping is answered before anything else is done. */
        return e < 0 ? e : sd_event_source_set_priority(r->io, SD_EVENT_PRIORITY_NORMAL - 10);
}
