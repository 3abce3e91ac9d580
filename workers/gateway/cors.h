/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a browser on another origin is allowed: every answer says it, preflights say more.
 */
#pragma once

#include "workers/gateway/headers.h"

#define CORS_METHODS "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"

struct cors {
        bool enabled;
        char **allow_headers; /* NULL-terminated */
};

/*
 * Those of the @requested header names, a comma-separated list, that are allowed, as the client spells them, into @ret.
 * Returns the length; 0 when there is none. What does not fit is left out.
 */
size_t cors_allowed_headers(const struct cors *c, const char *requested, char *ret, size_t size);

static inline bool cors_is_preflight(const struct headers *h) {
        return h->values[HEADER_REQUEST_METHOD] != NULL;
}
