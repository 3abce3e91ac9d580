/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sys/epoll.h>

#include "workers/gateway/gateway.h"

/* Messages for a supervisor that does not read: past this it is beyond help. */
#define QUEUE_MAX 256
/* Messages of one turn of the loop, so that a talkative supervisor does not keep clients waiting. */
#define TURN_MAX 64

static void tell(struct gateway *g, enum wire_type type, const void *body, size_t size) {
        int r = channel_queue_send(&g->queue, g->worker.channel, type, 0, body, size, NULL, 0);

        if (r < 0)
                log_warning("the supervisor cannot be told: %s", strerror(-r));
        if (r > 0)
                (void) sd_event_source_set_io_events(g->channel, EPOLLIN | EPOLLOUT);
}

void supervisor_want(struct gateway *g, uint32_t slot) {
        tell(g, WIRE_WANT, &(struct wire_want) {.slot = slot}, sizeof(struct wire_want));
}

void supervisor_stalled(struct gateway *g, uint32_t slot, uint32_t generation, enum wire_cause cause) {
        struct wire_stalled stalled = {.slot = slot, .generation = generation, .cause = cause};

        tell(g, WIRE_STALLED, &stalled, sizeof(stalled));
}

void supervisor_inflight(struct gateway *g, const struct wire_inflight *inflight) {
        tell(g, WIRE_INFLIGHT, inflight, sizeof(*inflight));
}

static int bad_message(struct gateway *g, const char *what) {
        log_error("the supervisor sent %s", what);
        return sd_event_exit(g->event, 1);
}

static int take_peer(struct gateway *g, struct channel_message *m) {
        const struct wire_peer *peer = m->body;
        int fd = channel_message_take_fd(m, 0), r;

        if (fd < 0 || !wire_string_valid(peer->name)) {
                (void) fd_close(fd);
                return bad_message(g, "an introduction without a channel");
        }
        r = slots_introduce(g, peer, fd);
        if (r < 0)
                log_error("no channel to '%s': %s", peer->name, strerror(-r));
        return 0;
}

static int take_slot(struct gateway *g, const struct wire_slot *slot) {
        if (!wire_string_valid(slot->name) || !wire_string_valid(slot->plugin) || !wire_string_valid(slot->class) ||
            !wire_string_valid(slot->reason) || slot->kind >= WIRE_KIND_MAX || slot->state >= WIRE_STATE_MAX)
                return bad_message(g, "a malformed slot");
        slots_update(g, slot);
        return 0;
}

static int take_message(struct gateway *g, struct channel_message *m) {
        switch (m->header.type) {
        case WIRE_PING:
                tell(g, WIRE_PONG, NULL, 0);
                return 0;
        case WIRE_PEER:
                return take_peer(g, m);
        case WIRE_SLOT:
                return take_slot(g, m->body);
        case WIRE_SLOT_GONE:
                slots_remove(g, ((const struct wire_slot_gone *) m->body)->slot);
                return 0;
        case WIRE_DRAIN:
                http_drain(g, m->body);
                return 0;
        case WIRE_LOG_LEVEL:
                if (((const struct wire_log_level *) m->body)->level < LOG_LEVEL_MAX)
                        log_set_level((enum log_level) ((const struct wire_log_level *) m->body)->level);
                return 0;
        default:
                /* SERVICE, deaths and results are for others. */
                return 0;
        }
}

static int on_channel(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        static struct channel_message message;
        struct gateway *g = userdata;
        int r;

        if (events & EPOLLOUT) {
                r = channel_queue_flush(&g->queue, fd);
                if (r <= 0)
                        (void) sd_event_source_set_io_events(source, EPOLLIN);
        }
        if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                return 0;

        for (unsigned i = 0; i < TURN_MAX; i++) {
                r = channel_receive(fd, WIRE_DOWN, &message);
                if (r == -EAGAIN)
                        return 0;
                if (r == 0) {
                        log_warning("the supervisor is gone: stopping");
                        return sd_event_exit(g->event, 1);
                }
                if (r < 0)
                        return bad_message(g, "something that is no message");
                r = take_message(g, &message);
                channel_message_done(&message);
                if (r < 0)
                        return r;
        }
        return 0;
}

int supervisor_watch(struct gateway *g) {
        int r;

        g->queue = CHANNEL_QUEUE_NULL(QUEUE_MAX);
        r = sd_event_add_io(g->event, &g->channel, g->worker.channel, EPOLLIN, on_channel, g);
        if (r < 0)
                return r;
        return sd_event_source_set_priority(g->channel, SD_EVENT_PRIORITY_IMPORTANT - 10);
}
