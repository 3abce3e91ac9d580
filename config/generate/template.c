/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/generate/generate.h"

static const struct generate_variable *find_variable(const struct generate_variable *variables, const char *name,
                                                     size_t n) {
        for (; variables->name; variables++)
                if (strlen(variables->name) == n && strncmp(variables->name, name, n) == 0)
                        return variables;
        return NULL;
}

/* The variable that begins at @s, with the length of its mention; NULL when none does. */
static const struct generate_variable *variable_at(const struct generate_variable *variables, const char *s,
                                                   size_t *ret_n) {
        size_t n;

        if (*s != '@')
                return NULL;
        n = strspn(s + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        *ret_n = n + 2;
        return s[1 + n] == '@' ? find_variable(variables, s + 1, n) : NULL;
}

/* A line of nothing but empty variables. */
static bool is_empty(const char *line, size_t length, const struct generate_variable *variables) {
        const char *end = line + length;
        size_t n;

        if (length == 0)
                return false;
        while (line < end) {
                const struct generate_variable *variable = variable_at(variables, line, &n);

                if (!variable || *variable->value)
                        return false;
                line += n;
        }
        return true;
}

void generate_template(FILE *to, const char *text, const struct generate_variable *variables) {
        while (*text) {
                size_t length = strcspn(text, "\n"), n;
                const char *end = text + length;

                if (!is_empty(text, length, variables)) {
                        while (text < end) {
                                const struct generate_variable *variable = variable_at(variables, text, &n);

                                if (variable) {
                                        (void) fputs(variable->value, to);
                                        text += n;
                                } else
                                        (void) fputc(*text++, to);
                        }
                        (void) fputc('\n', to);
                }
                text = end + (*end == '\n');
        }
}
