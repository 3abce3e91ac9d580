/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two channels: the publisher's, with confirms, and the consumer's. Each is opened by a row of steps, every one a method and
 * its answer; a channel that the server closes is opened again, and its user told.
 */
#include <stdio.h>

#include "workers/relay/amqp/amqp.h"
#include "workers/relay/amqp/table.h"

/* A channel that is refused so often, with no success between, is a matter for the connection's patience. */
#define REFUSALS_MAX 3
#define PERSISTENT 2
#define SHORT_TEXT_MAX 255

struct step {
        amqp_method_number_t answer;
        /* Sends the question; 1: there is none to ask, so the next step. */
        int (*send)(struct amqp *a, struct channel *c);
        /* Takes the answer; 1: the step is to be sent once more. */
        int (*more)(struct amqp *a, struct channel *c);
};

/* ----- steps ----- */

static int send_open(struct amqp *a, struct channel *c) {
        amqp_channel_open_t open = {0};

        connection_send(a, channel_number(c), AMQP_CHANNEL_OPEN_METHOD, &open);
        return 0;
}

static int send_exchange(struct amqp *a, struct channel *c) {
        amqp_exchange_declare_t declare = {
                .exchange = codec_string(a->settings->exchange),
                .type = codec_string(a->settings->exchange_type),
                .durable = 1,
        };

        connection_send(a, channel_number(c), AMQP_EXCHANGE_DECLARE_METHOD, &declare);
        return 0;
}

static int send_confirm(struct amqp *a, struct channel *c) {
        amqp_confirm_select_t select = {0};

        connection_send(a, channel_number(c), AMQP_CONFIRM_SELECT_METHOD, &select);
        return 0;
}

static int arguments(struct amqp *a, const json_t *json, amqp_table_t *ret) {
        *ret = (amqp_table_t) {0};
        return json ? table_from_json(json, &a->pool, ret) : 0;
}

static int send_queue(struct amqp *a, struct channel *c) {
        amqp_queue_declare_t declare = {
                .queue = codec_string(a->queue->name),
                .durable = a->queue->durable,
                .exclusive = a->queue->exclusive,
                .auto_delete = a->queue->auto_delete,
        };
        int r = arguments(a, a->queue->arguments, &declare.arguments);

        if (r >= 0)
                connection_send(a, channel_number(c), AMQP_QUEUE_DECLARE_METHOD, &declare);
        return r;
}

static int send_bind(struct amqp *a, struct channel *c) {
        const struct broker_binding *binding = &a->queue->bindings[c->binding];
        amqp_queue_bind_t bind = {.queue = codec_string(a->queue->name)};
        int r;

        if (c->binding >= a->queue->n_bindings)
                return 1;
        bind.exchange = codec_string(binding->exchange ? binding->exchange : a->settings->exchange);
        bind.routing_key = codec_string(strempty(binding->routing_key));
        r = arguments(a, binding->arguments, &bind.arguments);
        if (r >= 0)
                connection_send(a, channel_number(c), AMQP_QUEUE_BIND_METHOD, &bind);
        return r;
}

static int more_bindings(struct amqp *a, struct channel *c) {
        return ++c->binding < a->queue->n_bindings;
}

static int send_qos(struct amqp *a, struct channel *c) {
        amqp_basic_qos_t qos = {.prefetch_count = a->queue->prefetch};

        connection_send(a, channel_number(c), AMQP_BASIC_QOS_METHOD, &qos);
        return 0;
}

static int send_consume(struct amqp *a, struct channel *c) {
        amqp_basic_consume_t consume = {.queue = codec_string(a->queue->name), .consumer_tag = codec_string(a->settings->name)};

        connection_send(a, channel_number(c), AMQP_BASIC_CONSUME_METHOD, &consume);
        return 0;
}

static const struct step publisher_steps[] = {
        {AMQP_CHANNEL_OPEN_OK_METHOD, send_open},
        {AMQP_EXCHANGE_DECLARE_OK_METHOD, send_exchange},
        {AMQP_CONFIRM_SELECT_OK_METHOD, send_confirm},
        {0},
};

static const struct step consumer_steps[] = {
        {AMQP_CHANNEL_OPEN_OK_METHOD, send_open},
        {AMQP_EXCHANGE_DECLARE_OK_METHOD, send_exchange},
        {AMQP_QUEUE_DECLARE_OK_METHOD, send_queue},
        {AMQP_QUEUE_BIND_OK_METHOD, send_bind, more_bindings},
        {AMQP_BASIC_QOS_OK_METHOD, send_qos},
        {AMQP_BASIC_CONSUME_OK_METHOD, send_consume},
        {0},
};

static const struct step *step_of(const struct channel *c) {
        return (c->which == BROKER_PUBLISHER ? publisher_steps : consumer_steps) + c->step;
}

static void *userdata_of(const struct amqp *a, const struct channel *c) {
        return c->which == BROKER_CONSUMER ? a->queue_userdata : a->userdata;
}

/* ----- opening ----- */

