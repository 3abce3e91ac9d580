/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The workers as a gateway sees them: which are there, what each is doing, who waits for one.
 *
 * A slot is a place for a worker; a peer is a channel to one process in it; a pool is all slots of one class of a plugin,
 * with the one queue of the requests for it. A peer has at most one request in its hands, and all peers of plugins together
 * no more than the service's budget.
 *
 * What a worker is sent it takes up in this order, one behind the answer to the other: so of what it owes the first is in
 * its hands, and what is behind that was not begun. Only what merely reads is sent ahead, to a quick worker that is its
 * pool's only one: it would get it anyway, and need not be woken for each.
 */
#pragma once

#include "lib/wire.h"
#include "workers/gateway/waiting.h"

#include <systemd/sd-event.h>

/* The next reply of a quick worker is waited for so long before the answers that are there are sent, and so many at the most. */
#define GATHER_NSEC (50 * NSEC_PER_USEC)
#define GATHER_MAX 16

/* What a worker may owe: one in its hands, and the others ahead. */
#define ERRANDS_MAX 16

struct exchange;
struct gateway;
struct reply;
struct slot;

/* A request that a worker owes the answer to. */
struct errand {
        uint64_t id;               /* of the message */
        struct exchange *exchange; /* who waits for the answer; NULL when he was answered otherwise */
        uint64_t attempt_nsec;
        const char *method, *route; /* for the record of a crash */
        char request_id[33];
};

struct peer {
        struct peer *next;   /* of the same slot; the newest is first, and it alone gets requests */
        struct slot *slot;
        uint32_t generation;
        int fd;
        sd_event_source *io;
        struct errand errands[ERRANDS_MAX]; /* from first_errand on, around the end */
        unsigned first_errand, n_errands;
        bool retired;        /* another has taken its place, or it rests: closed once it owes nothing */
        bool unusable;       /* the supervisor was told to abort it, or its end is known but not read yet */
        bool quick;          /* its last answer came within settings.quick_nsec */
        uint64_t begun;      /* when it got the first errand into its hands */
        uint64_t idle_since;
};

struct slot {
        struct slot *next;
        struct gateway *gateway;
        uint32_t id;
        bool known;          /* the feed told of it */
        bool wanted;         /* WANT was sent, and the feed has said nothing since */
        bool rested;         /* its idle worker's channel was closed, and no other has come */
        char name[WIRE_NAME_MAX], plugin[WIRE_NAME_MAX], class[WIRE_NAME_MAX];
        struct slot_view view;
        uint64_t idle_nsec;  /* its worker may rest after this time without a request; 0: never */
        char reason[WIRE_TEXT_MAX];
        struct pool *pool;   /* NULL: nobody sends it requests */
        struct slot *next_of_pool;
        struct peer *peers;
};

struct pool {
        const char *plugin, *class;
        const char *problem; /* why the plugin has no workers at all, or NULL */
        bool counts;         /* against the budget */
        struct slot *slots;
        struct exchange *first, *last;
        size_t n;
};

struct slots {
        struct slot *first;
        struct pool *pools;  /* by the router's numbers, then those of whom the gateway asks for itself */
        size_t n_pools;
        size_t executing, held; /* requests with workers; and held altogether */
        size_t next_pool;    /* where the search for the next that waits begins */
        size_t answered;     /* replies that libmicrohttpd has not been run for */
        struct pool *quick;  /* whose worker sent the last one soon after its request: the next is not far */
        uint64_t last_id;
        uint64_t retried, lost, refused, stalled;
        sd_event_source *timer;
        uint64_t armed;
};

int slots_start(struct gateway *g) _must_check_;
void slots_done(struct gateway *g);

/* From the supervisor. */
void slots_update(struct gateway *g, const struct wire_slot *news);
void slots_remove(struct gateway *g, uint32_t id);
/* Takes @fd over. */
int slots_introduce(struct gateway *g, const struct wire_peer *peer, int fd) _must_check_;

/* The exchange, whose request is complete, is suspended and later resumed with its answer, or answered at once. */
void slots_submit(struct exchange *ex);
/* Hands on what the workers of this exchange's pool have answered by now. */
void slots_feed(struct exchange *ex);
/* Before libmicrohttpd runs to send what workers have answered: waits a moment for more, when more is to come at once. */
void slots_gather(struct gateway *g);
/* As slots_submit(), for control's part of the metrics or relay's of the status. False, and not answered, when nobody of the
 * kind is there. */
bool slots_ask(struct exchange *ex, enum wire_kind kind);
/* The client is gone: nobody waits any more. */
void slots_forget(struct exchange *ex);
/* All that wait are answered 503: the gateway stops. */
void slots_give_up_all(struct gateway *g);
/* Whether the service has a worker of this kind, in whatever state. */
bool slots_any(const struct gateway *g, enum wire_kind kind);
