/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A connection to RabbitMQ that never blocks the loop it lives on, and comes back by itself.
 *
 * One broker is one TCP connection with up to two channels: one publishes, with confirms; the other consumes, when there is
 * a subscription. It connects at broker_start(), and after each failure again, with a growing delay; everything on the
 * server (exchange, queue, bindings) is declared again each time. Names are resolved by a helper thread; connecting, TLS and
 * login are steps of the loop under one deadline. What is sent is queued in memory, and broker_room() says how much more
 * fits: nobody waits for the network.
 *
 * rabbitmq-c is the codec (methods, properties, tables); the socket, TLS and the frames around are ours, because the
 * library's own sending blocks (PITFALLS D7). All of it is behind a driver, a shared object that is loaded when RabbitMQ
 * is used, so that a service without pays for none of its libraries.
 *
 * Callbacks may call any function but broker_free(). Nothing here logs: callbacks tell, and who handles them logs.
 */
#pragma once

#include <jansson.h>
#include <systemd/sd-event.h>

#include "lib/util.h"

#define BROKER_DRIVER_ABI 2

/* The words of status. */
#define BROKER_STATES(X) X(OFF, "off") X(CONNECTING, "connecting") X(READY, "ready") X(BLOCKED, "blocked") \
        X(BACKOFF, "backoff") X(CLOSING, "closing")

enum broker_state {
#define X(name, text) BROKER_##name,
        BROKER_STATES(X)
#undef X
        BROKER_STATE_MAX
};

/* All texts are borrowed and outlive the broker. Times in milliseconds. */
struct broker_settings {
        const char *host;
        unsigned port;
        const char *username, *password, *vhost;
        const char *name;                     /* of the connection, as the server lists it: wazo-confd */
        const char *exchange, *exchange_type; /* declared durable when the publisher opens */
        unsigned heartbeat;                   /* seconds; 0: none */
        uint64_t connect_msec;                /* from resolving to the open connection */
        bool tls, verify;
        const char *ca;                       /* file or directory; NULL: the system's */
        const char *certificate, *key;        /* the client's, or NULL */
};

/* A binding to the exchange of the settings, or to another one. */
struct broker_binding {
        const char *exchange;    /* NULL: the settings' */
        const char *routing_key; /* "" for a headers exchange */
        const json_t *arguments; /* {"x-match": "all", "name": "auth_tenant_added"}, or NULL */
};

/* What the consumer's channel declares and consumes each time it opens. Borrowed for the broker's life. */
struct broker_queue {
        const char *name;
        bool durable, auto_delete, exclusive;
        const json_t *arguments; /* {"x-max-length": 100000}, or NULL */
        const struct broker_binding *bindings;
        size_t n_bindings;
        uint16_t prefetch;       /* deliveries that may be unacknowledged */
        size_t body_max;         /* of a larger body nothing is kept: struct broker_delivery's body is NULL */
};

/* A message from the queue; valid during the callback only. */
struct broker_delivery {
        uint64_t tag;          /* for broker_ack() and broker_reject() */
        unsigned epoch;        /* of the channel: the tag is worth nothing on another */
        bool redelivered;
        const char *exchange, *routing_key;
        const char *content_type, *message_id; /* "" without */
        const json_t *headers; /* an object, empty without; what JSON has no type for is null */
        const char *body;      /* body_size bytes and a NUL; NULL when it was larger than body_max */
        uint64_t body_size;
};

enum broker_channel { BROKER_PUBLISHER, BROKER_CONSUMER, BROKER_CHANNEL_MAX };

/* Why a channel is gone. What was in flight may have arrived, or not. */
enum broker_loss {
        BROKER_LOSS_CONNECTION, /* cut, timed out, or closed for a reason of the server's own */
        BROKER_LOSS_REFUSED,    /* the server did not like what it was sent: it closed the channel or the connection, and says why */
        BROKER_LOSS_CANCELLED,  /* the consumer only: its queue was deleted */
};

/* Any may be NULL. @reason is for people: where and what. */
struct broker_callbacks {
        /* The state, or the reason for it, is another one. */
        void (*changed)(void *userdata, enum broker_state state, const char *reason);
        /* A channel is ready: the publisher's tags begin at 1 again. */
        void (*opened)(void *userdata, enum broker_channel channel, unsigned epoch);
        void (*lost)(void *userdata, enum broker_channel channel, enum broker_loss loss, const char *reason);
        /* The publisher may go on: there is room again, or connection.unblocked. */
        void (*room)(void *userdata);
        /* The server has (@ok) or has not taken the message @tag, and with @multiple all before it. */
        void (*confirmed)(void *userdata, uint64_t tag, bool multiple, bool ok);
        /* A mandatory message that no queue was bound for; its confirm follows. Ours are not mandatory. */
        void (*returned)(void *userdata, unsigned code, const char *text, const char *message_id);
        void (*delivery)(void *userdata, const struct broker_delivery *delivery);
};

