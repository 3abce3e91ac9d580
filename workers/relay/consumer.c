/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/consumer.h"

#include <stdio.h>
#include <sys/random.h>

#include "lib/log.h"
#include "workers/relay/deliver.h"
#include "workers/relay/inbox.h"

/* Deliveries that are not acknowledged yet; each may be as large as the next. */
#define PREFETCH 16
#define BODY_MAX (256U * 1024)
/* What is held when the broker has forgotten it, because its queue went with the connection. */
#define KEEP_MAX (3 * PREFETCH)
/* Parked events that are tried again. */
#define RETRIES_MAX 64
#define TRIES 5
/* A handler may take as long as a request; in front of it may be one. */
#define ATTEMPT_NSEC (30 * NSEC_PER_SEC)
/* A successor is connected, and has bound its queue, within this time, or RabbitMQ is away. */
#define LINGER_USEC (1000U * 1000)
/* Messages that are no events are told of once in so long. */
#define GARBAGE_NSEC (60 * NSEC_PER_SEC)

struct consumer {
        struct consumer_setup setup;
        struct deliver *deliver;
        const json_t *subscriptions; /* borrowed: {"plugin": ["event", ...]} */

        char name[WIRE_NAME_MAX + 8];
        struct broker_queue queue;
        struct broker_binding *bindings;
        bool open, draining;
        sd_event_source *linger;     /* until then deliveries are taken all the same */
        unsigned epoch;
        uint64_t since;              /* CLOCK_REALTIME nsec of the last change of open */
        char reason[256];            /* why it is not open */

        uint64_t received, handled, retried, rejected, forgotten;
        uint64_t garbage_at;         /* when we told of it */
        unsigned garbage;            /* since then */
};

/* ---- what is no event ---- */

static void tell_garbage(struct consumer *c, const char *what, const char *name) {
        uint64_t now = now_monotonic();

        c->rejected++;
        c->garbage++;
        if (c->garbage_at > 0 && now < c->garbage_at + GARBAGE_NSEC)
                return;
        log_warning("a message '%s' on queue %s is rejected: %s (%u such in the last minute)", name, c->name, what, c->garbage);
        c->garbage_at = now;
        c->garbage = 0;
}

static const char *name_of(const struct broker_delivery *delivery) {
        return strempty(json_string_value(json_object_get(delivery->headers, "name")));
}

static bool wants(const json_t *events, const char *name) {
        const json_t *event;
        size_t i;

        json_array_foreach(events, i, event)
                if (streq(strempty(json_string_value(event)), name))
                        return true;
        return false;
}

/* ---- from the broker ---- */

static void set_open(struct consumer *c, bool open, const char *reason) {
        if (c->open != open)
                c->since = now_realtime();
        c->open = open;
        (void) strcopy(c->reason, sizeof(c->reason), reason);
}

void consumer_opened(struct consumer *c, unsigned epoch) {
        c->epoch = epoch;
        set_open(c, true, "");
}

void consumer_lost(struct consumer *c, enum broker_loss loss, const char *reason) {
        size_t forgotten;

        set_open(c, false, reason);
        /* A queue that stays gives again what we have not acknowledged; one that went with the connection does not. */
        forgotten = deliver_forget(c->deliver, c->queue.auto_delete ? KEEP_MAX : 0);
        if (forgotten == 0 || !c->queue.auto_delete)
                return;
        c->forgotten += forgotten;
        log_error("%zu events are lost: their plugins were away while the connection was lost again and again", forgotten);
}

static void answer(struct consumer *c, unsigned epoch, uint64_t tag, bool ack) {
        int r = ack ? broker_ack(c->setup.broker, epoch, tag) : broker_reject(c->setup.broker, epoch, tag, false);

        /* -ESTALE: on another channel than it came by. It comes again, or its queue is gone. */
        if (r < 0 && r != -ESTALE)
                log_warning("the broker cannot be told what became of a message: %s", strerror(-r));
}

