/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/pool.h"

#define POOL_SLOTS_MAX 64
/* A request that waited this long may be one whose client has gone. */
#define GONE_NSEC (20 * NSEC_PER_MSEC)

static size_t pool_views(const struct pool *pool, struct slot_view views[POOL_SLOTS_MAX], const struct slot *slots[POOL_SLOTS_MAX]) {
        size_t n = 0;

        for (struct slot *slot = pool->slots; slot && n < POOL_SLOTS_MAX; slot = slot->next_of_pool)
                if (slot->known) {
                        slots[n] = slot;
                        views[n++] = slot->view;
                }
        return n;
}

unsigned pool_retry_after(const struct pool *pool, uint64_t now) {
        struct slot_view views[POOL_SLOTS_MAX];
        const struct slot *slots[POOL_SLOTS_MAX];

        return waiting_retry_after(views, pool_views(pool, views, slots), now);
}

void pool_refuse(struct exchange *ex, unsigned retry_after, const char *state, const char *reason) {
        if (ex->operation->builtin) {
                flow_builtin_reply(ex, NULL);
                return;
        }
        ex->gateway->slots.refused++;
        exchange_answer_unavailable(ex, retry_after, error_unavailable(ex->pool->plugin, state, reason));
}

void pool_time_out(struct exchange *ex) {
        if (ex->operation->builtin)
                flow_builtin_reply(ex, NULL);
        else
                exchange_answer(ex, 504, NULL, error_list("Gateway Timeout - the request took too long"));
}

void pool_expired(struct exchange *ex, uint64_t now) {
        const struct slot *slot = ex->pool->slots;
        const char *state = !slot ? "starting"
                          : slot->view.state == WIRE_STATE_READY ? "busy"
                          : wire_state_to_string(slot->view.state);

        if (now >= ex->total_deadline)
                pool_time_out(ex);
        else
                pool_refuse(ex, pool_retry_after(ex->pool, now), state, slot ? slot->reason : "");
        http_resume(ex);
}

static void pool_enqueue(struct pool *pool, struct exchange *ex, bool first) {
        ex->stage = STAGE_QUEUED;
        ex->previous = first ? NULL : pool->last;
        ex->next = first ? pool->first : NULL;
        if (ex->previous)
                ex->previous->next = ex;
        else
                pool->first = ex;
        if (ex->next)
                ex->next->previous = ex;
        else
                pool->last = ex;
        pool->n++;
}

void pool_dequeue(struct exchange *ex, uint64_t now) {
        struct pool *pool = ex->pool;

        if (ex->previous)
                ex->previous->next = ex->next;
        else
                pool->first = ex->next;
        if (ex->next)
                ex->next->previous = ex->previous;
        else
                pool->last = ex->previous;
        ex->previous = ex->next = NULL;
        pool->n--;
        histogram_add(&ex->gateway->metrics.waiting, now - ex->queued);
}

bool pool_drop_if_gone(struct exchange *ex, uint64_t now) {
        if (now - ex->queued < GONE_NSEC || !connection_gone(ex->connection))
                return false;
        pool_dequeue(ex, now);
        ex->close = true;
        pool_refuse(ex, 0, "busy", "the client did not wait");
        http_resume(ex);
        return true;
}

static void pool_drop_gone(struct pool *pool, uint64_t now) {
        struct exchange *next;

        for (struct exchange *ex = pool->first; ex; ex = next) {
                next = ex->next;
                (void) pool_drop_if_gone(ex, now);
        }
}

/* On demand: a slot that rests is asked for when requests wait. */
static void pool_want_worker(struct gateway *g, struct pool *pool) {
        for (struct slot *slot = pool->slots; slot; slot = slot->next_of_pool) {
                bool resting = slot->view.state == WIRE_STATE_RESTING || (slot->rested && !slot->peers);

                if (resting && !slot->wanted) {
                        slot->wanted = true;
                        supervisor_want(g, slot->id);
                        return;
                }
        }
}

static void begin_to_wait(struct exchange *ex, uint64_t now) {
        uint64_t limit = ex->operation->builtin ? POOL_OWN_NSEC : ex->gateway->settings.queue_nsec;

        ex->queued = now;
        ex->queue_deadline = MIN(now + limit, ex->total_deadline);
}

