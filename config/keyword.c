/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/keyword.h"

#include <inttypes.h>
#include <math.h>

#include "config/text.h"

#define TABLE_MAX 96
#define QUOTED_MAX 40

struct value {
        bool boolean;
        int64_t number;
        double real;
        const char *text;
};

struct unit {
        const char *name;
        int64_t factor;
};

static const struct unit duration_units[] = {
        {"ms", 1}, {"s", 1000}, {"", 1000}, {"m", 60 * 1000}, {"min", 60 * 1000}, {"h", 3600 * 1000},
        {"d", 24 * 3600 * 1000}, {NULL, 0},
};

static const struct unit size_units[] = {
        {"", 1},          {"B", 1},       {"K", 1 << 10},   {"KiB", 1 << 10}, {"M", 1 << 20},
        {"MiB", 1 << 20}, {"G", 1 << 30}, {"GiB", 1 << 30}, {NULL, 0},
};

/* A decimal number without a leading zero, which would be octal in YAML 1.1. Where it ends: *ret_rest. */
static int parse_number(const char *s, int64_t *ret, const char **ret_rest) {
        bool negative = *s == '-';
        int64_t value = 0;
        const char *digits;

        s += *s == '-' || *s == '+';
        digits = s;
        for (; *s >= '0' && *s <= '9'; s++)
                if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *s - '0', &value))
                        return -ERANGE;
        if (s == digits || (*digits == '0' && s - digits > 1))
                return -EINVAL;
        *ret = negative ? -value : value;
        *ret_rest = s;
        return 0;
}

static int parse_with_unit(const char *text, const struct unit *units, int64_t *ret) {
        const char *rest;
        int64_t number;
        int r = parse_number(text, &number, &rest);

        if (r < 0)
                return r;
        if (number < 0)
                return -EINVAL;
        for (; units->name; units++)
                if (streq(rest, units->name))
                        return __builtin_mul_overflow(number, units->factor, ret) ? -ERANGE : 0;
        return -EINVAL;
}

static int parse_boolean(const char *text, bool *ret) {
        static const char *const words[2][3] = {{"false", "no", "off"}, {"true", "yes", "on"}};

        for (unsigned value = 0; value < 2; value++)
                for (unsigned i = 0; i < ELEMENTSOF(words[value]); i++) {
                        const char *word = words[value][i];
                        size_t n = strlen(word);
                        char title[8], upper[8];

                        /* YAML 1.1 knows yes, Yes and YES, and no other mixture. */
                        for (size_t j = 0; j <= n; j++) {
                                upper[j] = (char) (word[j] ? word[j] - 'a' + 'A' : 0);
                                title[j] = j == 0 ? upper[j] : word[j];
                        }
                        if (streq(text, word) || streq(text, title) || streq(text, upper)) {
                                *ret = value == 1;
                                return 0;
                        }
                }
        return -EINVAL;
}

static int parse_real(const char *text, double *ret) {
        char *end;

        /* Of what strtod() takes, only what looks like a decimal number. */
        if (!*text || text[strspn(text, "+-.0123456789eE")])
                return -EINVAL;
        *ret = strtod(text, &end);
        return *end || !isfinite(*ret) ? -EINVAL : 0;
}

static int parse_word(const struct keyword *k, const char *text, int64_t *ret) {
        for (int64_t i = 0; k->words[i]; i++)
                if (streq(text, k->words[i])) {
                        *ret = i;
                        return 0;
                }
        return -EINVAL;
}

static bool limited(const struct keyword *k) {
        return k->min != 0 || k->max != 0;
}

static bool in_limits(const struct keyword *k, int64_t number) {
        return !limited(k) || (number >= k->min && number <= k->max);
}

/* A text as a value of the key's type, for all types that are one text. */
static int parse(const struct keyword *k, const char *text, bool quoted, struct value *ret) {
        struct value value = {0};
        const char *rest;
        int r;

        switch (k->type) {

        case KEYWORD_BOOLEAN:
                r = quoted ? -EINVAL : parse_boolean(text, &value.boolean);
                break;

        case KEYWORD_INTEGER:
                r = quoted ? -EINVAL : parse_number(text, &value.number, &rest);
                if (r == 0 && (*rest || !in_limits(k, value.number)))
                        r = -ERANGE;
                break;

        case KEYWORD_FLOAT:
                r = quoted ? -EINVAL : parse_real(text, &value.real);
                if (r == 0 && limited(k) && (value.real < (double) k->min || value.real > (double) k->max))
                        r = -ERANGE;
                break;

        case KEYWORD_DURATION:
                r = parse_with_unit(text, duration_units, &value.number);
                if (r == 0 && !in_limits(k, value.number))
                        r = -ERANGE;
                break;

        case KEYWORD_SIZE:
                r = parse_with_unit(text, size_units, &value.number);
                if (r == 0 && !in_limits(k, value.number))
                        r = -ERANGE;
                break;

        case KEYWORD_WORD:
                r = parse_word(k, text, &value.number);
                break;

        case KEYWORD_STRING:
                value.text = text;
                r = in_limits(k, (int64_t) strlen(text)) ? 0 : -ERANGE;
                break;

        case KEYWORD_PATH:
                value.text = text;
                r = text_is_path(text) ? 0 : -EINVAL;
                break;

        default:
                r = -EINVAL;
        }
        if (r < 0)
                return r;
        *ret = value;
        return 0;
}

