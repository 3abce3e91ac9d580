/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/ids.h"

#include <sys/random.h>

/* Random bytes are fetched some dozens of requests ahead. */
static struct {
        uint8_t bytes[1536];
        size_t left;
} pool;

static const uint8_t *take(size_t n) {
        if (pool.left < n) {
                size_t done = 0;

                while (done < sizeof(pool.bytes)) {
                        ssize_t r = getrandom(pool.bytes + done, sizeof(pool.bytes) - done, 0);

                        if (r < 0 && errno != EINTR)
                                abort();
                        done += r > 0 ? (size_t) r : 0;
                }
                pool.left = sizeof(pool.bytes);
        }
        pool.left -= n;
        return pool.bytes + pool.left;
}

static void hex(const uint8_t *bytes, size_t n, char *ret) {
        for (size_t i = 0; i < n; i++) {
                ret[i * 2] = "0123456789abcdef"[bytes[i] >> 4];
                ret[i * 2 + 1] = "0123456789abcdef"[bytes[i] & 15];
        }
        ret[n * 2] = 0;
}

void ids_make(char request_id[33], char span_id[17]) {
        const uint8_t *bytes = take(24);

        hex(bytes, 16, request_id);
        hex(bytes + 16, 8, span_id);
}

/* "00-<32 hex>-<16 hex>-<2 hex>", neither number all zeros. */
static bool traceparent_valid(const char *s) {
        static const size_t dashes[] = {2, 35, 52};

        if (strlen(s) != 55 || strncmp(s, "ff", 2) == 0 || strspn(s + 3, "0") >= 32 || strspn(s + 36, "0") >= 16)
                return false;
        for (size_t i = 0, d = 0; i < 55; i++)
                if (d < ELEMENTSOF(dashes) && i == dashes[d]) {
                        if (s[i] != '-')
                                return false;
                        d++;
                } else if (!strchr("0123456789abcdef", s[i]))
                        return false;
        return true;
}

void ids_trace(const char *traceparent, const char request_id[33], char trace_id[33], char parent_id[17]) {
        if (traceparent_valid(traceparent)) {
                memcpy(trace_id, traceparent + 3, 32);
                memcpy(parent_id, traceparent + 36, 16);
                trace_id[32] = parent_id[16] = 0;
        } else {
                memcpy(trace_id, request_id, 33);
                memcpy(parent_id, "-", 2);
        }
}
