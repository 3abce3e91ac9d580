/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events on their way to plugins. Each plugin gets its events one at a time and in order: the next when it has committed
 * the one before. What fails is tried again with growing delay, up to a number of tries; what its plugin dies of twice is not
 * tried a third time. A death counts against an event when it is of the plugin's own making, not when somebody killed it.
 *
 * While a plugin has no worker its events wait; one that rests is asked for.
 */
#pragma once

#include <jansson.h>
#include <systemd/sd-event.h>

#include "lib/wire.h"
#include "workers/relay/event.h"

enum deliver_outcome {
        DELIVER_TAKEN,    /* committed */
        DELIVER_UNWANTED, /* the plugin that runs has not subscribed to it */
        DELIVER_NO_EVENT, /* it is no JSON object */
        DELIVER_GIVEN_UP, /* tried too often, refused, or died of: the error says which */
};

/* All borrowed. */
struct deliver_setup {
        sd_event *event;
        unsigned tries; /* then it is given up */
        uint64_t attempt; /* nsec that a plugin may take, and a request in front of it: then its worker is aborted */
        /* A plugin is done with an event; below zero: not now, ask again in a while (store_wait_msec() of it). */
        int (*ended)(void *userdata, const char *plugin, struct event *e, enum deliver_outcome outcome,
                     unsigned tries, const char *error);
        /* All plugins are: the callee's to free. */
        void (*finished)(void *userdata, struct event *e);
        void (*nudged)(void *userdata);
        void (*tell)(void *userdata, enum wire_type type, const void *body, size_t size);
        void *userdata;
};

struct deliver;

int deliver_new(const struct deliver_setup *setup, struct deliver **ret) _must_check_;
/* Accepts NULL and returns NULL. Events that are held are freed. */
struct deliver *deliver_free(struct deliver *d);

/* A plugin that may be handed events. */
int deliver_add_plugin(struct deliver *d, const char *name) _must_check_;
/* A channel to a plugin's worker, whether it gets events or not. Takes @fd over, whatever it returns. */
int deliver_introduce(struct deliver *d, const struct wire_peer *peer, int fd) _must_check_;
void deliver_slot(struct deliver *d, const struct wire_slot *slot);

/* Puts it behind what waits for this plugin already. -ENOENT: there is no such plugin. The first one takes the event over, when
 * it succeeds; deliver_flush() sets it going. */
int deliver_add(struct deliver *d, const char *plugin, struct event *e) _must_check_;
void deliver_flush(struct deliver *d);
/* Whether a parked event is on its way already. */
bool deliver_has_parked(const struct deliver *d, int64_t parked_id);
/* Events that are held: one that two plugins want counts twice. */
size_t deliver_held(const struct deliver *d);
/* Forgets the oldest that no plugin has, so that no more than @keep wait. Returns how many it forgot. */
size_t deliver_forget(struct deliver *d, size_t keep);

/* From now on nothing is handed to a plugin; @finish: but what is held already, as long as there is a worker for it. */
void deliver_drain(struct deliver *d, bool finish);
bool deliver_is_idle(const struct deliver *d);

/* {"plugin": {"waiting": 2, "tries": 1, "error": "...", "state": "failed"}}: those for which something waits. New. */
json_t *deliver_status(const struct deliver *d);
