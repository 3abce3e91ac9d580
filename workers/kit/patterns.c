/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts against patterns, and the syntax of e-mail addresses. */
#include <arpa/inet.h>
#include <regex.h>
#include <stdio.h>
#include <strings.h>

#include "lib/fold.h"
#include "workers/kit/internal.h"

/* ----- e-mail ----- */

/* Letters and digits of ASCII, and what lies in the blocks where other languages have theirs. */
static bool is_word(uint32_t c) {
        static const struct {
                uint32_t first, last;
        } blocks[] = {{'0', '9'},       {'A', 'Z'},         {'a', 'z'},        {0xc0, 0xd6},
                      {0xd8, 0xf6},     {0xf8, 0x1fff},     {0x2c00, 0x2dff},  {0x3040, 0xd7ff},
                      {0xf900, 0xfaff}, {0x10000, 0x1efff}, {0x20000, 0x3ffff}};

        for (unsigned i = 0; i < ELEMENTSOF(blocks); i++)
                if (c >= blocks[i].first && c <= blocks[i].last)
                        return true;
        return false;
}

/* Whether all of it is words and the signs of @more. */
static bool all_words(const char *s, size_t n, const char *more) {
        uint32_t c;

        for (size_t i = 0; i < n;) {
                i += fold_decode(s + i, n - i, &c);
                if (!is_word(c) && (c == 0 || c > 0x7f || !strchr(more, (int) c)))
                        return false;
        }
        return true;
}

/* Words with dots between them, or anything printable in quotes. */
static bool email_local_part(const char *s, size_t n) {
        if (n >= 2 && s[0] == '"' && s[n - 1] == '"') {
                for (size_t i = 1; i < n - 1; i++) {
                        bool escaped = s[i] == '\\';

                        i += escaped;
                        if (i == n - 1 || s[i] < ' ' || s[i] > '~' || (!escaped && (s[i] == '"' || s[i] == ' ')))
                                return false;
                }
                return true;
        }
        if (n == 0 || s[0] == '.' || s[n - 1] == '.' || memmem(s, n, "..", 2))
                return false;
        return all_words(s, n, ".-!#$%&'*+/=?^_`{}|~");
}

static bool email_address(const char *s) {
        size_t n = strlen(s);
        char address[INET_ADDRSTRLEN];
        struct in_addr in;

        if (n < 2 || s[0] != '[' || s[n - 1] != ']' || n - 2 >= sizeof(address))
                return false;
        memcpy(address, s + 1, n - 2);
        address[n - 2] = 0;
        return inet_pton(AF_INET, address, &in) == 1;
}

bool email_valid(const char *s) {
        const char *at = strrchr(s, '@');
        size_t labels = 0, n;

        if (!at || !email_local_part(s, (size_t) (at - s)))
                return false;
        if (strcasecmp(at + 1, "localhost") == 0 || email_address(at + 1))
                return true;
        for (const char *label = at + 1;; label += n + 1) {
                n = strcspn(label, ".");
                if (n == 0 || n > 63 || label[0] == '-' || label[n - 1] == '-' || !all_words(label, n, "-"))
                        return false;
                labels++;
                if (!label[n])
                        return labels >= 2 && n >= 2;
        }
}

/* ----- patterns ----- */

/* What stands behind a set, to the pattern's end: how often. */
static bool repetition(const char *p, size_t *ret_min, size_t *ret_max) {
        size_t min = 0, max = SIZE_MAX;
        int end = 0;

        if (streq(p, "+$"))
                min = 1;
        else if (streq(p, "$"))
                min = max = 1;
        else if (!streq(p, "*$")) {
                if (sscanf(p, "{%zu,%zu}%n", &min, &max, &end) < 2 || end == 0) {
                        if (sscanf(p, "{%zu}%n", &min, &end) < 1 || end == 0)
                                return false;
                        max = min;
                }
                if (!streq(p + end, "$"))
                        return false;
        }
        *ret_min = min;
        *ret_max = max;
        return true;
}

/* The shape "^[set]{m,n}$" and its kin, most patterns, without regcomp(), which would take a copy of the set for each of
 * 254 repetitions. -1: another shape. */
static int match_set(const char *pattern, const char *s) {
        bool set[256] = {false};
        const unsigned char *p = (const unsigned char *) pattern;
        size_t min = 0, max = SIZE_MAX, n = 0;
        bool negated;

        if (p[0] != '^' || p[1] != '[')
                return -1;
        p += 2;
        negated = *p == '^';
        p += negated;
        for (bool first = true; *p && (first || *p != ']'); first = false) {
                unsigned char from = *p++, to = from;

                if (from >= 0x80 || (from == '[' && (*p == ':' || *p == '.' || *p == '=')))
                        return -1;
                if (p[0] == '-' && p[1] && p[1] != ']') {
                        to = p[1];
                        p += 2;
                }
                for (unsigned c = from; c <= to; c++)
                        set[c] = true;
        }
        if (*p++ != ']')
                return -1;
        if (!repetition((const char *) p, &min, &max))
                return -1;
        for (; *s; s += 1, n++)
                if (set[(unsigned char) *s] == negated)
                        return 0;
        return n >= min && n <= max;
}

bool pattern_matches(const char *pattern, const char *s) {
        int matched = match_set(pattern, s);
        regex_t regex;

        if (matched >= 0)
                return matched;
        if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
                return false;
        matched = regexec(&regex, s, 0, NULL, 0) == 0;
        regfree(&regex);
        return matched;
}
