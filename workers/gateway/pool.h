/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What slots.c, pool.c and peer.c share: slots.c keeps the table and the time, pool.c has the one waiting rule and the
 * queue, peer.c speaks with one worker. A request is queued (pool), or with a worker (peer), or answered.
 */
#pragma once

#include "workers/gateway/gateway.h"

/* ---- pool.c ---- */

/* How long control may take for its part of the metrics, and relay for its of the status. */
#define POOL_OWN_NSEC NSEC_PER_SEC

/* Puts it into its pool's queue, or answers it. True when it waits. @first: in front of the others. */
bool pool_wait(struct exchange *ex, uint64_t now, bool first);
void pool_dequeue(struct exchange *ex, uint64_t now);
/* True when the client of a queued request has gone: it is out of the queue and answered. */
bool pool_drop_if_gone(struct exchange *ex, uint64_t now);
/* 0: it is with a worker; 1: it is answered; -EAGAIN: nobody is free. */
int pool_send(struct pool *pool, struct exchange *ex, uint64_t now) _must_check_;
/* Looks once whether workers of the pool have answered. */
void pool_feed(struct pool *pool);
/* Whether one of them owes an answer. */
bool pool_owes(const struct pool *pool);
/* Answers those that have waited too long. Returns when to look again. */
uint64_t pool_expire(struct pool *pool, uint64_t now);
/* After news of a slot: those that wait may have nothing to wait for any more. */
void pool_reconsider(struct pool *pool, uint64_t now);
/* Without a reply: 503, or what the gateway makes of it where it asked for itself. */
void pool_refuse(struct exchange *ex, unsigned retry_after, const char *state, const char *reason);
void pool_time_out(struct exchange *ex);
/* One that waited as long as it may, and waits no more. */
void pool_expired(struct exchange *ex, uint64_t now);
/* Seconds for Retry-After. */
unsigned pool_retry_after(const struct pool *pool, uint64_t now);

/* ---- peer.c ---- */

/* Watches a new one's channel. */
int peer_watch(struct peer *peer) _must_check_;
void peer_free(struct peer *peer);
/* It owes nothing any more. */
void peer_settle(struct peer *peer);
/* The errand behind @i others, at most as many as it owes: that behind the last is a free place. */
struct errand *peer_errand(struct peer *peer, unsigned i);
/* Who waited for the errand's answer, or NULL. He does not any more: it will be thrown away. */
struct exchange *errand_leave(struct errand *errand);
/* Whether one that owes an answer may have this request, too. */
bool peer_takes_ahead(const struct peer *peer, const struct exchange *ex);
/* 0: it has the request; 1: the request is answered; or an error of its channel. */
int peer_send(struct peer *peer, struct exchange *ex, uint64_t now) _must_check_;
/* One message of it, when there is one. The peer may be gone afterwards. */
void peer_receive(struct peer *peer);
/* Returns when to look again. The peer may be gone afterwards. */
uint64_t peer_expire(struct peer *peer, uint64_t now);

/* ---- slots.c ---- */

/* Gives what waits to who is free, each pool its turn. */
void slots_pump(struct gateway *g, uint64_t now);
/* Something is due at @when. */
void slots_arm(struct gateway *g, uint64_t when);
/* Frees a slot that the supervisor took away, once it has no peer. */
void slots_free_if_gone(struct slot *slot);
