/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/yaml.h"

#include <yaml.h>

#include "lib/file.h"

struct loader {
        yaml_parser_t parser;
        const char *data;
        size_t size;
        const char *file;
        struct findings *findings;
        enum finding_severity severity;
        size_t n_nodes;
        bool broken; /* something was found, but the rest can still be looked at */
};

static struct place mark_place(const struct loader *l, const yaml_mark_t *mark) {
        return (struct place) {
                .file = l->file, .line = (uint32_t) mark->line + 1, .column = (uint32_t) mark->column + 1};
}

/* What the file's bytes are wrong about comes as an offset. */
static struct place offset_place(const struct loader *l, size_t offset) {
        struct place place = {.file = l->file, .line = 1, .column = 1};

        for (size_t i = 0; i < MIN(offset, l->size); i++)
                if (l->data[i] == '\n') {
                        place.line++;
                        place.column = 1;
                } else if (((unsigned char) l->data[i] & 0xc0) != 0x80)
                        place.column++;
        return place;
}

static int syntax_error(struct loader *l) {
        const yaml_parser_t *p = &l->parser;
        struct place place;

        if (p->error == YAML_MEMORY_ERROR)
                return -ENOMEM;
        place = p->error == YAML_READER_ERROR ? offset_place(l, p->problem_offset) : mark_place(l, &p->problem_mark);
        if (p->context && p->context_mark.line != p->problem_mark.line)
                findings_add(l->findings, l->severity, &place, "%s, %s that began in line %zu",
                             p->problem ? p->problem : "not YAML", p->context, p->context_mark.line + 1);
        else
                findings_add(l->findings, l->severity, &place, "%s%s%s", p->problem ? p->problem : "not YAML",
                             p->context ? ", " : "", strempty(p->context));
        return -EINVAL;
}

static int next_event(struct loader *l, yaml_event_t *ret) {
        return yaml_parser_parse(&l->parser, ret) ? 0 : syntax_error(l);
}

#define complain(l, place, ...)                                                          \
        do {                                                                             \
                findings_add((l)->findings, (l)->severity, (place), __VA_ARGS__);        \
                (l)->broken = true;                                                      \
        } while (0)

static int node_new(struct loader *l, enum yaml_kind kind, const yaml_mark_t *mark, struct yaml_node **ret) {
        struct place place = mark_place(l, mark);
        struct yaml_node *node;

        if (++l->n_nodes > YAML_NODES_MAX) {
                findings_add(l->findings, l->severity, &place, "more than %u values in one file", YAML_NODES_MAX);
                return -EINVAL;
        }
        node = calloc(1, sizeof(*node));
        if (!node)
                return -ENOMEM;
        node->kind = kind;
        node->place = place;
        *ret = node;
        return 0;
}

enum tag { TAG_NONE, TAG_STRING, TAG_EXEC };

static enum tag check_tag(struct loader *l, const char *tag, const struct place *place) {
        static const char core[] = "tag:yaml.org,2002:";
        static const char *const known[] = {"int", "bool", "float", "null", "map", "seq"};

        if (!tag)
                return TAG_NONE;
        if (streq(tag, "!"))
                return TAG_STRING;
        if (streq(tag, "!exec")) {
                findings_warning(l->findings, place, "!exec is not run here: the key is as if it were absent");
                return TAG_EXEC;
        }
        if (strncmp(tag, core, strlen(core)) == 0) {
                if (streq(tag + strlen(core), "str"))
                        return TAG_STRING;
                for (unsigned i = 0; i < ELEMENTSOF(known); i++)
                        if (streq(tag + strlen(core), known[i]))
                                return TAG_NONE;
        }
        complain(l, place, "a tag that is not known here");
        return TAG_NONE;
}

static void check_anchor(struct loader *l, const yaml_char_t *anchor, const struct place *place) {
        if (anchor)
                complain(l, place, "anchors and aliases are not supported: write the value out");
}

static int read_scalar(struct loader *l, const yaml_event_t *event, struct yaml_node **ret) {
        _cleanup_(yaml_node_freep) struct yaml_node *node = NULL;
        const char *value = (const char *) event->data.scalar.value;
        size_t length = event->data.scalar.length;
        enum tag tag;
        int r;

        r = node_new(l, YAML_KIND_SCALAR, &event->start_mark, &node);
        if (r < 0)
                return r;
        check_anchor(l, event->data.scalar.anchor, &node->place);
        tag = check_tag(l, (const char *) event->data.scalar.tag, &node->place);
        if (tag == TAG_EXEC)
                return 0;
        if (length > YAML_SCALAR_MAX) {
                complain(l, &node->place, "a text of %zu bytes: at most %u are allowed", length, YAML_SCALAR_MAX);
                length = 0;
        }
        if (memchr(value, 0, length)) {
                complain(l, &node->place, "a text must not hold a NUL");
                length = 0;
        }
        node->quoted = tag == TAG_STRING || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        node->text = strndup(value, length);
        if (!node->text)
                return -ENOMEM;
        *ret = STEAL(node);
        return 0;
}

