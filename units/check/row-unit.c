/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows about the unit and the package.
 */
#include <inttypes.h>

#include "units/check/check.h"
#include "units/check/host.h"
#include "units/check/package.h"
#include "units/check/unit.h"

#define DISABLED "/var/lib/wazo/disabled"
#define LATE_USEC (UINT64_C(60) * 1000 * 1000)

/* Where the manifest says it, or would. */
static const struct place *said_at(const struct manifest *m, const char *key) {
        const struct yaml_node *node = yaml_at(m->root, key);

        return node ? &node->place : &m->root->place;
}

static bool is_loaded(struct check *c, const struct manifest *m) {
        const struct place *place = said_at(m, "unit.name");

        if (!c->unit)
                check_undecided(c, "no systemd tells about %s here", m->facts.unit.name);
        else if (!check_unit_is(c->unit, "LoadState", "loaded")) {
                check_fail(c, "the unit %s is %s (%s:%u)", m->facts.unit.name, check_unit_get(c->unit, "LoadState"),
                           strempty(place->file), place->line);
                check_remedy(c,
                             "apt-get install --reinstall %s; systemctl unmask %s; if there is no such unit, mend "
                             "\"unit\" in the manifest",
                             m->facts.package, m->facts.unit.name);
        } else
                return true;
        return false;
}

/* One fact of the manifest against the unit; true when they differ, and the row has failed. */
static bool differs(struct check *c, const struct manifest *m, const char *key, const char *property,
                    const char *said) {
        const char *is = check_unit_get(c->unit, property);
        const struct place *place = said_at(m, key);

        if (streq(is, said))
                return false;
        check_fail(c, "%s: %s is \"%s\", its manifest says \"%s\" (%s:%u)", check_unit_get(c->unit, "Id"), property,
                   is, said, strempty(place->file), place->line);
        check_remedy(c,
                     "set %s in the manifest to what the unit has, or take the drop-in away that changes it "
                     "(systemctl cat %s)",
                     key, check_unit_get(c->unit, "Id"));
        return true;
}

/* The unit that was meant may not be the one that the manifest describes. */
static bool is_another(struct check *c, const struct manifest *m) {
        return m->facts.unit.replaces && check_unit_is(c->unit, "Id", m->facts.unit.replaces);
}

void check_row_unit(struct check *c, const struct manifest *m) {
        if (!is_loaded(c, m))
                return;
        if (is_another(c, m)) {
                check_skip(c, "%s runs in its place", m->facts.unit.replaces);
                return;
        }
        if (differs(c, m, "unit.type", "Type", facts_unit_type_to_string(m->facts.unit.type)) ||
            differs(c, m, "unit.restart", "Restart", facts_restart_to_string(m->facts.unit.restart)) ||
            (m->facts.unit.type == FACTS_UNIT_FORKING && m->facts.unit.pid_file &&
             differs(c, m, "unit.pid_file", "PIDFile", m->facts.unit.pid_file)))
                return;
        check_pass(c, "%s is as its manifest says", check_unit_get(c->unit, "Id"));
}

void check_row_installed(struct check *c, const struct manifest *m) {
        const char *state;
        bool installed, ours = m->kind != MANIFEST_UNIT;
        char file[256];
        int r;

        if (!is_loaded(c, m))
                return;
        r = package_installed(c->root, m->facts.package, &installed);
        if (r < 0 && r != -ENOENT) {
                check_undecided(c, "the list of packages: %s", strerror(-r));
                return;
        }
        if (r == 0 && !installed && ours) {
                check_fail(c, "the package %s is not installed", m->facts.package);
                check_remedy(c, "apt-get install %s", m->facts.package);
                return;
        }
        /* What came without dpkg has no digests there. */
        r = package_damaged(c->root, m->facts.package, file, sizeof(file));
        if (r < 0) {
                check_undecided(c, "the files of %s: %s", m->facts.package, strerror(-r));
                return;
        }
        if (r > 0) {
                check_fail(c, "%s is not as the package %s has it", file, m->facts.package);
                check_remedy(c, "apt-get install --reinstall %s", m->facts.package);
                return;
        }
        state = check_unit_get(c->unit, "ActiveState");
        if (c->held_back) {
                check_pass(c, "it is held back by " DISABLED);
                return;
        }
        if (!streq(state, "active")) {
                check_fail(c, "%s is %s (%s)", check_unit_get(c->unit, "Id"), state,
                           check_unit_get(c->unit, "SubState"));
                check_remedy(c, "systemctl start %s; if it fails: journalctl -u %s", check_unit_get(c->unit, "Id"),
                             check_unit_get(c->unit, "Id"));
                return;
        }
        check_pass(c, "%s is active", check_unit_get(c->unit, "Id"));
}