/* For each plugin that wants it. Returns for how many, or an error when it was for none. */
static int add_for_all(struct consumer *c, struct event *e) {
        const char *plugin;
        const json_t *events;
        int n = 0, r;

        json_object_foreach((json_t *) c->subscriptions, plugin, events) {
                if (!wants(events, e->name))
                        continue;
                r = deliver_add(c->deliver, plugin, e);
                if (r >= 0)
                        n++;
                else if (n == 0)
                        return r;
                else
                        log_error("event %s (%s) is not handed to plugin '%s': %s", e->name, e->id, plugin, strerror(-r));
        }
        return n;
}

static int take(struct consumer *c, const struct broker_delivery *delivery, const char *name) {
        _cleanup_free_ char *headers = json_dumps(delivery->headers, JSON_COMPACT);
        struct event *e;
        int r;

        if (!headers)
                return -ENOMEM;
        r = event_new(name, delivery->message_id, delivery->routing_key, headers, delivery->body, delivery->body_size, &e);
        if (r < 0)
                return r;
        e->epoch = delivery->epoch;
        e->tag = delivery->tag;
        r = add_for_all(c, e);
        if (r <= 0)
                (void) event_free(e);
        return r;
}

void consumer_delivery(struct consumer *c, const struct broker_delivery *delivery) {
        const char *name = name_of(delivery);
        int r;

        /* Nobody would have the time: the queue keeps it, or another relay's has it too. */
        if (c->draining && !c->linger)
                return;
        c->received++;
        if (!delivery->body) {
                char text[96];

                (void) snprintf(text, sizeof(text), "it has %llu bytes, and %u are the limit",
                                (unsigned long long) delivery->body_size, BODY_MAX);
                tell_garbage(c, text, name);
                answer(c, delivery->epoch, delivery->tag, false);
                return;
        }
        r = take(c, delivery, name);
        if (r < 0)
                log_error("event %s cannot be held: %s: it is given back", name, strerror(-r));
        if (r < 0)
                (void) broker_reject(c->setup.broker, delivery->epoch, delivery->tag, true);
        else if (r == 0)
                answer(c, delivery->epoch, delivery->tag, true);
        else
                deliver_flush(c->deliver);
}

/* ---- from the plugins ---- */

static int park(struct consumer *c, const char *plugin, const struct event *e, unsigned tries, const char *error) {
        int r = inbox_park(c->setup.store, plugin, e, tries, error);

        if (r < 0)
                return r;
        log_error("event %s (%s) is put aside: plugin '%s' could not take it (tries: %u): %s", e->name, e->id, plugin,
                  tries, error);
        return 0;
}

static int on_ended(void *userdata, const char *plugin, struct event *e, enum deliver_outcome outcome, unsigned tries,
                    const char *error) {
        struct consumer *c = userdata;
        int r = 0;

        if (outcome == DELIVER_GIVEN_UP || (e->parked_id && outcome != DELIVER_TAKEN))
                r = park(c, plugin, e, tries, error);
        else if (e->parked_id)
                r = inbox_delete(c->setup.store, e->parked_id);
        if (r < 0)
                return r;
        c->retried += tries > 1 ? tries - 1 : 0;
        if (outcome == DELIVER_NO_EVENT)
                tell_garbage(c, error, e->name);
        if (outcome == DELIVER_UNWANTED)
                log_info("event %s (%s): %s", e->name, e->id, error);
        if (outcome != DELIVER_TAKEN)
                return 0;
        c->handled++;
        if (tries > 1 || e->parked_id)
                log_info("event %s (%s): plugin '%s' has taken it (tries: %u)", e->name, e->id, plugin, tries);
        return 0;
}

static void on_finished(void *userdata, struct event *e) {
        struct consumer *c = userdata;

        if (!e->parked_id)
                answer(c, e->epoch, e->tag, !e->rejected);
        (void) event_free(e);
}

static void on_nudged(void *userdata) {
        const struct consumer *c = userdata;

        c->setup.nudged(c->setup.userdata);
}

static void on_tell(void *userdata, enum wire_type type, const void *body, size_t size) {
        const struct consumer *c = userdata;

        c->setup.tell(c->setup.userdata, type, body, size);
}

/* ---- the queue ---- */

/* For a queue that is to be found again: the same each time, and another one for each server, database and @keep, since a queue
 * cannot be declared otherwise than it is. */
