/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the gateway counts, in Prometheus' text format.
 */
#pragma once

#include "workers/gateway/text.h"

struct exchange;
struct gateway;

#define METRICS_BUCKETS 12

struct histogram {
        uint64_t buckets[METRICS_BUCKETS]; /* not cumulated */
        uint64_t count;
        uint64_t sum_nsec;
};

struct metrics {
        struct histogram latency;   /* request line to answer */
        struct histogram waiting;   /* in a slot's queue */
        uint64_t unrouted[6];       /* answers without a route, by hundreds of their status */
        uint64_t refused;           /* messages refused as malformed or ambiguous */
};

void histogram_add(struct histogram *h, uint64_t nsec);
/* The exchange has its answer. */
void metrics_count(struct exchange *ex);
/* The gateway's own part. */
void metrics_render(const struct gateway *g, struct text *t);
