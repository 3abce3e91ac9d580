/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line to the supervisor. */
#include "workers/discovery/discovery.h"

static int on_service(void *userdata, struct channel_message *m) {
        struct discovery *d = userdata;

        return health_take_service(&d->health, m->body);
}

static int on_slot(void *userdata, struct channel_message *m) {
        struct discovery *d = userdata;

        return health_take_slot(&d->health, m->body);
}

static int on_slot_gone(void *userdata, struct channel_message *m) {
        struct discovery *d = userdata;
        const struct wire_slot_gone *gone = m->body;

        health_drop_slot(&d->health, gone->slot);
        return 0;
}

static int on_drain(void *userdata, struct channel_message *m) {
        struct discovery *d = userdata;
        const struct wire_drain *drain = m->body;

        return discovery_drain(d, drain->deadline, drain->idle >= drain->deadline);
}

/* Of all that came, the sum. Of the supervisor's end consul hears nothing: whoever comes next registers the service again, and if
 * nobody does, its check says so in time. */
static void tell(void *userdata) {
        discovery_tell(userdata);
}

int discovery_link(struct discovery *d) {
        static const struct uplink_handler handlers[] = {
                {WIRE_SERVICE, on_service}, {WIRE_SLOT, on_slot}, {WIRE_SLOT_GONE, on_slot_gone}, {WIRE_DRAIN, on_drain},
        };

        return uplink_open(&d->uplink, d->event, d->worker.channel, DISCOVERY_QUEUE_MAX, handlers, ELEMENTSOF(handlers), tell, d);
}