static void format_with_unit(char *to, size_t size, int64_t number, const struct unit *units,
                             const char *const *order) {
        for (; *order; order++)
                for (const struct unit *u = units; u->name; u++)
                        if (streq(u->name, *order) && number % u->factor == 0 && (number >= u->factor || !order[1])) {
                                (void) snprintf(to, size, "%" PRId64 "%s", number / u->factor, u->name);
                                return;
                        }
        (void) snprintf(to, size, "%" PRId64, number);
}

static void format_number(const struct keyword *k, int64_t number, char *to, size_t size) {
        static const char *const durations[] = {"d", "h", "m", "s", "ms", NULL};
        static const char *const sizes[] = {"G", "M", "K", "", NULL};

        if (k->type == KEYWORD_DURATION)
                format_with_unit(to, size, number, duration_units, durations);
        else if (k->type == KEYWORD_SIZE)
                format_with_unit(to, size, number, size_units, sizes);
        else
                (void) snprintf(to, size, "%" PRId64, number);
}

static const char *const type_names[] = {
        [KEYWORD_BOOLEAN] = "boolean",   [KEYWORD_INTEGER] = "integer", [KEYWORD_FLOAT] = "number",
        [KEYWORD_DURATION] = "duration", [KEYWORD_SIZE] = "size",       [KEYWORD_WORD] = "word",
        [KEYWORD_STRING] = "string",     [KEYWORD_PATH] = "path",       [KEYWORD_STRINGS] = "strings",
        [KEYWORD_SWITCHES] = "switches", [KEYWORD_SECTION] = "section", [KEYWORD_MAP] = "map",
        [KEYWORD_MAPS] = "maps",         [KEYWORD_ANY] = "any",
};

int keyword_type_from_string(const char *s) {
        for (unsigned i = 0; i < ELEMENTSOF(type_names); i++)
                if (streq(s, type_names[i]))
                        return (int) i;
        return -EINVAL;
}

/* What a value of the key must be, to stand behind "must be". */
static void describe(const struct keyword *k, char *to, size_t size) {
        static const char *const phrases[] = {
                [KEYWORD_BOOLEAN] = "true or false (yes, no, on, off)",
                [KEYWORD_INTEGER] = "a whole number",
                [KEYWORD_FLOAT] = "a number",
                [KEYWORD_DURATION] = "a duration such as 500ms, 10s or 5m",
                [KEYWORD_SIZE] = "a size such as 64K, 64M or 2G",
                [KEYWORD_WORD] = "one of",
                [KEYWORD_STRING] = "a text",
                [KEYWORD_PATH] = "an absolute path",
                [KEYWORD_STRINGS] = "a list of texts",
                [KEYWORD_SWITCHES] = "a map of names to true or false",
                [KEYWORD_SECTION] = "a map",
                [KEYWORD_MAP] = "a map",
                [KEYWORD_MAPS] = "a list of maps",
                [KEYWORD_ANY] = "anything",
        };
        char min[32], max[32];
        size_t n;

        n = (size_t) snprintf(to, size, "%s", phrases[k->type]);
        if (k->type == KEYWORD_WORD)
                for (const char *const *word = k->words; *word && n < size; word++)
                        n += (size_t) snprintf(to + n, size - n, "%s %s", word == k->words ? "" : ",", *word);
        if (!limited(k) || n >= size)
                return;
        format_number(k, k->min, min, sizeof(min));
        format_number(k, k->max, max, sizeof(max));
        if (k->type == KEYWORD_STRING)
                (void) snprintf(to + n, size - n, " of %s to %s bytes", min, max);
        else if (k->max == INT64_MAX)
                (void) snprintf(to + n, size - n, " not below %s", min);
        else
                (void) snprintf(to + n, size - n, ", from %s to %s", min, max);
}

