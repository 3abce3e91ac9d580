/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/amqp/frame.h"

#define FRAME_HEAD 7
#define CLASS_BASIC 60
/* class, weight, size of the body; the properties begin behind it */
#define CONTENT_HEAD 12

static const uint8_t protocol[] = {'A', 'M', 'Q', 'P', 0, 0, 9, 1};

static uint16_t get_u16(const uint8_t *p) {
        return (uint16_t) (p[0] << 8 | p[1]);
}

static uint32_t get_u32(const uint8_t *p) {
        return (uint32_t) get_u16(p) << 16 | get_u16(p + 2);
}

static uint64_t get_u64(const uint8_t *p) {
        return (uint64_t) get_u32(p) << 32 | get_u32(p + 4);
}

static void put_u16(uint8_t *p, uint16_t value) {
        p[0] = (uint8_t) (value >> 8);
        p[1] = (uint8_t) value;
}

static void put_u32(uint8_t *p, uint32_t value) {
        put_u16(p, (uint16_t) (value >> 16));
        put_u16(p + 2, (uint16_t) value);
}

static void put_u64(uint8_t *p, uint64_t value) {
        put_u32(p, (uint32_t) (value >> 32));
        put_u32(p + 4, (uint32_t) value);
}

/* ----- in ----- */

int frame_parse(const uint8_t *data, size_t size, size_t max, struct frame *ret, size_t *ret_used) {
        uint32_t length;

        if (size > 0 && data[0] == protocol[0] && memcmp(data, protocol, MIN(size, (size_t) 4)) == 0)
                return size < sizeof(protocol) ? 0 : -EPROTONOSUPPORT;
        /* Of garbage the first byte tells, most of the time: no reason to wait for a length that it never meant. */
        if (size > 0 && data[0] != AMQP_FRAME_METHOD && data[0] != AMQP_FRAME_HEADER && data[0] != AMQP_FRAME_BODY &&
            data[0] != AMQP_FRAME_HEARTBEAT)
                return -EBADMSG;
        if (size < FRAME_HEAD)
                return 0;
        length = get_u32(data + 3);
        if (length > max - FRAME_OVERHEAD)
                return -EMSGSIZE;
        if (size < length + FRAME_OVERHEAD)
                return 0;
        if (data[FRAME_HEAD + length] != AMQP_FRAME_END)
                return -EBADMSG;
        *ret = (struct frame) {.type = data[0], .channel = get_u16(data + 1), .payload = data + FRAME_HEAD, .size = length};
        *ret_used = length + FRAME_OVERHEAD;
        return 1;
}

/* ----- the depth of tables ----- */

static ssize_t check_list(const uint8_t *data, size_t size, bool named, unsigned depth);

/* The length of a value with its kind in front; 0 for a kind that there is not. */
static ssize_t check_value(const uint8_t *data, size_t size, unsigned depth) {
        static const struct {
                char kind;
                uint8_t size;
        } fixed[] = {{'t', 1}, {'b', 1}, {'B', 1}, {'s', 2}, {'u', 2}, {'I', 4}, {'i', 4}, {'l', 8},
                     {'L', 8}, {'f', 4}, {'d', 8}, {'D', 5}, {'T', 8}, {'V', 0}};
        ssize_t n;

        if (size < 1)
                return -EBADMSG;
        for (size_t i = 0; i < ELEMENTSOF(fixed); i++)
                if (fixed[i].kind == (char) data[0])
                        return size - 1 < fixed[i].size ? -EBADMSG : 1 + fixed[i].size;
        switch (data[0]) {
        case 'S':
        case 'x':
                if (size < 5 || get_u32(data + 1) > size - 5)
                        return -EBADMSG;
                return (ssize_t) get_u32(data + 1) + 5;
        case 'F':
        case 'A':
                n = check_list(data + 1, size - 1, data[0] == 'F', depth + 1);
                return n < 0 ? n : n + 1;
        default:
                return -EBADMSG;
        }
}

/* A table, whose values are @named, or an array, with its length in front. */
static ssize_t check_list(const uint8_t *data, size_t size, bool named, unsigned depth) {
        size_t length, at = 0;

        if (depth > FRAME_TABLE_DEPTH_MAX || size < 4 || get_u32(data) > size - 4)
                return -EBADMSG;
        length = get_u32(data);
        data += 4;
        while (at < length) {
                ssize_t n;

                if (named)
                        at += 1U + data[at];
                if (at >= length)
                        return -EBADMSG;
                n = check_value(data + at, length - at, depth);
                if (n < 0)
                        return n;
                at += (size_t) n;
        }
        return at == length ? (ssize_t) length + 4 : -EBADMSG;
}

ssize_t frame_check_table(const uint8_t *data, size_t size) {
        return check_list(data, size, true, 1);
}

/* ----- decoding ----- */

static int decode_error(int status) {
        return status == AMQP_STATUS_NO_MEMORY ? -ENOMEM : -EBADMSG;
}

int frame_decode_method(const struct frame *f, amqp_pool_t *pool, amqp_method_number_t *ret_number, void **ret_method) {
        amqp_method_number_t number;
        void *method;
        int status;

        if (f->size < 4)
                return -EBADMSG;
        number = get_u32(f->payload);
        /* The only method from a server with a table: version, then its properties. */
        if (number == AMQP_CONNECTION_START_METHOD && (f->size < 6 || frame_check_table(f->payload + 6, f->size - 6) < 0))
                return -EBADMSG;
        status = amqp_decode_method(number, pool, codec_bytes(f->payload + 4, f->size - 4), &method);
        if (status != AMQP_STATUS_OK)
                return decode_error(status);
        *ret_number = number;
        *ret_method = method;
        return 0;
}

