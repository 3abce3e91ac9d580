/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sched.h>

#include "workers/gateway/pool.h"

/* --- turns and time -------------------------------------------------------------------------------------------------- */

void slots_pump(struct gateway *g, uint64_t now) {
        struct slots *s = &g->slots;

        for (size_t i = 0, start = s->next_pool; i < s->n_pools; i++) {
                size_t at = (start + i) % s->n_pools;
                struct pool *pool = &s->pools[at];

                while (pool->first) {
                        struct exchange *ex = pool->first;
                        int r;

                        if (pool_drop_if_gone(ex, now))
                                continue;
                        r = pool_send(pool, ex, now);
                        if (r < 0)
                                break;
                        pool_dequeue(ex, now);
                        if (r > 0)
                                http_resume(ex);
                        s->next_pool = (at + 1) % s->n_pools;
                }
        }
}

void slots_feed(struct exchange *ex) {
        if (ex->pool && ex->pool->first)
                pool_feed(ex->pool);
}

/*
 * Under load the replies of a quick worker follow each other closely. An answer that is sent alone wakes its client alone,
 * is logged alone, and has the library turn for it alone: together that costs more than the request.
 */
void slots_gather(struct gateway *g) {
        struct slots *s = &g->slots;
        uint64_t until = s->answered > 0 ? now_monotonic() + GATHER_NSEC : 0;

        while (s->answered > 0 && s->answered < GATHER_MAX && s->quick && pool_owes(s->quick)) {
                size_t before = s->answered;
                uint64_t now;

                pool_feed(s->quick);
                now = now_monotonic();
                if (s->answered > before)
                        until = now + GATHER_NSEC;
                else if (now >= until)
                        break;
                else
                        (void) sched_yield();
        }
        s->answered = 0;
}

void slots_arm(struct gateway *g, uint64_t when) {
        struct slots *s = &g->slots;

        if (when >= s->armed)
                return;
        s->armed = when;
        (void) sd_event_source_set_time(s->timer, when / NSEC_PER_USEC + 1);
        (void) sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        struct gateway *g = userdata;
        struct slots *s = &g->slots;
        uint64_t now = now_monotonic(), next_time = NSEC_NEVER, when;
        struct slot *next_slot;
        struct peer *next;

        s->armed = NSEC_NEVER;
        for (size_t i = 0; i < s->n_pools; i++) {
                when = pool_expire(&s->pools[i], now);
                next_time = MIN(next_time, when);
        }
        for (struct slot *slot = s->first; slot; slot = next_slot) {
                next_slot = slot->next;
                for (struct peer *peer = slot->peers; peer; peer = next) {
                        next = peer->next;
                        when = peer_expire(peer, now);
                        next_time = MIN(next_time, when);
                }
        }
        slots_arm(g, next_time);
        return 0;
}

/* --- the supervisor's news ------------------------------------------------------------------------------------------ */

/* Whom the gateway asks for itself. Their pools are behind those of the router. */
static const struct {
        enum wire_kind kind;
        const char *name;
} own_pools[] = {{WIRE_KIND_CONTROL, "control"}, {WIRE_KIND_RELAY, "relay"}};

static struct pool *own_pool(struct slots *s, enum wire_kind kind) {
        size_t i = 0;

        while (own_pools[i].kind != kind)
                i++;
        return &s->pools[s->n_pools - ELEMENTSOF(own_pools) + i];
}

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

        for (size_t i = 0; i < ELEMENTSOF(own_pools); i++)
                if (slot->view.kind == own_pools[i].kind)
                        pool = own_pool(s, slot->view.kind);
        for (size_t i = 0; !pool && i + ELEMENTSOF(own_pools) < s->n_pools; i++)
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

void slots_free_if_gone(struct slot *slot) {
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
static void slot_guess_names(struct slot *slot, const struct wire_peer *news) {
        (void) strcopy(slot->name, sizeof(slot->name), news->name);
        if (slot->known)
                return;
        (void) strcopy(slot->plugin, sizeof(slot->plugin), news->name);
        slot->plugin[strcspn(slot->plugin, "#")] = 0;
        (void) strcopy(slot->class, sizeof(slot->class), "default");
        slot->view.state = WIRE_STATE_READY;
        slot->view.kind = (enum wire_kind) news->kind;
}

void slots_update(struct gateway *g, const struct wire_slot *news) {
        struct slot *slot = slot_get(g, news->slot);

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
        if (slot->pool)
                pool_reconsider(slot->pool, now_monotonic());
}

static void peer_retire(struct peer *peer) {
        peer->retired = true;
        if (peer->n_errands == 0)
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
                slots_free_if_gone(slot);
                return;
        }
}

