/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values as Python's repr() writes them: what clients of the original have always read in its errors. */
#include <stdio.h>

#include "lib/fold.h"
#include "workers/kit/internal.h"

#define UUID_MEMBER "\002uuid"

json_t *wazo_uuid(const char *uuid) {
        return uuid ? json_pack("{s:s}", UUID_MEMBER, uuid) : json_null();
}

/* Python quotes with ' unless there is one inside and no ". */
static void add_string(struct text *t, const char *s) {
        char quote = strchr(s, '\'') && !strchr(s, '"') ? '"' : '\'';
        size_t size = strlen(s), n;

        text_add_char(t, quote);
        for (; size > 0; s += n, size -= n) {
                uint32_t c;

                n = fold_decode(s, size, &c);
                if (c == (unsigned char) quote || c == '\\') {
                        text_add_char(t, '\\');
                        text_add_char(t, (char) c);
                } else if (c == '\n')
                        text_add(t, "\\n");
                else if (c == '\r')
                        text_add(t, "\\r");
                else if (c == '\t')
                        text_add(t, "\\t");
                else if (c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad)
                        text_addf(t, "\\x%02x", c);
                else
                        text_add_bytes(t, s, n);
        }
        text_add_char(t, quote);
}

static void add_map(struct text *t, const json_t *map, unsigned depth);

static void add(struct text *t, const json_t *value, unsigned depth) {
        const char *separator = "";
        const json_t *item;
        size_t i;

        if (depth > 128) {
                text_add(t, "...");
                return;
        }
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                add_map(t, value, depth);
                break;
        case JSON_ARRAY:
                text_add_char(t, '[');
                json_array_foreach(value, i, item) {
                        text_add(t, separator);
                        add(t, item, depth + 1);
                        separator = ", ";
                }
                text_add_char(t, ']');
                break;
        case JSON_STRING:
                add_string(t, json_string_value(value));
                break;
        case JSON_TRUE:
                text_add(t, "True");
                break;
        case JSON_FALSE:
                text_add(t, "False");
                break;
        case JSON_NULL:
                text_add(t, "None");
                break;
        case JSON_INTEGER:
        case JSON_REAL:
                dump_add(t, value);
                break;
        }
}

static void add_map(struct text *t, const json_t *map, unsigned depth) {
        const json_t *uuid = json_object_get(map, UUID_MEMBER);
        const char *separator = "";

        if (uuid) {
                text_add(t, "UUID(");
                add(t, uuid, depth + 1);
                text_add_char(t, ')');
                return;
        }
        text_add_char(t, '{');
        for (void *at = json_object_iter((json_t *) map); at; at = json_object_iter_next((json_t *) map, at)) {
                const char *key = json_object_iter_key(at);

                text_add(t, separator);
                if (key[0] == PYTHON_INDEX)
                        text_add(t, key + 1);
                else
                        add_string(t, key);
                text_add(t, ": ");
                add(t, json_object_iter_value(at), depth + 1);
                separator = ", ";
        }
        text_add_char(t, '}');
}

void python_add(struct text *t, const json_t *value) {
        add(t, value, 0);
}

char *wazo_python(const json_t *value) {
        _cleanup_text_ struct text t = TEXT_NULL;

        python_add(&t, value);
        return text_end(&t) < 0 ? NULL : STEAL(t.data);
}