/* Content type and encoding stand in front of the headers, the only table. */
static bool headers_are_sound(const uint8_t *data, size_t size) {
        unsigned flags;
        size_t at = 2;

        if (size < 2)
                return false;
        flags = get_u16(data);
        if (!(flags & AMQP_BASIC_HEADERS_FLAG))
                return true;
        /* More words of flags: there are not so many properties. */
        if (flags & 1)
                return false;
        for (unsigned i = 0; i < 2; i++) {
                if (!(flags & (i == 0 ? AMQP_BASIC_CONTENT_TYPE_FLAG : AMQP_BASIC_CONTENT_ENCODING_FLAG)))
                        continue;
                if (at >= size)
                        return false;
                at += 1U + data[at];
        }
        return at <= size && frame_check_table(data + at, size - at) >= 0;
}

int frame_decode_content(const struct frame *f, amqp_pool_t *pool, struct frame_content *ret) {
        void *properties;
        int status;

        if (f->size < CONTENT_HEAD || get_u16(f->payload) != CLASS_BASIC)
                return -EBADMSG;
        if (!headers_are_sound(f->payload + CONTENT_HEAD, f->size - CONTENT_HEAD))
                return -EBADMSG;
        status = amqp_decode_properties(CLASS_BASIC, pool,
                                        codec_bytes(f->payload + CONTENT_HEAD, f->size - CONTENT_HEAD), &properties);
        if (status != AMQP_STATUS_OK)
                return decode_error(status);
        *ret = (struct frame_content) {.body_size = get_u64(f->payload + 4), .properties = properties};
        return 0;
}

/* ----- out ----- */

static void put_head(uint8_t *at, unsigned type, unsigned channel, size_t size) {
        at[0] = (uint8_t) type;
        put_u16(at + 1, (uint16_t) channel);
        put_u32(at + 3, (uint32_t) size);
        at[FRAME_HEAD + size] = AMQP_FRAME_END;
}

/* What is encoded tells its size only afterwards: it gets more room until it fits. */
static int add_encoded(struct buffer *b, unsigned type, unsigned channel, size_t max, const uint8_t *head, size_t head_size,
                       int (*encode)(void *what, amqp_bytes_t into), void *what) {
        size_t room = MIN((size_t) 512, max - FRAME_OVERHEAD - head_size);

        for (;;) {
                uint8_t *at = buffer_reserve(b, FRAME_OVERHEAD + head_size + room);
                int n;

                if (!at)
                        return -ENOMEM;
                n = encode(what, codec_bytes(at + FRAME_HEAD + head_size, room));
                if (n >= 0) {
                        memcpy(at + FRAME_HEAD, head, head_size);
                        put_head(at, type, channel, head_size + (size_t) n);
                        buffer_added(b, FRAME_OVERHEAD + head_size + (size_t) n);
                        return 0;
                }
                if (n == AMQP_STATUS_NO_MEMORY)
                        return -ENOMEM;
                if (room == max - FRAME_OVERHEAD - head_size)
                        return -E2BIG;
                room = MIN(room * 4, max - FRAME_OVERHEAD - head_size);
        }
}

struct method {
        amqp_method_number_t number;
        void *method;
};

static int encode_method(void *what, amqp_bytes_t into) {
        const struct method *m = what;

        return amqp_encode_method(m->number, m->method, into);
}

int frame_add_method(struct buffer *b, unsigned channel, size_t max, amqp_method_number_t number, void *method) {
        struct method m = {.number = number, .method = method};
        uint8_t head[4];

        put_u32(head, number);
        return add_encoded(b, AMQP_FRAME_METHOD, channel, max, head, sizeof(head), encode_method, &m);
}

static int encode_properties(void *what, amqp_bytes_t into) {
        return amqp_encode_properties(CLASS_BASIC, what, into);
}

static int add_body(struct buffer *b, unsigned channel, size_t max, const uint8_t *body, size_t size) {
        while (size > 0) {
                size_t n = MIN(size, max - FRAME_OVERHEAD);
                uint8_t *at = buffer_reserve(b, FRAME_OVERHEAD + n);

                if (!at)
                        return -ENOMEM;
                memcpy(at + FRAME_HEAD, body, n);
                put_head(at, AMQP_FRAME_BODY, channel, n);
                buffer_added(b, FRAME_OVERHEAD + n);
                body += n;
                size -= n;
        }
        return 0;
}

int frame_add_content(struct buffer *b, unsigned channel, size_t max, amqp_basic_properties_t *properties, const void *body,
                      size_t size) {
        size_t before = buffer_size(b);
        uint8_t head[CONTENT_HEAD] = {0};
        int r;

        put_u16(head, CLASS_BASIC);
        put_u64(head + 4, size);
        r = add_encoded(b, AMQP_FRAME_HEADER, channel, max, head, sizeof(head), encode_properties, properties);
        if (r >= 0)
                r = add_body(b, channel, max, body, size);
        if (r < 0)
                b->end = b->begin + before;
        return r;
}

static int add_bytes(struct buffer *b, const uint8_t *bytes, size_t size) {
        uint8_t *at = buffer_reserve(b, size);

        if (!at)
                return -ENOMEM;
        memcpy(at, bytes, size);
        buffer_added(b, size);
        return 0;
}

int frame_add_heartbeat(struct buffer *b) {
        static const uint8_t heartbeat[] = {AMQP_FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, AMQP_FRAME_END};

        return add_bytes(b, heartbeat, sizeof(heartbeat));
}

int frame_add_protocol(struct buffer *b) {
        return add_bytes(b, protocol, sizeof(protocol));
}
