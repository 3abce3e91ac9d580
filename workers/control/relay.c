/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/relay.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "lib/channel.h"
#include "lib/log.h"
#include "lib/memfd.h"
#include "lib/request.h"

/* One that drains, and its successor; more come only from a supervisor that has lost count. */
#define PEERS_MAX 8
#define ANSWER_MAX (32U * 1024 * 1024)
#define ACCURACY_USEC 10000

struct relay_peer {
        struct relay *relay;
        struct relay_peer *next, **link;
        sd_event_source *io;
        int fd; /* the source's */
};

struct relay_ask {
        struct relay *relay;
        struct relay_ask *next, **link;
        struct relay_peer *peer;
        uint64_t id, deadline;
        relay_answered answered;
        void *userdata;
};

void relay_query(struct relay_question *q, const char *name, const char *format, ...) {
        va_list ap;

        if (q->n_query == ELEMENTSOF(q->query))
                return;
        q->query[q->n_query].name = name;
        va_start(ap, format);
        (void) vsnprintf(q->query[q->n_query].value, sizeof(q->query[0].value), format, ap);
        va_end(ap);
        q->n_query++;
}

struct relay_ask *relay_forget(struct relay_ask *ask) {
        if (!ask)
                return NULL;
        *ask->link = ask->next;
        if (ask->next)
                ask->next->link = ask->link;
        ask->relay->n_asks--;
        free(ask);
        return NULL;
}

/* Ends the question. */
static void answer(struct relay_ask *ask, const struct relay_result *result) {
        relay_answered answered = ask->answered;
        void *userdata = ask->userdata;

        (void) relay_forget(ask);
        if (answered)
                answered(userdata, result);
}

static void fail(struct relay_ask *ask, int error, const char *text) {
        answer(ask, &(struct relay_result) {.error = error, .text = text});
}

static void peer_unlink(struct relay_peer *peer) {
        *peer->link = peer->next;
        if (peer->next)
                peer->next->link = peer->link;
}

static void peer_free(struct relay_peer *peer) {
        (void) sd_event_source_disable_unref(peer->io);
        free(peer);
}

/* What it was asked ends with it. Whoever is told may ask again, and is not to ask this one. */
static void peer_lost(struct relay_peer *peer) {
        struct relay *relay = peer->relay;
        struct relay_ask *ask;

        peer_unlink(peer);
        for (;;) {
                for (ask = relay->asks; ask && ask->peer != peer; ask = ask->next)
                        ;
                if (!ask)
                        break;
                ask->peer = NULL;
                fail(ask, -ECONNRESET, "the relay ended before it answered");
        }
        peer_free(peer);
}

/* The reply's body, in whichever of its two places. */
static int parse_body(const struct reply *reply, json_t **ret) {
        _cleanup_free_ char *text = NULL;
        const char *data = reply->body;
        size_t size = reply->body_size;
        json_t *body;

        if (reply->body_fd >= 0) {
                int r = memfd_read(reply->body_fd, ANSWER_MAX, &text, &size);

                if (r < 0)
                        return r;
                data = text;
        }
        if (size == 0) {
                *ret = NULL;
                return 0;
        }
        body = json_loadb(data, size, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(body)) {
                json_decref(body);
                return -EBADMSG;
        }
        *ret = body;
        return 0;
}

static int on_reply(struct relay_peer *peer, struct channel_message *m) {
        int fd = channel_message_take_fd(m, 0), r;
        struct relay_ask *ask;
        json_t *body = NULL;
        struct reply reply;

        r = reply_decode(m->body, m->header.size, fd, &reply);
        if (r < 0) {
                (void) fd_close(fd);
                return r;
        }
        for (ask = peer->relay->asks; ask && ask->id != m->header.id; ask = ask->next)
                ;
        /* Nobody waits any more. */
        if (!ask) {
                reply_done(&reply);
                return 0;
        }
        r = parse_body(&reply, &body);
        if (r == 0)
                answer(ask, &(struct relay_result) {
                                .status = reply.status,
                                .text = strempty(json_string_value(json_object_get(body, "message"))),
                                .body = body,
                        });
        json_decref(body);
        reply_done(&reply);
        return r;
}

static int on_peer(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct relay_peer *peer = userdata;
        struct channel_message m;
        int r;

        r = channel_receive(fd, WIRE_TELL, &m);
        if (r == -EAGAIN)
                return 0;
        if (r > 0) {
                /* A later minor version may tell more. */
                r = m.header.type == WIRE_REPLY ? on_reply(peer, &m) : 0;
                channel_message_done(&m);
                if (r >= 0)
                        return 0;
                log_warning("lost the channel of the relay: %s", strerror(-r));
        }
        peer_lost(peer);
        return 0;
}