static int compare_entries(const void *a, const void *b) {
        const struct yaml_entry *const *x = a, *const *y = b;
        int r = strcmp((*x)->key, (*y)->key);

        return r != 0 ? r : (*x > *y) - (*x < *y);
}

static int check_duplicates(struct loader *l, const struct yaml_node *map) {
        _cleanup_free_ const struct yaml_entry **sorted = NULL;

        if (map->n < 2)
                return 0;
        sorted = malloc(map->n * sizeof(*sorted));
        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < map->n; i++)
                sorted[i] = &map->entries[i];
        qsort(sorted, map->n, sizeof(*sorted), compare_entries);
        for (size_t i = 1; i < map->n; i++)
                if (streq(sorted[i - 1]->key, sorted[i]->key))
                        complain(l, &sorted[i]->place, "this key is here twice; it was in line %u already",
                                 sorted[i - 1]->place.line);
        return 0;
}

static int read_node(struct loader *l, const yaml_event_t *event, unsigned depth, struct yaml_node **ret);

/* What @event opened, up to its end. *ret stays NULL for what counts as absent. */
static int read_list(struct loader *l, const yaml_event_t *open, unsigned depth, struct yaml_node **ret) {
        _cleanup_(yaml_node_freep) struct yaml_node *node = NULL;
        enum tag tag;
        int r;

        r = node_new(l, YAML_KIND_LIST, &open->start_mark, &node);
        if (r < 0)
                return r;
        check_anchor(l, open->data.sequence_start.anchor, &node->place);
        tag = check_tag(l, (const char *) open->data.sequence_start.tag, &node->place);

        for (;;) {
                _cleanup_(yaml_event_delete) yaml_event_t event = {0};
                _cleanup_(yaml_node_freep) struct yaml_node *item = NULL;

                r = next_event(l, &event);
                if (r < 0)
                        return r;
                if (event.type == YAML_SEQUENCE_END_EVENT)
                        break;
                r = read_node(l, &event, depth + 1, &item);
                if (r < 0)
                        return r;
                if (!item)
                        continue;
                r = yaml_append(node, NULL, &item->place, item);
                if (r < 0)
                        return r;
                item = NULL;
        }
        if (tag != TAG_EXEC)
                *ret = STEAL(node);
        return 0;
}

/* The key, or NULL for one that was refused. */
static int read_key(struct loader *l, const yaml_event_t *event, unsigned depth, char **ret) {
        _cleanup_(yaml_node_freep) struct yaml_node *key = NULL;
        struct place place = mark_place(l, &event->start_mark);
        int r;

        r = read_node(l, event, depth + 1, &key);
        if (r < 0)
                return r;
        if (!key || key->kind != YAML_KIND_SCALAR || !*key->text) {
                complain(l, &place, "a key must be a text");
                return 0;
        }
        if (!key->quoted && streq(key->text, "<<")) {
                complain(l, &place, "merge keys (<<) are not supported: write the values out");
                return 0;
        }
        *ret = STEAL(key->text);
        return 0;
}

static int read_map(struct loader *l, const yaml_event_t *open, unsigned depth, struct yaml_node **ret) {
        _cleanup_(yaml_node_freep) struct yaml_node *node = NULL;
        enum tag tag;
        int r;

        r = node_new(l, YAML_KIND_MAP, &open->start_mark, &node);
        if (r < 0)
                return r;
        check_anchor(l, open->data.mapping_start.anchor, &node->place);
        tag = check_tag(l, (const char *) open->data.mapping_start.tag, &node->place);

        for (;;) {
                _cleanup_(yaml_event_delete) yaml_event_t key_event = {0}, event = {0};
                _cleanup_(yaml_node_freep) struct yaml_node *value = NULL;
                _cleanup_free_ char *key = NULL;
                struct place place;

                r = next_event(l, &key_event);
                if (r < 0)
                        return r;
                if (key_event.type == YAML_MAPPING_END_EVENT)
                        break;
                place = mark_place(l, &key_event.start_mark);
                r = read_key(l, &key_event, depth, &key);
                if (r < 0)
                        return r;
                r = next_event(l, &event);
                if (r < 0)
                        return r;
                r = read_node(l, &event, depth + 1, &value);
                if (r < 0)
                        return r;
                if (!key || !value)
                        continue;
                r = yaml_append(node, key, &place, value);
                if (r < 0)
                        return r;
                key = NULL;
                value = NULL;
        }

        r = check_duplicates(l, node);
        if (r < 0)
                return r;
        if (tag != TAG_EXEC)
                *ret = STEAL(node);
        return 0;
}

