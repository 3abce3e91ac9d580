/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/gateway.h"

/* How long control may take for its part of the metrics. */
#define CONTROL_NSEC NSEC_PER_SEC
#define POOL_SLOTS_MAX 64
/* A request that waited this long may be one whose client has gone. */
#define GONE_NSEC (20 * NSEC_PER_MSEC)

static void pump(struct gateway *g, uint64_t now);
static void arm(struct gateway *g, uint64_t when);

/* --- answers -------------------------------------------------------------------------------------------------------- */

static size_t pool_views(const struct pool *pool, struct slot_view views[POOL_SLOTS_MAX], const struct slot *slots[POOL_SLOTS_MAX]) {
        size_t n = 0;

        for (struct slot *slot = pool->slots; slot && n < POOL_SLOTS_MAX; slot = slot->next_of_pool)
                if (slot->known) {
                        slots[n] = slot;
                        views[n++] = slot->view;
                }
        return n;
}

static unsigned pool_retry_after(const struct pool *pool, uint64_t now) {
        struct slot_view views[POOL_SLOTS_MAX];
        const struct slot *slots[POOL_SLOTS_MAX];

        return waiting_retry_after(views, pool_views(pool, views, slots), now);
}

/* Without a reply: 503, or what the gateway makes of it where it asked for itself. */
static void refuse(struct exchange *ex, unsigned retry_after, const char *state, const char *reason) {
        if (ex->operation->builtin) {
                flow_builtin_reply(ex, NULL);
                return;
        }
        ex->gateway->slots.refused++;
        exchange_answer_unavailable(ex, retry_after, error_unavailable(ex->pool->plugin, state, reason));
}

static void time_out(struct exchange *ex) {
        if (ex->operation->builtin)
                flow_builtin_reply(ex, NULL);
        else
                exchange_answer(ex, 504, NULL, error_list("Gateway Timeout - the request took too long"));
}

/* --- the queue of a pool -------------------------------------------------------------------------------------------- */