bool pool_wait(struct exchange *ex, uint64_t now, bool first) {
        struct gateway *g = ex->gateway;
        struct pool *pool = ex->pool;
        struct slot_view views[POOL_SLOTS_MAX];
        const struct slot *slots[POOL_SLOTS_MAX];
        size_t n = pool_views(pool, views, slots), culprit;
        unsigned retry_after = 0;

        if (now >= ex->total_deadline) {
                pool_time_out(ex);
                return false;
        }
        if (pool->n >= g->settings.queue)
                pool_drop_gone(pool, now);
        begin_to_wait(ex, now);

        switch (waiting_decide(views, n, pool->n, g->settings.queue, now, ex->queue_deadline, &retry_after, &culprit)) {
        case WAITING_REFUSE:
                pool_refuse(ex, retry_after, wire_state_to_string(views[culprit].state), slots[culprit]->reason);
                return false;
        case WAITING_FULL:
                pool_refuse(ex, retry_after, "busy", "too many requests wait for it");
                return false;
        case WAITING_QUEUE:
                break;
        }
        pool_enqueue(pool, ex, first);
        pool_want_worker(g, pool);
        slots_arm(g, ex->queue_deadline);
        return true;
}

/* Of those that are free the one that worked last: its memory is warm, and on demand the others may rest. */
static struct peer *pool_free_peer(const struct pool *pool) {
        struct peer *best = NULL;

        for (struct slot *slot = pool->slots; slot; slot = slot->next_of_pool) {
                struct peer *peer = slot->peers;

                if (peer && !peer->retired && !peer->unusable && peer->n_errands == 0 &&
                    (!best || peer->idle_since > best->idle_since))
                        best = peer;
        }
        return best;
}

/* A request that waits for the only worker there is may wait at the worker, when it is quick. */
static int send_ahead(struct pool *pool, struct exchange *ex, uint64_t now) {
        const struct slot *slot = pool->slots;
        struct peer *peer = slot && !slot->next_of_pool ? slot->peers : NULL;

        if (!peer || peer->retired || peer->unusable || peer->n_errands == 0 || !peer_takes_ahead(peer, ex))
                return -EAGAIN;
        if (ex->stage != STAGE_QUEUED)
                begin_to_wait(ex, now);
        return peer_send(peer, ex, now);
}

int pool_send(struct pool *pool, struct exchange *ex, uint64_t now) {
        struct gateway *g = ex->gateway;
        struct peer *peer;
        int r;

        if (pool->counts) {
                r = send_ahead(pool, ex, now);
                if (r >= 0)
                        return r;
                if (g->slots.executing >= g->settings.executing)
                        return -EAGAIN;
        }
        while ((peer = pool_free_peer(pool))) {
                r = peer_send(peer, ex, now);
                if (r >= 0)
                        return r;
                /* It is gone: its channel's end will tell. */
                peer->unusable = true;
        }
        return -EAGAIN;
}

/*
 * While libmicrohttpd goes through its connections, workers may have answered: whoever waits need not wait for the loop's
 * next turn. One look a peer.
 */
void pool_feed(struct pool *pool) {
        struct slot *next;

        for (struct slot *slot = pool->slots; slot; slot = next) {
                next = slot->next_of_pool;
                if (slot->peers && slot->peers->n_errands > 0)
                        peer_receive(slot->peers);
        }
}

bool pool_owes(const struct pool *pool) {
        for (const struct slot *slot = pool->slots; slot; slot = slot->next_of_pool)
                if (slot->peers && slot->peers->n_errands > 0)
                        return true;
        return false;
}

uint64_t pool_expire(struct pool *pool, uint64_t now) {
        uint64_t next_time = NSEC_NEVER;
        struct exchange *next;

        for (struct exchange *ex = pool->first; ex; ex = next) {
                next = ex->next;
                if (pool_drop_if_gone(ex, now))
                        continue;
                if (now < ex->queue_deadline) {
                        next_time = MIN(next_time, ex->queue_deadline);
                        continue;
                }
                pool_dequeue(ex, now);
                pool_expired(ex, now);
        }
        return next_time;
}

void pool_reconsider(struct pool *pool, uint64_t now) {
        struct exchange *next;

        for (struct exchange *ex = pool->first; ex; ex = next) {
                struct slot_view views[POOL_SLOTS_MAX];
                const struct slot *slots[POOL_SLOTS_MAX];
                size_t culprit, n = pool_views(pool, views, slots);
                unsigned retry_after;

                next = ex->next;
                if (waiting_decide(views, n, 0, 1, now, ex->queue_deadline, &retry_after, &culprit) != WAITING_REFUSE)
                        continue;
                pool_dequeue(ex, now);
                pool_refuse(ex, retry_after, wire_state_to_string(views[culprit].state), slots[culprit]->reason);
                http_resume(ex);
        }
        if (pool->first)
                pool_want_worker(pool->first->gateway, pool);
}
