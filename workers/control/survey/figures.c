/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/survey/figures.h"

#include <math.h>
#include <stdio.h>

/* The value of a label of a line, "" when it has none. Names need no escapes. */
static void take_label(const char *line, size_t size, const char *label, char *to, size_t to_size) {
        char wanted[32];
        const char *at, *end;
        int n = snprintf(wanted, sizeof(wanted), "%s=\"", label);

        *to = 0;
        at = memmem(line, size, wanted, (size_t) n);
        if (!at)
                return;
        at += n;
        end = memchr(at, '"', (size_t) (line + size - at));
        if (!end || (size_t) (end - at) >= to_size)
                return;
        memcpy(to, at, (size_t) (end - at));
        to[end - at] = 0;
}

static void add_bucket(struct histogram *h, const char *line, size_t size, uint64_t value) {
        char bound[32];

        take_label(line, size, "le", bound, sizeof(bound));
        if (h->n == FIGURES_BUCKETS_MAX || !*bound)
                return;
        h->bounds[h->n] = strtod(bound, NULL);
        h->counts[h->n++] = value;
}

static void add_requests(struct figures *f, const char *line, size_t size, uint64_t value) {
        char name[sizeof(f->plugins[0].name)], status[8];
        size_t i = 0;

        take_label(line, size, "plugin", name, sizeof(name));
        take_label(line, size, "status", status, sizeof(status));
        while (i < f->n_plugins && !streq(f->plugins[i].name, name))
                i++;
        if (i == FIGURES_PLUGINS_MAX)
                return;
        if (i == f->n_plugins) {
                (void) strcopy(f->plugins[i].name, sizeof(name), name);
                f->n_plugins++;
        }
        f->plugins[i].requests += value;
        if (*status == '5')
                f->plugins[i].errors += value;
}

static bool begins(const char *line, size_t size, const char *name) {
        size_t n = strlen(name);

        return size > n && memcmp(line, name, n) == 0 && (line[n] == '{' || line[n] == ' ');
}

static void read_line(struct figures *f, const char *line, size_t size) {
        const char *space = memrchr(line, ' ', size);
        uint64_t value;

        if (!space || *line == '#')
                return;
        value = strtoull(space + 1, NULL, 10);
        if (begins(line, size, "wazo_gateway_request_seconds_bucket"))
                add_bucket(&f->took, line, size, value);
        else if (begins(line, size, "wazo_gateway_queue_seconds_bucket"))
                add_bucket(&f->waited, line, size, value);
        else if (begins(line, size, "wazo_gateway_requests_total"))
                add_requests(f, line, size, value);
        else if (begins(line, size, "wazo_gateway_requests_refused_total"))
                f->refused = value;
        else if (begins(line, size, "wazo_gateway_requests_executing"))
                f->executing = value;
        else if (begins(line, size, "wazo_gateway_connections"))
                f->connections = value;
}

bool figures_read(const char *text, struct figures *ret) {
        *ret = (struct figures) {0};
        while (*text) {
                size_t size = strcspn(text, "\n");

                read_line(ret, text, size);
                text += size + (text[size] == '\n');
        }
        return ret->took.n > 0 && isinf(ret->took.bounds[ret->took.n - 1]);
}

const struct figures_plugin *figures_plugin(const struct figures *f, const char *name) {
        for (size_t i = 0; i < f->n_plugins; i++)
                if (streq(f->plugins[i].name, name))
                        return &f->plugins[i];
        return NULL;
}

static bool has_shrunk(const struct histogram *now, const struct histogram *before) {
        if (now->n != before->n)
                return true;
        for (size_t i = 0; i < now->n; i++)
                if (now->counts[i] < before->counts[i])
                        return true;
        return false;
}

static void subtract(struct histogram *h, const struct histogram *before) {
        for (size_t i = 0; i < h->n; i++)
                h->counts[i] -= before->counts[i];
}

static uint64_t grown(uint64_t now, uint64_t before) {
        return now > before ? now - before : 0;
}

void figures_since(const struct figures *now, const struct figures *before, struct figures *ret) {
        *ret = *now;
        if (!before || has_shrunk(&now->took, &before->took) || has_shrunk(&now->waited, &before->waited))
                return;
        subtract(&ret->took, &before->took);
        subtract(&ret->waited, &before->waited);
        ret->refused = grown(now->refused, before->refused);
        for (size_t i = 0; i < ret->n_plugins; i++) {
                struct figures_plugin *plugin = &ret->plugins[i];
                const struct figures_plugin *old = figures_plugin(before, plugin->name);

                if (!old)
                        continue;
                plugin->requests = grown(plugin->requests, old->requests);
                plugin->errors = grown(plugin->errors, old->errors);
        }
}

uint64_t histogram_count(const struct histogram *h) {
        return h->n > 0 ? h->counts[h->n - 1] : 0;
}

double histogram_quantile(const struct histogram *h, double share) {
        uint64_t count = histogram_count(h), below = 0;
        double rank = share * (double) count, from = 0;

        if (count == 0)
                return -1;
        for (size_t i = 0; i < h->n; i++) {
                /* Of the last bucket only its lower end is known. */
                if ((double) h->counts[i] >= rank && h->counts[i] > below && !isinf(h->bounds[i]))
                        return 1e3 * (from + (h->bounds[i] - from) * (rank - (double) below) / (double) (h->counts[i] - below));
                if (isinf(h->bounds[i]))
                        break;
                from = h->bounds[i];
                below = h->counts[i];
        }
        return 1e3 * from;
}