static bool all_open(const struct amqp *a) {
        for (size_t i = 0; i < BROKER_CHANNEL_MAX; i++)
                if (a->channels[i].wanted && !a->channels[i].opened)
                        return false;
        return true;
}

static void is_open(struct amqp *a, struct channel *c) {
        c->opened = true;
        c->epoch++;
        if (all_open(a))
                connection_deadline(a, NSEC_NEVER);
        if (c->which == BROKER_PUBLISHER && a->state != BROKER_READY && a->state != BROKER_BLOCKED) {
                a->connects++;
                a->ready_at = now_monotonic();
                connection_state(a, a->blocked ? BROKER_BLOCKED : BROKER_READY, a->blocked ? "the server asked to wait" : "");
        }
        if (a->callbacks->opened)
                a->callbacks->opened(userdata_of(a, c), c->which, c->epoch);
}

static void send_step(struct amqp *a, struct channel *c) {
        int r = 1;

        while (step_of(c)->send && (r = step_of(c)->send(a, c)) > 0)
                c->step++;
        if (r < 0)
                connection_fail(a, BROKER_LOSS_CONNECTION, "what is to be declared cannot be sent: %s", strerror(-r));
        else if (!step_of(c)->send)
                is_open(a, c);
}

static void open_channel(struct amqp *a, struct channel *c) {
        c->step = 0;
        c->binding = 0;
        c->closing = false;
        connection_deadline(a, now_monotonic() + a->settings->connect_msec * NSEC_PER_MSEC);
        if (a->stage == STAGE_CHANNELS)
                send_step(a, c);
}

void channels_open(struct amqp *a) {
        for (size_t i = 0; i < BROKER_CHANNEL_MAX; i++) {
                struct channel *c = &a->channels[i];

                if (c->wanted && !c->opened && (c->step == 0 || !a->in_callback))
                        open_channel(a, c);
        }
}

static void take_answer(struct amqp *a, struct channel *c) {
        const struct step *step = step_of(c);

        if (!step->more || step->more(a, c) <= 0)
                c->step++;
        send_step(a, c);
}

/* ----- its end ----- */

void channel_lost(struct amqp *a, struct channel *c, enum broker_loss loss, const char *reason) {
        bool was_open = c->opened;

        content_done(c);
        c->opened = false;
        c->step = 0;
        if (was_open && a->callbacks->lost)
                a->callbacks->lost(userdata_of(a, c), c->which, loss, reason);
}

/* Again, on the same connection; or, when it keeps being refused, after the connection's wait. */
static void reopen(struct amqp *a, struct channel *c, enum broker_loss loss, const char *reason) {
        bool was_open = c->opened;

        channel_lost(a, c, loss, reason);
        if (a->failed)
                return;
        if (!was_open || ++c->refusals >= REFUSALS_MAX) {
                c->refusals = 0;
                connection_fail(a, BROKER_LOSS_CONNECTION, "%s", reason);
        } else if (a->stage == STAGE_CHANNELS)
                open_channel(a, c);
}

