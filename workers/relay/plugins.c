/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plugins' side of deliver.h: their workers' channels, and what the supervisor says of them. */
#include <sys/epoll.h>

#include "lib/channel.h"
#include "lib/log.h"
#include "lib/memfd.h"
#include "workers/relay/deliver-internal.h"

/* Workers of plugins, those that drain included. */
#define PEERS_MAX 512
/* Messages of one peer before others have their turn. */
#define MESSAGES_AT_ONCE 32

struct plugin *plugin_find(const struct deliver *d, const char *name, size_t n) {
        for (struct plugin *p = d->plugins; p; p = p->next)
                if (strlen(p->name) == n && strncmp(p->name, name, n) == 0)
                        return p;
        return NULL;
}

struct slot *slot_find(const struct deliver *d, uint32_t id) {
        for (struct slot *s = d->slots; s; s = s->next)
                if (s->id == id)
                        return s;
        return NULL;
}

void peer_free(struct peer *peer) {
        *peer->link = peer->next;
        if (peer->next)
                peer->next->link = peer->link;
        peer->deliver->n_peers--;
        (void) sd_event_source_disable_unref(peer->io);
        free(peer);
}

bool plugin_has_worker(const struct plugin *p) {
        for (const struct peer *peer = p->deliver->peers; peer; peer = peer->next)
                if (peer->plugin == p && !peer->unusable)
                        return true;
        return false;
}

/* A worker that rests is asked for, once. */
void plugin_want(struct plugin *p) {
        for (struct slot *s = p->deliver->slots; s; s = s->next) {
                struct wire_want message = {.slot = s->id};

                if (s->plugin != p || s->state != WIRE_STATE_RESTING || s->wanted)
                        continue;
                s->wanted = true;
                p->deliver->setup.tell(p->deliver->setup.userdata, WIRE_WANT, &message, sizeof(message));
                return;
        }
}

const char *plugin_state(const struct plugin *p) {
        if (p->busy)
                return "working";
        if (plugin_has_worker(p))
                return "waiting";
        for (const struct slot *s = p->deliver->slots; s; s = s->next)
                if (s->plugin == p)
                        return wire_state_to_string(s->state);
        return "absent";
}

/* Inline when the packet holds it, else in a memory file. */
static int send_to(struct peer *peer, uint64_t id, uint64_t deadline, const struct event *e) {
        struct request request = {
                .deadline = deadline, .id = e->id, .method = "EVENT", .path = e->name, .base_url = "",
                .script_name = "", .tenant = "",
                .auth_id = "", .accept = "", .content_type = "application/json", .idempotency_key = "",
                .body = e->payload, .body_size = e->size, .body_fd = -1,
        };
        _cleanup_close_ int fd = -1;
        struct pack p = PACK_NULL;
        int r;

        r = request_encode(&request, &p);
        if (r >= 0 && p.size > WIRE_INLINE_MAX) {
                pack_done(&p);
                p = PACK_NULL;
                fd = memfd_sealed("event", e->payload, e->size);
                request.body_fd = fd;
                r = fd < 0 ? fd : request_encode(&request, &p);
        }
        if (r >= 0)
                r = channel_send(peer->fd, WIRE_REQUEST, id, p.data, p.size, &fd, fd >= 0);
        pack_done(&p);
        return r;
}

int plugin_send(struct plugin *p, const struct event *e, uint64_t now, uint64_t deadline) {
        struct deliver *d = p->deliver;
        int error = -ENOENT;

        for (struct peer *peer = d->peers; peer; peer = peer->next) {
                int r;

                if (peer->plugin != p || peer->unusable)
                        continue;
                r = send_to(peer, d->last_id + 1, deadline, e);
                if (r >= 0) {
                        p->busy = peer;
                        p->id = ++d->last_id;
                        p->sent = now;
                        p->deadline = deadline;
                        return 0;
                }
                /* It leaves: its end is about to be read. */
                if (r == -EPIPE || r == -ECONNRESET)
                        peer->unusable = true;
                else
                        error = r;
        }
        return error;
}

/* ---- from plugins ---- */

static void lost(struct peer *peer) {
        struct deliver *d = peer->deliver;
        struct plugin *p = peer->plugin;

        if (p && p->busy == peer)
                deliver_died(p, peer);
        peer_free(peer);
        /* It may have committed without a word. */
        d->setup.nudged(d->setup.userdata);
        deliver_flush(d);
}

