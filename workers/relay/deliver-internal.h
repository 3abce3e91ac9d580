/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What deliver.c, which decides, and plugins.c, which talks to the plugins, share. */
#pragma once

#include "lib/request.h"
#include "workers/relay/deliver.h"

/* An event for one plugin. */
struct handover {
        struct handover *next;
        struct event *event;
        unsigned tries, strikes;
        uint64_t retry_at;
        bool died;              /* its worker did, with it at its hands, and we do not know yet of what */
        uint32_t slot;          /* that worker's, and how many of its deaths were known when it got the event */
        uint32_t deaths_before;
        bool over;              /* what is left is to tell it */
        enum deliver_outcome outcome;
        char error[WIRE_TEXT_MAX];
};

struct peer {
        struct peer *next, **link;
        struct deliver *deliver;
        struct plugin *plugin; /* NULL: one that gets no events */
        uint32_t slot, generation;
        int fd;                /* the source's */
        sd_event_source *io;
        bool unusable;         /* nothing more is sent to it: its end comes */
        char name[WIRE_NAME_MAX];
};

/* What the feed said of one worker of a plugin that gets events. */
struct slot {
        struct slot *next;
        uint32_t id;
        struct plugin *plugin;
        uint32_t state, cause;
        uint32_t deaths;       /* of its own making */
        bool wanted;           /* WANT was sent, and the feed has said nothing since */
};

struct plugin {
        struct plugin *next;
        struct deliver *deliver;
        struct handover *first, *last;
        struct peer *busy;     /* has the first of them */
        uint64_t id, deadline; /* of that REQUEST */
        uint64_t sent;
        char name[WIRE_NAME_MAX];
};

struct deliver {
        struct deliver_setup setup;
        struct plugin *plugins;
        struct slot *slots;
        struct peer *peers;    /* the newest first */
        unsigned n_peers;
        size_t n_held;
        uint64_t last_id;
        bool draining, finish;
        sd_event_source *timer;
};

/* ---- deliver.c ---- */

/* What the worker that has the plugin's first event answered. */
void deliver_answered(struct plugin *p, const struct reply *reply);
/* It ended instead. */
void deliver_died(struct plugin *p, const struct peer *peer);

/* ---- plugins.c ---- */

struct plugin *plugin_find(const struct deliver *d, const char *name, size_t n);
struct slot *slot_find(const struct deliver *d, uint32_t id);
void peer_free(struct peer *peer);
/* Sends the event to one of the plugin's workers, which is busy from then on. -ENOENT: there is none. */
int plugin_send(struct plugin *p, const struct event *e, uint64_t now, uint64_t deadline) _must_check_;
/* A worker that rests is asked for, once. */
void plugin_want(struct plugin *p);
bool plugin_has_worker(const struct plugin *p);
/* In a word: what it does, or why nobody does. */
const char *plugin_state(const struct plugin *p);
