/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/fold.h"

/* Text kept in place, so that the table needs no relocation and is shared by all processes. */
static const struct decomposed {
        uint16_t code;
        char text[6];
} table[] = {
#include "lib/fold-table.h"
};

size_t fold_decode(const char *s, size_t size, uint32_t *ret) {
        static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
        const unsigned char *u = (const unsigned char *) s;
        size_t n = u[0] < 0x80 ? 1 : u[0] >= 0xf0 && u[0] < 0xf8 ? 4 : u[0] >= 0xe0 ? 3 : u[0] >= 0xc2 ? 2 : 0;
        uint32_t c;

        *ret = u[0];
        if (n <= 1 || u[0] >= 0xf8 || n > size)
                return 1;
        c = u[0] & (0xffU >> (n + 1));
        for (size_t i = 1; i < n; i++) {
                if ((u[i] & 0xc0) != 0x80)
                        return 1;
                c = c << 6 | (u[i] & 0x3f);
        }
        if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
                return 1;
        *ret = c;
        return n;
}

size_t fold_length(const char *s) {
        size_t n = 0;

        for (; *s; s++)
                n += ((unsigned char) *s & 0xc0) != 0x80;
        return n;
}

static const char *decompose(uint32_t c) {
        size_t low = 0, high = ELEMENTSOF(table);

        while (low < high) {
                size_t middle = (low + high) / 2;

                if (table[middle].code == c)
                        return table[middle].text;
                if (table[middle].code < c)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

static size_t encode(char *to, uint32_t c) {
        if (c < 0x80) {
                to[0] = (char) c;
                return 1;
        }
        if (c < 0x800) {
                to[0] = (char) (0xc0 | c >> 6);
                to[1] = (char) (0x80 | (c & 0x3f));
                return 2;
        }
        to[0] = (char) (0xe0 | c >> 12);
        to[1] = (char) (0x80 | (c >> 6 & 0x3f));
        to[2] = (char) (0x80 | (c & 0x3f));
        return 3;
}

static uint32_t lower(uint32_t c) {
        if (c < 0x80)
                return c >= 'A' && c <= 'Z' ? c + 32 : c;
        if ((c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f))
                return c + 32;
        return c >= 0x400 && c <= 0x40f ? c + 80 : c;
}

/* Lowers what was decomposed: ASCII, Greek or Cyrillic. */
static size_t put(char *to, const char *text, bool fold_case) {
        size_t n = 0;

        for (size_t size = strlen(text), step; size > 0; text += step, size -= step) {
                uint32_t c;

                step = fold_decode(text, size, &c);
                n += encode(to + n, fold_case ? lower(c) : c);
        }
        return n;
}

static char *fold(const char *s, size_t size, bool fold_case) {
        /* No text of the table is longer than three times the letter it stands for. */
        char *to = malloc(size * 3 + 1);
        size_t n = 0;

        if (!to)
                return NULL;
        while (size > 0) {
                uint32_t c;
                size_t step = fold_decode(s, size, &c);
                const char *text;

                if (step == 1)
                        to[n++] = (char) (fold_case && c < 0x80 ? lower(c) : (unsigned char) *s);
                else if (c >= 0x300 && c <= 0x36f)
                        ; /* a combining mark */
                else if (c >= 0xff01 && c <= 0xff5e)
                        to[n++] = (char) (fold_case ? lower(c - 0xfee0) : c - 0xfee0);
                else if (c < 0x10000 && (text = decompose(c)))
                        n += put(to + n, text, fold_case);
                else if (fold_case && lower(c) != c)
                        n += encode(to + n, lower(c));
                else {
                        memcpy(to + n, s, step);
                        n += step;
                }
                s += step;
                size -= step;
        }
        to[n] = 0;
        return to;
}

char *fold_text(const char *s, size_t size) {
        return fold(s, size, true);
}

char *fold_accents(const char *s, size_t size) {
        return fold(s, size, false);
}
