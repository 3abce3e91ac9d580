/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/wazo-service/find.h"

/* "postgresql@*-main.service": one of those that there are. */
static int find_instance(sd_bus *bus, const char *pattern, struct systemd_unit *ret) {
        struct systemd_unit none = {.load = "not-found", .active = "inactive", .sub = "dead"};
        int r = systemd_match(bus, pattern, ret);

        if (r != -ENOENT)
                return r;
        (void) strcopy(none.name, sizeof(none.name), pattern);
        *ret = none;
        return 0;
}

int find_unit(sd_bus *bus, const struct manifest *m, struct systemd_unit *ret) {
        const char *names[2] = {m->facts.unit.name, m->facts.unit.replaces};
        struct systemd_unit units[2];
        int r;

        if (strchr(names[0], '*'))
                return find_instance(bus, names[0], ret);
        r = systemd_units(bus, names, names[1] ? 2 : 1, units);
        if (r < 0)
                return r;
        *ret = units[0];
        if (names[1] && streq(units[1].load, "loaded") && !streq(units[0].active, "active") &&
            (streq(units[1].active, "active") || !streq(units[0].load, "loaded")))
                *ret = units[1];
        return 0;
}
