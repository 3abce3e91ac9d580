/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the driver shows to its users: workers/relay/broker.h. */
#include "workers/relay/amqp/amqp.h"

static int driver_start(struct broker *b) {
        struct amqp *a = amqp_of(b);

        if (a->state != BROKER_OFF)
                return -EALREADY;
        connection_begin(a);
        return 0;
}

static void driver_free(struct broker *b) {
        struct amqp *a = amqp_of(b);
        static const struct broker_callbacks nobody;

        a->callbacks = &nobody;
        connection_done(a);
        free(a);
}

extern const struct broker_driver broker_driver;

static int driver_new(sd_event *event, const struct broker_settings *settings, const struct broker_callbacks *callbacks,
                      void *userdata, struct broker **ret) {
        struct amqp *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        *a = (struct amqp) {
                .broker = {.driver = &broker_driver},
                .event = event,
                .settings = settings,
                .callbacks = callbacks,
                .userdata = userdata,
                .channels = {{.which = BROKER_PUBLISHER, .wanted = true}, {.which = BROKER_CONSUMER}},
        };
        r = connection_init(a);
        if (r < 0) {
                driver_free(&a->broker);
                return r;
        }
        *ret = &a->broker;
        return 0;
}

static void driver_reconnect(struct broker *b, const char *reason) {
        struct amqp *a = amqp_of(b);

        if (a->stage != STAGE_NONE && a->state != BROKER_CLOSING)
                connection_fail(a, BROKER_LOSS_CONNECTION, "%s", reason);
}

static int driver_subscribe(struct broker *b, const struct broker_queue *queue, void *userdata) {
        struct amqp *a = amqp_of(b);

        if (a->queue)
                return -EALREADY;
        a->queue = queue;
        a->queue_userdata = userdata;
        a->channels[BROKER_CONSUMER].wanted = true;
        if (a->stage == STAGE_CHANNELS)
                channels_open(a);
        return 0;
}

static size_t driver_room(const struct broker *b) {
        struct amqp *a = amqp_of(b);
        size_t queued = buffer_size(&a->out);

        if (!a->channels[BROKER_PUBLISHER].opened || a->blocked || a->failed || a->state == BROKER_CLOSING ||
            queued >= AMQP_OUT_MAX) {
                a->room_wanted = true;
                return 0;
        }
        return AMQP_OUT_MAX - queued;
}

static void driver_flush(struct broker *b) {
        connection_push(amqp_of(b));
}

static void driver_status(const struct broker *b, struct broker_status *ret) {
        const struct amqp *a = amqp_of(b);

        *ret = (struct broker_status) {
                .state = a->state,
                .reason = a->reason,
                .since = a->since_wall,
                .retry_at = a->retry_at,
                .connects = a->connects,
                .failures = a->failures,
                .channels = {a->channels[BROKER_PUBLISHER].opened, a->channels[BROKER_CONSUMER].opened},
        };
        (void) strcopy(ret->server, sizeof(ret->server), a->server);
}

static void driver_close(struct broker *b, uint64_t deadline) {
        struct amqp *a = amqp_of(b);
        amqp_connection_close_t close = {.reply_code = AMQP_REPLY_SUCCESS, .reply_text = codec_string("goodbye")};

        if (a->state == BROKER_OFF || a->state == BROKER_CLOSING)
                return;
        if (a->stage != STAGE_CHANNELS) {
                connection_end(a, "");
                return;
        }
        connection_state(a, BROKER_CLOSING, "");
        a->stage = STAGE_GOODBYE;
        connection_send(a, 0, AMQP_CONNECTION_CLOSE_METHOD, &close);
        connection_deadline(a, deadline);
}

__attribute__((__visibility__("default"))) const struct broker_driver broker_driver = {
        .abi = BROKER_DRIVER_ABI,
        .new = driver_new,
        .free = driver_free,
        .start = driver_start,
        .reconnect = driver_reconnect,
        .subscribe = driver_subscribe,
        .room = driver_room,
        .publish = channel_publish,
        .flush = driver_flush,
        .answer = channel_answer,
        .status = driver_status,
        .close = driver_close,
};
