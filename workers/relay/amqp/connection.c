/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection after the other: opening, bytes in and out, heartbeats, and the wait for the next. */
#include <stdarg.h>
#include <stdio.h>

#include "workers/relay/amqp/amqp.h"

#define BACKOFF_BASE_MSEC 500
#define BACKOFF_CAP_MSEC 30000
/* A connection that was good for so long: what comes after it is a first failure. */
#define HEALTHY_NSEC (5 * NSEC_PER_SEC)
/* Of a silent address, so that the next has its chance. */
#define ADDRESS_NSEC (2 * NSEC_PER_SEC)
/* Bytes of one turn of the loop, so that a talkative server leaves room for others. */
#define TURN_BYTES (512U * 1024)
#define READ_BYTES (32U * 1024)
#define POOL_PAGE 4096

/* ----- the state ----- */

/* One attempt after the other is one absence. */
static bool is_away(enum broker_state state) {
        return state == BROKER_CONNECTING || state == BROKER_BACKOFF;
}

/* With the reason that stands there. */
static void tell_state(struct amqp *a, enum broker_state state) {
        if (a->state != state && !(is_away(a->state) && is_away(state)))
                a->since_wall = now_realtime();
        a->state = state;
        if (a->callbacks->changed)
                a->callbacks->changed(a->userdata, state, a->reason);
}

void connection_state(struct amqp *a, enum broker_state state, const char *reason) {
        if (a->state == state && streq(a->reason, reason))
                return;
        (void) strcopy(a->reason, sizeof(a->reason), reason);
        tell_state(a, state);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        struct amqp *a = userdata;

        if (a->state == BROKER_CLOSING)
                connection_end(a, "");
        else
                connection_fail(a, BROKER_LOSS_CONNECTION, "%s:%u: %s for %llu ms", a->settings->host, a->settings->port,
                                a->stage == STAGE_TRANSPORT ? "no connection" : "the server was silent while we logged in",
                                (unsigned long long) a->settings->connect_msec);
        return 0;
}

void connection_deadline(struct amqp *a, uint64_t at) {
        a->deadline = sd_event_source_disable_unref(a->deadline);
        if (at != NSEC_NEVER &&
            sd_event_add_time(a->event, &a->deadline, CLOCK_MONOTONIC, at / NSEC_PER_USEC, 0, on_deadline, a) < 0)
                connection_fail(a, BROKER_LOSS_CONNECTION, "out of memory");
}

/* ----- its end ----- */

