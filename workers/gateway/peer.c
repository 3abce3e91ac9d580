/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/pool.h"

void peer_free(struct peer *peer) {
        struct slot *slot = peer->slot;

        for (struct peer **at = &slot->peers; *at; at = &(*at)->next)
                if (*at == peer) {
                        *at = peer->next;
                        break;
                }
        (void) sd_event_source_disable_unref(peer->io);
        (void) fd_close(peer->fd);
        free(peer);
        slots_free_if_gone(slot);
}

struct errand *peer_errand(struct peer *peer, unsigned i) {
        return &peer->errands[(peer->first_errand + i) % ERRANDS_MAX];
}

struct exchange *errand_leave(struct errand *errand) {
        struct exchange *ex = errand->exchange;

        errand->exchange = NULL;
        if (ex)
                ex->errand = NULL;
        return ex;
}

/* The first errand is done, and the next, if there is one, begins. */
static struct exchange *peer_pop(struct peer *peer, uint64_t now) {
        struct exchange *ex = errand_leave(peer_errand(peer, 0));

        peer->first_errand = (peer->first_errand + 1) % ERRANDS_MAX;
        peer->n_errands--;
        peer->begun = now;
        if (peer->n_errands == 0 && peer->slot->pool && peer->slot->pool->counts)
                peer->slot->gateway->slots.executing--;
        return ex;
}

void peer_settle(struct peer *peer) {
        while (peer->n_errands > 0)
                (void) peer_pop(peer, peer->begun);
}

/* To do it twice, or when nobody waits any more, does no harm. */
static bool only_reads(const struct exchange *ex) {
        return ex->method == METHOD_GET || ex->method == METHOD_HEAD;
}

bool peer_takes_ahead(const struct peer *peer, const struct exchange *ex) {
        return peer->quick && peer->n_errands < ERRANDS_MAX && only_reads(ex);
}

int peer_send(struct peer *peer, struct exchange *ex, uint64_t now) {
        struct gateway *g = ex->gateway;
        struct errand *errand = peer_errand(peer, peer->n_errands);
        uint64_t attempt = ex->operation->attempt_nsec ? ex->operation->attempt_nsec : g->settings.attempt_nsec;
        uint64_t begins = peer->n_errands > 0 ? ex->queue_deadline : now; /* at the latest */
        int r;

        ex->request.retry = ex->attempts > 0;
        ex->request.deadline = MIN(begins + attempt, ex->total_deadline);
        r = exchange_pack(ex, &g->scratch);
        if (r < 0) {
                exchange_answer(ex, 500, NULL, error_list("Unexpected error: out of memory"));
                log_error("request %s cannot be handed to a worker: %s", ex->request_id, strerror(-r));
                return 1;
        }
        r = channel_send(peer->fd, WIRE_REQUEST, ++g->slots.last_id, g->scratch.data, g->scratch.size, &ex->request.body_fd,
                         ex->request.body_fd >= 0);
        if (r < 0)
                return r;

        ex->attempts++;
        ex->stage = STAGE_SENT;
        ex->errand = errand;
        *errand = (struct errand) {
                .id = g->slots.last_id,
                .exchange = ex,
                .attempt_nsec = attempt,
                .method = method_to_string(ex->method),
                .route = ex->operation->route->shown,
        };
        memcpy(errand->request_id, ex->request_id, sizeof(errand->request_id));
        if (peer->n_errands++ > 0) {
                slots_arm(g, begins);
                return 0;
        }
        peer->begun = now;
        if (ex->pool->counts)
                g->slots.executing++;
        slots_arm(g, MIN(now + attempt, ex->total_deadline));
        return 0;
}

/*
 * The worker ended, or was given up, with this request at its hands. What only reads is tried once more; what writes may
 * have been applied, and without a journal nobody knows: the client decides.
 */
static void slot_lost_worker(struct exchange *ex, uint64_t now) {
        ex->gateway->slots.lost++;
        if (only_reads(ex) && ex->attempts < 2) {
                ex->gateway->slots.retried++;
                if (pool_wait(ex, now, true))
                        return;
        } else
                pool_refuse(ex, pool_retry_after(ex->pool, now), "restarting", "its worker ended during the request");
        http_resume(ex);
}

/* What was sent ahead goes back to the front of the queue, in the order in which it was there. */
static void peer_take_back(struct peer *peer, uint64_t now) {
        for (unsigned i = peer->n_errands; i > 1; i--) {
                struct exchange *ex = errand_leave(peer_errand(peer, i - 1));

                if (!ex)
                        continue;
                ex->attempts--;
                if (!pool_wait(ex, now, true))
                        http_resume(ex);
        }
}