static void take_close(struct amqp *a, struct channel *c, void *method) {
        const amqp_channel_close_t *close = method;
        amqp_channel_close_ok_t ok = {0};
        char text[300], reason[AMQP_REASON_MAX];

        amqp_close_text(close->reply_code, close->reply_text, text, sizeof(text));
        (void) snprintf(reason, sizeof(reason), "the server refused what it was sent: %s", text);
        connection_send(a, channel_number(c), AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
        reopen(a, c, amqp_is_our_fault(close->reply_code) ? BROKER_LOSS_REFUSED : BROKER_LOSS_CONNECTION, reason);
}

/* The queue was deleted, or its node is gone. The channel has no other use, so it begins anew. */
static void take_cancel(struct amqp *a, struct channel *c, void *method) {
        amqp_channel_close_t close = {.reply_code = AMQP_REPLY_SUCCESS, .reply_text = codec_string("the consumer was cancelled")};

        if (c->which != BROKER_CONSUMER || !c->opened) {
                connection_fail(a, BROKER_LOSS_CONNECTION, "the server cancelled a consumer that there is not");
                return;
        }
        channel_lost(a, c, BROKER_LOSS_CANCELLED, "the server cancelled the consumer: its queue is gone");
        c->closing = true;
        connection_send(a, channel_number(c), AMQP_CHANNEL_CLOSE_METHOD, &close);
        connection_deadline(a, now_monotonic() + a->settings->connect_msec * NSEC_PER_MSEC);
}

/* ----- what comes on it ----- */

static void confirm(struct amqp *a, struct channel *c, uint64_t tag, bool multiple, bool ok) {
        c->refusals = 0;
        if (a->callbacks->confirmed)
                a->callbacks->confirmed(a->userdata, tag, multiple, ok);
}

static void take_ack(struct amqp *a, struct channel *c, void *method) {
        const amqp_basic_ack_t *ack = method;

        confirm(a, c, ack->delivery_tag, ack->multiple, true);
}

static void take_nack(struct amqp *a, struct channel *c, void *method) {
        const amqp_basic_nack_t *nack = method;

        confirm(a, c, nack->delivery_tag, nack->multiple, false);
}

static void take_content(struct amqp *a, struct channel *c, amqp_method_number_t number, void *method) {
        int r = content_begin(a, c, number, method);

        if (r < 0)
                connection_fail(a, BROKER_LOSS_CONNECTION, "a message that nobody can take: %s", strerror(-r));
}

static void take_flow(struct amqp *a, struct channel *c, void *method) {
        amqp_channel_flow_ok_t ok = {.active = ((const amqp_channel_flow_t *) method)->active};

        /* RabbitMQ has not sent it for years; what it asks is asked by connection.blocked, too. */
        connection_send(a, channel_number(c), AMQP_CHANNEL_FLOW_OK_METHOD, &ok);
}

static bool is_publisher(const struct channel *c) {
        return c->which == BROKER_PUBLISHER && c->opened;
}

void channel_method(struct amqp *a, struct channel *c, amqp_method_number_t number, void *method) {
        if (a->stage < STAGE_CHANNELS || !c->wanted || c->incoming.wants != INCOMING_NONE)
                connection_fail(a, BROKER_LOSS_CONNECTION, "the server sent %s where nobody expects it",
                                strempty(amqp_method_name(number)));
        else if (c->closing && number == AMQP_CHANNEL_CLOSE_OK_METHOD)
                open_channel(a, c);
        else if (number == AMQP_CHANNEL_CLOSE_METHOD)
                take_close(a, c, method);
        else if (c->closing || a->stage == STAGE_GOODBYE)
                return; /* what was on its way */
        else if (!c->opened && step_of(c)->answer == number)
                take_answer(a, c);
        else if (number == AMQP_BASIC_ACK_METHOD && is_publisher(c))
                take_ack(a, c, method);
        else if (number == AMQP_BASIC_NACK_METHOD && is_publisher(c))
                take_nack(a, c, method);
        else if ((number == AMQP_BASIC_RETURN_METHOD && is_publisher(c)) ||
                 (number == AMQP_BASIC_DELIVER_METHOD && c->which == BROKER_CONSUMER))
                take_content(a, c, number, method);
        else if (number == AMQP_BASIC_CANCEL_METHOD)
                take_cancel(a, c, method);
        else if (number == AMQP_CHANNEL_FLOW_METHOD)
                take_flow(a, c, method);
        else
                connection_fail(a, BROKER_LOSS_CONNECTION, "the server sent %s where nobody expects it",
                                strempty(amqp_method_name(number)));
}

/* ----- what goes on it ----- */

static int add_message(struct amqp *a, const struct broker_message *m, amqp_basic_properties_t *properties) {
        amqp_basic_publish_t publish = {.exchange = codec_string(a->settings->exchange),
                                        .routing_key = codec_string(m->routing_key)};
        unsigned number = channel_number(&a->channels[BROKER_PUBLISHER]);
        size_t before = buffer_size(&a->out);
        int r;

        r = frame_add_method(&a->out, number, a->frame_max, AMQP_BASIC_PUBLISH_METHOD, &publish);
        if (r >= 0)
                r = frame_add_content(&a->out, number, a->frame_max, properties, m->body, m->body_size);
        if (r < 0)
                a->out.end = a->out.begin + before;
        return r;
}

int channel_publish(struct broker *b, const struct broker_message *m) {
        struct amqp *a = amqp_of(b);
        amqp_pool_t pool;
        amqp_basic_properties_t properties = {
                ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | AMQP_BASIC_HEADERS_FLAG |
                          AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG,
                .content_type = codec_string("application/json"),
                .content_encoding = codec_string("utf-8"),
                .delivery_mode = PERSISTENT,
                .message_id = codec_string(m->message_id),
        };
        int r;

        if (broker_room(b) == 0)
                return -EAGAIN;
        if (strlen(m->routing_key) > SHORT_TEXT_MAX || strlen(m->message_id) > SHORT_TEXT_MAX)
                return -ENAMETOOLONG;
        /* Not the connection's: the frame that we may be in the midst of is in that one. */
        init_amqp_pool(&pool, 4096);
        r = table_from_json(m->headers, &pool, &properties.headers);
        if (r >= 0)
                r = add_message(a, m, &properties);
        empty_amqp_pool(&pool);
        return r < 0 ? r : connection_flush_soon(a);
}

int channel_answer(struct broker *b, unsigned epoch, uint64_t tag, bool ack, bool requeue) {
        struct amqp *a = amqp_of(b);
        struct channel *c = &a->channels[BROKER_CONSUMER];
        amqp_basic_ack_t acked = {.delivery_tag = tag};
        amqp_basic_reject_t rejected = {.delivery_tag = tag, .requeue = requeue};

        if (!c->opened || c->epoch != epoch || a->failed || a->stage != STAGE_CHANNELS)
                return -ESTALE;
        c->refusals = 0;
        connection_send(a, channel_number(c), ack ? AMQP_BASIC_ACK_METHOD : AMQP_BASIC_REJECT_METHOD,
                        ack ? (void *) &acked : (void *) &rejected);
        return 0;
}
