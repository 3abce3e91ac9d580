/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The discovery worker, whole: its configuration and its line to the supervisor (main.c, link.c), what the
 * supervisor's feed says of the service's health (health.c), the address at which others find it (address.c), and
 * what consul is told (registrar.c).
 */
#pragma once

#include "lib/uplink.h"
#include "lib/worker.h"
#include "workers/discovery/health.h"
#include "workers/discovery/registrar.h"

/* Messages that wait for the supervisor to read. */
#define DISCOVERY_QUEUE_MAX 64

struct discovery {
        struct worker worker;
        sd_event *event;
        sd_event_source *deadline, *look, *patience;
        struct uplink uplink;

        json_t *slice; /* all texts below are its */
        const char *service, *address, *interface;
        uint64_t look_usec; /* how often the address is looked at */

        struct health health;
        uint64_t worse_since; /* CLOCK_MONOTONIC nsec: it is worse than consul has been told; 0: it is not */
        struct registrar registrar;
        struct registration *registration;
        bool draining;
};

/* ----- main.c ----- */

/* Tells the registrar how the service is now, if it is one that others should know of. */
void discovery_tell(struct discovery *d);
/* Ends the loop, after deregistering when nobody comes after us; at the CLOCK_MONOTONIC @deadline in any case. */
int discovery_drain(struct discovery *d, uint64_t deadline, bool replaced) _must_check_;

/* ----- link.c ----- */

int discovery_link(struct discovery *d) _must_check_;
