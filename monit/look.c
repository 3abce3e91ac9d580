/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "monit/look.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "monit/ask.h"
#include "monit/maintenance.h"
#include "monit/workers.h"
#include "units/wazo-service/find.h"
#include "units/wazo-service/probe.h"

#define DISABLED_FILE "/var/lib/wazo/disabled"
#define AUTO_RESTART "auto-restart"

void verdict_set(struct verdict *v, enum monit_state state, const char *format, ...) {
        va_list ap;

        v->state = state;
        va_start(ap, format);
        (void) vsnprintf(v->text, sizeof(v->text), format, ap);
        va_end(ap);
}

static bool is_kept_down(const struct look *l, const struct manifest *m) {
        char path[512];

        return m->facts.order.filter == FACTS_FILTER_WAZO &&
               snprintf(path, sizeof(path), "%s" DISABLED_FILE, l->root) < (int) sizeof(path) && access(path, F_OK) == 0;
}

/* systemd calls it active: it answers, is still on its way, or hangs. */
static void look_at_active(const struct manifest *m, const struct systemd_details *details, struct verdict *v) {
        uint64_t age = now_monotonic() - MIN(details->active_since, now_monotonic());
        uint64_t limit = (uint64_t) m->facts.unit.start * NSEC_PER_MSEC;
        const struct facts_port *port = NULL;
        char why[VERDICT_TEXT_SIZE] = "its control socket does not answer";

        if (m->kind == MANIFEST_UNIT) {
                if (probe(m, &port) < 0)
                        (void) snprintf(why, sizeof(why), "its port %" PRId64 " takes no connection", port->port);
                else if (ask_http(m, &port) < 0)
                        (void) snprintf(why, sizeof(why), "its port %" PRId64 " takes connections and does not answer", port->port);
                else {
                        verdict_set(v, MONIT_RUNNING, "%s", details->status);
                        return;
                }
        }
        if (details->active_since > 0 && age < limit)
                verdict_set(v, MONIT_STARTING, "%s yet, after %" PRIu64 " s of %" PRIu64, why, age / NSEC_PER_SEC,
                            limit / NSEC_PER_SEC);
        else
                verdict_set(v, MONIT_HUNG, "%s", why);
}

static void look_at_inactive(const struct systemd_details *details, struct verdict *v) {
        if (!details->condition)
                verdict_set(v, MONIT_STOPPED, "a condition of its unit is not met");
        else
                verdict_set(v, MONIT_STOPPED, "somebody stopped it, or it ended by itself without an error");
}

static void look_at_unit(const struct systemd_unit *unit, const struct systemd_details *details, const struct manifest *m,
                         struct verdict *v) {
        if (streq(unit->load, "masked"))
                verdict_set(v, MONIT_STOPPED, "its unit is masked");
        else if (!streq(unit->load, "loaded"))
                verdict_set(v, MONIT_UNKNOWN, "its unit %s: %s", unit->name, unit->load);
        else if (streq(unit->active, "failed"))
                verdict_set(v, MONIT_FAILED, "its unit has failed: %s", details->result);
        else if (streq(unit->active, "activating") && strncmp(unit->sub, AUTO_RESTART, strlen(AUTO_RESTART)) == 0)
                verdict_set(v, MONIT_FAILED, "it ended (%s), and systemd will start it again", details->result);
        else if (streq(unit->active, "activating"))
                verdict_set(v, MONIT_STARTING, "%s", details->status);
        else if (streq(unit->active, "deactivating"))
                verdict_set(v, MONIT_STOPPING, "%s", details->status);
        else if (unit->job != 0)
                verdict_set(v, MONIT_STARTING, "systemd has a job for it");
        else if (streq(unit->active, "inactive"))
                look_at_inactive(details, v);
        else
                look_at_active(m, details, v);
}

static int ask_systemd(const struct look *l, const struct manifest *m, struct systemd_unit *ret,
                       struct systemd_details *ret_details) {
        int r = l->bus ? find_unit(l->bus, m, ret) : l->bus_error;

        if (r >= 0 && streq(ret->load, "loaded"))
                r = systemd_details(l->bus, ret->name, ret_details);
        return r;
}

static int look_by_systemd(const struct look *l, const struct manifest *m, struct verdict *v) {
        struct systemd_details details = {0};
        struct systemd_unit unit;
        int r = ask_systemd(l, m, &unit, &details);

        if (r >= 0)
                look_at_unit(&unit, &details, m, v);
        /* One that ended while we knocked does not hang. */
        if (r >= 0 && v->state == MONIT_HUNG) {
                r = ask_systemd(l, m, &unit, &details);
                if (r >= 0 && !streq(unit.active, "active"))
                        look_at_unit(&unit, &details, m, v);
        }
        if (r < 0)
                verdict_set(v, MONIT_UNKNOWN, "systemd does not answer: %s", strerror(-r));
        return r;
}

/* The first of its needs that does not run; NULL. What this host does not have, a database elsewhere, is not for it to say. */
static const char *find_missing(const struct look *l, const struct manifest *m) {
        for (size_t i = 0; i < yaml_count(m->facts.needs); i++) {
                const char *name = yaml_text(m->facts.needs, i);
                const struct manifest *need = suite_find(l->suite, name);
                const struct facts_port *port;
                struct systemd_unit unit;

                if (!need || find_unit(l->bus, need, &unit) < 0 || streq(unit.load, "not-found"))
                        continue;
                if (!streq(unit.active, "active") || (need->kind == MANIFEST_UNIT && probe(need, &port) < 0))
                        return name;
        }
        return NULL;
}

/*
 * Nothing is to be done about a service that is amiss for a reason which is not its own. @maintenance: wazo-service was at work
 * before it was looked at. It makes the file while it is, so the file is looked for last: one of both is seen.
 */
static void excuse(const struct look *l, const struct manifest *m, bool maintenance, struct verdict *v) {
        char why[VERDICT_TEXT_SIZE];
        const char *missing;

        (void) strcopy(why, sizeof(why), v->text);
        maintenance = maintenance || maintenance_is_on(l->root);
        if (is_kept_down(l, m)) {
                if (v->state == MONIT_HUNG)
                        verdict_set(v, MONIT_DEGRADED, "%.300s; " DISABLED_FILE " would keep it from starting again", why);
                else
                        verdict_set(v, MONIT_DISABLED, DISABLED_FILE " keeps it down");
                return;
        }
        if (maintenance) {
                verdict_set(v, MONIT_MAINTENANCE, "wazo-service is at work; meanwhile: %.300s", why);
                return;
        }
        if (v->state == MONIT_STOPPED)
                return;
        missing = find_missing(l, m);
        if (missing)
                verdict_set(v, MONIT_BLOCKED, "it needs %s, which is down; %.300s", missing, why);
}

void look_at(const struct look *l, const struct manifest *m, struct verdict *ret) {
        bool maintenance = maintenance_is_on(l->root);

        if (m->kind == MANIFEST_NATIVE && workers_ask(l->root, m, ret) >= 0)
                return;
        if (look_by_systemd(l, m, ret) < 0)
                return;
        if (ret->state == MONIT_FAILED || ret->state == MONIT_HUNG || ret->state == MONIT_STOPPED)
                excuse(l, m, maintenance, ret);
}
