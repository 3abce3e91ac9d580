/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/yaml.h"

void yaml_node_free(struct yaml_node *node) {
        if (!node)
                return;
        for (size_t i = 0; i < node->n; i++) {
                free(node->entries[i].key);
                yaml_node_free(node->entries[i].value);
        }
        free(node->entries);
        free(node->text);
        free(node);
}

int yaml_append(struct yaml_node *node, char *key, const struct place *place, struct yaml_node *value) {
        /* A power of two: grow. */
        if ((node->n & (node->n - 1)) == 0) {
                struct yaml_entry *grown = realloc(node->entries, MAX(node->n * 2, (size_t) 1) * sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                node->entries = grown;
        }
        node->entries[node->n++] = (struct yaml_entry) {.key = key, .place = *place, .value = value};
        return 0;
}

bool yaml_is_null(const struct yaml_node *node) {
        static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

        if (!node)
                return true;
        if (node->kind != YAML_KIND_SCALAR || node->quoted)
                return false;
        for (unsigned i = 0; i < ELEMENTSOF(nulls); i++)
                if (streq(node->text, nulls[i]))
                        return true;
        return false;
}

const struct yaml_entry *yaml_entry(const struct yaml_node *map, const char *key) {
        if (!map || map->kind != YAML_KIND_MAP)
                return NULL;
        for (size_t i = 0; i < map->n; i++)
                if (map->entries[i].key && streq(map->entries[i].key, key))
                        return &map->entries[i];
        return NULL;
}

const struct yaml_node *yaml_at(const struct yaml_node *map, const char *path) {
        char key[128];

        while (map && *path) {
                size_t n = strcspn(path, ".");
                const struct yaml_entry *entry;

                if (n >= sizeof(key))
                        return NULL;
                memcpy(key, path, n);
                key[n] = 0;
                entry = yaml_entry(map, key);
                map = entry ? entry->value : NULL;
                path += n + (path[n] == '.');
        }
        return map;
}

const char *yaml_kind_name(const struct yaml_node *node) {
        static const char *const names[] = {
                [YAML_KIND_SCALAR] = "a text", [YAML_KIND_LIST] = "a list", [YAML_KIND_MAP] = "a map",
        };

        return yaml_is_null(node) ? "nothing" : names[node->kind];
}

int yaml_merge(struct yaml_node *into, struct yaml_node *lower) {
        int r;

        for (size_t i = 0; i < lower->n; i++) {
                struct yaml_entry *theirs = &lower->entries[i];
                const struct yaml_entry *ours = theirs->key ? yaml_entry(into, theirs->key) : NULL;

                if (!theirs->key)
                        continue;
                if (ours) {
                        if (ours->value->kind == YAML_KIND_MAP && theirs->value->kind == YAML_KIND_MAP) {
                                r = yaml_merge(ours->value, theirs->value);
                                if (r < 0)
                                        return r;
                        }
                        continue;
                }

                r = yaml_append(into, theirs->key, &theirs->place, theirs->value);
                if (r < 0)
                        return r;
                theirs->key = NULL;
                theirs->value = NULL;
        }
        return 0;
}
