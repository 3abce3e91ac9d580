/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packing values into bytes and strictly taking them out again, for messages and for the plan.
 *
 * Integers are little-endian; bytes and strings are a 32-bit length and the content. The reader never allocates: what it
 * returns points into the buffer it was given. Its first error sticks, so that a caller may read a whole record and ask
 * once, with unpack_end(), which also refuses bytes that nobody read.
 */
#pragma once

#include "lib/util.h"

struct pack {
        uint8_t *data;
        size_t size, allocated;
        bool failed; /* out of memory, or past PACK_MAX */
};

#define PACK_MAX (64U * 1024 * 1024)
#define PACK_NULL ((struct pack) {0})

void pack_u8(struct pack *p, uint8_t value);
void pack_u32(struct pack *p, uint32_t value);
void pack_u64(struct pack *p, uint64_t value);
void pack_bytes(struct pack *p, const void *data, size_t size);
/* NULL is packed as the empty string. */
void pack_string(struct pack *p, const char *s);
/* 0, or -ENOMEM when any of the calls before failed. */
int pack_end(const struct pack *p) _must_check_;
void pack_done(struct pack *p);

struct unpack {
        const uint8_t *at, *end;
        bool failed;
};

static inline struct unpack unpack_begin(const void *data, size_t size) {
        return (struct unpack) {.at = data, .end = (const uint8_t *) data + size};
}

uint8_t unpack_u8(struct unpack *u);
uint32_t unpack_u32(struct unpack *u);
uint64_t unpack_u64(struct unpack *u);
/* Points into the buffer; NULL and *ret_size 0 on an error. */
const uint8_t *unpack_bytes(struct unpack *u, size_t *ret_size);
/* A string is stored with its NUL, which is checked, as is that it holds no other. "" on an error. */
const char *unpack_string(struct unpack *u);
/* True while there are bytes left and nothing failed. */
bool unpack_more(const struct unpack *u);
/* 0, or -EBADMSG when anything was short or malformed, or bytes are left over. */
int unpack_end(const struct unpack *u) _must_check_;
