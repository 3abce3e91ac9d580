/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line to the supervisor. */
#include "workers/relay/relay.h"

/* It wakes us every half minute: the time for what is to be looked after now and then. */
static int on_ping(void *userdata, struct channel_message *m) {
        relay_tick(userdata);
        return 0;
}

static int on_peer(void *userdata, struct channel_message *m) {
        struct relay *r = userdata;
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

static int on_slot(void *userdata, struct channel_message *m) {
        struct relay *r = userdata;
        const struct wire_slot *slot = m->body;

        if (!wire_string_valid(slot->name) || !wire_string_valid(slot->plugin) || !wire_string_valid(slot->class) ||
            !wire_string_valid(slot->reason))
                return -EBADMSG;
        consumer_slot(r->consumer, slot);
        return 0;
}

static int on_drain(void *userdata, struct channel_message *m) {
        struct relay *r = userdata;
        const struct wire_drain *drain = m->body;

        /* Nobody comes after us when connections are not waited for. */
        return relay_drain(r, drain->deadline, drain->idle >= drain->deadline);
}

int relay_link(struct relay *r) {
        static const struct uplink_handler handlers[] = {
                {WIRE_PING, on_ping}, {WIRE_PEER, on_peer}, {WIRE_SLOT, on_slot}, {WIRE_DRAIN, on_drain},
        };

        return uplink_open(&r->uplink, r->event, r->worker.channel, RELAY_QUEUE_MAX, handlers, ELEMENTSOF(handlers), NULL, r);
}