struct broker_message {
        const char *routing_key;
        const char *message_id;
        const json_t *headers; /* an object */
        const char *body;
        size_t body_size;
};

/* What a reporter may want to know; texts live until the loop's next turn. */
struct broker_status {
        enum broker_state state;
        const char *reason;     /* why not ready, or "" */
        uint64_t since;         /* CLOCK_REALTIME nsec of the last change of state; connecting and backoff are one here */
        uint64_t retry_at;      /* CLOCK_MONOTONIC nsec of the next attempt in BACKOFF, else 0 */
        uint64_t connects;      /* connections that got as far as ready */
        uint64_t failures;      /* attempts and connections that failed, in a row */
        char server[64];        /* RabbitMQ 3.10.8 */
        bool channels[BROKER_CHANNEL_MAX]; /* which are open */
};

struct broker_driver;

/* What every broker begins with. */
struct broker {
        const struct broker_driver *driver;
};

struct broker_driver {
        unsigned abi;
        int (*new)(sd_event *event, const struct broker_settings *settings, const struct broker_callbacks *callbacks,
                   void *userdata, struct broker **ret);
        void (*free)(struct broker *b);
        int (*start)(struct broker *b);
        void (*reconnect)(struct broker *b, const char *reason);
        int (*subscribe)(struct broker *b, const struct broker_queue *queue, void *userdata);
        size_t (*room)(const struct broker *b);
        int (*publish)(struct broker *b, const struct broker_message *message);
        void (*flush)(struct broker *b);
        int (*answer)(struct broker *b, unsigned epoch, uint64_t tag, bool ack, bool requeue);
        void (*status)(const struct broker *b, struct broker_status *ret);
        void (*close)(struct broker *b, uint64_t deadline);
};

/* Loads <driver_dir>/broker-amqp.so. @error then has a sentence for people. -ELIBBAD, -ENOMEM. */
int broker_load(const char *driver_dir, const struct broker_driver **ret, char *error, size_t error_size) _must_check_;

/* The settings and callbacks are borrowed. Nothing is connected yet. */
static inline int broker_new(const struct broker_driver *driver, sd_event *event, const struct broker_settings *settings,
                             const struct broker_callbacks *callbacks, void *userdata, struct broker **ret) {
        return driver->new(event, settings, callbacks, userdata, ret);
}

/* Accepts NULL. Ends the connection without a word; for a polite end see broker_close(). Returns NULL. */
static inline struct broker *broker_free(struct broker *b) {
        if (b)
                b->driver->free(b);
        return NULL;
}

static inline int broker_start(struct broker *b) {
        return b->driver->start(b);
}

/* Gives the connection up, for @reason, and makes another: a confirm did not come in time, say. */
static inline void broker_reconnect(struct broker *b, const char *reason) {
        b->driver->reconnect(b, reason);
}

/*
 * Before broker_start() or later, once: from then on @queue is consumed. Its delivery, opened and lost (of BROKER_CONSUMER)
 * are called with @userdata instead of the broker's. -EALREADY.
 */
static inline int broker_subscribe(struct broker *b, const struct broker_queue *queue, void *userdata) {
        return b->driver->subscribe(b, queue, userdata);
}

/* Bytes that may be published now; 0 while the publisher is not open, is blocked, or has enough on its way. */
static inline size_t broker_room(const struct broker *b) {
        return b->driver->room(b);
}

/*
 * Queues a persistent message. Its tag is one more than the last one's since the publisher opened. -EAGAIN: no room (one
 * message fits whenever there is room at all); -EINVAL, -E2BIG, -ENAMETOOLONG: it cannot be encoded, nothing was sent, and
 * trying again is of no use.
 */
static inline int broker_publish(struct broker *b, const struct broker_message *message) {
        return b->driver->publish(b, message);
}

/*
 * What was published leaves now, as far as the line takes it, and not at the end of the turn: who goes on with something that
 * takes its time leaves the server something to do.
 */
static inline void broker_flush(struct broker *b) {
        b->driver->flush(b);
}

/* -ESTALE: the delivery's channel is gone, and the server delivers again by itself. */
static inline int broker_ack(struct broker *b, unsigned epoch, uint64_t tag) {
        return b->driver->answer(b, epoch, tag, true, false);
}

/* Requeued: delivered again, at once. Otherwise: dropped, or sent to the queue's dead-letter exchange. */
static inline int broker_reject(struct broker *b, unsigned epoch, uint64_t tag, bool requeue) {
        return b->driver->answer(b, epoch, tag, false, requeue);
}

static inline void broker_status(const struct broker *b, struct broker_status *ret) {
        b->driver->status(b, ret);
}

/* Says goodbye, and is BROKER_OFF when the server did too, or at the CLOCK_MONOTONIC @deadline. */
static inline void broker_close(struct broker *b, uint64_t deadline) {
        b->driver->close(b, deadline);
}

const char *broker_state_to_string(unsigned state);
