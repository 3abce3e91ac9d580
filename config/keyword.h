/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keys of a configuration, one table a section: from it come reading, checking, the defaults and the documentation.
 */
#pragma once

#include <jansson.h>

#include "config/yaml.h"

/*   what a key holds, and the member that it is read into */
enum keyword_type {
        KEYWORD_BOOLEAN,  /* bool: YAML 1.1's true, yes, on, false, no, off */
        KEYWORD_INTEGER,  /* int64_t: decimal */
        KEYWORD_FLOAT,    /* double; min and max are in whole numbers */
        KEYWORD_DURATION, /* int64_t, milliseconds: 500ms, 10s, 5m, 2h, 1d; a bare number is seconds */
        KEYWORD_SIZE,     /* int64_t, bytes: 4096, 64K, 64M, 2G */
        KEYWORD_WORD,     /* int64_t: index in words */
        KEYWORD_STRING,   /* const char * */
        KEYWORD_PATH,     /* const char *: an absolute path */
        KEYWORD_STRINGS,  /* const struct yaml_node *: a list of texts */
        KEYWORD_SWITCHES, /* const struct yaml_node *: a map of names to booleans */
        KEYWORD_SECTION,  /* a structure with a table of its own */
        KEYWORD_MAP,      /* const struct yaml_node *: a map that the caller reads further */
        KEYWORD_MAPS,     /* const struct yaml_node *: a list of maps, which the caller reads by the table in "section" */
        KEYWORD_ANY,      /* const struct yaml_node *: whatever it is, checked by the caller or by nobody */
};

enum keyword_flags {
        KEYWORD_SECRET = 1 << 0,   /* its value is in no finding and in no documentation */
        KEYWORD_REQUIRED = 1 << 1,
        KEYWORD_FOREIGN = 1 << 2,  /* of another part of the suite, or of the Python daemon: accepted, not used, no member */
};

#define KEYWORD_NO_MEMBER SIZE_MAX

struct keyword {
        const char *name;
        enum keyword_type type;
        unsigned flags;
        int64_t min, max;                /* of a number; of the length of a text; both 0: no limit but the type's */
        const char *preset;              /* the default, as it would be written; NULL: none (0, NULL) */
        const char *const *words;        /* KEYWORD_WORD, NULL-terminated */
        const struct keyword *section;   /* KEYWORD_SECTION, KEYWORD_MAPS */
        size_t offset;                   /* of the member, in the structure of its own section */
        const char *doc;
};

struct keyword_reader {
        struct findings *findings;
        enum finding_severity unknown; /* what a key that is in no table is */
        bool quiet_unknown;            /* do not repeat an unknown key: it may be a secret */
};

/*
 * Fills the structure at @to from @map (NULL: nothing is configured), each member either with its value or with its
 * default. What is wrong becomes a finding, and the member keeps its default. @prefix ("rest_api", or "") stands before each
 * name in messages. Texts point into @map or into the table.
 */
void keyword_read(const struct keyword_reader *reader, const struct keyword *table, const char *prefix, const struct yaml_node *map,
                  void *to);

/* One value by its own, for sections whose table is made at run time. 0, or -EINVAL with a finding. JSON: booleans and integers
 * as such, durations in milliseconds, sizes in bytes, words as texts. */
int keyword_read_json(const struct keyword_reader *reader, const struct keyword *keyword, const char *prefix,
                      const struct yaml_node *node, json_t **ret) _must_check_;
/* Its default likewise; JSON null without one. -EINVAL when the default itself is wrong. */
int keyword_preset_json(const struct keyword *keyword, json_t **ret) _must_check_;

/* Says that @entry is unknown, and which of @known it may mean. */
void keyword_unknown(const struct keyword_reader *reader, const char *prefix, const struct yaml_entry *entry,
                     const struct keyword *table);

/* boolean, integer, duration, ... -EINVAL for any other word. */
int keyword_type_from_string(const char *s);

/* The table as a table of a Markdown document, sections one level down. */
void keyword_document(const struct keyword *table, const char *prefix, FILE *to);
