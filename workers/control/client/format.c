/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/client/format.h"

#include <inttypes.h>
#include <stdio.h>

static bool coloured;

void format_init(void) {
        const char *term = getenv("TERM");

        coloured = isatty(STDOUT_FILENO) && term && *term && !streq(term, "dumb") && !getenv("NO_COLOR");
}

/* The largest unit and the one below it. */
const char *format_duration(char to[FORMAT_SIZE], json_int_t msec) {
        static const struct {
                json_int_t msec, below;
                const char *name, *below_name;
        } units[] = {
                {86400000, 3600000, "d", "h"}, {3600000, 60000, "h", "min"}, {60000, 1000, "min", "s"},
        };

        for (unsigned i = 0; i < ELEMENTSOF(units); i++) {
                json_int_t rest = msec % units[i].msec / units[i].below;

                if (msec < units[i].msec)
                        continue;
                if (rest > 0)
                        (void) snprintf(to, FORMAT_SIZE, "%" PRId64 " %s %" PRId64 " %s", (int64_t) (msec / units[i].msec),
                                        units[i].name, (int64_t) rest, units[i].below_name);
                else
                        (void) snprintf(to, FORMAT_SIZE, "%" PRId64 " %s", (int64_t) (msec / units[i].msec), units[i].name);
                return to;
        }
        if (msec >= 1000)
                (void) snprintf(to, FORMAT_SIZE, "%" PRId64 " s", (int64_t) (msec / 1000));
        else
                (void) snprintf(to, FORMAT_SIZE, "%" PRId64 " ms", (int64_t) msec);
        return to;
}

const char *format_time(char to[FORMAT_SIZE], json_int_t msec) {
        if (msec >= 3600000 && msec % 3600000 == 0)
                (void) snprintf(to, FORMAT_SIZE, "%" PRId64 "h", (int64_t) (msec / 3600000));
        else if (msec >= 60000 && msec % 60000 == 0)
                (void) snprintf(to, FORMAT_SIZE, "%" PRId64 "min", (int64_t) (msec / 60000));
        else if (msec >= 1000)
                (void) snprintf(to, FORMAT_SIZE, "%.4gs", (double) msec / 1000);
        else
                (void) snprintf(to, FORMAT_SIZE, "%" PRId64 "ms", (int64_t) msec);
        return to;
}

const char *format_bytes(char to[FORMAT_SIZE], json_int_t bytes) {
        static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
        double value = (double) bytes;
        unsigned i = 0;

        for (; value >= 1024 && i + 1 < ELEMENTSOF(units); i++)
                value /= 1024;
        (void) snprintf(to, FORMAT_SIZE, "%.4g %s", value, units[i]);
        return to;
}

const char *format_state(const char *state) {
        static const char *const good[] = {"ready", "resting", "done", "off", "running"};
        static const char *const bad[] = {"failed", "undead", "backoff"};

        if (!coloured)
                return "";
        for (unsigned i = 0; i < ELEMENTSOF(good); i++)
                if (streq(good[i], state))
                        return "\033[32m";
        for (unsigned i = 0; i < ELEMENTSOF(bad); i++)
                if (streq(bad[i], state))
                        return "\033[1;31m";
        return "\033[33m";
}

const char *format_bold(void) {
        return coloured ? "\033[1m" : "";
}

const char *format_plain(void) {
        return coloured ? "\033[0m" : "";
}

static void make_harmless(json_t *string) {
        _cleanup_free_ char *copy = strdup(json_string_value(string));

        if (!copy)
                return;
        for (char *c = copy; *c; c++) {
                unsigned char next = (unsigned char) c[1];

                if (((unsigned char) *c < ' ' && *c != '\n') || *c == 0x7f)
                        *c = '?';
                else if ((unsigned char) *c == 0xc2 && next >= 0x80 && next < 0xa0)
                        c[0] = c[1] = '?';
        }
        (void) json_string_set(string, copy);
}

void format_harmless(json_t *value) {
        const char *name;
        json_t *member;
        size_t i;

        if (json_is_string(value))
                make_harmless(value);
        else if (json_is_object(value)) {
                json_object_foreach(value, name, member)
                        format_harmless(member);
        } else if (json_is_array(value)) {
                json_array_foreach(value, i, member)
                        format_harmless(member);
        }
}

const char *get_string(const json_t *object, const char *name) {
        return strempty(json_string_value(json_object_get(object, name)));
}

json_int_t get_int(const json_t *object, const char *name) {
        return json_integer_value(json_object_get(object, name));
}

bool get_bool(const json_t *object, const char *name) {
        return json_is_true(json_object_get(object, name));
}

/* Columns on a terminal, near enough: one for each character, whatever its bytes. */
static size_t width_of(const char *s) {
        size_t n = 0;

        for (; *s; s++)
                n += ((unsigned char) *s & 0xc0) != 0x80;
        return n;
}

void table_add(struct table *t, const char *cell) {
        if (t->n_cells == t->allocated) {
                size_t n = t->allocated ? t->allocated * 2 : 64;
                char **cells = reallocarray(t->cells, n, sizeof(*cells));

                if (!cells)
                        abort();
                t->cells = cells;
                t->allocated = n;
        }
        t->cells[t->n_cells] = strdup(strempty(cell));
        if (!t->cells[t->n_cells++])
                abort();
}

static void print_cell(const struct table *t, size_t i, size_t width) {
        size_t column = i % t->n_columns, used = width_of(t->cells[i]);
        bool heading = i < t->n_columns, last = column + 1 == t->n_columns, right = t->right & (1U << column);
        int padding = (int) (width > used ? width - used : 0);
        const char *colour = heading ? format_bold() : (int) column == t->state_column ? format_state(t->cells[i]) : "";

        /* No blanks at the end of a line. */
        if (last && !t->cells[i][0])
                return;
        (void) fprintf(t->to ?: stdout, "%s%*s%s%s%s%*s", column > 0 ? "  " : "", right ? padding : 0, "", colour, t->cells[i],
               *colour ? format_plain() : "", right || last ? 0 : padding, "");
}

void table_print(struct table *t, const char *indent) {
        size_t widths[TABLE_COLUMNS_MAX] = {0};

        for (size_t i = 0; i < t->n_cells; i++)
                widths[i % t->n_columns] = MAX(widths[i % t->n_columns], width_of(t->cells[i]));
        for (size_t i = 0; i < t->n_cells; i++) {
                if (i % t->n_columns == 0)
                        (void) fputs(indent, t->to ?: stdout);
                print_cell(t, i, widths[i % t->n_columns]);
                if (i % t->n_columns + 1 == t->n_columns)
                        (void) fputc('\n', t->to ?: stdout);
        }
        for (size_t i = 0; i < t->n_cells; i++)
                free(t->cells[i]);
        free(t->cells);
        *t = (struct table) {0};
}