static uint32_t stable_number(const json_t *slice, json_int_t keep) {
        char host[256] = "", number[32];
        const char *parts[] = {strempty(json_string_value(json_object_get(slice, "uuid"))),
                               strempty(json_string_value(json_object_get(json_object_get(slice, "db"), "uri"))), host, number};
        uint32_t hash = 2166136261U;

        (void) gethostname(host, sizeof(host) - 1);
        (void) snprintf(number, sizeof(number), "%lld", (long long) keep);
        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                for (const char *s = parts[i];; s++) {
                        hash = (hash ^ (uint8_t) *s) * 16777619U;
                        if (!*s)
                                break;
                }
        return hash;
}

/* Of all plugins together, each once. */
static int make_bindings(struct consumer *c) {
        json_t *names = json_object(), *value;
        const char *plugin, *name;
        const json_t *events, *event;
        size_t i, n = 0;

        json_object_foreach((json_t *) c->subscriptions, plugin, events)
                json_array_foreach(events, i, event)
                        if (json_is_string(event))
                                (void) json_object_set_new(names, json_string_value(event), json_true());
        c->bindings = calloc(json_object_size(names) + 1, sizeof(*c->bindings));
        json_object_foreach(names, name, value) {
                struct broker_binding *b = c->bindings ? &c->bindings[n] : NULL;

                if (b)
                        *b = (struct broker_binding) {.routing_key = "",
                                                      .arguments = json_pack("{s:s, s:s}", "x-match", "all", "name",
                                                                             name)};
                if (!b || !b->arguments)
                        break;
                n++;
        }
        c->queue.bindings = c->bindings;
        c->queue.n_bindings = n;
        i = json_object_size(names);
        json_decref(names);
        return n == i ? 0 : -ENOMEM;
}

/* As confd's, unless it is to outlive our connection (bus.keep_queue). */
static int make_queue(struct consumer *c) {
        json_int_t keep = json_integer_value(json_object_get(json_object_get(c->setup.slice, "bus"), "keep_queue_ms"));
        const char *service = strempty(json_string_value(json_object_get(c->setup.slice, "service")));
        uint32_t number = 0;

        if (keep > 0)
                number = stable_number(c->setup.slice, keep);
        else if (getrandom(&number, sizeof(number), 0) < 0)
                return -errno;
        (void) snprintf(c->name, sizeof(c->name), "%.*s.%06x", WIRE_NAME_MAX - 1, service, number & 0xffffff);
        c->queue = (struct broker_queue) {
                .name = c->name,
                .durable = keep > 0,
                .auto_delete = keep <= 0,
                .prefetch = PREFETCH,
                .body_max = BODY_MAX,
        };
        if (keep > 0) {
                c->queue.arguments = json_pack("{s:I}", "x-expires", keep);
                if (!c->queue.arguments)
                        return -ENOMEM;
        }
        return make_bindings(c);
}

static void free_queue(struct consumer *c) {
        for (size_t i = 0; c->bindings && i < c->queue.n_bindings; i++)
                json_decref((json_t *) c->bindings[i].arguments);
        free(c->bindings);
        json_decref((json_t *) c->queue.arguments);
}

/* ---- life ---- */

