/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/holds.h"

#define RETRY_BASE_MSEC 500
#define RETRY_CAP_MSEC 60000

int holds_add(struct holds *h, int64_t id, uint64_t resource, uint64_t until) {
        size_t i = 0;

        while (i < h->n && h->list[i].id != id)
                i++;
        if (i == HOLDS_MAX)
                return -ENOBUFS;
        h->list[i] = (struct hold) {.id = id, .resource = resource, .until = until};
        h->n += i == h->n;
        return 0;
}

bool holds_has(const struct holds *h, int64_t id, uint64_t resource) {
        for (size_t i = 0; i < h->n; i++)
                if (h->list[i].resource == resource && h->list[i].id <= id)
                        return true;
        return false;
}

bool holds_end(struct holds *h, uint64_t now) {
        size_t kept = 0, before = h->n;

        for (size_t i = 0; i < h->n; i++)
                if (h->list[i].until > now)
                        h->list[kept++] = h->list[i];
        h->n = kept;
        return kept < before;
}

uint64_t holds_next(const struct holds *h) {
        uint64_t next = NSEC_NEVER;

        for (size_t i = 0; i < h->n; i++)
                next = MIN(next, h->list[i].until);
        return next;
}

uint64_t retry_wait_msec(unsigned tries, uint32_t random) {
        uint64_t nominal = RETRY_BASE_MSEC;

        for (unsigned i = 1; i < tries && nominal < RETRY_CAP_MSEC; i++)
                nominal *= 2;
        nominal = MIN(nominal, (uint64_t) RETRY_CAP_MSEC);
        return nominal / 2 + nominal / 2 * random / UINT32_MAX;
}