static void enqueue(struct pool *pool, struct exchange *ex, bool first) {
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

static void dequeue(struct exchange *ex, uint64_t now) {
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

static bool drop_if_gone(struct exchange *ex, uint64_t now) {
        if (now - ex->queued < GONE_NSEC || !connection_gone(ex->connection))
                return false;
        dequeue(ex, now);
        ex->close = true;
        refuse(ex, 0, "busy", "the client did not wait");
        http_resume(ex);
        return true;
}

static void drop_gone(struct pool *pool, uint64_t now) {
        struct exchange *next;

        for (struct exchange *ex = pool->first; ex; ex = next) {
                next = ex->next;
                (void) drop_if_gone(ex, now);
        }
}

/* On demand: a slot that rests is asked for when requests wait. */
static void want_worker(struct gateway *g, struct pool *pool) {
        for (struct slot *slot = pool->slots; slot; slot = slot->next_of_pool) {
                bool resting = slot->view.state == WIRE_STATE_RESTING || (slot->rested && !slot->peers);

                if (resting && !slot->wanted) {
                        slot->wanted = true;
                        supervisor_want(g, slot->id);
                        return;
                }
        }
}

/* Puts it into its pool's queue, or answers it. True when it waits. */
static bool wait_or_refuse(struct exchange *ex, uint64_t now, bool first) {
        struct gateway *g = ex->gateway;
        struct pool *pool = ex->pool;
        struct slot_view views[POOL_SLOTS_MAX];
        const struct slot *slots[POOL_SLOTS_MAX];
        size_t n = pool_views(pool, views, slots), culprit;
        uint64_t limit = ex->operation->builtin ? CONTROL_NSEC : g->settings.queue_nsec;
        unsigned retry_after = 0;

        if (now >= ex->total_deadline) {
                time_out(ex);
                return false;
        }
        if (pool->n >= g->settings.queue)
                drop_gone(pool, now);
        ex->queued = now;
        ex->queue_deadline = MIN(now + limit, ex->total_deadline);

        switch (waiting_decide(views, n, pool->n, g->settings.queue, now, ex->queue_deadline, &retry_after, &culprit)) {
        case WAITING_REFUSE:
                refuse(ex, retry_after, wire_state_to_string(views[culprit].state), slots[culprit]->reason);
                return false;
        case WAITING_FULL:
                refuse(ex, retry_after, "busy", "too many requests wait for it");
                return false;
        case WAITING_QUEUE:
                break;
        }
        enqueue(pool, ex, first);
        want_worker(g, pool);
        arm(g, ex->queue_deadline);
        return true;
}

/* --- peers ---------------------------------------------------------------------------------------------------------- */

static void slot_free_if_gone(struct slot *slot);

static void peer_free(struct peer *peer) {
        struct slot *slot = peer->slot;

        for (struct peer **at = &slot->peers; *at; at = &(*at)->next)
                if (*at == peer) {
                        *at = peer->next;
                        break;
                }
        (void) sd_event_source_disable_unref(peer->io);
        (void) fd_close(peer->fd);
        free(peer);
        slot_free_if_gone(slot);
}

static void peer_settle(struct peer *peer) {
        struct gateway *g = peer->slot->gateway;

        if (peer->outstanding && peer->slot->pool && peer->slot->pool->counts)
                g->slots.executing--;
        peer->outstanding = 0;
        if (peer->exchange)
                peer->exchange->peer = NULL;
        peer->exchange = NULL;
}

/* Of those that are free the one that worked last: its memory is warm, and on demand the others may rest. */
static struct peer *pool_free_peer(const struct pool *pool) {
        struct peer *best = NULL;

        for (struct slot *slot = pool->slots; slot; slot = slot->next_of_pool) {
                struct peer *peer = slot->peers;

                if (peer && !peer->retired && !peer->unusable && peer->outstanding == 0 &&
                    (!best || peer->idle_since > best->idle_since))
                        best = peer;
        }
        return best;
}

static int peer_send(struct peer *peer, struct exchange *ex, uint64_t now) {
        struct gateway *g = ex->gateway;
        uint64_t attempt = ex->operation->attempt_nsec ? ex->operation->attempt_nsec : g->settings.attempt_nsec;
        int r;

        ex->request.retry = ex->attempts > 0;
        ex->request.deadline = MIN(now + attempt, ex->total_deadline);
        ex->id = ++g->slots.last_id;
        r = exchange_pack(ex, &g->scratch);
        if (r < 0) {
                exchange_answer(ex, 500, NULL, error_list("Unexpected error: out of memory"));
                log_error("request %s cannot be handed to a worker: %s", ex->request_id, strerror(-r));
                return 1;
        }
        r = channel_send(peer->fd, WIRE_REQUEST, ex->id, g->scratch.data, g->scratch.size, &ex->request.body_fd,
                         ex->request.body_fd >= 0);
        if (r < 0)
                return r;

        ex->attempts++;
        ex->stage = STAGE_SENT;
        ex->peer = peer;
        peer->exchange = ex;
        peer->outstanding = ex->id;
        peer->sent = now;
        peer->attempt_deadline = now + attempt;
        peer->method = method_to_string(ex->method);
        peer->route = ex->operation->route->shown;
        memcpy(peer->request_id, ex->request_id, sizeof(peer->request_id));
        if (ex->pool->counts)
                g->slots.executing++;
        arm(g, MIN(peer->attempt_deadline, ex->total_deadline));
        return 0;
}

/* 0: it is with a worker; 1: it is answered; -EAGAIN: nobody is free. */
static int pool_send(struct pool *pool, struct exchange *ex, uint64_t now) {
        struct gateway *g = ex->gateway;
        struct peer *peer;
        int r;

        if (pool->counts && g->slots.executing >= g->settings.executing)
                return -EAGAIN;
        while ((peer = pool_free_peer(pool))) {
                r = peer_send(peer, ex, now);
                if (r >= 0)
                        return r;
                /* It is gone: its channel's end will tell. */
                peer->unusable = true;
        }
        return -EAGAIN;
}

/* Gives what waits to who is free, each pool its turn. */
static void pump(struct gateway *g, uint64_t now) {
        struct slots *s = &g->slots;

        for (size_t i = 0, start = s->next_pool; i < s->n_pools; i++) {
                size_t at = (start + i) % s->n_pools;
                struct pool *pool = &s->pools[at];

                while (pool->first) {
                        struct exchange *ex = pool->first;
                        int r;

                        if (drop_if_gone(ex, now))
                                continue;
                        r = pool_send(pool, ex, now);
                        if (r < 0)
                                break;
                        dequeue(ex, now);
                        if (r > 0)
                                http_resume(ex);
                        s->next_pool = (at + 1) % s->n_pools;
                }
        }
}

/*
 * The worker ended, or was given up, with this request at its hands. What only reads is tried once more; what writes may
 * have been applied, and without a journal nobody knows: the client decides.
 */
static void slot_lost_worker(struct exchange *ex, uint64_t now) {
        bool again = (ex->method == METHOD_GET || ex->method == METHOD_HEAD) && ex->attempts < 2;

        ex->gateway->slots.lost++;
        if (again) {
                ex->gateway->slots.retried++;
                if (wait_or_refuse(ex, now, true))
                        return;
        } else
                refuse(ex, pool_retry_after(ex->pool, now), "restarting", "its worker ended during the request");
        http_resume(ex);
}

static void peer_lost(struct peer *peer) {
        struct gateway *g = peer->slot->gateway;
        struct exchange *ex = peer->exchange;
        uint64_t now = now_monotonic();

        if (peer->outstanding) {
                struct wire_inflight inflight = {
                        .slot = peer->slot->id,
                        .generation = peer->generation,
                        .age_nsec = now - peer->sent,
                };

                memcpy(inflight.request_id, peer->request_id, sizeof(peer->request_id));
                (void) strcopy(inflight.method, sizeof(inflight.method), peer->method);
                (void) strcopy(inflight.route, sizeof(inflight.route), peer->route);
                supervisor_inflight(g, &inflight);
        }
        peer_settle(peer);
        peer_free(peer);
        if (ex)
                slot_lost_worker(ex, now);
        pump(g, now);
}

/* It sent what is no reply to anything that it was asked. */
static void peer_protocol(struct peer *peer, const char *what) {
        struct slot *slot = peer->slot;

        log_error("worker '%s' (generation %u) sent %s: its channel is dropped", slot->name, peer->generation, what);
        supervisor_stalled(slot->gateway, slot->id, peer->generation, WIRE_CAUSE_PROTOCOL);
        peer_lost(peer);
}

static void peer_replied(struct peer *peer, struct reply *reply) {
        struct gateway *g = peer->slot->gateway;
        struct exchange *ex = peer->exchange;
        uint64_t now = now_monotonic();

        peer_settle(peer);
        peer->idle_since = now;
        if (peer->retired)
                peer_free(peer);
        else if (peer->slot->idle_nsec > 0)
                arm(g, now + peer->slot->idle_nsec);

        /* The worker first: it works while the answer is written. */
        pump(g, now);
        if (!ex)
                reply_done(reply);
        else if (ex->operation->builtin) {
                flow_builtin_reply(ex, reply);
                http_resume(ex);
        } else {
                exchange_answer_reply(ex, reply);
                http_resume(ex);
        }
}

/* One message of it, when there is one. The peer may be gone afterwards. */
static void peer_receive(struct peer *peer) {
        static struct channel_message message;
        struct reply reply;
        int r;

        r = channel_receive(peer->fd, WIRE_TELL, &message);
        if (r == -EAGAIN)
                return;
        if (r == 0) {
                peer_lost(peer);
                return;
        }
        if (r == -EBADMSG) {
                peer_protocol(peer, "something that is no message");
                return;
        }
        if (r < 0) {
                log_error("the channel to worker '%s' cannot be read: %s", peer->slot->name, strerror(-r));
                peer_lost(peer);
                return;
        }

        if (message.header.type != WIRE_REPLY || peer->outstanding == 0 || message.header.id != peer->outstanding) {
                channel_message_done(&message);
                peer_protocol(peer, "a reply that nobody waits for");
                return;
        }
        r = reply_decode(message.body, message.header.size, message.n_fds > 0 ? message.fds[0] : -1, &reply);
        if (r < 0) {
                channel_message_done(&message);
                peer_protocol(peer, "a malformed reply");
                return;
        }
        (void) channel_message_take_fd(&message, 0);
        channel_message_done(&message);
        peer_replied(peer, &reply);
}

static int on_peer(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        peer_receive(userdata);
        return 0;
}

/*
 * While libmicrohttpd goes through its connections, workers may have answered: whoever waits need not wait for the loop's
 * next turn. One look a peer.
 */
static void pool_feed(struct pool *pool) {
        struct slot *next;

        for (struct slot *slot = pool->slots; slot && pool->first; slot = next) {
                next = slot->next_of_pool;
                if (slot->peers && slot->peers->outstanding)
                        peer_receive(slot->peers);
        }
}

void slots_feed(struct exchange *ex) {
        if (ex->pool && ex->pool->first)
                pool_feed(ex->pool);
}


/* --- time ----------------------------------------------------------------------------------------------------------- */

static void arm(struct gateway *g, uint64_t when) {
        struct slots *s = &g->slots;

        if (when >= s->armed)
                return;
        s->armed = when;
        (void) sd_event_source_set_time(s->timer, when / NSEC_PER_USEC + 1);
        (void) sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

static uint64_t expire_queue(struct pool *pool, uint64_t now) {
        uint64_t next_time = NSEC_NEVER;
        struct exchange *next;

        for (struct exchange *ex = pool->first; ex; ex = next) {
                next = ex->next;
                if (drop_if_gone(ex, now))
                        continue;
                if (now < ex->queue_deadline) {
                        next_time = MIN(next_time, ex->queue_deadline);
                        continue;
                }
                dequeue(ex, now);
                if (now >= ex->total_deadline)
                        time_out(ex);
                else {
                        const struct slot *slot = pool->slots;
                        const char *state = !slot ? "starting" : slot->view.state == WIRE_STATE_READY ? "busy"
                                          : wire_state_to_string(slot->view.state);

                        refuse(ex, pool_retry_after(pool, now), state, slot ? slot->reason : "");
                }
                http_resume(ex);
        }
        return next_time;
}

/* Returns when to look again. The peer may be gone afterwards. */
static uint64_t expire_peer(struct gateway *g, struct peer *peer, uint64_t now) {
        struct exchange *ex = peer->exchange;
        uint64_t idle = peer->slot->idle_nsec;

        if (!peer->outstanding) {
                if (idle == 0 || peer->unusable)
                        return NSEC_NEVER;
                if (now < peer->idle_since + idle)
                        return peer->idle_since + idle;
                /* Without a channel it exits. Until the feed tells, nobody but us knows that the slot rests. */
                peer->slot->rested = true;
                peer_free(peer);
                return NSEC_NEVER;
        }

        if (now >= peer->attempt_deadline && !peer->unusable) {
                peer->unusable = true;
                g->slots.stalled++;
                log_error("worker '%s' (generation %u) owes an answer to %s %s for %u s: it is to be aborted", peer->slot->name,
                          peer->generation, peer->method, peer->route, (unsigned) ((now - peer->sent) / NSEC_PER_SEC));
                supervisor_stalled(g, peer->slot->id, peer->generation, WIRE_CAUSE_DEADLINE);
                if (ex) {
                        peer->exchange = NULL;
                        ex->peer = NULL;
                        if (now >= ex->total_deadline)
                                time_out(ex);
                        else
                                refuse(ex, pool_retry_after(ex->pool, now), "stalled", "its worker did not answer in time");
                        http_resume(ex);
                }
        } else if (ex && now >= ex->total_deadline) {
                peer->exchange = NULL;
                ex->peer = NULL;
                time_out(ex);
                http_resume(ex);
        }
        if (peer->unusable)
                return NSEC_NEVER;
        return peer->exchange ? MIN(peer->attempt_deadline, peer->exchange->total_deadline) : peer->attempt_deadline;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        struct gateway *g = userdata;
        struct slots *s = &g->slots;
        uint64_t now = now_monotonic(), next_time = NSEC_NEVER, when;
        struct slot *next_slot;
        struct peer *next;

        s->armed = NSEC_NEVER;
        for (size_t i = 0; i < s->n_pools; i++) {
                when = expire_queue(&s->pools[i], now);
                next_time = MIN(next_time, when);
        }
        for (struct slot *slot = s->first; slot; slot = next_slot) {
                next_slot = slot->next;
                for (struct peer *peer = slot->peers; peer; peer = next) {
                        next = peer->next;
                        when = expire_peer(g, peer, now);
                        next_time = MIN(next_time, when);
                }
        }
        arm(g, next_time);
        return 0;
}

/* --- the supervisor's news ------------------------------------------------------------------------------------------ */

static void slot_leave_pool(struct slot *slot) {
        if (!slot->pool)
                return;
        for (struct slot **at = &slot->pool->slots; *at; at = &(*at)->next_of_pool)
                if (*at == slot) {
                        *at = slot->next_of_pool;
                        break;
                }
        slot->pool = NULL;
}

static void slot_join_pool(struct slot *slot) {
        struct slots *s = &slot->gateway->slots;
        struct pool *pool = NULL;

        if (slot->view.kind == WIRE_KIND_CONTROL || streq(slot->name, "control"))
                pool = &s->pools[s->n_pools - 1];
        for (size_t i = 0; !pool && i + 1 < s->n_pools; i++)
                if (streq(s->pools[i].plugin, slot->plugin) && streq(s->pools[i].class, slot->class))
                        pool = &s->pools[i];
        if (pool == slot->pool)
                return;

        /* One that owes an answer is counted where it was: the names of a slot do not change while it has peers. */
        slot_leave_pool(slot);
        slot->pool = pool;
        if (pool) {
                slot->next_of_pool = pool->slots;
                pool->slots = slot;
        }
}

static struct slot *slot_get(struct gateway *g, uint32_t id) {
        struct slot *slot;

        for (slot = g->slots.first; slot; slot = slot->next)
                if (slot->id == id)
                        return slot;
        slot = calloc(1, sizeof(*slot));
        if (!slot)
                return NULL;
        slot->id = id;
        slot->gateway = g;
        slot->next = g->slots.first;
        g->slots.first = slot;
        return slot;
}

static void slot_free_if_gone(struct slot *slot) {
        struct slots *s = &slot->gateway->slots;

        if (slot->peers || slot->id != UINT32_MAX)
                return;
        slot_leave_pool(slot);
        for (struct slot **at = &s->first; *at; at = &(*at)->next)
                if (*at == slot) {
                        *at = slot->next;
                        break;
                }
        free(slot);
}

/* user#2 is of plugin user; the feed tells it exactly. */
static void slot_guess_names(struct slot *slot, const char *name) {
        (void) strcopy(slot->name, sizeof(slot->name), name);
        if (slot->known)
                return;
        (void) strcopy(slot->plugin, sizeof(slot->plugin), name);
        slot->plugin[strcspn(slot->plugin, "#")] = 0;
        (void) strcopy(slot->class, sizeof(slot->class), "default");
        slot->view.state = WIRE_STATE_READY;
}

void slots_update(struct gateway *g, const struct wire_slot *news) {
        struct slot *slot = slot_get(g, news->slot);
        uint64_t now = now_monotonic();
        struct exchange *next;

        if (!slot)
                return;
        slot->known = true;
        slot->wanted = false;
        slot->view = (struct slot_view) {
                .kind = (enum wire_kind) news->kind,
                .state = (enum wire_state) news->state,
                .retry_at = news->retry_at,
        };
        (void) strcopy(slot->name, sizeof(slot->name), news->name);
        (void) strcopy(slot->plugin, sizeof(slot->plugin), news->plugin);
        (void) strcopy(slot->class, sizeof(slot->class), *news->class ? news->class : "default");
        (void) strcopy(slot->reason, sizeof(slot->reason), news->reason);
        slot_join_pool(slot);
        if (!slot->pool || !slot->pool->first)
                return;

        /* Those that wait may have nothing to wait for any more. */
        for (struct exchange *ex = slot->pool->first; ex; ex = next) {
                struct slot_view views[POOL_SLOTS_MAX];
                const struct slot *slots[POOL_SLOTS_MAX];
                size_t culprit, n = pool_views(slot->pool, views, slots);
                unsigned retry_after;

                next = ex->next;
                if (waiting_decide(views, n, 0, 1, now, ex->queue_deadline, &retry_after, &culprit) != WAITING_REFUSE)
                        continue;
                dequeue(ex, now);
                refuse(ex, retry_after, wire_state_to_string(views[culprit].state), slots[culprit]->reason);
                http_resume(ex);
        }
        if (slot->pool->first)
                want_worker(g, slot->pool);
}

static void peer_retire(struct peer *peer) {
        peer->retired = true;
        if (peer->outstanding == 0)
                peer_free(peer);
}

void slots_remove(struct gateway *g, uint32_t id) {
        struct peer *next;

        for (struct slot *slot = g->slots.first; slot; slot = slot->next) {
                if (slot->id != id)
                        continue;
                for (struct peer *peer = slot->peers; peer; peer = next) {
                        next = peer->next;
                        peer_retire(peer);
                }
                slot->id = UINT32_MAX;
                slot->known = false;
                slot_free_if_gone(slot);
                return;
        }
}

int slots_introduce(struct gateway *g, const struct wire_peer *news, int fd) {
        struct slot *slot = slot_get(g, news->slot);
        struct peer *peer = calloc(1, sizeof(*peer)), *next;
        int r = -ENOMEM;

        if (!slot || !peer)
                goto fail;
        r = sd_event_add_io(g->event, &peer->io, fd, EPOLLIN, on_peer, peer);
        if (r < 0)
                goto fail;

        slot_guess_names(slot, news->name);
        slot_join_pool(slot);
        slot->wanted = slot->rested = false;
        peer->slot = slot;
        peer->generation = news->generation;
        peer->fd = fd;
        peer->idle_since = now_monotonic();
        peer->next = slot->peers;
        slot->peers = peer;
        for (struct peer *old = peer->next; old; old = next) {
                next = old->next;
                peer_retire(old);
        }
        slot->idle_nsec = settings_idle(&g->settings, slot->name);
        if (slot->idle_nsec > 0)
                arm(g, peer->idle_since + slot->idle_nsec);
        pump(g, peer->idle_since);
        return 0;

fail:
        free(peer);
        (void) fd_close(fd);
        return r;
}

/* --- requests ------------------------------------------------------------------------------------------------------- */

void slots_submit(struct exchange *ex) {
        struct gateway *g = ex->gateway;
        uint64_t now = now_monotonic();
        uint64_t total = ex->operation->total_nsec ? ex->operation->total_nsec : g->settings.total_nsec;
        int r;

        ex->pool = &g->slots.pools[ex->operation->pool];
        ex->total_deadline = ex->started + MAX(total, ex->operation->attempt_nsec);
        if (ex->pool->problem) {
                refuse(ex, WAITING_RETRY_LATER, wire_state_to_string(WIRE_STATE_FAILED), ex->pool->problem);
                return;
        }
        if (g->slots.held >= g->settings.requests_held) {
                refuse(ex, 1, "busy", "too many requests are held");
                return;
        }
        r = ex->pool->first ? -EAGAIN : pool_send(ex->pool, ex, now);
        if (r == 0 || (r < 0 && wait_or_refuse(ex, now, false))) {
                http_suspend(ex);
                slots_feed(ex);
        }
}

bool slots_ask_control(struct exchange *ex) {
        struct gateway *g = ex->gateway;
        struct pool *pool = &g->slots.pools[g->slots.n_pools - 1];
        uint64_t now = now_monotonic();
        bool there = false;
        int r;

        for (struct slot *slot = pool->slots; slot; slot = slot->next_of_pool)
                there = there || (slot->peers && !slot->peers->unusable && !slot->peers->retired);
        if (!there || g->slots.held >= g->settings.requests_held)
                return false;
        ex->pool = pool;
        ex->total_deadline = now + CONTROL_NSEC;
        r = pool->first ? -EAGAIN : pool_send(pool, ex, now);
        if (r > 0 || (r < 0 && !wait_or_refuse(ex, now, false)))
                return false;
        http_suspend(ex);
        return true;
}

void slots_forget(struct exchange *ex) {
        if (ex->stage == STAGE_QUEUED)
                dequeue(ex, now_monotonic());
        else if (ex->stage == STAGE_SENT && ex->peer) {
                ex->peer->exchange = NULL;
                ex->peer = NULL;
        }
}

void slots_give_up_all(struct gateway *g) {
        uint64_t now = now_monotonic();

        for (size_t i = 0; i < g->slots.n_pools; i++)
                while (g->slots.pools[i].first) {
                        struct exchange *ex = g->slots.pools[i].first;

                        dequeue(ex, now);
                        ex->close = true;
                        refuse(ex, 1, "stopping", "");
                        http_resume(ex);
                }
        for (struct slot *slot = g->slots.first; slot; slot = slot->next)
                for (struct peer *peer = slot->peers; peer; peer = peer->next) {
                        struct exchange *ex = peer->exchange;

                        if (!ex)
                                continue;
                        peer->exchange = NULL;
                        ex->peer = NULL;
                        ex->close = true;
                        refuse(ex, 1, "stopping", "");
                        http_resume(ex);
                }
}

bool slots_any_ready(const struct gateway *g, enum wire_kind kind) {
        for (struct slot *slot = g->slots.first; slot; slot = slot->next)
                if (slot->known && slot->view.kind == kind && slot->view.state == WIRE_STATE_READY)
                        return true;
        return false;
}

int slots_start(struct gateway *g) {
        struct slots *s = &g->slots;

        s->n_pools = g->router.n_pools + 1;
        s->pools = calloc(s->n_pools, sizeof(*s->pools));
        if (!s->pools)
                return -ENOMEM;
        for (size_t i = 0; i < g->router.n_pools; i++)
                s->pools[i] = (struct pool) {
                        .plugin = g->router.pools[i].plugin,
                        .class = g->router.pools[i].class,
                        .problem = g->router.pools[i].problem,
                        .counts = true,
                };
        s->pools[s->n_pools - 1] = (struct pool) {.plugin = "control", .class = "default"};

        s->armed = NSEC_NEVER;
        return sd_event_add_time(g->event, &s->timer, CLOCK_MONOTONIC, UINT64_MAX, NSEC_PER_MSEC / NSEC_PER_USEC, on_time, g);
}

void slots_done(struct gateway *g) {
        struct slots *s = &g->slots;

        while (s->first) {
                struct slot *slot = s->first;

                slot->id = UINT32_MAX;
                while (slot->peers) {
                        bool last = !slot->peers->next;

                        peer_settle(slot->peers);
                        peer_free(slot->peers);
                        if (last) {
                                slot = NULL;
                                break;
                        }
                }
                if (slot)
                        slot_free_if_gone(slot);
        }
        (void) sd_event_source_disable_unref(s->timer);
        s->timer = NULL;
        free(s->pools);
        s->pools = NULL;
        s->n_pools = 0;
}
