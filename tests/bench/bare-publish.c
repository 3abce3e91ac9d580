/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The measure of the relay: rabbitmq-c publishing the same persistent event again and again, with confirms and a window, as
 * its own examples do, blocking where it blocks.
 *
 *     bench-bare-publish PORT USER PASSWORD EXCHANGE ROUTING-KEY COUNT WINDOW HEADER=VALUE... < BODY
 *
 * Exit status 0 when all of them are confirmed.
 */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHANNEL 1
#define HEADERS_MAX 16
#define BODY_MAX 65536

struct bench {
        amqp_connection_state_t connection;
        amqp_table_entry_t headers[HEADERS_MAX];
        amqp_basic_properties_t properties;
        uint64_t published, confirmed, low; /* all up to low are confirmed */
        bool *is_confirmed;
};

static int fail(const char *what) {
        (void) fprintf(stderr, "bench-bare-publish: %s\n", what);
        return EXIT_FAILURE;
}

static int log_in(struct bench *b, int port, const char *user, const char *password) {
        amqp_socket_t *socket;

        b->connection = amqp_new_connection();
        socket = b->connection ? amqp_tcp_socket_new(b->connection) : NULL;
        if (!socket || amqp_socket_open(socket, "127.0.0.1", port) != AMQP_STATUS_OK)
                return -1;
        if (amqp_login(b->connection, "/", 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN, user, password).reply_type !=
            AMQP_RESPONSE_NORMAL)
                return -1;
        if (!amqp_channel_open(b->connection, CHANNEL) || !amqp_confirm_select(b->connection, CHANNEL))
                return -1;
        return 0;
}

/* NAME=VALUE; "true" is the boolean. */
static void set_headers(struct bench *b, char **words, int n) {
        for (int i = 0; i < n && i < HEADERS_MAX; i++) {
                char *value = strchr(words[i], '=');
                amqp_table_entry_t *entry = &b->headers[i];

                if (!value)
                        continue;
                *value++ = 0;
                entry->key = amqp_cstring_bytes(words[i]);
                if (strcmp(value, "true") == 0) {
                        entry->value.kind = AMQP_FIELD_KIND_BOOLEAN;
                        entry->value.value.boolean = 1;
                } else {
                        entry->value.kind = AMQP_FIELD_KIND_UTF8;
                        entry->value.value.bytes = amqp_cstring_bytes(value);
                }
                b->properties.headers.num_entries = i + 1;
        }
        b->properties.headers.entries = b->headers;
        b->properties.content_type = amqp_cstring_bytes("application/json");
        b->properties.content_encoding = amqp_cstring_bytes("utf-8");
        b->properties.delivery_mode = 2;
        b->properties._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG |
                               AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG;
}

/* Waits for one confirm, of one message or several. */
static int take_confirm(struct bench *b) {
        amqp_frame_t frame;
        const amqp_basic_ack_t *ack;

        amqp_maybe_release_buffers(b->connection);
        if (amqp_simple_wait_frame(b->connection, &frame) != AMQP_STATUS_OK || frame.frame_type != AMQP_FRAME_METHOD ||
            frame.payload.method.id != AMQP_BASIC_ACK_METHOD)
                return -1;
        ack = frame.payload.method.decoded;
        if (ack->delivery_tag > b->published)
                return -1;
        for (uint64_t tag = ack->multiple ? b->low + 1 : ack->delivery_tag; tag <= ack->delivery_tag; tag++) {
                b->confirmed += !b->is_confirmed[tag];
                b->is_confirmed[tag] = true;
        }
        while (b->low < b->published && b->is_confirmed[b->low + 1])
                b->low++;
        return 0;
}

int main(int argc, char **argv) {
        static char body[BODY_MAX];
        struct bench b = {0};
        uint64_t count, window;
        char message_id[64];
        size_t size;

        if (argc < 8)
                return fail("PORT USER PASSWORD EXCHANGE ROUTING-KEY COUNT WINDOW HEADER=VALUE...");
        size = fread(body, 1, sizeof(body), stdin);
        count = strtoull(argv[6], NULL, 10);
        window = strtoull(argv[7], NULL, 10);
        b.is_confirmed = calloc(count + 2, sizeof(*b.is_confirmed));
        if (!b.is_confirmed)
                return fail("no memory");
        if (log_in(&b, atoi(argv[1]), argv[2], argv[3]) < 0)
                return fail("cannot log in");
        set_headers(&b, argv + 8, argc - 8);
        while (b.confirmed < count) {
                if (b.published < count && b.published - b.confirmed < window) {
                        (void) snprintf(message_id, sizeof(message_id), "wazo-confd/%llu", (unsigned long long) ++b.published);
                        b.properties.message_id = amqp_cstring_bytes(message_id);
                        if (amqp_basic_publish(b.connection, CHANNEL, amqp_cstring_bytes(argv[4]),
                                               amqp_cstring_bytes(argv[5]), 0, 0, &b.properties,
                                               (amqp_bytes_t) {.len = size, .bytes = body}) != AMQP_STATUS_OK)
                                return fail("cannot publish");
                } else if (take_confirm(&b) < 0)
                        return fail("no confirm came");
        }
        (void) amqp_connection_close(b.connection, AMQP_REPLY_SUCCESS);
        (void) amqp_destroy_connection(b.connection);
        free(b.is_confirmed);
        return EXIT_SUCCESS;
}
