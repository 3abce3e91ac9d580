/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/cors.h"

#include <strings.h>

static bool is_allowed(const struct cors *c, const char *name, size_t size) {
        for (char **allowed = c->allow_headers; allowed && *allowed; allowed++)
                if (streq(*allowed, "*") || (strlen(*allowed) == size && strncasecmp(*allowed, name, size) == 0))
                        return true;
        return false;
}

size_t cors_allowed_headers(const struct cors *c, const char *requested, char *ret, size_t size) {
        size_t used = 0;

        ret[0] = 0;
        for (const char *at = requested; *at;) {
                size_t length;

                at += strspn(at, ", \t");
                length = strcspn(at, ", \t");
                if (length > 0 && is_allowed(c, at, length) && used + length + 3 <= size) {
                        if (used > 0) {
                                memcpy(ret + used, ", ", 2);
                                used += 2;
                        }
                        memcpy(ret + used, at, length);
                        used += length;
                        ret[used] = 0;
                }
                at += length;
        }
        return used;
}
