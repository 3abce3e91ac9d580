/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/new/names.h"

#include <stdio.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
/* That of a user may have 31 characters, and a table has its service's name before its own. */
#define LENGTH_MAX 31

static bool is_made_of(const char *name, const char *characters) {
        size_t n = strlen(name);

        return n >= 2 && n <= LENGTH_MAX && strchr(LOWER, name[0]) && strspn(name, characters) == n &&
               strchr(LOWER DIGITS, name[n - 1]);
}

const char *names_wrong_plugin(const char *name) {
        return is_made_of(name, LOWER DIGITS "_")
                       ? NULL
                       : "2 to 31 lower-case letters, digits and _, the first a letter: call_note";
}

const char *names_wrong_service(const char *name) {
        return is_made_of(name, LOWER DIGITS "-")
                       ? NULL
                       : "2 to 31 lower-case letters, digits and -, the first a letter: acme-billing";
}

static bool ends_with(const char *s, const char *end) {
        size_t n = strlen(s), m = strlen(end);

        return n >= m && streq(s + n - m, end);
}

static void make_plural(const char *singular, char to[NAMES_SIZE]) {
        static const char *const hissing[] = {"s", "x", "z", "ch", "sh"};
        size_t n = strlen(singular);

        if (n > 1 && singular[n - 1] == 'y' && !strchr("aeiou", singular[n - 2])) {
                (void) snprintf(to, NAMES_SIZE, "%.*sies", (int) n - 1, singular);
                return;
        }
        for (unsigned i = 0; i < ELEMENTSOF(hissing); i++)
                if (ends_with(singular, hissing[i])) {
                        (void) snprintf(to, NAMES_SIZE, "%ses", singular);
                        return;
                }
        (void) snprintf(to, NAMES_SIZE, "%ss", singular);
}

static void make_model(const char *name, char to[NAMES_SIZE]) {
        bool first = true;

        for (; *name; name++) {
                if (*name != '_')
                        *to++ = first && *name >= 'a' && *name <= 'z' ? (char) (*name - 'a' + 'A') : *name;
                first = *name == '_';
        }
        *to = 0;
}

static void replace(char *s, char from, char to) {
        for (; *s; s++)
                if (*s == from)
                        *s = to;
}

void names_make(struct names *n, const char *service, const char *plugin) {
        (void) strcopy(n->plugin, sizeof(n->plugin), plugin);
        (void) strcopy(n->words, sizeof(n->words), plugin);
        replace(n->words, '_', ' ');
        make_plural(plugin, n->plural);
        make_model(plugin, n->model);
        (void) strcopy(n->api, sizeof(n->api), service + (strncmp(service, "wazo-", 5) == 0 ? 5 : 0));
        (void) snprintf(n->table, sizeof(n->table), "%.*s_%.*s", LENGTH_MAX, n->api, LENGTH_MAX, plugin);
        replace(n->table, '-', '_');
}