static void peer_lost(struct peer *peer) {
        struct gateway *g = peer->slot->gateway;
        struct exchange *ex = NULL;
        uint64_t now = now_monotonic();

        peer_take_back(peer, now);
        if (peer->n_errands > 0) {
                const struct errand *errand = peer_errand(peer, 0);
                struct wire_inflight inflight = {
                        .slot = peer->slot->id,
                        .generation = peer->generation,
                        .age_nsec = now - peer->begun,
                };

                memcpy(inflight.request_id, errand->request_id, sizeof(errand->request_id));
                (void) strcopy(inflight.method, sizeof(inflight.method), errand->method);
                (void) strcopy(inflight.route, sizeof(inflight.route), errand->route);
                supervisor_inflight(g, &inflight);
                ex = peer_pop(peer, now);
        }
        peer_settle(peer);
        peer_free(peer);
        if (ex)
                slot_lost_worker(ex, now);
        slots_pump(g, now);
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
        uint64_t now = now_monotonic(), took = now - peer->begun;
        struct exchange *ex = peer_pop(peer, now);

        g->slots.answered++;
        g->slots.quick = took <= GATHER_NSEC ? peer->slot->pool : NULL;
        peer->quick = took <= g->settings.quick_nsec;
        peer->idle_since = now;
        if (peer->n_errands > 0)
                slots_arm(g, now + peer_errand(peer, 0)->attempt_nsec);
        else if (peer->retired)
                peer_free(peer);
        else if (peer->slot->idle_nsec > 0)
                slots_arm(g, now + peer->slot->idle_nsec);

        /* The worker first: it works while the answer is written. */
        slots_pump(g, now);
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

void peer_receive(struct peer *peer) {
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

        if (message.header.type != WIRE_REPLY || peer->n_errands == 0 || message.header.id != peer_errand(peer, 0)->id) {
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

int peer_watch(struct peer *peer) {
        return sd_event_add_io(peer->slot->gateway->event, &peer->io, peer->fd, EPOLLIN, on_peer, peer);
}

/* One that was sent ahead waits no longer than it would in the queue. It only reads: that it may yet be done does no harm. */
static uint64_t expire_ahead(struct peer *peer, uint64_t now) {
        uint64_t next = NSEC_NEVER;

        for (unsigned i = 1; i < peer->n_errands; i++) {
                struct errand *errand = peer_errand(peer, i);
                struct exchange *ex = errand->exchange;

                if (!ex)
                        continue;
                if (now < ex->queue_deadline) {
                        next = MIN(next, ex->queue_deadline);
                        continue;
                }
                (void) errand_leave(errand);
                pool_expired(ex, now);
        }
        return next;
}

/* The first errand's time, or its exchange's, may be over. */
static uint64_t expire_first(struct peer *peer, uint64_t now) {
        struct gateway *g = peer->slot->gateway;
        struct errand *errand = peer_errand(peer, 0);
        uint64_t deadline = peer->begun + errand->attempt_nsec;
        struct exchange *ex = errand->exchange;

        if (now >= deadline) {
                peer->unusable = true;
                g->slots.stalled++;
                log_error("worker '%s' (generation %u) owes an answer to %s %s for %u s: it is to be aborted", peer->slot->name,
                          peer->generation, errand->method, errand->route, (unsigned) ((now - peer->begun) / NSEC_PER_SEC));
                supervisor_stalled(g, peer->slot->id, peer->generation, WIRE_CAUSE_DEADLINE);
                peer_take_back(peer, now);
        }
        if (ex && now >= MIN(deadline, ex->total_deadline)) {
                (void) errand_leave(errand);
                if (now >= ex->total_deadline)
                        pool_time_out(ex);
                else
                        pool_refuse(ex, pool_retry_after(ex->pool, now), "stalled", "its worker did not answer in time");
                http_resume(ex);
        }
        if (peer->unusable)
                return NSEC_NEVER;
        return errand->exchange ? MIN(deadline, errand->exchange->total_deadline) : deadline;
}

/* Whether an idle one may rest. */
static uint64_t expire_idle(struct peer *peer, uint64_t now) {
        uint64_t idle = peer->slot->idle_nsec;

        if (idle == 0 || peer->unusable)
                return NSEC_NEVER;
        if (now < peer->idle_since + idle)
                return peer->idle_since + idle;
        /* Without a channel it exits. Until the feed tells, nobody but us knows that the slot rests. */
        peer->slot->rested = true;
        peer_free(peer);
        return NSEC_NEVER;
}

uint64_t peer_expire(struct peer *peer, uint64_t now) {
        uint64_t next;

        if (peer->n_errands == 0)
                return expire_idle(peer, now);
        next = expire_ahead(peer, now);
        return peer->unusable ? next : MIN(next, expire_first(peer, now));
}
