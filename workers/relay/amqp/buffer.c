/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/amqp/buffer.h"

#define BUFFER_LEAST 4096
/* A larger one is not kept once it is empty. */
#define BUFFER_KEPT (64U * 1024)

uint8_t *buffer_reserve(struct buffer *b, size_t size) {
        size_t used = buffer_size(b), allocate = MAX(b->allocated, (size_t) BUFFER_LEAST);
        uint8_t *grown;

        if (b->allocated - b->end >= size && b->data)
                return b->data + b->end;
        if (used > 0 && b->begin > 0)
                memmove(b->data, b->data + b->begin, used);
        b->begin = 0;
        b->end = used;
        while (allocate - used < size)
                if (__builtin_mul_overflow(allocate, 2, &allocate))
                        return NULL;
        if (allocate > b->allocated) {
                grown = realloc(b->data, allocate);
                if (!grown)
                        return NULL;
                b->data = grown;
                b->allocated = allocate;
        }
        return b->data + b->end;
}

void buffer_take(struct buffer *b, size_t size) {
        b->begin += size;
        if (b->begin < b->end)
                return;
        b->begin = b->end = 0;
        if (b->allocated > BUFFER_KEPT)
                buffer_done(b);
}

void buffer_done(struct buffer *b) {
        free(b->data);
        *b = (struct buffer) {0};
}
