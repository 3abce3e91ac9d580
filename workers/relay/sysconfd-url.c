/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of requests to sysconfd, as requests. */
#include <jansson.h>
#include <stdio.h>

#include "workers/relay/outbox.h"
#include "workers/relay/sysconfd.h"

static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", NULL};

static void add_escaped(FILE *to, const char *s) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

        for (; *s; s++)
                if (strchr(plain, *s))
                        (void) fputc(*s, to);
                else
                        (void) fprintf(to, "%%%02X", (uint8_t) *s);
}

/* Texts and integers; what else there is has no place in a query. */
static void add_query(FILE *to, const json_t *query) {
        const json_t *value;
        const char *name;
        char mark = '?';

        json_object_foreach((json_t *) query, name, value) {
                (void) fputc(mark, to);
                add_escaped(to, name);
                (void) fputc('=', to);
                if (json_is_integer(value))
                        (void) fprintf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
                else if (json_is_boolean(value))
                        add_escaped(to, json_is_true(value) ? "True" : "False");
                else
                        add_escaped(to, strempty(json_string_value(value)));
                mark = '&';
        }
}

static bool is_path(const char *path) {
        return *path == '/' && !path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/")];
}

static int find_method(const json_t *headers, const char **ret) {
        const char *method = json_string_value(json_object_get(headers, "method"));

        for (size_t i = 0; method && methods[i]; i++)
                if (streq(methods[i], method)) {
                        *ret = methods[i];
                        return 0;
                }
        return -EINVAL;
}

int sysconfd_request(const struct outbox_row *row, const char *host, unsigned port, char ret_method[16], char **ret_url) {
        json_t *headers = json_loads(row->headers, JSON_REJECT_DUPLICATES, NULL);
        const char *method;
        char *url = NULL;
        size_t size;
        FILE *to;
        int r;

        r = headers && is_path(row->name) ? find_method(headers, &method) : -EINVAL;
        if (r >= 0) {
                to = open_memstream(&url, &size);
                r = to ? 0 : -ENOMEM;
        }
        if (r >= 0) {
                (void) fprintf(to, strchr(host, ':') ? "http://[%s]:%u%s" : "http://%s:%u%s", host, port, row->name);
                add_query(to, json_object_get(headers, "query"));
                r = fclose(to) == 0 ? 0 : -ENOMEM;
        }
        if (r >= 0) {
                (void) strcopy(ret_method, 16, method);
                *ret_url = STEAL(url);
        }
        free(url);
        json_decref(headers);
        return r;
}