/* The unit of a name of "after" or "needs"; NULL when this host has none, so that there is nothing to be after. */
static const char *unit_of(struct check *c, const char *name) {
        const struct manifest *other = strchr(name, '.') ? NULL : suite_find(c->suite, name);
        const struct check_unit *unit;

        if (!other)
                return name;
        unit = check_units_find(c->units, other->facts.unit.name);
        if (other->facts.unit.replaces && (!unit || !check_unit_is(unit, "LoadState", "loaded")))
                unit = check_units_find(c->units, other->facts.unit.replaces);
        return unit && check_unit_is(unit, "LoadState", "loaded") ? check_unit_get(unit, "Id") : NULL;
}

/* "postgresql@15-main.service" is before "postgresql.service", which units name instead. */
static bool is_after(const struct check_unit *unit, const char *other) {
        char plain[256];
        const char *at = strchr(other, '@');

        if (check_unit_lists(unit, "After", other))
                return true;
        if (!at)
                return false;
        (void) snprintf(plain, sizeof(plain), "%.*s.service", (int) (at - other), other);
        return check_unit_lists(unit, "After", plain);
}

static bool all_after(struct check *c, const struct manifest *m, const struct yaml_node *list) {
        for (size_t i = 0; i < yaml_count(list); i++) {
                const char *other = unit_of(c, yaml_text(list, i));

                if (!other || is_after(c->unit, other))
                        continue;
                check_fail(c, "%s has no After=%s, which its manifest says", check_unit_get(c->unit, "Id"), other);
                check_remedy(c, "systemctl edit %s: [Unit] After=%s; if the manifest is wrong, mend \"after\" there",
                             check_unit_get(c->unit, "Id"), other);
                return false;
        }
        return true;
}

void check_row_boot(struct check *c, const struct manifest *m) {
        const char *state;

        if (!is_loaded(c, m))
                return;
        state = check_unit_get(c->unit, "UnitFileState");
        /* An instance of a template is started by a generator, and a unit of SysV has no state. */
        if (m->facts.unit.wanted && !streq(state, "enabled") && !streq(state, "enabled-runtime") &&
            !streq(state, "generated") && !streq(state, "alias") && !strchr(m->facts.unit.name, '*')) {
                check_fail(c, "%s is %s: it does not start with the host", check_unit_get(c->unit, "Id"),
                           *state ? state : "not enabled");
                check_remedy(c, "systemctl enable %s", check_unit_get(c->unit, "Id"));
                return;
        }
        if (!is_another(c, m) && (!all_after(c, m, m->facts.after) || !all_after(c, m, m->facts.needs)))
                return;
        check_pass(c, "%s, and after all that it needs", *state ? state : "started by others");
}

/* Marks what wazo-service has started before it starts @m. The manifests have no circle. */
static void mark_earlier(const struct suite *s, const struct manifest *m, bool *earlier) {
        for (size_t i = 0; i < s->n; i++)
                if (!earlier[i] && suite_waits_for(m, &s->services[i])) {
                        earlier[i] = true;
                        mark_earlier(s, &s->services[i], earlier);
                }
}

/* Whether systemd starts it after @other, which is no name of a unit but a service. */
static bool is_ordered_after(struct check *c, const struct manifest *other) {
        const char *unit = unit_of(c, other->service);

        return unit && is_after(c->unit, unit);
}

