/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/uri.h"

#include <strings.h>

#include "workers/gateway/text.h"

static int hex_digit(char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that "%XX" at @s stands for, or -1: then the percent sign stands for itself. */
static int escaped(const char *s) {
        int high, low;

        if (s[0] != '%')
                return -1;
        high = hex_digit(s[1]);
        low = high < 0 ? -1 : hex_digit(s[2]);
        return low < 0 ? -1 : high << 4 | low;
}

/* Decodes the NUL-terminated @s in place. Returns the new length; *ret_nul, *ret_slash: it held an encoded one. */
static size_t decode(char *s, bool plus_is_space, bool *ret_nul, bool *ret_slash) {
        char *to = s;

        *ret_nul = *ret_slash = false;
        for (const char *from = s; *from;) {
                int byte = escaped(from);

                if (byte >= 0) {
                        *ret_nul = *ret_nul || byte == 0;
                        *ret_slash = *ret_slash || byte == '/';
                        *to++ = (char) byte;
                        from += 3;
                } else {
                        *to++ = plus_is_space && *from == '+' ? ' ' : *from;
                        from++;
                }
        }
        *to = 0;
        return (size_t) (to - s);
}

static bool decode_parameter(char *s) {
        bool nul, slash;
        size_t size = decode(s, true, &nul, &slash);

        return !nul && utf8_valid(s, size);
}

static int parse_query(char *s, struct uri *u) {
        char *next;

        for (; s; s = next) {
                char *value;

                next = strchr(s, '&');
                if (next)
                        *next++ = 0;
                if (!*s)
                        continue;
                if (u->n_query >= REQUEST_PAIRS_MAX)
                        return URI_BAD_QUERY;
                value = strchr(s, '=');
                if (value)
                        *value++ = 0;
                else
                        value = s + strlen(s);
                if (!decode_parameter(s) || !decode_parameter(value))
                        return URI_BAD_QUERY;
                u->query[u->n_query++] = (struct request_pair) {.name = s, .value = value};
        }
        return 0;
}

int uri_parse(char *raw, struct uri *u) {
        static char root[] = "/";
        char *query;
        bool nul, slash;
        size_t size;

        u->authority = NULL;
        u->authority_size = 0;
        u->n_query = 0;
        u->path = raw;

        if (strncasecmp(raw, "http://", 7) == 0 || strncasecmp(raw, "https://", 8) == 0) {
                u->authority = strchr(raw, '/') + 2;
                u->authority_size = strcspn(u->authority, "/?#");
                raw = (char *) u->authority + u->authority_size;
                u->path = *raw == '/' ? raw : root;
        } else if (raw[0] == '/' && raw[1] == '/')
                return URI_DOUBLE_SLASH;
        else if (raw[0] != '/')
                return streq(raw, "*") ? 0 : URI_NOT_A_PATH;

        raw[strcspn(raw, "#")] = 0;
        query = strchr(raw, '?');
        if (query)
                *query++ = 0;
        if (u->path != root) {
                size = decode(u->path, false, &nul, &slash);
                if (nul || slash || !utf8_valid(u->path, size))
                        return URI_UNROUTABLE;
        }
        return parse_query(query, u);
}

void uri_decode_all(const char *raw, char *out) {
        while (*raw) {
                int byte = escaped(raw);

                *out++ = byte > 0 ? (char) byte : *raw;
                raw += byte > 0 ? 3 : 1;
        }
        *out = 0;
}
