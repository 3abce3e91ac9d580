/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/deliver.h"

#include <stdio.h>
#include <sys/epoll.h>

#include "lib/channel.h"
#include "lib/log.h"
#include "lib/mask.h"
#include "lib/memfd.h"
#include "lib/request.h"
#include "workers/relay/store.h"

/* Workers of plugins, those that drain included. */
#define PEERS_MAX 512
/* Messages of one peer before others have their turn. */
#define MESSAGES_AT_ONCE 32
/* A handler may take as long as a request; in front of it may be one. */
#define ATTEMPT_NSEC (30 * NSEC_PER_SEC)
/* The first wait behind a failure, and the longest. */
#define RETRY_NSEC (500 * NSEC_PER_MSEC)
#define RETRY_MAX_NSEC (60 * NSEC_PER_SEC)
/* Behind a death: until the supervisor has told what it was. */
#define DEATH_NSEC (100 * NSEC_PER_MSEC)
#define STRIKES_MAX 2
#define ACCURACY_USEC 10000

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

static void pump(struct plugin *p);

/* ---- events ---- */

static void digest(const char *data, size_t size, char ret[EVENT_ID_SIZE]) {
        uint64_t hash = UINT64_C(14695981039346656037);

        for (size_t i = 0; i < size; i++)
                hash = (hash ^ (uint8_t) data[i]) * UINT64_C(1099511628211);
        (void) snprintf(ret, EVENT_ID_SIZE, "%016llx", (unsigned long long) hash);
}

int event_new(const char *name, const char *message_id, const char *routing_key, const char *headers, const char *payload, size_t size,
              struct event **ret) {
        struct event *e = calloc(1, sizeof(*e));

        if (!e)
                return -ENOMEM;
        e->name = strdup(name);
        e->message_id = strdup(message_id);
        e->routing_key = strdup(routing_key);
        e->headers = strdup(headers);
        e->payload = malloc(size + 1);
        if (!e->name || !e->message_id || !e->routing_key || !e->headers || !e->payload) {
                (void) event_free(e);
                return -ENOMEM;
        }
        memcpy(e->payload, payload, size);
        e->payload[size] = 0;
        e->size = size;
        digest(payload, size, e->id);
        *ret = e;
        return 0;
}

struct event *event_free(struct event *e) {
        if (!e)
                return NULL;
        free(e->name);
        free(e->message_id);
        free(e->routing_key);
        free(e->headers);
        free(e->payload);
        free(e);
        return NULL;
}

/* ---- the table of plugins and their workers ---- */

static struct plugin *find_plugin(const struct deliver *d, const char *name, size_t n) {
        for (struct plugin *p = d->plugins; p; p = p->next)
                if (strlen(p->name) == n && strncmp(p->name, name, n) == 0)
                        return p;
        return NULL;
}

static struct slot *find_slot(const struct deliver *d, uint32_t id) {
        for (struct slot *s = d->slots; s; s = s->next)
                if (s->id == id)
                        return s;
        return NULL;
}

int deliver_new(const struct deliver_setup *setup, struct deliver **ret) {
        struct deliver *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->setup = *setup;
        *ret = d;
        return 0;
}

int deliver_add_plugin(struct deliver *d, const char *name) {
        struct plugin *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        if (!strcopy(p->name, sizeof(p->name), name)) {
                free(p);
                return -ENAMETOOLONG;
        }
        p->deliver = d;
        p->next = d->plugins;
        d->plugins = p;
        return 0;
}

static void peer_free(struct peer *peer) {
        *peer->link = peer->next;
        if (peer->next)
                peer->next->link = peer->link;
        peer->deliver->n_peers--;
        (void) sd_event_source_disable_unref(peer->io);
        free(peer);
}

/* Takes the first handover off, and its event when nobody else has it. */
static void handover_pop(struct plugin *p) {
        struct handover *h = p->first;
        struct event *e = h->event;

        p->first = h->next;
        if (!p->first)
                p->last = NULL;
        p->deliver->n_held--;
        free(h);
        if (--e->pending == 0)
                p->deliver->setup.finished(p->deliver->setup.userdata, e);
}

