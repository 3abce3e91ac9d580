/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/pack.h"

#include <endian.h>

static uint8_t *pack_grow(struct pack *p, size_t more) {
        uint8_t *at;

        if (p->failed || more > PACK_MAX - p->size) {
                p->failed = true;
                return NULL;
        }

        if (p->size + more > p->allocated) {
                size_t allocate = MAX(p->size + more, MAX(p->allocated * 2, (size_t) 256));
                uint8_t *data = realloc(p->data, allocate);

                if (!data) {
                        p->failed = true;
                        return NULL;
                }
                p->data = data;
                p->allocated = allocate;
        }

        at = p->data + p->size;
        p->size += more;
        return at;
}

static void pack_raw(struct pack *p, const void *data, size_t size) {
        uint8_t *at = pack_grow(p, size);

        if (at && size > 0)
                memcpy(at, data, size);
}

void pack_u8(struct pack *p, uint8_t value) {
        pack_raw(p, &value, sizeof(value));
}

void pack_u32(struct pack *p, uint32_t value) {
        value = htole32(value);
        pack_raw(p, &value, sizeof(value));
}

void pack_u64(struct pack *p, uint64_t value) {
        value = htole64(value);
        pack_raw(p, &value, sizeof(value));
}

void pack_bytes(struct pack *p, const void *data, size_t size) {
        if (size > PACK_MAX) {
                p->failed = true;
                return;
        }
        pack_u32(p, (uint32_t) size);
        pack_raw(p, data, size);
}

void pack_string(struct pack *p, const char *s) {
        s = strempty(s);
        pack_bytes(p, s, strlen(s) + 1);
}

int pack_end(const struct pack *p) {
        return p->failed ? -ENOMEM : 0;
}

void pack_done(struct pack *p) {
        free(p->data);
        *p = PACK_NULL;
}

static const uint8_t *unpack_raw(struct unpack *u, size_t size) {
        const uint8_t *at = u->at;

        if (u->failed || size > (size_t) (u->end - u->at)) {
                u->failed = true;
                return NULL;
        }
        u->at += size;
        return at;
}

uint8_t unpack_u8(struct unpack *u) {
        const uint8_t *at = unpack_raw(u, 1);

        return at ? *at : 0;
}

uint32_t unpack_u32(struct unpack *u) {
        const uint8_t *at = unpack_raw(u, sizeof(uint32_t));
        uint32_t value = 0;

        if (at)
                memcpy(&value, at, sizeof(value));
        return le32toh(value);
}

uint64_t unpack_u64(struct unpack *u) {
        const uint8_t *at = unpack_raw(u, sizeof(uint64_t));
        uint64_t value = 0;

        if (at)
                memcpy(&value, at, sizeof(value));
        return le64toh(value);
}

const uint8_t *unpack_bytes(struct unpack *u, size_t *ret_size) {
        size_t size = unpack_u32(u);
        const uint8_t *at = unpack_raw(u, size);

        *ret_size = at ? size : 0;
        return at;
}

const char *unpack_string(struct unpack *u) {
        size_t size;
        const uint8_t *at = unpack_bytes(u, &size);

        if (!at)
                return "";
        if (size == 0 || memchr(at, 0, size) != at + size - 1) {
                u->failed = true;
                return "";
        }
        return (const char *) at;
}

bool unpack_more(const struct unpack *u) {
        return !u->failed && u->at < u->end;
}

int unpack_end(const struct unpack *u) {
        return u->failed || u->at != u->end ? -EBADMSG : 0;
}
