/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/text.h"

#define NAME_LENGTH_MAX 48
#define WORD_LENGTH_MAX 40

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static bool is_hex(char c) {
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool text_is_name(const char *s) {
        size_t n = 0;

        if (!is_letter(*s))
                return false;
        while (is_letter(s[n]) || is_digit(s[n]) || s[n] == '_' || s[n] == '-')
                n++;
        return !s[n] && n <= NAME_LENGTH_MAX;
}

/* '0' in @pattern stands for a digit, 'x' for a hex digit, anything else for itself. */
static bool match(const char *s, const char *pattern) {
        for (; *pattern; s++, pattern++)
                if (*pattern == '0' ? !is_digit(*s) : *pattern == 'x' ? !is_hex(*s) : *s != *pattern)
                        return false;
        return true;
}

bool text_is_uuid(const char *s) {
        static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

        return match(s, shape) && !s[strlen(shape)];
}

bool text_is_moment(const char *s) {
        static const char shape[] = "0000-00-00T00:00:00";

        if (!match(s, shape))
                return false;
        s += strlen(shape);
        if (*s == '.' && is_digit(s[1]))
                for (s++; is_digit(*s);)
                        s++;
        return !*s;
}

bool text_is_hex(const char *s, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!is_hex(s[i]))
                        return false;
        return !s[n];
}

bool text_is_path(const char *s) {
        if (*s != '/')
                return false;
        while (*s) {
                size_t n = strcspn(++s, "/");

                if (n == 0 && *s)
                        return false;
                if ((n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
                        return false;
                s += n;
        }
        return true;
}

/* How many letters must be put in, left out, replaced or swapped with their neighbour to get from @a to @b. */
static unsigned distance(const char *a, const char *b) {
        unsigned rows[3][WORD_LENGTH_MAX + 1];
        size_t n = strlen(a), m = strlen(b);

        if (n > WORD_LENGTH_MAX || m > WORD_LENGTH_MAX)
                return UINT32_MAX;
        for (size_t j = 0; j <= m; j++)
                rows[0][j] = (unsigned) j;
        for (size_t i = 1; i <= n; i++) {
                unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];

                row[0] = (unsigned) i;
                for (size_t j = 1; j <= m; j++) {
                        unsigned best = above[j - 1] + (a[i - 1] != b[j - 1]);

                        best = MIN(best, MIN(above[j], row[j - 1]) + 1);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                best = MIN(best, above2[j - 2] + 1);
                        row[j] = best;
                }
        }
        return rows[n % 3][m];
}

const char *text_nearest(const char *s, const char *const *words) {
        const char *nearest = NULL;
        unsigned least = (unsigned) MIN(strlen(s) / 3, (size_t) 3) + 1;

        for (; *words; words++) {
                unsigned d = distance(s, *words);

                if (d < least) {
                        least = d;
                        nearest = *words;
                }
        }
        return nearest;
}
