/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/backoff.h"

#include <sys/random.h>

/* A system without any randomness yet has no jitter either. */
uint32_t backoff_random(void) {
        uint32_t number = 0;

        (void) getrandom(&number, sizeof(number), GRND_NONBLOCK);
        return number;
}

uint64_t backoff_nominal_msec(const struct backoff *b, uint32_t failures) {
        uint64_t wait = b->base_msec;

        if (failures >= b->intensity && b->intensity > 0)
                return b->slow_msec;
        if (failures <= 1)
                return 0;
        for (uint32_t i = 2; i < failures && wait > 0 && wait < b->cap_msec; i++)
                wait *= 2;
        return MIN(wait, b->cap_msec);
}

uint64_t backoff_wait(const struct backoff *b, uint32_t failures, uint32_t random, bool *ret_failed) {
        uint64_t nominal = backoff_nominal_msec(b, failures) * NSEC_PER_MSEC;
        uint64_t half = nominal / 2;

        *ret_failed = b->intensity > 0 && failures >= b->intensity;
        return half + (half > 0 ? (uint64_t) ((double) half * ((double) random / UINT32_MAX)) : 0);
}
