/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/survey/units.h"

/* Of systemd's words. */
static const char *state_of(const struct systemd_unit *unit) {
        static const char *const words[][2] = {
                {"active", "running"},     {"reloading", "running"},       {"activating", "starting"},
                {"inactive", "stopped"},   {"deactivating", "stopping"}, {"failed", "failed"},
        };

        for (unsigned i = 0; i < ELEMENTSOF(words); i++)
                if (streq(words[i][0], unit->active))
                        return words[i][1];
        return "unknown";
}

/* The one that is meant: by a pattern, or the one whose place ours takes, where that one is in charge. */
static int find_unit(sd_bus *bus, const struct manifest *m, struct systemd_unit *ret) {
        const char *const names[] = {m->facts.unit.name, m->facts.unit.replaces};
        struct systemd_unit units[2];
        int r;

        if (!names[0])
                return -ENOENT;
        if (strchr(names[0], '*'))
                return systemd_match(bus, names[0], ret);
        r = systemd_units(bus, names, names[1] ? 2 : 1, units);
        if (r < 0)
                return r;
        if (names[1] && streq(units[1].load, "loaded") && (!streq(units[0].load, "loaded") || streq(units[1].active, "active")))
                units[0] = units[1];
        if (streq(units[0].load, "not-found"))
                return -ENOENT;
        *ret = units[0];
        return 0;
}

int units_ask(sd_bus *bus, const struct manifest *m, json_t *entry) {
        struct systemd_details details;
        struct systemd_unit unit;
        uint32_t restarts;
        uint64_t memory;
        int r;

        r = find_unit(bus, m, &unit);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        (void) json_object_set_new(entry, "state", json_string(state_of(&unit)));
        (void) json_object_set_new(entry, "unit", json_string(unit.name));
        if (systemd_details(bus, unit.name, &details) < 0)
                return 1;
        systemd_usage(bus, unit.name, &restarts, &memory);
        (void) json_object_set_new(entry, "restarts", json_integer(restarts));
        if (streq(unit.active, "failed"))
                (void) json_object_set_new(entry, "text", json_string(details.result));
        else if (details.status[0])
                (void) json_object_set_new(entry, "text", json_string(details.status));
        if (details.pid > 0) {
                (void) json_object_set_new(entry, "pid", json_integer(details.pid));
                (void) json_object_set_new(entry, "uptime_ms",
                                           json_integer((json_int_t) ((now_monotonic() - details.active_since) /
                                                                      NSEC_PER_MSEC)));
        }
        if (memory > 0)
                (void) json_object_set_new(entry, "memory_kib", json_integer((json_int_t) (memory / 1024)));
        return 1;
}
