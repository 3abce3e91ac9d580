/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This host as wazo-service sees it: the suite's manifests, the units that they stand for, and what says that a slave keeps
 * its telephony services down.
 */
#pragma once

#include "config/suite.h"
#include "lib/systemd.h"

/* While it is there, services of the filter "wazo" are not started, by us and by their units' conditions. */
#define HOST_DISABLED_FILE "/var/lib/wazo/disabled"

struct host {
        sd_bus *bus;
        struct suite suite;
        struct findings findings;
        bool disabled;
};

/* One service of a filter. */
struct target {
        const struct manifest *manifest;
        struct systemd_unit unit;
        char name[SYSTEMD_UNIT_MAX]; /* in lines: the service's; of one of several units, postgresql@15-main, the unit's */
};

#define HOST_NULL ((struct host) {0})

/* What is wrong in a manifest is told on standard error, and the others count. A negative errno was told, too. */
int host_open(struct host *h) _must_check_;
void host_done(struct host *h);

/* The services of a filter, in the order of starts or in that of the lines of "status". *ret is the caller's. */
int host_targets(struct host *h, enum facts_filter filter, bool for_status, struct target **ret, size_t *ret_n) _must_check_;

/* Whether it is kept down: see HOST_DISABLED_FILE. */
bool host_is_disabled(const struct host *h, const struct target *t);

static inline bool target_is(const struct target *t, const char *active) {
        return streq(t->unit.active, active);
}

/* Started, or about to be by itself. */
static inline bool target_runs(const struct target *t) {
        return target_is(t, "active") || target_is(t, "reloading");
}
