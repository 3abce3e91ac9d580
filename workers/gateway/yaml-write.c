/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/yaml-write.h"

#include <stdio.h>
#include <strings.h>
#include <yaml.h>

#define DEPTH_MAX 64

static int on_output(void *userdata, unsigned char *data, size_t size) {
        struct text *t = userdata;

        text_add(t, data, size);
        return !t->failed;
}

static bool emit_scalar(yaml_emitter_t *e, const char *s, bool plain) {
        yaml_scalar_style_t style = plain ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
        yaml_event_t event;

        return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *) s, (int) strlen(s), 1, 1, style) &&
               yaml_emitter_emit(e, &event);
}

/* Whether a text reads as itself without quotes: no number, no date, no word with a meaning, nothing that the grammar uses. */
static bool is_plain(const char *s) {
        static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
        char first = s[0] == '/' ? 'a' : s[0] | 0x20;

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcasecmp(words[i], s) == 0)
                        return false;
        return (first >= 'a' && first <= 'z') && s[0] != '@' && s[0] != '[' &&
               strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./ ") == strlen(s) && s[strlen(s) - 1] != ' ';
}

static bool emit_value(yaml_emitter_t *e, const json_t *value, unsigned depth);

static bool emit_object(yaml_emitter_t *e, const json_t *value, unsigned depth) {
        yaml_event_t event;
        const char *name;
        json_t *member;

        if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) || !yaml_emitter_emit(e, &event))
                return false;
        json_object_foreach((json_t *) value, name, member)
                if (!emit_scalar(e, name, is_plain(name)) || !emit_value(e, member, depth + 1))
                        return false;
        return yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
}

static bool emit_array(yaml_emitter_t *e, const json_t *value, unsigned depth) {
        yaml_event_t event;
        json_t *member;
        size_t i;

        if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE) || !yaml_emitter_emit(e, &event))
                return false;
        json_array_foreach((json_t *) value, i, member)
                if (!emit_value(e, member, depth + 1))
                        return false;
        return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
}

static bool emit_value(yaml_emitter_t *e, const json_t *value, unsigned depth) {
        char number[64];

        if (depth > DEPTH_MAX)
                return false;
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                return emit_object(e, value, depth);
        case JSON_ARRAY:
                return emit_array(e, value, depth);
        case JSON_STRING:
                return emit_scalar(e, json_string_value(value), is_plain(json_string_value(value)));
        case JSON_INTEGER:
                (void) snprintf(number, sizeof(number), "%lld", (long long) json_integer_value(value));
                return emit_scalar(e, number, true);
        case JSON_REAL:
                (void) snprintf(number, sizeof(number), "%.17g", json_real_value(value));
                return emit_scalar(e, number, true);
        case JSON_TRUE:
                return emit_scalar(e, "true", true);
        case JSON_FALSE:
                return emit_scalar(e, "false", true);
        default:
                return emit_scalar(e, "null", true);
        }
}

static bool emit_document(yaml_emitter_t *e, const json_t *value) {
        yaml_event_t event;

        return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) && yaml_emitter_emit(e, &event) &&
               yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) && yaml_emitter_emit(e, &event) &&
               emit_value(e, value, 0) &&
               yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(e, &event) &&
               yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(e, &event) && yaml_emitter_flush(e);
}

int yaml_write(const json_t *value, struct text *t) {
        yaml_emitter_t e;
        bool written;

        if (!yaml_emitter_initialize(&e))
                return -ENOMEM;
        yaml_emitter_set_output(&e, on_output, t);
        yaml_emitter_set_unicode(&e, 1);
        yaml_emitter_set_width(&e, -1);
        written = emit_document(&e, value);
        yaml_emitter_delete(&e);
        return written ? 0 : t->failed ? -ENOMEM : -EINVAL;
}
