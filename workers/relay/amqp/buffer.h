/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes on their way: appended at the end, taken from the front. */
#pragma once

#include "lib/util.h"

struct buffer {
        uint8_t *data;
        size_t begin, end, allocated;
};

static inline size_t buffer_size(const struct buffer *b) {
        return b->end - b->begin;
}

static inline const uint8_t *buffer_data(const struct buffer *b) {
        return b->data + b->begin;
}

/* At least @size bytes behind the end, to be counted by buffer_added(). NULL when out of memory. */
uint8_t *buffer_reserve(struct buffer *b, size_t size);

static inline void buffer_added(struct buffer *b, size_t size) {
        b->end += size;
}

/* The first @size bytes are done with. An empty buffer that has grown large gives its memory back. */
void buffer_take(struct buffer *b, size_t size);
void buffer_done(struct buffer *b);
