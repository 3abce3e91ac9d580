/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The header fields of a request that the gateway reads, gathered in one pass, and the proof that the message means the
 * same to whoever forwarded it as to us.
 */
#pragma once

#include "lib/util.h"

enum header {
        HEADER_ACCEPT,
        HEADER_CONTENT_LENGTH,
        HEADER_CONTENT_TYPE,
        HEADER_EXPECT,
        HEADER_FORWARDED,
        HEADER_HOST,
        HEADER_IDEMPOTENCY_KEY,
        HEADER_ORIGIN,
        HEADER_REQUEST_HEADERS, /* Access-Control-Request-Headers */
        HEADER_REQUEST_METHOD,  /* Access-Control-Request-Method */
        HEADER_TENANT,
        HEADER_TOKEN,
        HEADER_TRACEPARENT,
        HEADER_TRANSFER_ENCODING,
        HEADER_FORWARDED_FOR,
        HEADER_FORWARDED_HOST,
        HEADER_FORWARDED_PROTO,
        HEADER_REAL_IP,
        HEADER_SCRIPT_NAME,
        HEADER_MAX,
};

struct headers {
        const char *values[HEADER_MAX]; /* the first of each name, or NULL; borrowed */
        uint8_t counts[HEADER_MAX];
        bool malformed; /* a name that is no token, or a value with control characters */
};

/* One field. */
void headers_add(struct headers *h, const char *name, size_t name_size, const char *value, size_t value_size);

/*
 * Whether the end of this message and its target are beyond doubt: at most one Content-Length, of digits; no
 * Transfer-Encoding beside it, and none but "chunked", in HTTP/1.1 only; one Host. NULL, or what is wrong.
 */
const char *headers_refuse(const struct headers *h, bool http_1_1);

static inline const char *header_get(const struct headers *h, enum header which) {
        return strempty(h->values[which]);
}