struct deliver *deliver_free(struct deliver *d) {
        if (!d)
                return NULL;
        while (d->peers)
                peer_free(d->peers);
        while (d->slots) {
                struct slot *next = d->slots->next;

                free(d->slots);
                d->slots = next;
        }
        while (d->plugins) {
                struct plugin *p = d->plugins;

                while (p->first)
                        handover_pop(p);
                d->plugins = p->next;
                free(p);
        }
        (void) sd_event_source_disable_unref(d->timer);
        free(d);
        return NULL;
}

/* ---- time ---- */

static uint64_t next_time(const struct plugin *p) {
        if (p->busy)
                return p->busy->unusable ? NSEC_NEVER : p->deadline;
        return p->first && p->first->retry_at > 0 ? p->first->retry_at : NSEC_NEVER;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        deliver_flush(userdata);
        return 0;
}

/* Without the timer events would wait for the next occasion: that is told, and lived with. */
static void arm(struct deliver *d) {
        uint64_t next = NSEC_NEVER;
        int r;

        for (const struct plugin *p = d->plugins; p; p = p->next)
                next = MIN(next, next_time(p));
        if (!d->timer && next == NSEC_NEVER)
                return;
        if (!d->timer)
                r = sd_event_add_time(d->setup.event, &d->timer, CLOCK_MONOTONIC, next / NSEC_PER_USEC + 1, ACCURACY_USEC, on_time, d);
        else {
                r = next == NSEC_NEVER ? 0 : sd_event_source_set_time(d->timer, next / NSEC_PER_USEC + 1);
                if (r >= 0)
                        r = sd_event_source_set_enabled(d->timer, next == NSEC_NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
        }
        if (r < 0)
                log_error("no timer for events: %s", strerror(-r));
}

/* ---- how it went ---- */

static void end(struct handover *h, enum deliver_outcome outcome) {
        h->over = true;
        h->outcome = outcome;
        h->retry_at = 0;
}

static void failed(struct plugin *p, struct handover *h, uint64_t now) {
        uint64_t wait = MIN(RETRY_NSEC << MIN(h->tries - 1, 10U), RETRY_MAX_NSEC);

        if (h->tries >= p->deliver->setup.tries) {
                end(h, DELIVER_GIVEN_UP);
                return;
        }
        h->retry_at = now + wait;
        log_warning("event %s (%s): plugin '%s' failed: %s: once more in %.1f s, try %u of %u", h->event->name, h->event->id, p->name,
                    h->error, (double) wait / (double) NSEC_PER_SEC, h->tries + 1, p->deliver->setup.tries);
}

static void on_answer(struct plugin *p, const struct reply *reply) {
        struct handover *h = p->first;
        _cleanup_free_ char *text = reply->body ? mask_line(reply->body, MIN(reply->body_size, sizeof(h->error))) : NULL;

        p->busy = NULL;
        h->tries++;
        (void) strcopy(h->error, sizeof(h->error), text ? text : "it did not say why");
        if (reply->status < 300)
                end(h, DELIVER_TAKEN);
        else if (reply->status == 404)
                end(h, DELIVER_UNWANTED);
        else if (reply->status == 415)
                end(h, DELIVER_NO_EVENT);
        else if (reply->status < 500)
                end(h, DELIVER_GIVEN_UP);
        else
                failed(p, h, now_monotonic());
}

/* A death of which nothing is known is taken for one of its own. */
static void judge_death(struct plugin *p, struct handover *h) {
        const struct slot *slot = find_slot(p->deliver, h->slot);

        h->died = false;
        if (slot && slot->deaths == h->deaths_before)
                return;
        h->tries++;
        h->strikes++;
        (void) snprintf(h->error, sizeof(h->error), "its plugin ended with it in its hands (%s)", slot ? wire_cause_to_string(slot->cause) : "no reason known");
        if (h->strikes >= STRIKES_MAX)
                end(h, DELIVER_GIVEN_UP);
        else
                log_warning("event %s (%s): plugin '%s' ended with it in its hands: once more", h->event->name, h->event->id, p->name);
}

static void died(struct plugin *p, const struct peer *peer) {
        struct handover *h = p->first;
        uint64_t now = now_monotonic();
        struct wire_inflight inflight = {.slot = peer->slot, .generation = peer->generation, .age_nsec = now - p->sent, .method = "EVENT"};

        (void) strcopy(inflight.request_id, sizeof(inflight.request_id), h->event->id);
        (void) strcopy(inflight.route, sizeof(inflight.route), h->event->name);
        p->deliver->setup.tell(p->deliver->setup.userdata, WIRE_INFLIGHT, &inflight, sizeof(inflight));
        p->busy = NULL;
        h->died = true;
        h->retry_at = now + DEATH_NSEC;
}

/* ---- handing over ---- */

/* Inline when the packet holds it, else in a memory file. */
static int send_to(struct peer *peer, uint64_t id, uint64_t deadline, const struct event *e) {
        struct request request = {
                .deadline = deadline, .id = e->id, .method = "EVENT", .path = e->name, .base_url = "", .script_name = "", .tenant = "",
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

/* A worker that rests is asked for, once. */
static void want(struct plugin *p) {
        for (struct slot *s = p->deliver->slots; s; s = s->next) {
                struct wire_want message = {.slot = s->id};

                if (s->plugin != p || s->state != WIRE_STATE_RESTING || s->wanted)
                        continue;
                s->wanted = true;
                p->deliver->setup.tell(p->deliver->setup.userdata, WIRE_WANT, &message, sizeof(message));
                return;
        }
}

static bool has_worker(const struct plugin *p) {
        for (const struct peer *peer = p->deliver->peers; peer; peer = peer->next)
                if (peer->plugin == p && !peer->unusable)
                        return true;
        return false;
}

static void hand_over(struct plugin *p, struct handover *h, uint64_t now) {
        struct deliver *d = p->deliver;

        h->retry_at = 0;
        for (struct peer *peer = d->peers; peer; peer = peer->next) {
                const struct slot *slot = find_slot(d, peer->slot);
                int r;

                if (peer->plugin != p || peer->unusable)
                        continue;
                r = send_to(peer, d->last_id + 1, now + ATTEMPT_NSEC, h->event);
                if (r < 0) {
                        /* Its end is about to be read, or it has no room, or we have no memory. */
                        peer->unusable |= r == -EPIPE || r == -ECONNRESET;
                        h->retry_at = now + DEATH_NSEC;
                        continue;
                }
                h->retry_at = 0;
                h->slot = peer->slot;
                h->deaths_before = slot ? slot->deaths : 0;
                p->busy = peer;
                p->id = ++d->last_id;
                p->sent = now;
                p->deadline = now + ATTEMPT_NSEC;
                return;
        }
        want(p);
}

/* Whether it is told, and the next may come. */
static bool settle(struct plugin *p, struct handover *h, uint64_t now) {
        struct deliver *d = p->deliver;
        int r = d->setup.ended(d->setup.userdata, p->name, h->event, h->outcome, h->tries, h->error);

        if (r < 0) {
                h->retry_at = now + store_wait_msec(r) * NSEC_PER_MSEC;
                return false;
        }
        h->event->rejected |= h->outcome == DELIVER_NO_EVENT;
        handover_pop(p);
        return true;
}

static void overdue(struct plugin *p) {
        struct wire_stalled stalled = {.slot = p->busy->slot, .generation = p->busy->generation, .cause = WIRE_CAUSE_DEADLINE};

        log_error("worker '%s' (generation %u) owes an answer to event %s for %u s: it is to be aborted", p->busy->name,
                  p->busy->generation, p->first->event->name, (unsigned) (ATTEMPT_NSEC / NSEC_PER_SEC));
        p->busy->unusable = true;
        p->deliver->setup.tell(p->deliver->setup.userdata, WIRE_STALLED, &stalled, sizeof(stalled));
}

static void pump(struct plugin *p) {
        uint64_t now = now_monotonic();
        struct handover *h;

        if (p->busy && !p->busy->unusable && now >= p->deadline)
                overdue(p);
        while (!p->busy && (h = p->first) && h->retry_at <= now) {
                if (h->died)
                        judge_death(p, h);
                if (h->over) {
                        if (!settle(p, h, now))
                                return;
                        continue;
                }
                if (!p->deliver->draining || p->deliver->finish)
                        hand_over(p, h, now);
                return;
        }
}

void deliver_flush(struct deliver *d) {
        for (struct plugin *p = d->plugins; p; p = p->next)
                pump(p);
        arm(d);
}

/* ---- from plugins ---- */

static void lost(struct peer *peer) {
        struct deliver *d = peer->deliver;
        struct plugin *p = peer->plugin;

        if (p && p->busy == peer)
                died(p, peer);
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
        on_answer(p, &reply);
        reply_done(&reply);
        deliver_flush(peer->deliver);
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
        peer->plugin = find_plugin(d, peer->name, plugin_length(peer->name));
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
        static const enum wire_cause own[] = {WIRE_CAUSE_EXIT, WIRE_CAUSE_SIGNAL, WIRE_CAUSE_DEADLINE, WIRE_CAUSE_OOM, WIRE_CAUSE_SANDBOX,
                                              WIRE_CAUSE_PROTOCOL};
        uint32_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(own); i++)
                n += news->deaths[own[i]];
        return n;
}

void deliver_slot(struct deliver *d, const struct wire_slot *news) {
        struct slot *s = find_slot(d, news->slot);
        struct plugin *p;

        if (news->kind != WIRE_KIND_PLUGIN || !wire_string_valid(news->name))
                return;
        p = find_plugin(d, news->name, plugin_length(news->name));
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
        pump(p);
        arm(d);
}

/* ---- from the consumer ---- */

int deliver_add(struct deliver *d, const char *plugin, struct event *e) {
        struct plugin *p = find_plugin(d, plugin, strlen(plugin));
        struct handover *h;

        if (!p)
                return -ENOENT;
        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        h->event = e;
        if (p->last)
                p->last->next = h;
        else
                p->first = h;
        p->last = h;
        e->pending++;
        d->n_held++;
        return 0;
}

bool deliver_has_parked(const struct deliver *d, int64_t parked_id) {
        for (const struct plugin *p = d->plugins; p; p = p->next)
                for (const struct handover *h = p->first; h; h = h->next)
                        if (h->event->parked_id == parked_id)
                                return true;
        return false;
}

size_t deliver_held(const struct deliver *d) {
        return d->n_held;
}

/* The first that no worker has, and whose end is not decided. NULL: none. */
static struct handover **oldest_waiting(struct plugin *p) {
        struct handover **at = &p->first;

        if (*at && (p->busy || (*at)->over || (*at)->died))
                at = &(*at)->next;
        return at;
}

static bool forget_one(struct plugin *p) {
        struct handover **at = oldest_waiting(p), *h = *at;

        if (!h)
                return false;
        *at = h->next;
        p->last = NULL;
        for (struct handover *last = p->first; last; last = last->next)
                p->last = last;
        p->deliver->n_held--;
        if (--h->event->pending == 0)
                p->deliver->setup.finished(p->deliver->setup.userdata, h->event);
        free(h);
        return true;
}

size_t deliver_forget(struct deliver *d, size_t keep) {
        size_t forgotten = 0;
        bool any = true;

        while (any && d->n_held > keep) {
                any = false;
                for (struct plugin *p = d->plugins; p && d->n_held > keep; p = p->next)
                        if (forget_one(p)) {
                                forgotten++;
                                any = true;
                        }
        }
        arm(d);
        return forgotten;
}

void deliver_drain(struct deliver *d, bool finish) {
        d->draining = true;
        d->finish = finish;
        deliver_flush(d);
}

bool deliver_is_idle(const struct deliver *d) {
        for (const struct plugin *p = d->plugins; p; p = p->next)
                if (p->busy || (p->first && (p->first->over || (d->finish && has_worker(p)))))
                        return false;
        return true;
}

/* Why nothing moves. */
static const char *state_of(const struct plugin *p) {
        if (p->busy)
                return "working";
        if (has_worker(p))
                return "waiting";
        for (const struct slot *s = p->deliver->slots; s; s = s->next)
                if (s->plugin == p)
                        return wire_state_to_string(s->state);
        return "absent";
}

json_t *deliver_status(const struct deliver *d) {
        json_t *all = json_object();

        for (const struct plugin *p = d->plugins; all && p; p = p->next) {
                json_int_t waiting = 0;

                for (const struct handover *h = p->first; h; h = h->next)
                        waiting++;
                if (waiting > 0 && json_object_set_new(all, p->name, json_pack("{s:I, s:i, s:s, s:s}", "waiting", waiting, "tries", (int) p->first->tries,
                                                                               "error", p->first->error, "state", state_of(p))) < 0) {
                        json_decref(all);
                        return NULL;
                }
        }
        return all;
}
