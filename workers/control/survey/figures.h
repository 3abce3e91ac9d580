/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a gateway's /metrics say of requests: how many, how long they took, and whose they were, since the gateway began and since
 * the last look.
 */
#pragma once

#include <jansson.h>

#include "lib/util.h"

#define FIGURES_BUCKETS_MAX 32
#define FIGURES_PLUGINS_MAX 128

/* Requests up to each bound, which is in seconds and INFINITY in the last one: cumulative, as Prometheus has it. */
struct histogram {
        double bounds[FIGURES_BUCKETS_MAX];
        uint64_t counts[FIGURES_BUCKETS_MAX];
        size_t n;
};

struct figures_plugin {
        char name[64];
        uint64_t requests, errors; /* errors: answered with 5xx */
};

struct figures {
        struct histogram took, waited;
        struct figures_plugin plugins[FIGURES_PLUGINS_MAX]; /* what no route was found for has no name */
        size_t n_plugins;
        uint64_t refused, executing, connections;
};

/* Reads the text of /metrics. False: it has no histogram of requests, so it is not a gateway's. */
bool figures_read(const char *text, struct figures *ret);

/*
 * What happened since @before, which may be NULL: since the gateway began. Where a count is smaller than before, another gateway
 * answered, or a new one: what it says counts from its beginning.
 */
void figures_since(const struct figures *now, const struct figures *before, struct figures *ret);

/* The time that a share of the requests did not exceed, in milliseconds, as far as the buckets tell; -1 when there were none. */
double histogram_quantile(const struct histogram *h, double share);
uint64_t histogram_count(const struct histogram *h);

/* The plugin's own, or NULL. */
const struct figures_plugin *figures_plugin(const struct figures *f, const char *name);
