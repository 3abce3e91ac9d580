/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "monit/publish.h"

#include <stdio.h>
#include <sys/time.h>

#if __has_include(<rabbitmq-c/amqp.h>)
#  include <rabbitmq-c/amqp.h>
#  include <rabbitmq-c/tcp_socket.h>
#else /* before 0.12 */
#  include <amqp.h>
#  include <amqp_tcp_socket.h>
#endif

#define CHANNEL 1
#define LIMIT_NSEC (10 * NSEC_PER_SEC)
#define FRAME_MAX 131072
#define HEADERS_MAX 16
#define PERSISTENT 2

struct publisher {
        amqp_connection_state_t connection; /* owns its socket */
        const struct publish_settings *settings;
        uint64_t deadline;
};

/* What is left of the time; never nothing, which would mean no limit. */
static struct timeval time_left(const struct publisher *p) {
        uint64_t now = now_monotonic(), left = p->deadline > now ? p->deadline - now : NSEC_PER_MSEC;

        return (struct timeval) {.tv_sec = (time_t) (left / NSEC_PER_SEC),
                                 .tv_usec = (suseconds_t) (left % NSEC_PER_SEC / NSEC_PER_USEC)};
}

static int fail(char *reterr, const char *what, const char *why) {
        (void) snprintf(reterr, PUBLISH_ERROR_SIZE, "%s: %s", what, why);
        return -EIO;
}

static int check_reply(amqp_rpc_reply_t reply, const char *what, char *reterr) {
        if (reply.reply_type == AMQP_RESPONSE_NORMAL)
                return 0;
        if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
                return fail(reterr, what, amqp_error_string2(reply.library_error));
        return fail(reterr, what, "RabbitMQ refuses it");
}

static int log_in(struct publisher *p, char *reterr) {
        const struct publish_settings *s = p->settings;
        amqp_socket_t *socket = amqp_tcp_socket_new(p->connection);
        struct timeval limit = time_left(p);
        int r;

        if (!socket)
                return -ENOMEM;
        r = amqp_socket_open_noblock(socket, s->host, (int) s->port, &limit);
        if (r != AMQP_STATUS_OK)
                return fail(reterr, "no connection", amqp_error_string2(r));
        limit = time_left(p);
        if (amqp_set_handshake_timeout(p->connection, &limit) != AMQP_STATUS_OK ||
            amqp_set_rpc_timeout(p->connection, &limit) != AMQP_STATUS_OK)
                return -ENOMEM;
        return check_reply(amqp_login(p->connection, s->vhost, 0, FRAME_MAX, 0, AMQP_SASL_METHOD_PLAIN, s->username,
                                      s->password),
                           "login", reterr);
}

static int prepare(struct publisher *p, char *reterr) {
        int r;

        (void) amqp_channel_open(p->connection, CHANNEL);
        r = check_reply(amqp_get_rpc_reply(p->connection), "channel", reterr);
        if (r < 0)
                return r;
        (void) amqp_exchange_declare(p->connection, CHANNEL, amqp_cstring_bytes(p->settings->exchange),
                                     amqp_cstring_bytes("headers"), 0, 1, 0, 0, amqp_empty_table);
        r = check_reply(amqp_get_rpc_reply(p->connection), "exchange", reterr);
        if (r < 0)
                return r;
        (void) amqp_confirm_select(p->connection, CHANNEL);
        return check_reply(amqp_get_rpc_reply(p->connection), "confirms", reterr);
}

int publisher_new(const struct publish_settings *s, char reterr[PUBLISH_ERROR_SIZE], struct publisher **ret) {
        struct publisher *p = calloc(1, sizeof(*p));
        int r;

        (void) strcopy(reterr, PUBLISH_ERROR_SIZE, "no memory");
        if (!p)
                return -ENOMEM;
        *p = (struct publisher) {.connection = amqp_new_connection(), .settings = s, .deadline = now_monotonic() + LIMIT_NSEC};
        r = p->connection ? log_in(p, reterr) : -ENOMEM;
        if (r >= 0)
                r = prepare(p, reterr);
        if (r < 0) {
                publisher_free(p);
                return r;
        }
        *ret = p;
        return 0;
}

void publisher_free(struct publisher *p) {
        if (!p)
                return;
        if (p->connection)
                (void) amqp_destroy_connection(p->connection);
        free(p);
}

/* The one message that is under way is acknowledged, or refused. */
static int wait_confirm(struct publisher *p, char *reterr) {
        while (now_monotonic() < p->deadline) {
                struct timeval limit = time_left(p);
                amqp_frame_t frame;
                int r = amqp_simple_wait_frame_noblock(p->connection, &frame, &limit);

                if (r != AMQP_STATUS_OK)
                        return fail(reterr, "no confirm", amqp_error_string2(r));
                if (frame.frame_type != AMQP_FRAME_METHOD)
                        continue;
                if (frame.payload.method.id == AMQP_BASIC_ACK_METHOD)
                        return 0;
                if (frame.payload.method.id == AMQP_BASIC_NACK_METHOD || frame.payload.method.id == AMQP_CHANNEL_CLOSE_METHOD ||
                    frame.payload.method.id == AMQP_CONNECTION_CLOSE_METHOD)
                        return fail(reterr, "publish", "RabbitMQ refuses it");
        }
        return fail(reterr, "no confirm", "in time");
}

static size_t make_headers(const json_t *headers, amqp_table_entry_t entries[HEADERS_MAX]) {
        const char *key;
        json_t *value;
        size_t n = 0;

        json_object_foreach((json_t *) headers, key, value)
                if (json_is_string(value) && n < HEADERS_MAX)
                        entries[n++] = (amqp_table_entry_t) {.key = amqp_cstring_bytes(key),
                                                             .value = {.kind = AMQP_FIELD_KIND_UTF8,
                                                                       .value.bytes = amqp_cstring_bytes(
                                                                               json_string_value(value))}};
        return n;
}

int publisher_send(struct publisher *p, const json_t *message, char reterr[PUBLISH_ERROR_SIZE]) {
        const char *key = json_string_value(json_object_get(message, "routing_key"));
        const char *id = json_string_value(json_object_get(message, "message_id"));
        _cleanup_free_ char *body = json_dumps(json_object_get(message, "body"), JSON_COMPACT);
        amqp_table_entry_t entries[HEADERS_MAX];
        amqp_basic_properties_t properties = {
                ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                          AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_HEADERS_FLAG,
                .content_type = amqp_cstring_bytes("application/json"),
                .content_encoding = amqp_cstring_bytes("utf-8"),
                .delivery_mode = PERSISTENT,
        };
        int r;

        if (!key || !id || !body)
                return -EBADMSG;
        properties.message_id = amqp_cstring_bytes(id);
        properties.headers.entries = entries;
        properties.headers.num_entries = (int) make_headers(json_object_get(message, "headers"), entries);
        r = amqp_basic_publish(p->connection, CHANNEL, amqp_cstring_bytes(p->settings->exchange),
                               amqp_cstring_bytes(key), 0, 0, &properties, amqp_cstring_bytes(body));
        if (r != AMQP_STATUS_OK)
                return fail(reterr, "publish", amqp_error_string2(r));
        return wait_confirm(p, reterr);
}