static int add_plugins(struct consumer *c) {
        const char *plugin;
        const json_t *events;

        json_object_foreach((json_t *) c->subscriptions, plugin, events) {
                int r = deliver_add_plugin(c->deliver, plugin);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int start(struct consumer *c) {
        const json_int_t tries = json_integer_value(json_object_get(c->setup.slice, "tries"));
        const struct deliver_setup setup = {
                .event = c->setup.event,
                .tries = tries > 0 ? (unsigned) tries : TRIES,
                .attempt = ATTEMPT_NSEC,
                .ended = on_ended,
                .finished = on_finished,
                .nudged = on_nudged,
                .tell = on_tell,
                .userdata = c,
        };
        int r;

        c->subscriptions = json_object_get(c->setup.slice, "subscriptions");
        r = deliver_new(&setup, &c->deliver);
        if (r >= 0)
                r = add_plugins(c);
        if (r < 0 || !c->setup.broker || json_object_size(c->subscriptions) == 0)
                return r;
        r = make_queue(c);
        return r < 0 ? r : broker_subscribe(c->setup.broker, &c->queue, c);
}

int consumer_new(const struct consumer_setup *setup, struct consumer **ret) {
        struct consumer *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->setup = *setup;
        c->since = now_realtime();
        r = start(c);
        if (r < 0) {
                (void) consumer_free(c);
                return r;
        }
        *ret = c;
        return 0;
}

struct consumer *consumer_free(struct consumer *c) {
        if (!c)
                return NULL;
        (void) sd_event_source_disable_unref(c->linger);
        (void) deliver_free(c->deliver);
        free_queue(c);
        free(c);
        return NULL;
}

int consumer_add_plugin(struct consumer *c, const struct wire_peer *peer, int fd) {
        return deliver_introduce(c->deliver, peer, fd);
}

void consumer_slot(struct consumer *c, const struct wire_slot *slot) {
        deliver_slot(c->deliver, slot);
}

static int on_linger(sd_event_source *source, uint64_t usec, void *userdata) {
        struct consumer *c = userdata;

        c->linger = sd_event_source_disable_unref(c->linger);
        return 0;
}

void consumer_drain(struct consumer *c, bool replaced) {
        c->draining = true;
        if (replaced && c->open && c->queue.auto_delete &&
            sd_event_add_time_relative(c->setup.event, &c->linger, CLOCK_MONOTONIC, LINGER_USEC, 0, on_linger, c) < 0)
                log_warning("events may be lost between this relay and its successor: no timer");
        deliver_drain(c->deliver, c->queue.auto_delete);
}

bool consumer_is_idle(const struct consumer *c) {
        return !c->linger && deliver_is_idle(c->deliver);
}

int consumer_retry(struct consumer *c, int64_t id) {
        _cleanup_free_ char *plugin = NULL;
        struct event *e;
        int r;

        if (deliver_has_parked(c->deliver, id))
                return -EALREADY;
        if (deliver_held(c->deliver) >= RETRIES_MAX)
                return -EAGAIN;
        r = inbox_read(c->setup.store, id, &plugin, &e);
        if (r < 0)
                return r;
        r = deliver_add(c->deliver, plugin, e);
        if (r < 0) {
                (void) event_free(e);
                return r;
        }
        deliver_flush(c->deliver);
        return 0;
}

/* ---- status ---- */

static json_t *parked_now(struct consumer *c) {
        int64_t n;

        return inbox_count(c->setup.store, &n) < 0 ? json_null() : json_integer(n);
}

static const char *state_of(const struct consumer *c) {
        struct broker_status status;

        if (!c->queue.name)
                return "off";
        if (c->open)
                return "ready";
        broker_status(c->setup.broker, &status);
        /* The publisher may be well while the queue is not. */
        return status.state == BROKER_READY || status.state == BROKER_BLOCKED ? "connecting" : broker_state_to_string(status.state);
}

json_t *consumer_status(struct consumer *c) {
        uint64_t now = now_realtime();
        char since[64];
        time_t seconds = (time_t) (c->since / NSEC_PER_SEC);
        struct tm tm;
        size_t n;

        (void) gmtime_r(&seconds, &tm);
        n = strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%S", &tm);
        (void) snprintf(since + n, sizeof(since) - n, ".%03uZ", (unsigned) (c->since % NSEC_PER_SEC / NSEC_PER_MSEC));
        return json_pack("{s:s, s:s, s:s, s:I, s:s?, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
                         "state", state_of(c),
                         "reason", c->reason,
                         "since", since,
                         "since_ms", (json_int_t) ((now - MIN(now, c->since)) / NSEC_PER_MSEC),
                         "queue", c->queue.name,
                         "subscriptions", (json_int_t) c->queue.n_bindings,
                         "received", (json_int_t) c->received,
                         "handled", (json_int_t) c->handled,
                         "retried", (json_int_t) c->retried,
                         "rejected", (json_int_t) c->rejected,
                         "lost", (json_int_t) c->forgotten,
                         "held", (json_int_t) deliver_held(c->deliver),
                         "parked", parked_now(c),
                         "waiting", deliver_status(c->deliver));
}
