/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames of AMQP 0-9-1: taking them out of what came, and putting methods and messages into them. Pure: bytes in, bytes
 * out. What is inside a method or a properties frame rabbitmq-c encodes and decodes; before it decodes, the depth of the
 * tables inside is checked, because it follows them down without a limit.
 */
#pragma once

#include "workers/relay/amqp/buffer.h"
#include "workers/relay/amqp/codec.h"

#define FRAME_OVERHEAD 8                /* type, channel, size; and the end */
#define FRAME_SIZE_MAX (128U * 1024)    /* what we agree to, overhead included; kombu's default */
#define FRAME_SIZE_LEAST 4096U          /* what the protocol promises */
#define FRAME_TABLE_DEPTH_MAX 16

struct frame {
        unsigned type, channel; /* AMQP_FRAME_METHOD, ... */
        const uint8_t *payload;
        size_t size;
};

/* What a content header says. */
struct frame_content {
        uint64_t body_size;
        amqp_basic_properties_t *properties; /* in the pool */
};

/*
 * The frame at the beginning of @size bytes, at most @max long. 1, *ret and how many bytes it took; 0: not all of it is there
 * yet; -EBADMSG: this is no frame; -EPROTONOSUPPORT: the server speaks another version of the protocol; -EMSGSIZE.
 */
int frame_parse(const uint8_t *data, size_t size, size_t max, struct frame *ret, size_t *ret_used) _must_check_;

/* A method frame's method. Its structure, in the pool, points into the frame too. -EBADMSG, -ENOMEM. */
int frame_decode_method(const struct frame *f, amqp_pool_t *pool, amqp_method_number_t *ret_number, void **ret_method) _must_check_;
/* A header frame's. The same. */
int frame_decode_content(const struct frame *f, amqp_pool_t *pool, struct frame_content *ret) _must_check_;

/* Appends a method. Nothing is appended on an error: -E2BIG when it is no frame of @max bytes, -EINVAL, -ENOMEM. */
int frame_add_method(struct buffer *b, unsigned channel, size_t max, amqp_method_number_t number, void *method) _must_check_;
/* Appends a content: header and body, in as many frames as it takes. */
int frame_add_content(struct buffer *b, unsigned channel, size_t max, amqp_basic_properties_t *properties, const void *body,
                      size_t size) _must_check_;
int frame_add_heartbeat(struct buffer *b) _must_check_;

/* The eight bytes that a client begins with. */
int frame_add_protocol(struct buffer *b) _must_check_;

/* Checks that a field table of @size bytes, its own length included, is well-formed and not nested too deeply. Its
 * length, or -EBADMSG. */
ssize_t frame_check_table(const uint8_t *data, size_t size) _must_check_;
