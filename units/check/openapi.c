/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/check/openapi.h"

#include <stdio.h>
#include <yaml.h>

#define DEPTH_MAX 64
#define KEY_SIZE 256

/* Where the parser is: the key at each depth of maps, and whether a key or its value comes next. */
struct walk {
        struct openapi *api;
        struct {
                char key[KEY_SIZE];
                bool map, value_next;
        } levels[DEPTH_MAX];
        int depth;
};

static void take(char *to, size_t size, const char *text) {
        if (!*to)
                (void) strcopy(to, size, text);
}

/* A single value at the keys that lead to it. */
static void take_scalar(struct walk *w, const char *text) {
        const char *first = w->levels[0].key;

        if (w->depth == 1 && (streq(first, "swagger") || streq(first, "openapi")))
                take(w->api->version, sizeof(w->api->version), text);
        else if (w->depth == 1 && streq(first, "basePath"))
                take(w->api->base_path, sizeof(w->api->base_path), text);
        else if (w->depth == 2 && streq(first, "schemes"))
                take(w->api->scheme, sizeof(w->api->scheme), text);
        else if (w->depth == 2 && streq(first, "info") && streq(w->levels[1].key, "version"))
                take(w->api->info_version, sizeof(w->api->info_version), text);
}

static void take_key(struct walk *w) {
        const char *path = w->levels[1].key;

        if (w->depth < 2 || !streq(w->levels[0].key, "paths"))
                return;
        if (w->depth == 2)
                w->api->n_paths++;
        else if (w->depth == 3 && streq(w->levels[2].key, "get") && !strchr(path, '{') &&
                 w->api->n_kept < OPENAPI_PATHS_MAX)
                (void) strcopy(w->api->paths[w->api->n_kept++], sizeof(w->api->paths[0]), path);
}

static void end_value(struct walk *w) {
        if (w->depth > 0)
                w->levels[w->depth - 1].value_next = false;
}

static int step(struct walk *w, const yaml_event_t *e) {
        switch (e->type) {
        case YAML_MAPPING_START_EVENT:
        case YAML_SEQUENCE_START_EVENT:
                if (w->depth == DEPTH_MAX)
                        return -EBADMSG;
                memset(&w->levels[w->depth], 0, sizeof(w->levels[0]));
                w->levels[w->depth++].map = e->type == YAML_MAPPING_START_EVENT;
                return 0;
        case YAML_MAPPING_END_EVENT:
        case YAML_SEQUENCE_END_EVENT:
                w->depth--;
                end_value(w);
                return 0;
        case YAML_SCALAR_EVENT:
                if (w->depth > 0 && w->levels[w->depth - 1].map && !w->levels[w->depth - 1].value_next) {
                        (void) strcopy(w->levels[w->depth - 1].key, KEY_SIZE, (const char *) e->data.scalar.value);
                        w->levels[w->depth - 1].value_next = true;
                        take_key(w);
                        return 0;
                }
                take_scalar(w, (const char *) e->data.scalar.value);
                end_value(w);
                return 0;
        case YAML_ALIAS_EVENT:
                end_value(w);
                return 0;
        default:
                return 0;
        }
}

int openapi_read(const char *text, size_t size, struct openapi *ret) {
        struct openapi api = {0};
        struct walk walk = {.api = &api};
        yaml_parser_t parser;
        bool done = false;
        int r = 0;

        if (!yaml_parser_initialize(&parser))
                return -ENOMEM;
        yaml_parser_set_input_string(&parser, (const unsigned char *) text, size);
        while (r == 0 && !done) {
                yaml_event_t event;

                if (!yaml_parser_parse(&parser, &event)) {
                        r = -EBADMSG;
                        break;
                }
                done = event.type == YAML_STREAM_END_EVENT;
                r = step(&walk, &event);
                yaml_event_delete(&event);
        }
        yaml_parser_delete(&parser);
        if (r == 0)
                *ret = api;
        return r;
}
