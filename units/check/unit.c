/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/check/unit.h"

#include <fnmatch.h>
#include <stdio.h>

#include "lib/systemd.h"
#include "units/check/host.h"

#define UNITS_MAX 512
#define UNIT_INTERFACE "org.freedesktop.systemd1.Unit"
#define SERVICE_INTERFACE "org.freedesktop.systemd1.Service"

struct check_unit {
        char *name;
        char *text; /* lines of "Property=value" */
};

struct check_units {
        sd_bus *bus; /* NULL: all that is known has been read */
        struct check_unit *list[UNITS_MAX];
        size_t n;
};

/* What the rows ask for. */
static const struct {
        const char *interface, *name, *type;
} properties[] = {
        {UNIT_INTERFACE, "Id", "s"},
        {UNIT_INTERFACE, "LoadState", "s"},
        {UNIT_INTERFACE, "ActiveState", "s"},
        {UNIT_INTERFACE, "SubState", "s"},
        {UNIT_INTERFACE, "UnitFileState", "s"},
        {UNIT_INTERFACE, "FragmentPath", "s"},
        {UNIT_INTERFACE, "DropInPaths", "as"},
        {UNIT_INTERFACE, "After", "as"},
        {UNIT_INTERFACE, "StartLimitIntervalUSec", "t"},
        {UNIT_INTERFACE, "StartLimitBurst", "u"},
        {SERVICE_INTERFACE, "Type", "s"},
        {SERVICE_INTERFACE, "Restart", "s"},
        {SERVICE_INTERFACE, "RestartUSec", "t"},
        {SERVICE_INTERFACE, "PIDFile", "s"},
        {SERVICE_INTERFACE, "MainPID", "u"},
        {SERVICE_INTERFACE, "ControlGroup", "s"},
        {SERVICE_INTERFACE, "RuntimeDirectory", "as"},
};

int check_units_open(struct check_units **ret) {
        struct check_units *units = calloc(1, sizeof(*units));
        int r = units ? systemd_open(&units->bus) : -ENOMEM;

        if (r < 0) {
                free(units);
                return r;
        }
        *ret = units;
        return 0;
}

struct check_units *check_units_free(struct check_units *units) {
        if (!units)
                return NULL;
        for (size_t i = 0; i < units->n; i++) {
                free(units->list[i]->name);
                free(units->list[i]->text);
                free(units->list[i]);
        }
        sd_bus_unref(units->bus);
        free(units);
        return NULL;
}

/* Takes @text, also when it fails. */
static const struct check_unit *add(struct check_units *units, const char *name, char *text) {
        struct check_unit *unit = units->n < UNITS_MAX ? calloc(1, sizeof(*unit)) : NULL;

        if (unit)
                unit->name = strdup(name);
        if (!unit || !unit->name) {
                free(unit);
                free(text);
                return NULL;
        }
        unit->text = text;
        return units->list[units->n++] = unit;
}

static void write_property(sd_bus *bus, const char *path, const char *interface, const char *name, const char *type,
                           FILE *to) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *text;
        uint64_t big;
        uint32_t small;

        if (sd_bus_get_property(bus, SYSTEMD_NAME, path, interface, name, NULL, &reply, type) < 0)
                return;
        (void) fprintf(to, "%s=", name);
        if (streq(type, "s") && sd_bus_message_read_basic(reply, 's', &text) > 0)
                (void) fputs(text, to);
        else if (streq(type, "t") && sd_bus_message_read_basic(reply, 't', &big) > 0)
                (void) fprintf(to, "%llu", (unsigned long long) big);
        else if (streq(type, "u") && sd_bus_message_read_basic(reply, 'u', &small) > 0)
                (void) fprintf(to, "%u", small);
        else if (streq(type, "as") && sd_bus_message_enter_container(reply, 'a', "s") > 0)
                for (unsigned n = 0; sd_bus_message_read_basic(reply, 's', &text) > 0; n++)
                        (void) fprintf(to, "%s%s", n ? " " : "", text);
        (void) fputc('\n', to);
}

static const struct check_unit *ask(struct check_units *units, const char *name) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path;
        char *text = NULL;
        size_t size;
        FILE *to;

        if (sd_bus_call_method(units->bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "LoadUnit", NULL, &reply, "s",
                               name) < 0 ||
            sd_bus_message_read_basic(reply, 'o', &path) <= 0)
                return NULL;
        to = open_memstream(&text, &size);
        if (!to)
                return NULL;
        for (unsigned i = 0; i < ELEMENTSOF(properties); i++)
                write_property(units->bus, path, properties[i].interface, properties[i].name, properties[i].type, to);
        if (fclose(to) != 0) {
                free(text);
                return NULL;
        }
        return add(units, name, text);
}

