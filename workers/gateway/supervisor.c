/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/gateway.h"

/* Messages for a supervisor that does not read: past this it is beyond help. */
#define QUEUE_MAX 256

void supervisor_want(struct gateway *g, uint32_t slot) {
        uplink_tell(&g->uplink, WIRE_WANT, &(struct wire_want) {.slot = slot}, sizeof(struct wire_want));
}

void supervisor_stalled(struct gateway *g, uint32_t slot, uint32_t generation, enum wire_cause cause) {
        struct wire_stalled stalled = {.slot = slot, .generation = generation, .cause = cause};

        uplink_tell(&g->uplink, WIRE_STALLED, &stalled, sizeof(stalled));
}

void supervisor_inflight(struct gateway *g, const struct wire_inflight *inflight) {
        uplink_tell(&g->uplink, WIRE_INFLIGHT, inflight, sizeof(*inflight));
}

static int take_peer(void *userdata, struct channel_message *m) {
        struct gateway *g = userdata;
        const struct wire_peer *peer = m->body;
        int fd = channel_message_take_fd(m, 0), r;

        if (fd < 0 || !wire_string_valid(peer->name)) {
                (void) fd_close(fd);
                return -EBADMSG;
        }
        r = slots_introduce(g, peer, fd);
        if (r < 0)
                log_error("no channel to '%s': %s", peer->name, strerror(-r));
        return 0;
}

static int take_slot(void *userdata, struct channel_message *m) {
        const struct wire_slot *slot = m->body;

        if (!wire_string_valid(slot->name) || !wire_string_valid(slot->plugin) || !wire_string_valid(slot->class) ||
            !wire_string_valid(slot->reason) || slot->kind >= WIRE_KIND_MAX || slot->state >= WIRE_STATE_MAX)
                return -EBADMSG;
        slots_update(userdata, slot);
        return 0;
}

static int take_slot_gone(void *userdata, struct channel_message *m) {
        const struct wire_slot_gone *gone = m->body;

        slots_remove(userdata, gone->slot);
        return 0;
}

static int take_drain(void *userdata, struct channel_message *m) {
        http_drain(userdata, m->body);
        return 0;
}

int supervisor_watch(struct gateway *g) {
        static const struct uplink_handler handlers[] = {
                {WIRE_PEER, take_peer}, {WIRE_SLOT, take_slot}, {WIRE_SLOT_GONE, take_slot_gone}, {WIRE_DRAIN, take_drain},
        };

        return uplink_open(&g->uplink, g->event, g->worker.channel, QUEUE_MAX, handlers, ELEMENTSOF(handlers), NULL, g);
}