int relay_introduce(struct relay *relay, const struct wire_peer *news, int fd) {
        _cleanup_close_ int owned = fd;
        struct relay_peer *peer;
        unsigned n = 0;
        int r;

        for (peer = relay->peers; peer; peer = peer->next)
                n++;
        if (n >= PEERS_MAX)
                return -ENOBUFS;
        peer = calloc(1, sizeof(*peer));
        if (!peer)
                return -ENOMEM;
        *peer = (struct relay_peer) {.relay = relay, .next = relay->peers, .link = &relay->peers, .fd = fd};
        r = sd_event_add_io(relay->event, &peer->io, fd, EPOLLIN, on_peer, peer);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(peer->io, true);
        if (r < 0) {
                (void) sd_event_source_disable_unref(peer->io);
                free(peer);
                return r;
        }
        (void) fd_steal(&owned);
        if (peer->next)
                peer->next->link = &peer->next;
        relay->peers = peer;
        return 0;
}

void relay_done(struct relay *relay) {
        while (relay->asks)
                (void) relay_forget(relay->asks);
        while (relay->peers) {
                struct relay_peer *peer = relay->peers;

                peer_unlink(peer);
                peer_free(peer);
        }
        relay->timer = sd_event_source_disable_unref(relay->timer);
}

static int arm(struct relay *relay);

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        struct relay *relay = userdata;
        uint64_t now = now_monotonic();
        struct relay_ask *ask;

        for (;;) {
                for (ask = relay->asks; ask && ask->deadline > now; ask = ask->next)
                        ;
                if (!ask)
                        break;
                fail(ask, -ETIMEDOUT, "the relay did not answer in time");
        }
        (void) arm(relay);
        return 0;
}

static int arm(struct relay *relay) {
        uint64_t next = NSEC_NEVER;
        int r;

        for (const struct relay_ask *ask = relay->asks; ask; ask = ask->next)
                next = MIN(next, ask->deadline);
        if (next == NSEC_NEVER)
                return 0;
        next = next / NSEC_PER_USEC + 1;
        if (!relay->timer)
                return sd_event_add_time(relay->event, &relay->timer, CLOCK_MONOTONIC, next, ACCURACY_USEC, on_time, relay);
        r = sd_event_source_set_time(relay->timer, next);
        return r < 0 ? r : sd_event_source_set_enabled(relay->timer, SD_EVENT_ONESHOT);
}

static int send_question(struct relay_peer *peer, uint64_t id, const struct relay_question *q, uint64_t deadline) {
        struct request request = {
                .deadline = deadline, .id = "", .method = q->method, .path = q->path, .base_url = "", .script_name = "",
                .tenant = "", .auth_id = "", .accept = "", .content_type = "", .idempotency_key = "", .body_fd = -1,
                .n_query = q->n_query,
        };
        struct pack p = PACK_NULL;
        int r;

        for (size_t i = 0; i < q->n_query; i++)
                request.query[i] = (struct request_pair) {q->query[i].name, q->query[i].value};
        r = request_encode(&request, &p);
        if (r >= 0)
                r = channel_send(peer->fd, WIRE_REQUEST, id, p.data, p.size, NULL, 0);
        pack_done(&p);
        return r;
}

/* Why nobody can be asked. */
static int absence(const struct relay *relay, const char **ret_text) {
        static char text[WIRE_TEXT_MAX + WIRE_NAME_MAX];

        for (size_t i = 0; i < relay->model->n_slots; i++) {
                const struct wire_slot *slot = relay->model->slots[i];

                if (slot->kind != WIRE_KIND_RELAY)
                        continue;
                (void) snprintf(text, sizeof(text), "the relay is %s%s%s",
                                slot->state == WIRE_STATE_READY ? "about to be introduced" : wire_state_to_string(slot->state),
                                slot->reason[0] ? ": " : "", slot->reason);
                *ret_text = text;
                return -EAGAIN;
        }
        *ret_text = "this service has no relay";
        return -ENOENT;
}

int relay_ask(struct relay *relay, const struct relay_question *q, uint64_t nsec, relay_answered answered, void *userdata,
              struct relay_ask **ret, const char **ret_text) {
        struct relay_ask *ask;
        int r;

        if (!relay->peers)
                return absence(relay, ret_text);
        *ret_text = "the relay has too many questions to answer";
        if (relay->n_asks >= RELAY_ASKS_MAX)
                return -EAGAIN;
        ask = calloc(1, sizeof(*ask));
        if (!ask)
                return -ENOMEM;
        *ask = (struct relay_ask) {
                .relay = relay, .next = relay->asks, .link = &relay->asks, .peer = relay->peers, .id = ++relay->last_id,
                .deadline = now_monotonic() + nsec, .answered = answered, .userdata = userdata,
        };
        if (ask->next)
                ask->next->link = &ask->next;
        relay->asks = ask;
        relay->n_asks++;
        r = send_question(relay->peers, ask->id, q, ask->deadline);
        if (r >= 0)
                r = arm(relay);
        if (r < 0) {
                (void) relay_forget(ask);
                return r == -ENOMEM ? r : -EAGAIN;
        }
        if (ret)
                *ret = ask;
        return 0;
}
