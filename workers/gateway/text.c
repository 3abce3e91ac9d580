/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/text.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX (64U * 1024 * 1024)

static char *text_grow(struct text *t, size_t more) {
        if (t->failed || more > TEXT_MAX - t->size) {
                t->failed = true;
                return NULL;
        }
        if (t->size + more > t->allocated) {
                size_t allocate = MAX(t->size + more, MAX(t->allocated * 2, (size_t) 256));
                char *data = realloc(t->data, allocate);

                if (!data) {
                        t->failed = true;
                        return NULL;
                }
                t->data = data;
                t->allocated = allocate;
        }
        return t->data + t->size;
}

void text_add(struct text *t, const void *data, size_t size) {
        char *at = text_grow(t, size);

        if (at && size > 0) {
                memcpy(at, data, size);
                t->size += size;
        }
}

void text_add_string(struct text *t, const char *s) {
        text_add(t, s, strlen(s));
}

void text_printf(struct text *t, const char *format, ...) {
        va_list ap, again;
        char *at;
        int n;

        va_start(ap, format);
        va_copy(again, ap);
        n = vsnprintf(NULL, 0, format, ap);
        at = n < 0 ? NULL : text_grow(t, (size_t) n + 1);
        if (at) {
                (void) vsnprintf(at, (size_t) n + 1, format, again);
                t->size += (size_t) n;
        } else
                t->failed = true;
        va_end(again);
        va_end(ap);
}

void text_add_number(struct text *t, uint64_t number, unsigned digits) {
        char space[24], *at = space + sizeof(space);

        for (unsigned n = 0; number > 0 || n < digits; n++) {
                *--at = (char) ('0' + number % 10);
                number /= 10;
        }
        text_add(t, at, (size_t) (space + sizeof(space) - at));
}

size_t utf8_decode(const char *s, size_t size, uint32_t *ret) {
        const uint8_t *u = (const uint8_t *) s;
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        uint32_t c;
        size_t n;

        if (size == 0)
                return 0;
        if (u[0] < 0x80) {
                *ret = u[0];
                return 1;
        }
        n = u[0] >= 0xf0 && u[0] < 0xf5 ? 4 : u[0] >= 0xe0 && u[0] < 0xf0 ? 3 : u[0] >= 0xc2 && u[0] < 0xe0 ? 2 : 0;
        if (n == 0 || n > size)
                return 0;
        c = u[0] & (0xffU >> (n + 1));
        for (size_t i = 1; i < n; i++) {
                if ((u[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (u[i] & 0x3fU);
        }
        if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
                return 0;
        *ret = c;
        return n;
}

bool utf8_valid(const char *s, size_t size) {
        while (size > 0) {
                uint32_t c;
                size_t n = utf8_decode(s, size, &c);

                if (n == 0)
                        return false;
                s += n;
                size -= n;
        }
        return true;
}

static void add_code_point(struct text *t, uint32_t c) {
        if (c >= 0x10000) {
                c -= 0x10000;
                text_printf(t, "\\u%04x\\u%04x", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
        } else
                text_printf(t, "\\u%04x", c);
}

void text_add_json(struct text *t, const char *s, size_t size) {
        static const char shorts[] = "\b\f\n\r\t", letters[] = "bfnrt";

        while (size > 0) {
                uint32_t c;
                size_t n = utf8_decode(s, size, &c);
                const char *found;

                if (n == 0) {
                        n = 1;
                        c = 0xfffd;
                }
                if (c == '"' || c == '\\')
                        text_add(t, (char[]) {'\\', (char) c}, 2);
                else if (c >= ' ' && c < 0x7f)
                        text_add(t, s, 1);
                else if (c != 0 && c < ' ' && (found = strchr(shorts, (int) c)))
                        text_add(t, (char[]) {'\\', letters[found - shorts]}, 2);
                else
                        add_code_point(t, c);
                s += n;
                size -= n;
        }
}

void text_add_repr(struct text *t, const char *s) {
        char quote = strchr(s, '\'') && !strchr(s, '"') ? '"' : '\'';

        text_add(t, &quote, 1);
        while (*s) {
                uint32_t c;
                size_t n = utf8_decode(s, strlen(s), &c);

                if (n == 0) {
                        n = 1;
                        text_printf(t, "\\x%02x", (unsigned char) *s);
                } else if (c == (uint32_t) quote || c == '\\')
                        text_add(t, (char[]) {'\\', (char) c}, 2);
                else if (c == '\n' || c == '\r' || c == '\t')
                        text_add(t, (char[]) {'\\', c == '\n' ? 'n' : c == '\r' ? 'r' : 't'}, 2);
                else if (c < ' ' || (c >= 0x7f && c < 0xa0))
                        text_printf(t, "\\x%02x", c);
                else
                        text_add(t, s, n);
                s += n;
        }
        text_add(t, &quote, 1);
}

void text_add_printable(struct text *t, const char *s, size_t size) {
        size_t start = 0;

        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char) s[i];

                if (c >= ' ' && c != 0x7f)
                        continue;
                text_add(t, s + start, i - start);
                text_printf(t, "\\x%02x", c);
                start = i + 1;
        }
        text_add(t, s + start, size - start);
}

char *text_steal(struct text *t, size_t *ret_size) {
        char *data;

        text_add(t, "", 1);
        if (t->failed) {
                text_done(t);
                return NULL;
        }
        data = t->data;
        *ret_size = t->size - 1;
        *t = TEXT_NULL;
        return data;
}

void text_done(struct text *t) {
        free(t->data);
        *t = TEXT_NULL;
}
