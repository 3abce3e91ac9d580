/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * YAML files as a small tree in which every node and every key knows its place.
 *
 * Scalars stay text: what a text means is decided by the table of the key that it belongs to (config/keyword.h). Anchors,
 * aliases, merge keys, duplicate keys, unknown tags and further documents are refused. "!exec", with which Python's daemons
 * run a command for a value, is not run: a warning, and the key is as if it were absent.
 */
#pragma once

#include "config/findings.h"

#define YAML_FILE_MAX (1024U * 1024)
#define YAML_SCALAR_MAX (64U * 1024)
#define YAML_DEPTH_MAX 32
#define YAML_NODES_MAX 65536

enum yaml_kind { YAML_KIND_SCALAR, YAML_KIND_LIST, YAML_KIND_MAP };

struct yaml_entry {
        char *key;          /* NULL in a list */
        struct place place; /* of the key, or of the value in a list */
        struct yaml_node *value;
};

struct yaml_node {
        enum yaml_kind kind;
        struct place place;
        char *text;  /* scalars; holds no NUL but the last */
        bool quoted; /* the scalar was in quotes, or a block, or tagged as a string: no number, no boolean, no null */
        struct yaml_entry *entries; /* lists and maps, in the file's order */
        size_t n;
};

/*
 * Parses one document whose top is a map; an empty one is an empty map. Everything wrong becomes a finding of @severity, in
 * the file @name. -EINVAL when there was any; -ENOMEM.
 */
int yaml_parse(const char *data, size_t size, const char *name, enum finding_severity severity, struct findings *findings,
               struct yaml_node **ret) _must_check_;

/*
 * The same for a file. A file that cannot be opened or read gives -ENOENT, -EACCES ... without a finding, since what it
 * means is for the caller to say.
 */
int yaml_load(const char *path, enum finding_severity severity, struct findings *findings, struct yaml_node **ret) _must_check_;

void yaml_node_free(struct yaml_node *node);
static inline void yaml_node_freep(struct yaml_node **node) {
        yaml_node_free(*node);
}

/*
 * Puts a value at the end of a list (@key is NULL) or map; both are @node's from then on. What has that key already stays. -ENOMEM:
 * both are still the caller's.
 */
int yaml_append(struct yaml_node *node, char *key, const struct place *place, struct yaml_node *value) _must_check_;

/* A plain nothing, "~" or "null". NULL counts. */
bool yaml_is_null(const struct yaml_node *node);

/* The entry of a key; NULL when there is none, or when @map is NULL or no map. */
const struct yaml_entry *yaml_entry(const struct yaml_node *map, const char *key);

/* The node at a path of keys such as "rest_api.port", or NULL. */
const struct yaml_node *yaml_at(const struct yaml_node *map, const char *path);

/* The items of a list of texts that has been checked to be one (KEYWORD_STRINGS); of NULL there are none. */
static inline size_t yaml_count(const struct yaml_node *list) {
        return list ? list->n : 0;
}
static inline const char *yaml_text(const struct yaml_node *list, size_t i) {
        return list->entries[i].value->text;
}

/* "a list", "a map", "a text": for messages. */
const char *yaml_kind_name(const struct yaml_node *node);

/*
 * Moves into the map @into whatever only @lower has, maps within maps likewise; what both have stays as @into has it, lists
 * and scalars whole. @lower is good for nothing but yaml_node_free() afterwards.
 */
int yaml_merge(struct yaml_node *into, struct yaml_node *lower) _must_check_;
