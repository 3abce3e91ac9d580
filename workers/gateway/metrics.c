/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/metrics.h"

#include "workers/gateway/gateway.h"

/* Upper bounds in nanoseconds; the last is without. */
static const uint64_t bounds[METRICS_BUCKETS] = {
        500000, 1000000, 2500000, 5000000, 10000000, 25000000, 100000000, 250000000, 1000000000, 2500000000, 10000000000,
        UINT64_MAX,
};

void histogram_add(struct histogram *h, uint64_t nsec) {
        size_t i = 0;

        while (nsec > bounds[i])
                i++;
        h->buckets[i]++;
        h->count++;
        h->sum_nsec += nsec;
}

void metrics_count(struct exchange *ex) {
        struct metrics *m = &ex->gateway->metrics;
        unsigned hundreds = MIN(ex->reply.status / 100, 5U);

        if (ex->operation)
                ex->operation->counted[hundreds]++;
        else
                m->unrouted[hundreds]++;
        histogram_add(&m->latency, now_monotonic() - ex->started);
}

static void render_head(struct text *t, const char *name, const char *type, const char *help) {
        text_printf(t, "# HELP wazo_gateway_%s %s\n# TYPE wazo_gateway_%s %s\n", name, help, name, type);
}

static void render_one(struct text *t, const char *name, const char *type, const char *help, uint64_t value) {
        render_head(t, name, type, help);
        text_printf(t, "wazo_gateway_%s %llu\n", name, (unsigned long long) value);
}

static void render_histogram(struct text *t, const char *name, const char *help, const struct histogram *h) {
        uint64_t sum = 0;

        render_head(t, name, "histogram", help);
        for (size_t i = 0; i < METRICS_BUCKETS; i++) {
                sum += h->buckets[i];
                if (bounds[i] == UINT64_MAX)
                        text_printf(t, "wazo_gateway_%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long) sum);
                else
                        text_printf(t, "wazo_gateway_%s_bucket{le=\"%g\"} %llu\n", name, (double) bounds[i] / 1e9,
                                    (unsigned long long) sum);
        }
        text_printf(t, "wazo_gateway_%s_sum %.6f\nwazo_gateway_%s_count %llu\n", name, (double) h->sum_nsec / 1e9, name,
                    (unsigned long long) h->count);
}

static void render_counts(struct text *t, const char *plugin, const char *route, const char *method, const uint64_t counts[6]) {
        for (size_t i = 0; i < 6; i++)
                if (counts[i] > 0)
                        text_printf(t, "wazo_gateway_requests_total{plugin=\"%s\",route=\"%s\",method=\"%s\",status=\"%zuxx\"} %llu\n",
                                    plugin, route, method, i, (unsigned long long) counts[i]);
}

static void render_routes(struct text *t, const struct router *r) {
        for (size_t i = 0; i < r->n_routes; i++)
                for (enum method m = 0; m < METHOD_MAX; m++) {
                        const struct operation *o = r->routes[i]->operations[m];
                        uint64_t counts[6];

                        if (!o)
                                continue;
                        for (size_t k = 0; k < ELEMENTSOF(counts); k++)
                                counts[k] = o->counted[k];
                        render_counts(t, o->builtin ? "gateway" : r->pools[o->pool].plugin, r->routes[i]->shown,
                                      method_to_string(m), counts);
                }
}

static void render_pools(struct text *t, const struct slots *s) {
        render_head(t, "queue_length", "gauge", "Requests that wait for a worker.");
        for (size_t i = 0; i < s->n_pools; i++)
                text_printf(t, "wazo_gateway_queue_length{plugin=\"%s\",class=\"%s\"} %zu\n", s->pools[i].plugin, s->pools[i].class,
                            s->pools[i].n);
}

void metrics_render(const struct gateway *g, struct text *t) {
        const struct slots *s = &g->slots;

        render_head(t, "requests_total", "counter", "Answered requests.");
        render_routes(t, &g->router);
        render_routes(t, &g->own_router);
        render_counts(t, "", "", "", g->metrics.unrouted);
        render_histogram(t, "request_seconds", "From the request line to the answer.", &g->metrics.latency);
        render_histogram(t, "queue_seconds", "Time that requests waited for a worker.", &g->metrics.waiting);
        render_pools(t, s);
        render_one(t, "connections", "gauge", "Open connections.", g->connections.n);
        render_one(t, "connections_accepted_total", "counter", "Accepted connections.", g->connections.accepted);
        render_one(t, "connections_timed_out_total", "counter", "Connections closed because the client was slow.",
                   g->connections.timed_out);
        render_one(t, "requests_held", "gauge", "Requests that wait for a worker or for its reply.", s->held);
        render_one(t, "body_bytes", "gauge", "Of requests' bodies of more than some KiB.", g->bodies);
        render_one(t, "requests_executing", "gauge", "Requests that plugin workers have.", s->executing);
        render_one(t, "requests_refused_total", "counter", "Requests answered 503.", s->refused);
        render_one(t, "requests_malformed_total", "counter", "Requests refused because their meaning was in doubt.",
                   g->metrics.refused);
        render_one(t, "requests_retried_total", "counter", "Requests sent again after their worker ended.", s->retried);
        render_one(t, "workers_lost_total", "counter", "Workers that ended with a request at their hands.", s->lost);
        render_one(t, "workers_stalled_total", "counter", "Workers that owed an answer too long.", s->stalled);
        render_one(t, "log_lines_lost_total", "counter", "Writes to the log file that failed.", g->log.lost);
}
