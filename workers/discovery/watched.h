/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The services that wazo-suite-discovery registers: daemons with a unit of their own whose own configuration does not do it. What
 * systemd says of the unit, and whether the service answers at its port, is what consul is told.
 */
#pragma once

#include "config/suite.h"
#include "lib/systemd.h"
#include "workers/discovery/registrar.h"

#define WATCHED_MAX 64

struct watched {
        const struct manifest *manifest;
        struct registration *registration;
        char state[24];  /* of its unit, in systemd's words; "" before the first look */
        bool by_itself;  /* its own configuration has it registered, or might: it is left alone */
        bool to_probe;   /* its unit is active: whether it answers is asked next */
};

struct watch {
        sd_event *event;             /* borrowed */
        struct registrar *registrar; /* borrowed */
        const char *root;            /* "" for this host */
        const char *address, *interface;
        struct watched list[WATCHED_MAX];
        size_t n;
        sd_bus *bus;
        sd_event_source *timer;
        uint64_t every_usec;
        bool bus_failed;             /* and that was told */

        const struct http_driver *driver;
        struct http *http;
        size_t probing;              /* n: none is under way */
        char url[320];
};

/*
 * Picks the services of @suite that it is for, and begins to look at them, every @every_msec and whenever systemd says that one of
 * their units has changed. @tags makes the tags of a service, or NULL without memory. 0, or a negative errno.
 */
int watch_init(struct watch *w, sd_event *event, struct registrar *registrar, const struct suite *suite,
               const char *root, const char *address, const char *interface, const char *uuid,
               json_t *(*tags)(void *userdata, const char *name), void *userdata, uint64_t every_msec) _must_check_;
/* Looks no more. */
void watch_done(struct watch *w);