bool check_order_differs(struct check *c, const struct manifest *m) {
        bool earlier[SUITE_SERVICES_MAX] = {false};

        mark_earlier(c->suite, m, earlier);
        for (size_t i = 0; i < c->suite->n; i++) {
                const struct manifest *other = &c->suite->services[i];

                if (earlier[i] || other == m || other->facts.order.filter == FACTS_FILTER_NONE || !is_ordered_after(c, other))
                        continue;
                check_fail(c, "%s has After=%s, and wazo-service does not wait for it", check_unit_get(c->unit, "Id"),
                           other->service);
                check_remedy(c,
                             "add %s to \"after\" in the manifest of %s, or take the drop-in away that says so (systemctl cat %s)",
                             other->service, m->service, check_unit_get(c->unit, "Id"));
                return true;
        }
        return false;
}

void check_row_start_limit(struct check *c, const struct manifest *m) {
        uint64_t interval, burst, pause;

        if (!is_loaded(c, m))
                return;
        if (check_unit_is(c->unit, "Restart", "no")) {
                check_skip(c, "systemd does not start it again: monit does");
                return;
        }
        interval = check_unit_usec(c->unit, "StartLimitIntervalUSec");
        burst = strtoull(check_unit_get(c->unit, "StartLimitBurst"), NULL, 10);
        pause = check_unit_usec(c->unit, "RestartUSec");
        if (interval == 0 || burst == 0)
                check_pass(c, "it is started again without a limit");
        else if (burst * pause >= MIN(interval, LATE_USEC))
                check_pass(c, "%" PRIu64 " starts, %" PRIu64 " ms apart, outlast a database that is 60 s late", burst,
                           pause / 1000);
        else {
                check_fail(c,
                           "%s is given up after %" PRIu64 " starts, %" PRIu64
                           " ms apart: a database that is 60 s late is too late",
                           check_unit_get(c->unit, "Id"), burst, pause / 1000);
                check_remedy(c,
                             "systemctl edit %s: [Unit] StartLimitIntervalSec=150 StartLimitBurst=15, [Service] "
                             "RestartSec=5",
                             check_unit_get(c->unit, "Id"));
        }
}

/* A condition stands in the unit's files only: systemd tells of it in no way that can be printed. */
static bool has_condition(struct check *c, const char *file) {
        _cleanup_free_ char *text = NULL;
        char path[CHECK_PATH_MAX];

        return *file && check_path(c, file, path) && host_read(path, &text) == 0 &&
               strstr(text, "\nConditionPathExists=!" DISABLED "\n");
}

void check_row_disabled(struct check *c, const struct manifest *m) {
        bool telephony = m->facts.order.filter == FACTS_FILTER_WAZO, conditioned;
        char files[8192], *rest = files, *file;

        if (!is_loaded(c, m))
                return;
        if (c->held_back && check_unit_is(c->unit, "ActiveState", "failed")) {
                check_fail(c, "it is held back, and counts as failed");
                check_remedy(c, "systemctl reset-failed %s", check_unit_get(c->unit, "Id"));
                return;
        }
        if (c->held_back && check_unit_is(c->unit, "ActiveState", "active")) {
                check_fail(c, "it runs although " DISABLED " is there");
                check_remedy(c, "on a slave: wazo-service stop wazo; else: wazo-service enable");
                return;
        }
        conditioned = has_condition(c, check_unit_get(c->unit, "FragmentPath"));
        (void) strcopy(files, sizeof(files), check_unit_get(c->unit, "DropInPaths"));
        while ((file = strsep(&rest, " ")))
                conditioned |= has_condition(c, file);
        if (conditioned == telephony)
                check_pass(c, telephony ? "its unit is not started while " DISABLED " is there" :
                                          "it is started whether or not " DISABLED " is there");
        else if (telephony) {
                check_fail(c, "%s is started although " DISABLED " is there", check_unit_get(c->unit, "Id"));
                check_remedy(c, "systemctl edit %s: [Unit] ConditionPathExists=!" DISABLED,
                             check_unit_get(c->unit, "Id"));
        } else {
                check_fail(c, "%s has a condition on " DISABLED ", and is no telephony",
                           check_unit_get(c->unit, "Id"));
                check_remedy(c,
                             "take ConditionPathExists= out of its drop-ins (systemctl cat %s), or mend "
                             "wazo_service.filter in the manifest",
                             check_unit_get(c->unit, "Id"));
        }
}