/* Blocks of lines, with an empty one between; the unit's name is that of its line "Id=". */
int check_units_read(const char *path, struct check_units **ret) {
        _cleanup_free_ char *text = NULL;
        struct check_units *units;
        char *block, *rest;
        int r = host_read(path, &text);

        if (r < 0)
                return r;
        units = calloc(1, sizeof(*units));
        if (!units)
                return -ENOMEM;
        for (block = text; block && *block; block = rest) {
                char *end = strstr(block, "\n\n"), *id, *copy;
                char name[256];

                rest = end ? end + 2 : NULL;
                if (end)
                        end[1] = 0;
                id = strncmp(block, "Id=", 3) == 0 ? block + 3 : strstr(block, "\nId=");
                if (!id)
                        continue;
                id += *id == '\n' ? 4 : 0;
                (void) snprintf(name, sizeof(name), "%.*s", (int) strcspn(id, "\n"), id);
                copy = strdup(block);
                if (!copy || !add(units, name, copy)) {
                        check_units_free(units);
                        return -ENOMEM;
                }
        }
        *ret = units;
        return 0;
}

static const struct check_unit *find_known(struct check_units *units, const char *name) {
        const struct check_unit *best = NULL;

        for (size_t i = 0; i < units->n; i++) {
                const struct check_unit *unit = units->list[i];

                if (fnmatch(name, unit->name, 0) != 0)
                        continue;
                if (best &&
                    check_unit_is(best, "ActiveState", "active") != check_unit_is(unit, "ActiveState", "active")) {
                        if (check_unit_is(unit, "ActiveState", "active"))
                                best = unit;
                } else if (!best || strverscmp(best->name, unit->name) < 0)
                        best = unit;
        }
        return best;
}

const struct check_unit *check_units_find(struct check_units *units, const char *name) {
        const struct check_unit *known;
        struct systemd_unit match;

        if (!units)
                return NULL;
        known = find_known(units, name);
        if (known || !units->bus)
                return known;
        if (!strchr(name, '*'))
                return ask(units, name);
        return systemd_match(units->bus, name, &match) == 0 ? ask(units, match.name) : NULL;
}

const char *check_unit_get(const struct check_unit *unit, const char *property) {
        static char values[8][8192];
        static unsigned next;
        size_t n = strlen(property);
        char *value = values[next++ % ELEMENTSOF(values)];

        *value = 0;
        for (const char *line = unit->text; line && *line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, property, n) == 0 && line[n] == '=') {
                        (void) snprintf(value, sizeof(values[0]), "%.*s", (int) strcspn(line + n + 1, "\n"),
                                        line + n + 1);
                        break;
                }
        }
        return value;
}

bool check_unit_lists(const struct check_unit *unit, const char *property, const char *word) {
        const char *list = check_unit_get(unit, property);
        size_t n = strlen(word);

        while (*list) {
                size_t length = strcspn(list, " ");

                if (length == n && strncmp(list, word, n) == 0)
                        return true;
                list += length + strspn(list + length, " ");
        }
        return false;
}

bool check_unit_is(const struct check_unit *unit, const char *property, const char *value) {
        return streq(check_unit_get(unit, property), value);
}

uint64_t check_unit_usec(const struct check_unit *unit, const char *property) {
        static const struct {
                const char *name;
                uint64_t usec;
        } parts[] = {{"us", 1},         {"ms", 1000},      {"s", 1000000},
                     {"min", 60000000}, {"h", 3600000000}, {"d", 86400000000}};
        const char *at = check_unit_get(unit, property);
        uint64_t sum = 0;
        char *end;

        if (streq(at, "infinity"))
                return UINT64_MAX;
        for (; *at; at = end + strspn(end, " ")) {
                uint64_t number = strtoull(at, &end, 10), factor = 1;
                size_t n = strcspn(end, " ");

                if (end == at)
                        break;
                for (unsigned i = 0; i < ELEMENTSOF(parts); i++)
                        if (strlen(parts[i].name) == n && strncmp(parts[i].name, end, n) == 0)
                                factor = parts[i].usec;
                sum += number * factor;
                end += n;
        }
        return sum;
}
