/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/kit/internal.h"

#define DEPTH_MAX 64
/* An empty array costs fifty times the memory of its two letters: a body of 40 MiB would become gigabytes. */
#define VALUES_MAX 1048576

/* jansson recurses up to 2048 deep, and what it reads others walk through: depth and number of values are bounded before it
 * starts. */
static bool too_much(const char *data, size_t size) {
        bool in_string = false;
        size_t depth = 0, values = 1;

        for (size_t i = 0; i < size; i++) {
                char c = data[i];

                if (in_string) {
                        if (c == '\\')
                                i++;
                        else if (c == '"')
                                in_string = false;
                } else if (c == '"')
                        in_string = true;
                else if (c == ',') {
                        if (++values > VALUES_MAX)
                                return true;
                } else if (c == '[' || c == '{') {
                        if (++depth > DEPTH_MAX || ++values > VALUES_MAX)
                                return true;
                } else if ((c == ']' || c == '}') && depth > 0)
                        depth--;
        }
        return false;
}

int body_parse(const char *data, size_t size, json_t **ret) {
        json_t *body;

        if (size == 0 || too_much(data, size))
                return 1;
        /* Refuses NUL in strings and invalid UTF-8; of duplicate members the last one stays. */
        body = json_loadb(data, size, JSON_DECODE_ANY, NULL);
        if (!body)
                return 1;
        if (json_is_array(body) && json_array_size(body) == 0) {
                json_decref(body);
                body = json_object();
                if (!body)
                        return -ENOMEM;
        }
        *ret = body;
        return 0;
}
