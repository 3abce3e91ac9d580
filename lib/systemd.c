/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/systemd.h"

#define PRIVATE_SOCKET "/run/systemd/private"
#define CALL_USEC (10U * 1000 * 1000)

static int open_private(sd_bus **ret) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_address(bus, "unix:path=" PRIVATE_SOCKET);
        if (r < 0)
                return r;
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = STEAL(bus);
        return 0;
}

int systemd_open(sd_bus **ret) {
        sd_bus *bus;
        int r = -EACCES;

        if (geteuid() == 0 && !getenv("DBUS_SYSTEM_BUS_ADDRESS"))
                r = open_private(&bus);
        if (r < 0)
                r = sd_bus_open_system(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_method_call_timeout(bus, CALL_USEC);
        if (r < 0) {
                sd_bus_unref(bus);
                return r;
        }
        *ret = bus;
        return 0;
}

/* One element of the answers to ListUnits...: name, description, load, active, sub, following, path, job id, type, path. */
static int read_unit(sd_bus_message *m, struct systemd_unit *unit) {
        const char *name, *load, *active, *sub;
        uint32_t job;
        int r;

        r = sd_bus_message_read(m, "(ssssssouso)", &name, NULL, &load, &active, &sub, NULL, NULL, &job, NULL, NULL);
        if (r <= 0)
                return r;
        *unit = (struct systemd_unit) {.job = job};
        if (!strcopy(unit->name, sizeof(unit->name), name))
                return -ENAMETOOLONG;
        (void) strcopy(unit->load, sizeof(unit->load), load);
        (void) strcopy(unit->active, sizeof(unit->active), active);
        (void) strcopy(unit->sub, sizeof(unit->sub), sub);
        return 1;
}

static int new_call(sd_bus *bus, const char *member, sd_bus_message **ret) {
        return sd_bus_message_new_method_call(bus, ret, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, member);
}

int systemd_units(sd_bus *bus, const char *const *names, size_t n, struct systemd_unit *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        int r;

        if (n == 0)
                return 0;
        r = new_call(bus, "ListUnitsByNames", &call);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(call, 'a', "s");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append(call, "s", names[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(call);
        if (r >= 0)
                r = sd_bus_call(bus, call, 0, NULL, &reply);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
        if (r < 0)
                return r;
        /* One a name, in the order of the names. */
        for (size_t i = 0; i < n; i++) {
                r = read_unit(reply, &ret[i]);
                if (r <= 0)
                        return r < 0 ? r : -EBADMSG;
        }
        return 0;
}

/* Calls a method that lists what matches a pattern, and enters the array of its answer. */
static int call_patterns(sd_bus *bus, const char *member, const char *pattern, const char *contents, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, member, NULL, &reply, "asas", 0, 1, pattern);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', contents);
        if (r < 0)
                return r;
        *ret = STEAL(reply);
        return 0;
}

/* Among the units that systemd has in memory. */
static int match_unit(sd_bus *bus, const char *pattern, struct systemd_unit *best) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct systemd_unit unit;
        int r;

        r = call_patterns(bus, "ListUnitsByPatterns", pattern, "(ssssssouso)", &reply);
        if (r < 0)
                return r;
        while ((r = read_unit(reply, &unit)) > 0) {
                bool active = streq(unit.active, "active"), best_active = streq(best->active, "active");

                if (!*best->name || active > best_active || (active == best_active && strverscmp(unit.name, best->name) > 0))
                        *best = unit;
        }
        return r;
}

/* Among those that it does not need now, and has forgotten. */
static int match_file(sd_bus *bus, const char *pattern, struct systemd_unit *best) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        char name[SYSTEMD_UNIT_MAX] = "";
        const char *path, *wanted = name;
        int r;

        r = call_patterns(bus, "ListUnitFilesByPatterns", pattern, "(ss)", &reply);
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(reply, "(ss)", &path, NULL)) > 0) {
                const char *slash = strrchr(path, '/');

                if (slash && strverscmp(slash + 1, name) > 0 && !strcopy(name, sizeof(name), slash + 1))
                        return -ENAMETOOLONG;
        }
        if (r < 0 || !*name)
                return r;
        return systemd_units(bus, &wanted, 1, best);
}

