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

void peer_settle(struct peer *peer) {
        struct gateway *g = peer->slot->gateway;

        if (peer->outstanding && peer->slot->pool && peer->slot->pool->counts)
                g->slots.executing--;
        peer->outstanding = 0;
        if (peer->exchange)
                peer->exchange->peer = NULL;
        peer->exchange = NULL;
}

int peer_send(struct peer *peer, struct exchange *ex, uint64_t now) {
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
        slots_arm(g, MIN(peer->attempt_deadline, ex->total_deadline));
        return 0;
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
                if (pool_wait(ex, now, true))
                        return;
        } else
                pool_refuse(ex, pool_retry_after(ex->pool, now), "restarting", "its worker ended during the request");
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
        struct exchange *ex = peer->exchange;
        uint64_t now = now_monotonic();

        peer_settle(peer);
        g->slots.answered++;
        g->slots.quick = now - peer->sent <= GATHER_NSEC ? peer->slot->pool : NULL;
        peer->idle_since = now;
        if (peer->retired)
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

int peer_watch(struct peer *peer) {
        return sd_event_add_io(peer->slot->gateway->event, &peer->io, peer->fd, EPOLLIN, on_peer, peer);
}

uint64_t peer_expire(struct gateway *g, struct peer *peer, uint64_t now) {
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
                                pool_time_out(ex);
                        else
                                pool_refuse(ex, pool_retry_after(ex->pool, now), "stalled", "its worker did not answer in time");
                        http_resume(ex);
                }
        } else if (ex && now >= ex->total_deadline) {
                peer->exchange = NULL;
                ex->peer = NULL;
                pool_time_out(ex);
                http_resume(ex);
        }
        if (peer->unusable)
                return NSEC_NEVER;
        return peer->exchange ? MIN(peer->attempt_deadline, peer->exchange->total_deadline) : peer->attempt_deadline;
}
