/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/router-internal.h"

static const char *const method_names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", ""};

enum method method_from_string(const char *s) {
        for (enum method i = 0; i < METHOD_OTHER; i++)
                if (streq(method_names[i], s))
                        return i;
        return METHOD_OTHER;
}

const char *method_to_string(enum method method) {
        return method < METHOD_MAX ? method_names[method] : "";
}

static bool is_int(const char *s) {
        size_t size = strspn(s, "0123456789");

        return size > 0 && size <= 20 && s[size] == 0;
}

static bool is_uuid(const char *s) {
        for (size_t i = 0; i < 36; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;

                if (dash ? s[i] != '-' : !s[i] || !strchr("0123456789abcdefABCDEF", s[i]))
                        return false;
        }
        return s[36] == 0;
}

static bool segment_fits(enum segment_kind kind, const char *s) {
        switch (kind) {
        case SEGMENT_INT:
                return is_int(s);
        case SEGMENT_UUID:
                return is_uuid(s);
        case SEGMENT_INT_OR_UUID:
                return is_int(s) || is_uuid(s);
        case SEGMENT_TEXT:
                return *s != 0;
        default:
                return false;
        }
}

struct walk {
        char *segments[SEGMENTS_MAX];
        size_t n_segments;
        const char *values[SEGMENTS_MAX];
        enum method method;
        unsigned allowed;
        struct match *match;
};

static int compare_word(const void *key, const void *item) {
        const struct node *node = *(struct node *const *) item;

        return strcmp(key, node->word);
}

static bool arrive(struct walk *w, const struct route *route, size_t n_values) {
        struct operation *operation = w->method < METHOD_OPTIONS ? route->operations[w->method] : NULL;

        if (!operation && w->method == METHOD_HEAD)
                operation = route->operations[METHOD_GET];
        for (enum method i = 0; i < METHOD_OPTIONS; i++)
                if (route->operations[i])
                        w->allowed |= 1U << i;
        if (!operation)
                return false;

        for (size_t i = 0; i < n_values; i++)
                w->match->params[i] = (struct request_pair) {.name = route->params[i], .value = w->values[i]};
        w->match->n_params = n_values;
        w->match->operation = operation;
        return true;
}

/* Depth is at most SEGMENTS_MAX, and at each step at most one child of a kind fits. */
static bool descend(struct walk *w, const struct node *node, size_t depth, size_t n_values) {
        struct node *const *fixed;

        if (depth == w->n_segments)
                return node->route && arrive(w, node->route, n_values);

        fixed = node->n_fixed > 0
                ? bsearch(w->segments[depth], node->children, node->n_fixed, sizeof(*node->children), compare_word) : NULL;
        if (fixed && descend(w, *fixed, depth + 1, n_values))
                return true;
        for (size_t i = node->n_fixed; i < node->n_children; i++) {
                const struct node *child = node->children[i];

                if (!segment_fits(child->kind, w->segments[depth]))
                        continue;
                w->values[n_values] = w->segments[depth];
                if (descend(w, child, depth + 1, n_values + 1))
                        return true;
        }
        return false;
}

int router_match(const struct router *r, char *path, enum method method, struct match *ret) {
        struct walk w = {.method = method, .match = ret};

        if (*path != '/')
                return -ENOENT;
        while (path) {
                if (w.n_segments >= SEGMENTS_MAX)
                        return -ENOENT;
                *path++ = 0;
                if (!*path || *path == '/')
                        return -ENOENT;
                w.segments[w.n_segments++] = path;
                path = strchr(path, '/');
        }

        if (r->root && descend(&w, r->root, 0, 0))
                return 0;
        if (w.allowed == 0)
                return -ENOENT;
        ret->allowed = w.allowed;
        return -EOPNOTSUPP;
}
