/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/wazo-service/host.h"

#include <stdio.h>

#include "units/wazo-service/find.h"

static int tell(const char *what, int r) {
        (void) fprintf(stderr, "wazo-service: %s: %s\n", what, strerror(-r));
        return r;
}

int host_open(struct host *h) {
        int r;

        *h = HOST_NULL;
        r = suite_load("", NULL, &h->findings, &h->suite);
        if (r < 0)
                return tell("cannot read the manifests", r);
        if (h->findings.n > 0)
                findings_print(&h->findings, stderr);
        r = systemd_open(&h->bus);
        if (r < 0)
                return tell("cannot reach systemd", r);
        h->disabled = access(HOST_DISABLED_FILE, F_OK) == 0;
        return 0;
}

void host_done(struct host *h) {
        sd_bus_flush_close_unref(h->bus);
        suite_done(&h->suite);
        findings_done(&h->findings);
        *h = HOST_NULL;
}

bool host_is_disabled(const struct host *h, const struct target *t) {
        return h->disabled && t->manifest->facts.order.filter == FACTS_FILTER_WAZO;
}

/* One that has to be looked for: by a pattern, or since ours may stand beside the one whose place it takes. */
static int find_target(struct host *h, const struct manifest *m, struct target *t) {
        int r = find_unit(h->bus, m, &t->unit);

        if (r < 0)
                return r;
        if (strchr(m->facts.unit.name, '*') && !strchr(t->unit.name, '*'))
                (void) snprintf(t->name, sizeof(t->name), "%.*s", (int) (strrchr(t->unit.name, '.') - t->unit.name), t->unit.name);
        else
                (void) strcopy(t->name, sizeof(t->name), m->service);
        return 0;
}

/* All others in one call. */
static int find_plain(struct host *h, struct target *targets, size_t n) {
        const char *names[SUITE_SERVICES_MAX] = {0};
        struct systemd_unit units[SUITE_SERVICES_MAX];
        size_t indexes[SUITE_SERVICES_MAX], k = 0;
        int r;

        for (size_t i = 0; i < n; i++)
                if (!*targets[i].name) {
                        names[k] = targets[i].manifest->facts.unit.name;
                        indexes[k++] = i;
                }
        r = systemd_units(h->bus, names, k, units);
        for (size_t i = 0; r >= 0 && i < k; i++) {
                struct target *t = &targets[indexes[i]];

                t->unit = units[i];
                (void) strcopy(t->name, sizeof(t->name), t->manifest->service);
        }
        return r;
}

int host_targets(struct host *h, enum facts_filter filter, bool for_status, struct target **ret, size_t *ret_n) {
        _cleanup_free_ const struct manifest **list = NULL;
        _cleanup_free_ struct target *targets = NULL;
        size_t n;
        int r;

        r = (for_status ? suite_status_list : suite_start_list)(&h->suite, filter, &list, &n);
        if (r < 0)
                return tell("cannot list the services", r);
        targets = calloc(MAX(n, (size_t) 1), sizeof(*targets));
        if (!targets)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < n; i++) {
                const struct facts_unit *unit = &list[i]->facts.unit;

                targets[i].manifest = list[i];
                if (strchr(unit->name, '*') || unit->replaces)
                        r = find_target(h, list[i], &targets[i]);
        }
        if (r >= 0)
                r = find_plain(h, targets, n);
        if (r < 0)
                return tell("systemd does not tell the units' states", r);
        *ret = STEAL(targets);
        *ret_n = n;
        return 0;
}