int systemd_match(sd_bus *bus, const char *pattern, struct systemd_unit *ret) {
        struct systemd_unit best = {0};
        int r;

        r = match_unit(bus, pattern, &best);
        if (r >= 0 && !*best.name)
                r = match_file(bus, pattern, &best);
        if (r < 0)
                return r;
        if (!*best.name)
                return -ENOENT;
        *ret = best;
        return 0;
}

/* A property of an interface of the unit at @path; of the kinds that have none it stays as it is. */
static int read_property(sd_bus *bus, const char *path, const char *interface, const char *name, const char *type, void *ret) {
        int r;

        r = sd_bus_get_property_trivial(bus, SYSTEMD_NAME, path, interface, name, NULL, *type, ret);
        return r == -EBADR || r == -ENOENT ? 0 : r;
}

static int read_text(sd_bus *bus, const char *path, const char *name, char *ret, size_t size) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = sd_bus_get_property_string(bus, SYSTEMD_NAME, path, "org.freedesktop.systemd1.Service", name, NULL, &text);
        if (r >= 0)
                (void) strcopy(ret, size, text);
        return r == -EBADR || r == -ENOENT ? 0 : r;
}

int systemd_details(sd_bus *bus, const char *unit, struct systemd_details *ret) {
        _cleanup_free_ char *path = NULL;
        struct systemd_details d = {0};
        uint64_t since_usec = 0;
        int condition = 1, r;

        r = sd_bus_path_encode(SYSTEMD_PATH "/unit", unit, &path);
        if (r < 0)
                return r;
        r = read_text(bus, path, "StatusText", d.status, sizeof(d.status));
        if (r >= 0)
                r = read_text(bus, path, "Result", d.result, sizeof(d.result));
        if (r >= 0)
                r = read_property(bus, path, "org.freedesktop.systemd1.Unit", "ConditionResult", "b", &condition);
        if (r >= 0)
                r = read_property(bus, path, "org.freedesktop.systemd1.Service", "MainPID", "u", &d.pid);
        if (r >= 0)
                r = read_property(bus, path, "org.freedesktop.systemd1.Unit", "ActiveEnterTimestampMonotonic", "t", &since_usec);
        if (r < 0)
                return r;
        d.condition = condition;
        d.active_since = since_usec * NSEC_PER_USEC;
        *ret = d;
        return 0;
}

void systemd_usage(sd_bus *bus, const char *unit, uint32_t *ret_restarts, uint64_t *ret_memory) {
        static const char service[] = "org.freedesktop.systemd1.Service";
        _cleanup_free_ char *path = NULL;
        uint64_t memory = UINT64_MAX;
        uint32_t restarts = 0;

        if (sd_bus_path_encode(SYSTEMD_PATH "/unit", unit, &path) >= 0) {
                (void) read_property(bus, path, service, "NRestarts", "u", &restarts);
                (void) read_property(bus, path, service, "MemoryCurrent", "t", &memory);
        }
        *ret_restarts = restarts;
        /* Without accounting it is all ones. */
        *ret_memory = memory == UINT64_MAX ? 0 : memory;
}

int systemd_queue(sd_bus *bus, const char *verb, const char *unit, char *ret_job, size_t size) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *job;
        int r;

        r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
                               streq(verb, "start") ? "StartUnit" : "StopUnit", NULL, &reply, "ss", unit, "replace");
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &job);
        if (r < 0)
                return r;
        return strcopy(ret_job, size, job) ? 0 : -ENAMETOOLONG;
}

int systemd_file_state(sd_bus *bus, const char *unit, char *ret, size_t size) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *state;
        int r;

        r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "GetUnitFileState", NULL, &reply, "s", unit);
        if (r >= 0)
                r = sd_bus_message_read(reply, "s", &state);
        if (r < 0)
                return r;
        (void) strcopy(ret, size, state);
        return 0;
}

int systemd_enable(sd_bus *bus, const char *unit, bool enable) {
        int r;

        if (enable)
                r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "EnableUnitFiles", NULL,
                                       NULL, "asbb", 1, unit, 0, 1);
        else
                r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "DisableUnitFiles", NULL,
                                       NULL, "asb", 1, unit, 0);
        if (r < 0)
                return r;
        r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "Reload", NULL, NULL, NULL);
        return r < 0 ? r : 0;
}
