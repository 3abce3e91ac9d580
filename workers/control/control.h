/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control worker, whole: what it knows, whom it serves, and its line to the supervisor.
 */
#pragma once

#include "lib/uplink.h"
#include "lib/worker.h"
#include "workers/control/crash.h"
#include "workers/control/gateways.h"
#include "workers/control/relay.h"
#include "workers/control/server.h"

/* Commands that wait for the supervisor to read. */
#define CONTROL_QUEUE_MAX 64

struct control {
        struct worker worker;
        sd_event *event;
        sd_event_source *deadline, *patience;
        struct uplink uplink;

        struct model model;
        struct crash_store crashes;
        struct methods methods;
        struct server server;
        struct gateways gateways;
        struct relay relay;
        bool draining, crashes_failing;
};

/* Watches the channel to the supervisor; when that ends, so does the loop. */
int control_link(struct control *c) _must_check_;

/* For struct server: passes a command on. */
int control_send_command(void *userdata, uint64_t id, const struct wire_command *command);
