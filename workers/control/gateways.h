/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The data channels that gateways reach control through: GET /metrics, answered when the relay has said its part, or has not
 * in time.
 */
#pragma once

#include <systemd/sd-event.h>

#include "lib/wire.h"
#include "workers/control/model.h"
#include "workers/control/relay.h"

/* Gateways, those that drain included. */
#define GATEWAYS_MAX 32

struct gateway;

struct gateways {
        sd_event *event;           /* borrowed */
        const struct model *model; /* borrowed */
        struct relay *relay;       /* borrowed */
        struct gateway *first;
        unsigned n;
};

/* Takes @fd over, whatever it returns. -ENOBUFS past GATEWAYS_MAX. */
int gateways_add(struct gateways *g, const struct wire_peer *peer, int fd) _must_check_;
void gateways_done(struct gateways *g);
