/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/section.h"

#include <inttypes.h>
#include <math.h>

#define SECTION_KEYS_MAX 64

/* A keyword with the memory for its default. */
struct typed {
        struct keyword keyword;
        char preset[256];
};

/* A limit is any number in JSON; tables know whole ones. */
static int read_limit(const json_t *value, int64_t otherwise, int64_t *ret) {
        if (!value || json_is_null(value))
                *ret = otherwise;
        else if (json_is_integer(value))
                *ret = json_integer_value(value);
        else if (json_is_real(value) && fabs(json_real_value(value)) < 9e15)
                *ret = (int64_t) json_real_value(value);
        else
                return -EINVAL;
        return 0;
}

static int read_preset(const json_t *value, char *to, size_t size) {
        int n;

        if (json_is_string(value))
                n = snprintf(to, size, "%s", json_string_value(value));
        else if (json_is_boolean(value))
                n = snprintf(to, size, "%s", json_is_true(value) ? "true" : "false");
        else if (json_is_integer(value))
                n = snprintf(to, size, "%" PRId64, (int64_t) json_integer_value(value));
        else if (json_is_real(value))
                n = snprintf(to, size, "%.17g", json_real_value(value));
        else
                return -EINVAL;
        return n < 0 || (size_t) n >= size ? -EINVAL : 0;
}

static int read_typed(const json_t *key, struct typed *ret) {
        const json_t *preset = json_object_get(key, "default"), *min = json_object_get(key, "min"),
                     *max = json_object_get(key, "max");
        const char *name = json_string_value(json_object_get(key, "key")),
                   *type = json_string_value(json_object_get(key, "type"));
        json_t *parsed;
        int r;

        *ret = (struct typed) {.keyword = {.name = name, .doc = ""}};
        if (!name || !*name || !type)
                return -EINVAL;
        r = keyword_type_from_string(type);
        if (r < 0 || r > KEYWORD_PATH || r == KEYWORD_WORD)
                return -EINVAL;
        ret->keyword.type = (enum keyword_type) r;
        if (json_is_true(json_object_get(key, "secret")))
                ret->keyword.flags |= KEYWORD_SECRET;

        if ((min && !json_is_null(min)) || (max && !json_is_null(max))) {
                r = read_limit(min, ret->keyword.type == KEYWORD_STRING ? 0 : INT64_MIN, &ret->keyword.min);
                if (r < 0)
                        return r;
                r = read_limit(max, INT64_MAX, &ret->keyword.max);
                if (r < 0)
                        return r;
        }
        if (preset && !json_is_null(preset)) {
                r = read_preset(preset, ret->preset, sizeof(ret->preset));
                if (r < 0)
                        return r;
                ret->keyword.preset = ret->preset;
        }
        r = keyword_preset_json(&ret->keyword, &parsed);
        if (r < 0)
                return r;
        json_decref(parsed);
        return 0;
}

int section_check(const json_t *config, char *reterr, size_t size) {
        size_t i;
        json_t *key;

        if (!config)
                return 0;
        if (!json_is_array(config) || json_array_size(config) > SECTION_KEYS_MAX) {
                (void) snprintf(reterr, size, "config must be a list of at most %d keys", SECTION_KEYS_MAX);
                return -EINVAL;
        }
        json_array_foreach(config, i, key) {
                struct typed typed;

                if (read_typed(key, &typed) < 0) {
                        (void) snprintf(reterr, size,
                                        "config[%zu] has no key, no type that is known, or a default or limits that "
                                        "do not fit it",
                                        i);
                        return -EINVAL;
                }
        }
        return 0;
}

static int read_key(const struct keyword_reader *reader, const struct typed *typed, const char *prefix,
                    const struct yaml_node *map, json_t *to) {
        const struct yaml_entry *entry = yaml_entry(map, typed->keyword.name);
        json_t *value = NULL;
        int r = -EINVAL;

        if (entry && !yaml_is_null(entry->value))
                r = keyword_read_json(reader, &typed->keyword, prefix, entry->value, &value);
        if (r == -EINVAL)
                r = keyword_preset_json(&typed->keyword, &value);
        if (r < 0)
                return r;
        return json_object_set_new(to, typed->keyword.name, value) < 0 ? -ENOMEM : 0;
}

int section_read(const json_t *config, const char *plugin, const struct yaml_entry *entry, struct findings *findings,
                 json_t **ret) {
        const struct keyword_reader reader = {.findings = findings, .unknown = FINDING_WARNING};
        const struct yaml_node *map = entry && !yaml_is_null(entry->value) ? entry->value : NULL;
        struct keyword names[SECTION_KEYS_MAX + 1] = {0};
        json_t *object, *key;
        size_t i, n = 0;
        char prefix[96];

        (void) snprintf(prefix, sizeof(prefix), "plugins.%s", plugin);
        if (map && map->kind != YAML_KIND_MAP) {
                findings_error(findings, &map->place, "%s must be a map, not %s", prefix, yaml_kind_name(map));
                map = NULL;
        }
        object = json_object();
        if (!object)
                return -ENOMEM;
        json_array_foreach(config, i, key) {
                struct typed typed;
                int r = read_typed(key, &typed);

                if (r == 0)
                        r = read_key(&reader, &typed, prefix, map, object);
                if (r < 0) {
                        json_decref(object);
                        return r;
                }
                if (n < SECTION_KEYS_MAX)
                        names[n++].name = typed.keyword.name;
        }
        for (i = 0; map && i < map->n; i++)
                if (map->entries[i].key && !json_object_get(object, map->entries[i].key))
                        keyword_unknown(&reader, prefix, &map->entries[i], names);
        *ret = object;
        return 0;
}
