/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>

#include "lib/fold.h"
#include "workers/kit/internal.h"

static void add_escape(struct text *t, uint32_t c) {
        static const struct {
                char c, letter;
        } letters[] = {{'"', '"'}, {'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}, {'\b', 'b'}, {'\f', 'f'}};

        for (size_t i = 0; i < ELEMENTSOF(letters); i++)
                if (c == (unsigned char) letters[i].c) {
                        text_add_char(t, '\\');
                        text_add_char(t, letters[i].letter);
                        return;
                }
        if (c >= 0x10000) {
                c -= 0x10000;
                text_addf(t, "\\u%04x\\u%04x", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
        } else
                text_addf(t, "\\u%04x", c);
}

static void add_string(struct text *t, const char *s, size_t size) {
        size_t start = 0, i = 0;

        text_add_char(t, '"');
        while (i < size) {
                unsigned char u = (unsigned char) s[i];
                uint32_t c;
                size_t n;

                if (u >= 0x20 && u < 0x7f && u != '"' && u != '\\') {
                        i++;
                        continue;
                }
                text_add_bytes(t, s + start, i - start);
                n = fold_decode(s + i, size - i, &c);
                add_escape(t, c);
                i += n;
                start = i;
        }
        text_add_bytes(t, s + start, size - start);
        text_add_char(t, '"');
}

/* The shortest text that reads back as the same number, always with a point or an exponent. */
static void add_real(struct text *t, double value) {
        char s[40];

        if (!isfinite(value)) {
                text_add(t, "null");
                return;
        }
        for (int precision = 15; precision <= 17; precision++) {
                (void) snprintf(s, sizeof(s), "%.*g", precision, value);
                if (strtod(s, NULL) == value)
                        break;
        }
        text_add(t, s);
        if (!strpbrk(s, ".e"))
                text_add(t, ".0");
}

static void add(struct text *t, const json_t *value, unsigned depth) {
        const json_t *item;
        const char *separator = "", *key;
        size_t i;
        void *at;

        if (depth > 128) {
                text_add(t, "null");
                return;
        }
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                text_add_char(t, '{');
                for (at = json_object_iter((json_t *) value); at; at = json_object_iter_next((json_t *) value, at)) {
                        key = json_object_iter_key(at);
                        text_add(t, separator);
                        add_string(t, key, strlen(key));
                        text_add(t, ": ");
                        add(t, json_object_iter_value(at), depth + 1);
                        separator = ", ";
                }
                text_add_char(t, '}');
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
                add_string(t, json_string_value(value), json_string_length(value));
                break;
        case JSON_INTEGER:
                text_addf(t, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
                break;
        case JSON_REAL:
                add_real(t, json_real_value(value));
                break;
        case JSON_TRUE:
                text_add(t, "true");
                break;
        case JSON_FALSE:
                text_add(t, "false");
                break;
        case JSON_NULL:
                text_add(t, "null");
                break;
        }
}

void dump_add(struct text *t, const json_t *value) {
        add(t, value, 0);
}
