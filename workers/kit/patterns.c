/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts against patterns, and the syntax of e-mail addresses. */
#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <strings.h>

#include "workers/kit/internal.h"

/* ----- e-mail ----- */

static bool email_label(const char *s, size_t n) {
        if (n == 0 || n > 63 || s[0] == '-' || s[n - 1] == '-')
                return false;
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char) s[i]) && s[i] != '-')
                        return false;
        return true;
}

bool email_valid(const char *s) {
        static const char atoms[] = "-!#$%&'*+/=?^_`{}|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        const char *at = strrchr(s, '@'), *label;
        size_t labels = 0, n;

        if (!at || at == s || s[0] == '.' || at[-1] == '.')
                return false;
        for (const char *c = s; c < at; c++)
                if (*c == '.' ? c[1] == '.' : !strchr(atoms, *c))
                        return false;
        if (strcasecmp(at + 1, "localhost") == 0)
                return true;
        for (label = at + 1;; label += n + 1) {
                n = strcspn(label, ".");
                if (!email_label(label, n))
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
