/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/user/nfkd.h"

#include "lib/util.h"

/* Texts in place: no relocation, shared by all processes. Both sorted by code point. */
static const struct decomposed {
        uint16_t code;
        char text[10];
} decompositions[] = {
#include "workers/plugins/user/nfkd-table.h"
};

static const struct cased {
        uint16_t code;
        char text[4];
} foldings[] = {
#include "workers/plugins/user/nfkd-case-table.h"
};

#define TABLE_LOOKUP(name, table)                                                \
        static const char *name(uint32_t c) {                                    \
                size_t low = 0, high = ELEMENTSOF(table);                        \
                                                                                 \
                while (low < high) {                                             \
                        size_t middle = (low + high) / 2;                        \
                                                                                 \
                        if (table[middle].code == c)                             \
                                return table[middle].text;                       \
                        if (table[middle].code < c)                              \
                                low = middle + 1;                                \
                        else                                                     \
                                high = middle;                                   \
                }                                                                \
                return NULL;                                                     \
        }

TABLE_LOOKUP(decompose, decompositions)
TABLE_LOOKUP(fold_case, foldings)

/* The character at @s, a byte that is no UTF-8 as itself: returns its size. */
static size_t decode(const char *s, uint32_t *ret) {
        const unsigned char *u = (const unsigned char *) s;
        size_t n = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : u[0] >= 0xc0 ? 2 : 1;
        uint32_t c = n == 1 ? u[0] : u[0] & (0xffU >> (n + 1));

        for (size_t i = 1; i < n; i++) {
                if ((u[i] & 0xc0) != 0x80) {
                        *ret = u[0];
                        return 1;
                }
                c = c << 6 | (u[i] & 0x3f);
        }
        *ret = c;
        return n;
}

/* Each character by its text in a table, or as it is. No text is longer than three times its character. */
static char *map(const char *s, const char *(*lookup)(uint32_t c)) {
        char *to = malloc(strlen(s) * 3 + 1), *at = to;

        if (!to)
                return NULL;
        while (*s) {
                uint32_t c;
                size_t step = decode(s, &c);
                const char *text = step > 1 ? lookup(c) : NULL;

                if (text)
                        at = stpcpy(at, text);
                else
                        at = mempcpy(at, s, step);
                s += step;
        }
        *at = 0;
        return to;
}

char *nfkd(const char *s) {
        return map(s, decompose);
}

char *nfkd_fold(const char *s) {
        char *apart = nfkd(s), *folded;

        if (!apart)
                return NULL;
        for (char *c = apart; *c; c++)
                if (*c >= 'A' && *c <= 'Z')
                        *c = (char) (*c + 'a' - 'A');
        folded = map(apart, fold_case);
        free(apart);
        return folded;
}