static void drop(struct amqp *a, enum broker_loss loss, const char *reason) {
        for (size_t i = 0; i < BROKER_CHANNEL_MAX; i++)
                channel_lost(a, &a->channels[i], loss, reason);
        a->transport = transport_free(a->transport);
        a->deadline = sd_event_source_disable_unref(a->deadline);
        a->beat = sd_event_source_disable_unref(a->beat);
        a->retry = sd_event_source_disable_unref(a->retry);
        (void) sd_event_source_set_enabled(a->flush, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(a->more, SD_EVENT_OFF);
        buffer_done(&a->out);
        empty_amqp_pool(&a->pool);
        init_amqp_pool(&a->pool, POOL_PAGE);
        free(a->in);
        a->in = NULL;
        a->in_size = 0;
        a->stage = STAGE_NONE;
        a->blocked = a->failed = false;
        a->retry_at = 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        connection_begin(userdata);
        return 0;
}

static void retry_later(struct amqp *a) {
        bool failed;

        if (a->ready_at > 0 && now_monotonic() - a->ready_at > HEALTHY_NSEC)
                a->failures = 0;
        a->ready_at = 0;
        a->failures += a->failures < UINT32_MAX;
        a->retry_at = now_monotonic() + backoff_wait(&a->backoff, a->failures, backoff_random(), &failed);
        /* Never called back from within: the first retry is at once, but in a turn of its own. */
        if (sd_event_add_time(a->event, &a->retry, CLOCK_MONOTONIC, a->retry_at / NSEC_PER_USEC, 0, on_retry, a) < 0)
                (void) sd_event_exit(a->event, -ENOMEM);
}

static void fail_now(struct amqp *a, enum broker_loss loss) {
        char reason[AMQP_REASON_MAX];
        bool closing = a->state == BROKER_CLOSING;

        (void) strcopy(reason, sizeof(reason), a->reason);
        drop(a, loss, reason);
        if (closing) {
                connection_state(a, BROKER_OFF, "");
                return;
        }
        retry_later(a);
        (void) strcopy(a->reason, sizeof(a->reason), reason);
        tell_state(a, BROKER_BACKOFF);
}

void connection_fail(struct amqp *a, enum broker_loss loss, const char *format, ...) {
        va_list ap;

        if (a->failed)
                return;
        va_start(ap, format);
        (void) vsnprintf(a->reason, sizeof(a->reason), format, ap);
        va_end(ap);
        /* Who is called from the midst of a frame still holds what would be freed. */
        a->failed = true;
        a->failed_loss = loss;
        if (!a->in_callback)
                fail_now(a, loss);
}

void connection_end(struct amqp *a, const char *reason) {
        drop(a, BROKER_LOSS_CONNECTION, reason);
        connection_state(a, BROKER_OFF, reason);
}

/* ----- out ----- */

static void tell_room(struct amqp *a) {
        if (!a->room_wanted || buffer_size(&a->out) > AMQP_OUT_MAX / 2 || a->blocked || !a->channels[BROKER_PUBLISHER].opened)
                return;
        a->room_wanted = false;
        if (a->callbacks->room)
                a->callbacks->room(a->userdata);
}

static void flush(struct amqp *a) {
        while (buffer_size(&a->out) > 0) {
                ssize_t n = transport_write(a->transport, buffer_data(&a->out), buffer_size(&a->out));

                if (n == -EAGAIN)
                        break;
                if (n < 0) {
                        connection_fail(a, BROKER_LOSS_CONNECTION, "the connection broke: %s", transport_error(a->transport));
                        return;
                }
                a->sent = true;
                buffer_take(&a->out, (size_t) n);
        }
        if (transport_want_write(a->transport, buffer_size(&a->out) > 0) < 0)
                connection_fail(a, BROKER_LOSS_CONNECTION, "out of memory");
        else
                tell_room(a);
}

/* An error comes again at the end of the turn, where it can be told. */
void connection_push(struct amqp *a) {
        ssize_t n;

        if (!a->transport || a->failed || a->stage <= STAGE_TRANSPORT || buffer_size(&a->out) == 0)
                return;
        n = transport_write(a->transport, buffer_data(&a->out), buffer_size(&a->out));
        if (n > 0) {
                a->sent = true;
                buffer_take(&a->out, (size_t) n);
        }
}

static int on_flush(sd_event_source *source, void *userdata) {
        struct amqp *a = userdata;

        if (a->transport && a->stage > STAGE_TRANSPORT)
                flush(a);
        return 0;
}

int connection_flush_soon(struct amqp *a) {
        return sd_event_source_set_enabled(a->flush, SD_EVENT_ONESHOT);
}

void connection_send(struct amqp *a, unsigned channel, amqp_method_number_t number, void *method) {
        int r = frame_add_method(&a->out, channel, a->frame_max, number, method);

        if (r >= 0)
                r = connection_flush_soon(a);
        if (r < 0)
                connection_fail(a, BROKER_LOSS_CONNECTION, "method %#x cannot be sent: %s", (unsigned) number, strerror(-r));
}

/* ----- in ----- */

static int take_method(struct amqp *a, const struct frame *f) {
        amqp_method_number_t number;
        void *method;
        int r = frame_decode_method(f, &a->pool, &number, &method);

        if (r < 0)
                return r;
        if (f->channel == 0)
                login_method(a, number, method);
        else
                channel_method(a, &a->channels[f->channel - 1], number, method);
        return 0;
}

static int take_frame(struct amqp *a, const struct frame *f) {
        struct channel *c;

        if (f->type == AMQP_FRAME_HEARTBEAT)
                return f->channel == 0 ? 0 : -EBADMSG;
        if (f->channel > BROKER_CHANNEL_MAX)
                return -EBADMSG;
        if (f->type == AMQP_FRAME_METHOD)
                return take_method(a, f);
        if (f->channel == 0)
                return -EBADMSG;
        c = &a->channels[f->channel - 1];
        return f->type == AMQP_FRAME_HEADER ? content_header(a, c, f) : content_body(a, c, f);
}

static void tell_garbage(struct amqp *a, int error) {
        if (error == -EPROTONOSUPPORT)
                connection_fail(a, BROKER_LOSS_CONNECTION, "%s:%u speaks another version of AMQP than 0-9-1",
                                a->settings->host, a->settings->port);
        else if (a->stage <= STAGE_START)
                connection_fail(a, BROKER_LOSS_CONNECTION, "%s:%u does not speak AMQP", a->settings->host, a->settings->port);
        else
                connection_fail(a, BROKER_LOSS_CONNECTION, "the server sent what is no AMQP: %s", strerror(-error));
}

/* All whole frames of what was read. 0, or 1 when the connection failed meanwhile. */
static int take_frames(struct amqp *a) {
        size_t at = 0;
        int r;

        do {
                struct frame f;
                size_t used;

                r = frame_parse(a->in + at, a->in_size - at, FRAME_SIZE_MAX, &f, &used);
                if (r <= 0)
                        break;
                a->in_callback = true;
                r = take_frame(a, &f);
                a->in_callback = false;
                recycle_amqp_pool(&a->pool);
                if (a->failed) {
                        fail_now(a, a->failed_loss);
                        return 1;
                }
                at += used;
        } while (r >= 0 && a->stage != STAGE_NONE);
        if (a->stage == STAGE_NONE)
                return 1;
        if (r < 0) {
                tell_garbage(a, r);
                return 1;
        }
        a->in_size -= at;
        if (at > 0 && a->in_size > 0)
                memmove(a->in, a->in + at, a->in_size);
        return 0;
}

static void receive(struct amqp *a) {
        size_t total = 0;

        while (total < TURN_BYTES) {
                ssize_t n = transport_read(a->transport, a->in + a->in_size, MIN((size_t) READ_BYTES, FRAME_SIZE_MAX - a->in_size));

                if (n == -EAGAIN)
                        return;
                if (n <= 0) {
                        connection_fail(a, BROKER_LOSS_CONNECTION, "%s: %s",
                                        a->stage <= STAGE_OPEN ? "the server hung up while we logged in" : "the connection broke",
                                        n == 0 ? "end of the stream" : transport_error(a->transport));
                        return;
                }
                a->received = true;
                a->in_size += (size_t) n;
                total += (size_t) n;
                if (take_frames(a) > 0)
                        return;
        }
        /* TLS may hold more, of which the socket does not tell. */
        if (sd_event_source_set_enabled(a->more, SD_EVENT_ONESHOT) < 0)
                connection_fail(a, BROKER_LOSS_CONNECTION, "out of memory");
}

static int on_more(sd_event_source *source, void *userdata) {
        struct amqp *a = userdata;

        if (a->transport && a->stage > STAGE_TRANSPORT)
                receive(a);
        return 0;
}

static void on_ready(void *userdata, bool readable, bool writable) {
        struct amqp *a = userdata;

        if (writable)
                flush(a);
        if (readable && a->stage != STAGE_NONE)
                receive(a);
}

/* ----- heartbeats ----- */

static int on_beat(sd_event_source *source, uint64_t usec, void *userdata) {
        struct amqp *a = userdata;

        a->silent = a->received ? 0 : a->silent + 1;
        if (a->silent >= 4) { /* half a heartbeat each */
                connection_fail(a, BROKER_LOSS_CONNECTION, "no sign of life of the server for %u s", 2 * a->heartbeat);
                return 0;
        }
        if (!a->sent && buffer_size(&a->out) == 0 && (frame_add_heartbeat(&a->out) < 0 || connection_flush_soon(a) < 0)) {
                connection_fail(a, BROKER_LOSS_CONNECTION, "out of memory");
                return 0;
        }
        a->sent = a->received = false;
        return connection_beat(a);
}

int connection_beat(struct amqp *a) {
        uint64_t usec = (uint64_t) a->heartbeat * 1000000 / 2;

        a->beat = sd_event_source_disable_unref(a->beat);
        if (usec == 0)
                return 0;
        return sd_event_add_time_relative(a->event, &a->beat, CLOCK_MONOTONIC, usec, usec / 20, on_beat, a);
}

/* ----- opening ----- */

static void on_opened(void *userdata) {
        login_begin(userdata);
}

static void on_failed(void *userdata) {
        struct amqp *a = userdata;

        connection_fail(a, BROKER_LOSS_CONNECTION, "%s", transport_error(a->transport));
}

void connection_begin(struct amqp *a) {
        static const struct transport_callbacks callbacks = {.opened = on_opened, .ready = on_ready, .failed = on_failed};
        int r;

        a->retry = sd_event_source_disable_unref(a->retry);
        a->retry_at = 0;
        a->frame_max = FRAME_SIZE_LEAST;
        a->sent = a->received = false;
        a->silent = 0;
        a->in = malloc(FRAME_SIZE_MAX);
        a->stage = STAGE_TRANSPORT;
        /* The old reason stays, until it is known better. */
        tell_state(a, BROKER_CONNECTING);
        r = a->in ? transport_open(a->event, &a->transport_settings, &callbacks, a, &a->transport) : -ENOMEM;
        if (r < 0)
                connection_fail(a, BROKER_LOSS_CONNECTION, "%s:%u: %s", a->settings->host, a->settings->port, strerror(-r));
        else
                connection_deadline(a, now_monotonic() + a->settings->connect_msec * NSEC_PER_MSEC);
}

/* ----- life ----- */

static int add_deferred(struct amqp *a, sd_event_source **ret, sd_event_handler_t handler) {
        int r = sd_event_add_defer(a->event, ret, handler, a);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int connection_init(struct amqp *a) {
        int r;

        init_amqp_pool(&a->pool, POOL_PAGE);
        a->since_wall = now_realtime();
        a->backoff = (struct backoff) {.base_msec = BACKOFF_BASE_MSEC, .cap_msec = BACKOFF_CAP_MSEC};
        a->transport_settings = (struct transport_settings) {
                .host = a->settings->host,
                .port = a->settings->port,
                .tls = a->settings->tls,
                .verify = a->settings->verify,
                .ca = a->settings->ca,
                .certificate = a->settings->certificate,
                .key = a->settings->key,
                .address_nsec = ADDRESS_NSEC,
        };
        r = add_deferred(a, &a->flush, on_flush);
        return r < 0 ? r : add_deferred(a, &a->more, on_more);
}

void connection_done(struct amqp *a) {
        drop(a, BROKER_LOSS_CONNECTION, "");
        empty_amqp_pool(&a->pool);
        a->flush = sd_event_source_disable_unref(a->flush);
        a->more = sd_event_source_disable_unref(a->more);
}