static int read_node(struct loader *l, const yaml_event_t *event, unsigned depth, struct yaml_node **ret) {
        struct place place = mark_place(l, &event->start_mark);

        if (depth > YAML_DEPTH_MAX) {
                findings_add(l->findings, l->severity, &place, "nested more than %u deep", YAML_DEPTH_MAX);
                return -EINVAL;
        }

        switch (event->type) {

        case YAML_SCALAR_EVENT:
                return read_scalar(l, event, ret);

        case YAML_SEQUENCE_START_EVENT:
                return read_list(l, event, depth, ret);

        case YAML_MAPPING_START_EVENT:
                return read_map(l, event, depth, ret);

        case YAML_ALIAS_EVENT:
                check_anchor(l, event->data.alias.anchor, &place);
                return 0;

        default:
                complain(l, &place, "a value is missing");
                return -EINVAL;
        }
}

/* Reads on to an event of @type; any other is taken as the beginning of what must not follow. */
static int expect(struct loader *l, yaml_event_type_t type, yaml_event_t *ret) {
        int r = next_event(l, ret);

        if (r < 0)
                return r;
        if (ret->type != type) {
                struct place place = mark_place(l, &ret->start_mark);

                complain(l, &place, "a second document: one file holds one");
                return -EINVAL;
        }
        return 0;
}

static int read_document(struct loader *l, struct yaml_node **ret) {
        _cleanup_(yaml_node_freep) struct yaml_node *node = NULL;
        _cleanup_(yaml_event_delete) yaml_event_t start = {0}, first = {0}, top = {0}, end = {0}, last = {0};
        const yaml_mark_t beginning = {0};
        int r;

        r = expect(l, YAML_STREAM_START_EVENT, &start);
        if (r < 0)
                return r;
        r = next_event(l, &first);
        if (r < 0)
                return r;
        if (first.type == YAML_DOCUMENT_START_EVENT) {
                r = next_event(l, &top);
                if (r < 0)
                        return r;
                r = read_node(l, &top, 1, &node);
                if (r < 0)
                        return r;
                r = expect(l, YAML_DOCUMENT_END_EVENT, &end);
                if (r < 0)
                        return r;
                r = expect(l, YAML_STREAM_END_EVENT, &last);
                if (r < 0)
                        return r;
        }

        if (yaml_is_null(node)) {
                yaml_node_free(node);
                node = NULL;
                r = node_new(l, YAML_KIND_MAP, &beginning, &node);
                if (r < 0)
                        return r;
        }
        if (node->kind != YAML_KIND_MAP)
                complain(l, &node->place, "the file must hold a map of keys, not %s", yaml_kind_name(node));
        if (l->broken)
                return -EINVAL;
        *ret = STEAL(node);
        return 0;
}

static int too_large(const char *name, enum finding_severity severity, struct findings *findings) {
        struct place place = {.file = findings_file(findings, name)};

        findings_add(findings, severity, &place, "larger than %u KiB", YAML_FILE_MAX / 1024);
        return -EINVAL;
}

int yaml_parse(const char *data, size_t size, const char *name, enum finding_severity severity,
               struct findings *findings, struct yaml_node **ret) {
        struct loader l = {.data = data, .size = size, .findings = findings, .severity = severity};
        int r;

        if (size > YAML_FILE_MAX)
                return too_large(name, severity, findings);
        l.file = findings_file(findings, name);
        if (!yaml_parser_initialize(&l.parser))
                return -ENOMEM;
        yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&l.parser, (const unsigned char *) data, size);
        r = read_document(&l, ret);
        yaml_parser_delete(&l.parser);
        return r;
}

int yaml_load(const char *path, enum finding_severity severity, struct findings *findings, struct yaml_node **ret) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = file_read(path, YAML_FILE_MAX, &data, &size);
        if (r == -EFBIG)
                return too_large(path, severity, findings);
        if (r == -ENOEXEC) {
                struct place place = {.file = findings_file(findings, path)};

                findings_add(findings, severity, &place, "not a regular file");
                return -EINVAL;
        }
        return r < 0 ? r : yaml_parse(data, size, path, severity, findings, ret);
}