static void broke(struct peer *peer, const char *what) {
        struct wire_stalled stalled = {.slot = peer->slot, .generation = peer->generation, .cause = WIRE_CAUSE_PROTOCOL};

        log_error("worker '%s' (generation %u) sent %s: its channel is dropped", peer->name, peer->generation, what);
        peer->deliver->setup.tell(peer->deliver->setup.userdata, WIRE_STALLED, &stalled, sizeof(stalled));
        lost(peer);
}

/* Whether the peer is there still. */
static bool on_reply(struct peer *peer, struct channel_message *m) {
        struct plugin *p = peer->plugin;
        struct reply reply;
        int r;

        if (!p || p->busy != peer || p->id != m->header.id) {
                broke(peer, "a reply that nobody waits for");
                return false;
        }
        r = reply_decode(m->body, m->header.size, m->n_fds > 0 ? m->fds[0] : -1, &reply);
        if (r < 0) {
                broke(peer, "a malformed reply");
                return false;
        }
        (void) channel_message_take_fd(m, 0);
        deliver_answered(p, &reply);
        reply_done(&reply);
        return true;
}

static int on_peer(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct peer *peer = userdata;
        struct channel_message m;
        bool nudged = false;
        struct deliver *d = peer->deliver;

        for (unsigned n = 0; peer && n < MESSAGES_AT_ONCE; n++) {
                int r = channel_receive(fd, WIRE_TELL, &m);

                if (r == -EAGAIN)
                        break;
                if (r == -EBADMSG)
                        broke(peer, "something that is no message");
                else if (r <= 0)
                        lost(peer);
                if (r <= 0)
                        break;
                nudged |= m.header.type == WIRE_NUDGE;
                if (m.header.type == WIRE_REPLY && !on_reply(peer, &m))
                        peer = NULL;
                channel_message_done(&m);
        }
        if (nudged)
                d->setup.nudged(d->setup.userdata);
        return 0;
}

/* Instances of a plugin are named NAME or NAME#2; NAME.CLASS are not there for events. */
static size_t plugin_length(const char *worker) {
        return strcspn(worker, "#");
}

int deliver_introduce(struct deliver *d, const struct wire_peer *news, int fd) {
        _cleanup_close_ int owned = fd;
        struct peer *peer;
        int r;

        if (d->n_peers >= PEERS_MAX)
                return -ENOBUFS;
        peer = calloc(1, sizeof(*peer));
        if (!peer)
                return -ENOMEM;
        *peer = (struct peer) {.deliver = d, .slot = news->slot, .generation = news->generation, .fd = fd};
        (void) strcopy(peer->name, sizeof(peer->name), news->name);
        peer->plugin = plugin_find(d, peer->name, plugin_length(peer->name));
        r = sd_event_add_io(d->setup.event, &peer->io, fd, EPOLLIN, on_peer, peer);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(peer->io, true);
        if (r < 0) {
                (void) sd_event_source_disable_unref(peer->io);
                free(peer);
                return r;
        }
        (void) fd_steal(&owned);
        peer->next = d->peers;
        peer->link = &d->peers;
        if (peer->next)
                peer->next->link = &peer->next;
        d->peers = peer;
        d->n_peers++;
        deliver_flush(d);
        return 0;
}

/* ---- from the supervisor ---- */

/* Those that a request may be to blame for: not a signal from outside, not a stop, not a start that failed. */
static uint32_t own_deaths(const struct wire_slot *news) {
        static const enum wire_cause own[] = {WIRE_CAUSE_EXIT, WIRE_CAUSE_SIGNAL,  WIRE_CAUSE_DEADLINE,
                                              WIRE_CAUSE_OOM,  WIRE_CAUSE_SANDBOX, WIRE_CAUSE_PROTOCOL};
        uint32_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(own); i++)
                n += news->deaths[own[i]];
        return n;
}

void deliver_slot(struct deliver *d, const struct wire_slot *news) {
        struct slot *s = slot_find(d, news->slot);
        struct plugin *p;

        if (news->kind != WIRE_KIND_PLUGIN || !wire_string_valid(news->name))
                return;
        p = plugin_find(d, news->name, plugin_length(news->name));
        if (!p && s)
                s->plugin = NULL; /* its number has another owner */
        if (!p)
                return;
        if (!s) {
                s = calloc(1, sizeof(*s));
                if (!s)
                        return; /* the next one may have better luck */
                s->id = news->slot;
                s->next = d->slots;
                d->slots = s;
        }
        s->plugin = p;
        s->state = news->state;
        if (s->deaths != own_deaths(news))
                s->cause = news->cause;
        s->deaths = own_deaths(news);
        s->wanted = false;
        deliver_flush(d);
}