/* The key's whole name, as messages have it. */
static void full_name(const char *prefix, const char *name, char *to, size_t size) {
        (void) snprintf(to, size, "%s%s%s", prefix, *prefix ? "." : "", name);
}

static void complain(const struct keyword_reader *reader, const struct keyword *k, const char *prefix,
                     const struct yaml_node *node) {
        char name[128], wanted[256];
        bool show = node->kind == YAML_KIND_SCALAR && !(k->flags & KEYWORD_SECRET) &&
                    (k->type <= KEYWORD_WORD || k->type == KEYWORD_PATH);

        full_name(prefix, k->name, name, sizeof(name));
        describe(k, wanted, sizeof(wanted));
        if (show)
                findings_error(reader->findings, &node->place, "%s must be %s, not %s%.*s%s%s", name, wanted,
                               node->quoted ? "the text \"" : "\"", QUOTED_MAX, node->text,
                               strlen(node->text) > QUOTED_MAX ? "..." : "", "\"");
        else if (node->kind == YAML_KIND_SCALAR && k->type < KEYWORD_STRINGS)
                findings_error(reader->findings, &node->place, "%s must be %s", name, wanted);
        else
                findings_error(reader->findings, &node->place, "%s must be %s, not %s", name, wanted,
                               yaml_kind_name(node));
}

void keyword_unknown(const struct keyword_reader *reader, const char *prefix, const struct yaml_entry *entry,
                     const struct keyword *table) {
        const char *names[TABLE_MAX + 1], *nearest;
        char name[128];
        size_t n = 0;

        for (; table->name && n < TABLE_MAX; table++)
                names[n++] = table->name;
        names[n] = NULL;
        nearest = text_nearest(entry->key, names);

        if (reader->quiet_unknown) {
                findings_add(reader->findings, reader->unknown, &entry->place, "a key that is not known here%s%s%s",
                             nearest ? "; did you mean \"" : "", strempty(nearest), nearest ? "\"?" : "");
                return;
        }
        full_name(prefix, entry->key, name, sizeof(name));
        findings_add(reader->findings, reader->unknown, &entry->place, "%s is not known here%s%s%s", name,
                     nearest ? "; did you mean \"" : "", strempty(nearest), nearest ? "\"?" : "");
}

static void store(const struct keyword *k, const struct value *value, void *to) {
        char *member = (char *) to + k->offset;

        switch (k->type) {

        case KEYWORD_BOOLEAN:
                memcpy(member, &value->boolean, sizeof(value->boolean));
                break;

        case KEYWORD_FLOAT:
                memcpy(member, &value->real, sizeof(value->real));
                break;

        case KEYWORD_STRING:
        case KEYWORD_PATH:
                memcpy(member, &value->text, sizeof(value->text));
                break;

        default:
                memcpy(member, &value->number, sizeof(value->number));
        }
}

/* Lists and maps stay as they are; their items are checked here, once. */
static bool check_items(const struct keyword_reader *reader, const struct keyword *k, const char *prefix,
                        const struct yaml_node *node) {
        enum yaml_kind wanted = k->type == KEYWORD_STRINGS || k->type == KEYWORD_MAPS ? YAML_KIND_LIST : YAML_KIND_MAP;
        char name[128];
        bool good = true;

        if (k->type == KEYWORD_ANY)
                return true;
        if (node->kind != wanted) {
                complain(reader, k, prefix, node);
                return false;
        }
        full_name(prefix, k->name, name, sizeof(name));
        for (size_t i = 0; k->type == KEYWORD_MAPS && i < node->n; i++)
                if (node->entries[i].value->kind != YAML_KIND_MAP) {
                        findings_error(reader->findings, &node->entries[i].value->place,
                                       "%s must be a list of maps: this is %s", name,
                                       yaml_kind_name(node->entries[i].value));
                        good = false;
                }
        for (size_t i = 0; k->type != KEYWORD_MAP && k->type != KEYWORD_MAPS && i < node->n; i++) {
                const struct yaml_node *item = node->entries[i].value;
                const struct keyword one = {
                        .name = k->type == KEYWORD_STRINGS ? "each item" : node->entries[i].key,
                        .flags = k->flags,
                        .type = k->type == KEYWORD_STRINGS ? KEYWORD_STRING : KEYWORD_BOOLEAN,
                        .min = k->min,
                        .max = k->max,
                };
                struct value ignored;

                if (item->kind == YAML_KIND_SCALAR && parse(&one, item->text, item->quoted, &ignored) == 0)
                        continue;
                complain(reader, &one, name, item);
                good = false;
        }
        return good;
}

