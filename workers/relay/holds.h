/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Resources of which a row was refused and waits for its next try: their later rows wait behind it. Few; when there are
 * more, everything waits. And how long a refused row waits. Pure.
 */
#pragma once

#include "lib/util.h"

#define HOLDS_MAX 64

struct hold {
        int64_t id;        /* the row that waits */
        uint64_t resource;
        uint64_t until;    /* CLOCK_REALTIME msec: it is in the database, too */
};

struct holds {
        struct hold list[HOLDS_MAX];
        size_t n;
};

/* -ENOBUFS when there are too many: nothing more may be read until one ends. A second one of a row replaces the first. */
int holds_add(struct holds *h, int64_t id, uint64_t resource, uint64_t until) _must_check_;
/* Whether the row @id has to wait: it is one that waits, or comes behind one of its resource. */
bool holds_has(const struct holds *h, int64_t id, uint64_t resource);
/* Forgets those that end at @now. Whether there were any. */
bool holds_end(struct holds *h, uint64_t now);
/* When the next one ends; NSEC_NEVER without any. */
uint64_t holds_next(const struct holds *h);

/* What a row waits after its @tries-th failure, in milliseconds: twice as long each time, up to a minute, with equal jitter. */
uint64_t retry_wait_msec(unsigned tries, uint32_t random);