int slots_introduce(struct gateway *g, const struct wire_peer *news, int fd) {
        struct slot *slot = slot_get(g, news->slot);
        struct peer *peer = calloc(1, sizeof(*peer)), *next;
        int r = -ENOMEM;

        if (!slot || !peer)
                goto fail;
        *peer = (struct peer) {.slot = slot, .generation = news->generation, .fd = fd, .idle_since = now_monotonic()};
        r = peer_watch(peer);
        if (r < 0)
                goto fail;

        slot_guess_names(slot, news);
        slot_join_pool(slot);
        slot->wanted = slot->rested = false;
        peer->next = slot->peers;
        slot->peers = peer;
        for (struct peer *old = peer->next; old; old = next) {
                next = old->next;
                peer_retire(old);
        }
        slot->idle_nsec = settings_idle(&g->settings, slot->name);
        if (slot->idle_nsec > 0)
                slots_arm(g, peer->idle_since + slot->idle_nsec);
        slots_pump(g, peer->idle_since);
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
                pool_refuse(ex, WAITING_RETRY_LATER, wire_state_to_string(WIRE_STATE_FAILED), ex->pool->problem);
                return;
        }
        if (g->slots.held >= g->settings.requests_held) {
                pool_refuse(ex, 1, "busy", "too many requests are held");
                return;
        }
        r = ex->pool->first ? -EAGAIN : pool_send(ex->pool, ex, now);
        if (r == 0 || (r < 0 && pool_wait(ex, now, false))) {
                http_suspend(ex);
                slots_feed(ex);
        }
}

bool slots_ask(struct exchange *ex, enum wire_kind kind) {
        struct gateway *g = ex->gateway;
        struct pool *pool = own_pool(&g->slots, kind);
        uint64_t now = now_monotonic();
        bool there = false;
        int r;

        for (struct slot *slot = pool->slots; slot; slot = slot->next_of_pool)
                there = there || (slot->peers && !slot->peers->unusable && !slot->peers->retired);
        if (!there || g->slots.held >= g->settings.requests_held)
                return false;
        ex->pool = pool;
        ex->total_deadline = now + POOL_OWN_NSEC;
        r = pool->first ? -EAGAIN : pool_send(pool, ex, now);
        if (r == 0 || (r < 0 && pool_wait(ex, now, false)))
                http_suspend(ex);
        return true;
}

void slots_forget(struct exchange *ex) {
        if (ex->stage == STAGE_QUEUED)
                pool_dequeue(ex, now_monotonic());
        else if (ex->stage == STAGE_SENT && ex->errand)
                (void) errand_leave(ex->errand);
}

void slots_give_up_all(struct gateway *g) {
        uint64_t now = now_monotonic();

        for (size_t i = 0; i < g->slots.n_pools; i++)
                while (g->slots.pools[i].first) {
                        struct exchange *ex = g->slots.pools[i].first;

                        pool_dequeue(ex, now);
                        ex->close = true;
                        pool_refuse(ex, 1, "stopping", "");
                        http_resume(ex);
                }
        for (struct slot *slot = g->slots.first; slot; slot = slot->next)
                for (struct peer *peer = slot->peers; peer; peer = peer->next)
                        for (unsigned j = 0; j < peer->n_errands; j++) {
                                struct exchange *ex = errand_leave(peer_errand(peer, j));

                                if (!ex)
                                        continue;
                                ex->close = true;
                                pool_refuse(ex, 1, "stopping", "");
                                http_resume(ex);
                        }
}

bool slots_any(const struct gateway *g, enum wire_kind kind) {
        for (struct slot *slot = g->slots.first; slot; slot = slot->next)
                if (slot->known && slot->view.kind == kind)
                        return true;
        return false;
}

int slots_start(struct gateway *g) {
        struct slots *s = &g->slots;

        s->n_pools = g->router.n_pools + ELEMENTSOF(own_pools);
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
        for (size_t i = 0; i < ELEMENTSOF(own_pools); i++)
                s->pools[g->router.n_pools + i] = (struct pool) {.plugin = own_pools[i].name, .class = "default"};

        s->armed = NSEC_NEVER;
        return sd_event_add_time(g->event, &s->timer, CLOCK_MONOTONIC, UINT64_MAX, NSEC_PER_MSEC / NSEC_PER_USEC, on_time, g);
}

/* One that the supervisor took away goes with its last peer. */
static void slot_done(struct slot *slot) {
        struct peer *peer = slot->peers, *next;

        slot->id = UINT32_MAX;
        if (!peer)
                slots_free_if_gone(slot);
        for (; peer; peer = next) {
                next = peer->next;
                peer_settle(peer);
                peer_free(peer);
        }
}

void slots_done(struct gateway *g) {
        struct slots *s = &g->slots;

        for (struct slot *slot = s->first, *next; slot; slot = next) {
                next = slot->next;
                slot_done(slot);
        }
        (void) sd_event_source_disable_unref(s->timer);
        s->timer = NULL;
        free(s->pools);
        s->pools = NULL;
        s->n_pools = 0;
}