static void read_node(const struct keyword_reader *reader, const struct keyword *k, const char *prefix,
                      const struct yaml_node *node, void *to) {
        char *member = (char *) to + k->offset;
        struct value value;

        if (k->flags & KEYWORD_FOREIGN)
                return;

        if (k->type == KEYWORD_SECTION) {
                char name[128];

                full_name(prefix, k->name, name, sizeof(name));
                if (node && node->kind != YAML_KIND_MAP) {
                        complain(reader, k, prefix, node);
                        node = NULL;
                }
                keyword_read(reader, k->section, name, node, member);
                return;
        }

        if (k->type >= KEYWORD_STRINGS) {
                if (node && !check_items(reader, k, prefix, node))
                        node = NULL;
                memcpy(member, &node, sizeof(node));
                return;
        }

        if (node) {
                if (node->kind == YAML_KIND_SCALAR && parse(k, node->text, node->quoted, &value) == 0) {
                        store(k, &value, to);
                        return;
                }
                complain(reader, k, prefix, node);
        }
        if (!k->preset || parse(k, k->preset, false, &value) < 0)
                value = (struct value) {0};
        store(k, &value, to);
}

void keyword_read(const struct keyword_reader *reader, const struct keyword *table, const char *prefix,
                  const struct yaml_node *map, void *to) {
        for (const struct keyword *k = table; k->name; k++) {
                const struct yaml_entry *entry = yaml_entry(map, k->name);
                const struct yaml_node *node = entry && !yaml_is_null(entry->value) ? entry->value : NULL;

                if (!node && (k->flags & KEYWORD_REQUIRED) && map) {
                        char name[128];

                        full_name(prefix, k->name, name, sizeof(name));
                        findings_error(reader->findings, entry ? &entry->place : &map->place, "%s is missing", name);
                }
                read_node(reader, k, prefix, node, to);
        }

        for (size_t i = 0; map && map->kind == YAML_KIND_MAP && i < map->n; i++) {
                const struct keyword *k = table;

                if (!map->entries[i].key)
                        continue;
                while (k->name && !streq(k->name, map->entries[i].key))
                        k++;
                if (!k->name)
                        keyword_unknown(reader, prefix, &map->entries[i], table);
        }
}

static json_t *value_json(const struct keyword *k, const struct value *value) {
        switch (k->type) {

        case KEYWORD_BOOLEAN:
                return json_boolean(value->boolean);

        case KEYWORD_FLOAT:
                return json_real(value->real);

        case KEYWORD_STRING:
        case KEYWORD_PATH:
                return json_string(value->text);

        case KEYWORD_WORD:
                return json_string(k->words[value->number]);

        default:
                return json_integer(value->number);
        }
}

int keyword_read_json(const struct keyword_reader *reader, const struct keyword *keyword, const char *prefix,
                      const struct yaml_node *node, json_t **ret) {
        struct value value;
        json_t *json;

        if (node->kind != YAML_KIND_SCALAR || parse(keyword, node->text, node->quoted, &value) < 0) {
                complain(reader, keyword, prefix, node);
                return -EINVAL;
        }
        json = value_json(keyword, &value);
        if (!json)
                return -ENOMEM;
        *ret = json;
        return 0;
}

int keyword_preset_json(const struct keyword *keyword, json_t **ret) {
        struct value value;
        json_t *json;

        if (keyword->preset && parse(keyword, keyword->preset, false, &value) < 0)
                return -EINVAL;
        json = keyword->preset ? value_json(keyword, &value) : json_null();
        if (!json)
                return -ENOMEM;
        *ret = json;
        return 0;
}

void keyword_document(const struct keyword *table, const char *prefix, FILE *to) {
        char name[128], wanted[256];

        (void) fprintf(to, "| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
        for (const struct keyword *k = table; k->name; k++) {
                full_name(prefix, k->name, name, sizeof(name));
                describe(k, wanted, sizeof(wanted));
                (void) fprintf(to, "| `%s` | %s%s | %s%s%s | %s%s |\n", name, wanted,
                               k->flags & KEYWORD_REQUIRED ? "; required" : "", k->preset ? "`" : "",
                               strempty(k->preset), k->preset ? "`" : "", k->doc,
                               k->flags & KEYWORD_FOREIGN ? " (accepted, not used)" : "");
        }
        for (const struct keyword *k = table; k->name; k++)
                if ((k->type == KEYWORD_SECTION || k->type == KEYWORD_MAPS) && k->section) {
                        full_name(prefix, k->name, name, sizeof(name));
                        (void) fprintf(to, "\n### %s%s\n\n", name, k->type == KEYWORD_MAPS ? " (each)" : "");
                        keyword_document(k->section, name, to);
                }
}
