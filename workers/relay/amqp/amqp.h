/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The driver of workers/relay/broker.h, whole: what its users see (driver.c), a connection (connection.c), its login
 * (login.c), its channels (channel.c), and the messages that come on them (content.c).
 */
#pragma once

#include "lib/backoff.h"
#include "workers/relay/amqp/buffer.h"
#include "workers/relay/amqp/frame.h"
#include "workers/relay/amqp/transport.h"
#include "workers/relay/broker.h"

/* Of what waits to be sent; past it there is no room. */
#define AMQP_OUT_MAX (256U * 1024)
#define AMQP_REASON_MAX 384

/* How far a connection is. */
enum amqp_stage {
        STAGE_NONE,
        STAGE_TRANSPORT, /* name, address, TLS */
        STAGE_START,     /* ours is the protocol's name; theirs is connection.start */
        STAGE_TUNE,
        STAGE_OPEN,
        STAGE_CHANNELS,  /* the connection is open */
        STAGE_GOODBYE,   /* connection.close is said */
};

/* A message on its way in: its method came, and its header and body follow. */
struct incoming {
        enum { INCOMING_NONE, INCOMING_HEADER, INCOMING_BODY } wants;
        bool returned;           /* else delivered */
        unsigned return_code;
        char *return_text;
        struct broker_delivery delivery; /* its texts are owned */
        json_t *headers;
        char *body;
        size_t kept;             /* of the body, in body */
        uint64_t left;           /* ... and to come */
};

struct channel {
        enum broker_channel which;
        bool wanted, opened, closing;
        unsigned step;           /* the next of its steps to be answered */
        size_t binding;          /* of the step that binds */
        unsigned epoch;          /* grows each time it opens */
        unsigned refusals;       /* times that the server closed it without a success between */
        struct incoming incoming;
};

struct amqp {
        struct broker broker; /* its first member */
        sd_event *event;
        const struct broker_settings *settings;
        const struct broker_callbacks *callbacks;
        void *userdata;
        const struct broker_queue *queue;
        void *queue_userdata;

        enum broker_state state;
        char reason[AMQP_REASON_MAX];
        uint64_t since_wall, ready_at, retry_at, connects;
        uint32_t failures;
        struct backoff backoff;
        char server[64];

        struct transport_settings transport_settings;
        struct transport *transport;
        enum amqp_stage stage;
        bool blocked;
        struct channel channels[BROKER_CHANNEL_MAX];
        size_t frame_max;
        unsigned heartbeat; /* seconds, as agreed; 0: none */
        bool sent, received; /* anything since the last beat */
        unsigned silent;     /* beats without anything received */

        uint8_t *in; /* FRAME_SIZE_MAX bytes, while there is a connection */
        size_t in_size;
        struct buffer out;
        bool room_wanted; /* somebody found none */
        amqp_pool_t pool; /* of what is decoded or encoded just now */
        bool in_callback, failed; /* a failure within a frame's handling waits for its end */
        enum broker_loss failed_loss;

        sd_event_source *flush, *more; /* what was put together in this turn goes at its end; more is to be read */
        sd_event_source *deadline;     /* of connecting, of the goodbye */
        sd_event_source *beat, *retry;
};

static inline struct amqp *amqp_of(const struct broker *b) {
        return (struct amqp *) b; /* its first member */
}

/* ----- connection.c ----- */

/* After event and settings are set. What it has made by then is for connection_done(), whatever it returns. */
int connection_init(struct amqp *a) _must_check_;
void connection_done(struct amqp *a);
/* Connects, and after each failure again. */
void connection_begin(struct amqp *a);
/* The connection is of no more use: everything is given up, and tried again after a while. */
void connection_fail(struct amqp *a, enum broker_loss loss, const char *format, ...) _printf_(3, 4);
/* Something was put into a->out. */
int connection_flush_soon(struct amqp *a);
/* Queues a method, and fails the connection when that cannot be. */
void connection_send(struct amqp *a, unsigned channel, amqp_method_number_t number, void *method);
/* Sends now what waits, as far as the line takes it. Never calls anybody back. */
void connection_push(struct amqp *a);
void connection_state(struct amqp *a, enum broker_state state, const char *reason);
void connection_deadline(struct amqp *a, uint64_t at);
/* Nothing waits for anything any more: after connection.close-ok. */
void connection_end(struct amqp *a, const char *reason);
/* A beat from now on, when one is agreed. */
int connection_beat(struct amqp *a);

/* ----- login.c ----- */

/* The transport is open. */
void login_begin(struct amqp *a);
/* A method of channel 0. */
void login_method(struct amqp *a, amqp_method_number_t number, void *method);

/* ----- channel.c ----- */

void channels_open(struct amqp *a);
void channel_method(struct amqp *a, struct channel *c, amqp_method_number_t number, void *method);
int channel_publish(struct broker *b, const struct broker_message *message);
int channel_answer(struct broker *b, unsigned epoch, uint64_t tag, bool ack, bool requeue);
/* Tells its user that it is gone, when it was open. */
void channel_lost(struct amqp *a, struct channel *c, enum broker_loss loss, const char *reason);
static inline unsigned channel_number(const struct channel *c) {
        return (unsigned) c->which + 1;
}

/* ----- content.c ----- */

/* A method that a content follows. 0, -EBADMSG, -ENOMEM, as the others. */
int content_begin(struct amqp *a, struct channel *c, amqp_method_number_t number, void *method) _must_check_;
int content_header(struct amqp *a, struct channel *c, const struct frame *f) _must_check_;
int content_body(struct amqp *a, struct channel *c, const struct frame *f) _must_check_;
void content_done(struct channel *c);

/* "404 NOT_FOUND - no exchange", of a close, for people. */
void amqp_close_text(unsigned code, amqp_bytes_t text, char *ret, size_t size);
/* A text of the server's, with its NUL: newly allocated, or NULL when out of memory. */
char *amqp_text(amqp_bytes_t bytes);
/* Whether the server closed because of what it was sent. */
bool amqp_is_our_fault(unsigned code);
