/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdio.h>

#include "workers/gateway/router-internal.h"

/* Of one segment. */
#define CHILDREN_MAX 4096

static const char *const segment_words[] = {"", "int", "uuid", "int_or_uuid", "text"};

struct loading {
        struct router *router;
        const char *plugin, *trouble; /* its name, and why it has no workers, or NULL */
        router_problem problem;
        void *userdata;
};

static void complain(const struct loading *l, const char *format, ...) _printf_(2, 3);
static void complain(const struct loading *l, const char *format, ...) {
        char text[512];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        if (l->problem)
                l->problem(l->userdata, l->plugin, text);
}

static int compare_nodes(const void *a, const void *b) {
        const struct node *left = *(struct node *const *) a, *right = *(struct node *const *) b;

        return left->kind != right->kind ? (int) left->kind - (int) right->kind
             : left->kind == SEGMENT_STATIC ? strcmp(left->word, right->word) : 0;
}

/* The child for a segment, made when it is new. */
static struct node *node_child(struct node *node, enum segment_kind kind, const char *word) {
        struct node *child, **children;

        for (size_t i = 0; i < node->n_children; i++) {
                child = node->children[i];
                if (child->kind == kind && (kind != SEGMENT_STATIC || streq(child->word, word)))
                        return child;
        }

        if (node->n_children >= CHILDREN_MAX)
                return NULL;
        children = realloc(node->children, (node->n_children + 1) * sizeof(*children));
        if (!children)
                return NULL;
        node->children = children;
        child = calloc(1, sizeof(*child));
        if (!child)
                return NULL;
        child->kind = kind;
        child->word = kind == SEGMENT_STATIC ? strdup(word) : NULL;
        if (kind == SEGMENT_STATIC && !child->word) {
                free(child);
                return NULL;
        }
        node->children[node->n_children++] = child;
        node->n_fixed += kind == SEGMENT_STATIC;
        qsort(node->children, node->n_children, sizeof(*node->children), compare_nodes);
        return child;
}

/* "{name:type}" in place; the kind, *ret_name the name, or -EINVAL. */
static int parse_segment(char *segment, char **ret_name) {
        size_t size = strlen(segment);
        char *type;

        if (segment[0] != '{')
                return strpbrk(segment, "{}") || !*segment ? -EINVAL : (int) SEGMENT_STATIC;
        type = strchr(segment, ':');
        if (!type || segment[size - 1] != '}')
                return -EINVAL;
        segment[size - 1] = 0;
        *type++ = 0;
        *ret_name = segment + 1;
        if (!**ret_name)
                return -EINVAL;
        for (int i = SEGMENT_INT; i < SEGMENT_MAX; i++)
                if (streq(type, segment_words[i]))
                        return i;
        return -EINVAL;
}

static void route_free(struct route *route) {
        if (!route)
                return;
        for (size_t i = 0; i < METHOD_MAX; i++) {
                struct operation *operation = route->operations[i];

                if (!operation)
                        continue;
                for (char **secret = operation->secrets; secret && *secret; secret++)
                        free(*secret);
                free(operation->secrets);
                free(operation->acl);
                free(operation);
        }
        for (size_t i = 0; i < route->n_params; i++)
                free(route->params[i]);
        free(route->shown);
        free(route->template);
        free(route);
}

/* /users/{user_id:int} as /users/{user_id}. */
static char *shown_template(const char *template) {
        char *shown = strdup(template), *to = shown;

        if (!shown)
                return NULL;
        for (const char *from = template; *from; from++) {
                if (*from == ':')
                        from += strcspn(from, "}");
                *to++ = *from;
                if (!*from)
                        break;
        }
        *to = 0;
        return shown;
}

static int route_append(struct router *r, struct route *route) {
        struct route **routes = realloc(r->routes, (r->n_routes + 1) * sizeof(*routes));

        if (!routes)
                return -ENOMEM;
        r->routes = routes;
        routes[r->n_routes++] = route;
        return 0;
}

/* The route of a template, made when it is new. -EINVAL: no template. */
static int router_route(struct router *r, const char *template, struct route **ret) {
        _cleanup_free_ char *copy = strdup(template);
        struct route *route = calloc(1, sizeof(*route));
        struct node *node = r->root;
        char *segment = copy, *next;
        int kind, k = -ENOMEM;

        if (!copy || !route)
                goto fail;
        route->template = strdup(template);
        route->shown = shown_template(template);
        if (!route->template || !route->shown)
                goto fail;

        k = -EINVAL;
        if (*segment != '/')
                goto fail;
        for (segment++; segment; segment = next) {
                char *name = NULL;

                next = strchr(segment, '/');
                if (next)
                        *next++ = 0;
                kind = parse_segment(segment, &name);
                if (kind < 0 || (name && route->n_params >= REQUEST_PARAMS_MAX))
                        goto fail;
                if (name) {
                        route->params[route->n_params] = strdup(name);
                        if (!route->params[route->n_params++])
                                goto no_memory;
                }
                node = node_child(node, (enum segment_kind) kind, segment);
                if (!node)
                        goto no_memory;
        }

        if (node->route) {
                *ret = node->route;
                route_free(route);
                return 0;
        }
        k = route_append(r, route);
        if (k < 0)
                goto fail;
        node->route = *ret = route;
        return 0;

no_memory:
        k = -ENOMEM;
fail:
        route_free(route);
        return k;
}

static int router_pool(struct router *r, const char *plugin, const char *class, const char *problem, uint32_t *ret) {
        struct pool_name *pools;

        for (uint32_t i = 0; i < r->n_pools; i++)
                if (streq(r->pools[i].plugin, plugin) && streq(r->pools[i].class, class)) {
                        *ret = i;
                        return 0;
                }
        pools = realloc(r->pools, (r->n_pools + 1) * sizeof(*pools));
        if (!pools)
                return -ENOMEM;
        r->pools = pools;
        pools[r->n_pools] = (struct pool_name) {
                .plugin = strdup(plugin),
                .class = strdup(class),
                .problem = problem ? strdup(problem) : NULL,
        };
        *ret = (uint32_t) r->n_pools++;
        return pools[*ret].plugin && pools[*ret].class && !problem == !pools[*ret].problem ? 0 : -ENOMEM;
}

static int word_index(const char *word, const char *const *words, size_t n, int fallback) {
        if (!word)
                return fallback;
        for (size_t i = 0; i < n; i++)
                if (streq(words[i], word))
                        return (int) i;
        return -EINVAL;
}

static int copy_secrets(const json_t *array, char ***ret) {
        char **secrets;
        json_t *name;
        size_t i, n = 0;

        *ret = NULL;
        if (json_array_size(array) == 0)
                return 0;
        secrets = calloc(json_array_size(array) + 1, sizeof(*secrets));
        if (!secrets)
                return -ENOMEM;
        *ret = secrets;
        json_array_foreach((json_t *) array, i, name) {
                if (!json_is_string(name))
                        continue;
                secrets[n] = strdup(json_string_value(name));
                if (!secrets[n++])
                        return -ENOMEM;
        }
        return 0;
}

static uint64_t seconds(const json_t *value) {
        double s = json_number_value(value);

        return s > 0 && s < 86400 ? (uint64_t) (s * 1e9) : 0;
}

static int load_operation(const struct loading *l, const char *template, const json_t *o) {
        static const char *const tenants[] = {"effective", "master", "none"}, *const bodies[] = {"none", "json", "raw"};
        const char *name = strempty(json_string_value(json_object_get(o, "method")));
        const char *class = json_string_value(json_object_get(o, "class"));
        const json_t *acl = json_object_get(o, "acl"), *number = json_object_get(o, "operation");
        enum method method = method_from_string(name);
        int tenant = word_index(json_string_value(json_object_get(o, "tenant")), tenants, ELEMENTSOF(tenants), TENANT_EFFECTIVE);
        int body = word_index(json_string_value(json_object_get(o, "body")), bodies, ELEMENTSOF(bodies), BODY_NONE);
        struct operation *operation;
        struct route *route;
        json_int_t body_max;
        int k;

        /* A missing "acl" must not mean that nobody is asked for a token. */
        if (method >= METHOD_OPTIONS || tenant < 0 || body < 0 || !json_is_integer(number) || json_integer_value(number) < 0 ||
            (!json_is_string(acl) && !json_is_null(acl))) {
                complain(l, "%s %s: the operation is malformed and left out", name, template);
                return 0;
        }
        k = router_route(l->router, template, &route);
        if (k == -EINVAL) {
                complain(l, "%s %s: the path is malformed and left out", name, template);
                return 0;
        }
        if (k < 0)
                return k;
        if (route->operations[method]) {
                const struct operation *other = route->operations[method];
                const char *owner = other->builtin ? "the gateway" : l->router->pools[other->pool].plugin;

                /* A plugin that cannot run anyway has been reported by who found that out. */
                if (!l->trouble)
                        complain(l, "%s %s: belongs to %s already and is left out", name, template, owner);
                return 0;
        }

        operation = calloc(1, sizeof(*operation));
        if (!operation)
                return -ENOMEM;
        route->operations[method] = operation;
        body_max = json_integer_value(json_object_get(o, "body_max"));
        *operation = (struct operation) {
                .route = route,
                .method = method,
                .number = (uint32_t) json_integer_value(number),
                .tenant = (enum tenant_need) tenant,
                .body = (enum body_need) body,
                .body_max = body_max > 0 ? (uint64_t) body_max : 0,
                .attempt_nsec = seconds(json_object_get(o, "attempt")),
                .total_nsec = seconds(json_object_get(o, "total")),
                .acl = json_is_string(acl) ? strdup(json_string_value(acl)) : NULL,
        };
        if (json_is_string(acl) && !operation->acl)
                return -ENOMEM;
        k = copy_secrets(json_object_get(o, "secrets"), &operation->secrets);
        if (k < 0)
                return k;
        return router_pool(l->router, l->plugin, class ? class : "default", l->trouble, &operation->pool);
}

static int router_root(struct router *r) {
        if (!r->root)
                r->root = calloc(1, sizeof(*r->root));
        return r->root ? 0 : -ENOMEM;
}

const json_t *descriptions_list(const json_t *document) {
        return json_is_object(document) ? json_object_get(document, "plugins") : document;
}

int router_load(struct router *r, const json_t *descriptions, router_problem problem, void *userdata) {
        struct loading l = {.router = r, .problem = problem, .userdata = userdata};
        json_t *description, *route, *operation;
        size_t i, j, k;
        int n;

        if (!json_is_array(descriptions))
                return -EINVAL;
        n = router_root(r);
        if (n < 0)
                return n;

        json_array_foreach((json_t *) descriptions, i, description) {
                l.plugin = json_string_value(json_object_get(description, "plugin"));
                l.trouble = json_string_value(json_object_get(description, "problem"));
                if (!l.plugin) {
                        l.plugin = "?";
                        complain(&l, "a description names no plugin and is left out");
                        continue;
                }
                json_array_foreach(json_object_get(description, "routes"), j, route) {
                        const char *template = strempty(json_string_value(json_object_get(route, "path")));

                        json_array_foreach(json_object_get(route, "operations"), k, operation) {
                                n = load_operation(&l, template, operation);
                                if (n < 0)
                                        return n;
                        }
                }
        }
        return 0;
}

int router_add_builtin(struct router *r, const char *template, enum builtin builtin, const char *acl) {
        struct operation *operation;
        struct route *route;
        int k;

        k = router_root(r);
        if (k < 0)
                return k;
        k = router_route(r, template, &route);
        if (k < 0)
                return k;
        if (route->operations[METHOD_GET])
                return -EEXIST;
        operation = calloc(1, sizeof(*operation));
        if (!operation)
                return -ENOMEM;
        route->operations[METHOD_GET] = operation;
        operation->route = route;
        operation->method = METHOD_GET;
        operation->builtin = builtin;
        operation->tenant = TENANT_NONE;
        operation->acl = acl ? strdup(acl) : NULL;
        return acl && !operation->acl ? -ENOMEM : 0;
}

static void node_free(struct node *node) {
        if (!node)
                return;
        for (size_t i = 0; i < node->n_children; i++)
                node_free(node->children[i]);
        free(node->children);
        free(node->word);
        free(node);
}

void router_done(struct router *r) {
        node_free(r->root);
        for (size_t i = 0; i < r->n_routes; i++)
                route_free(r->routes[i]);
        free(r->routes);
        for (size_t i = 0; i < r->n_pools; i++) {
                free(r->pools[i].plugin);
                free(r->pools[i].class);
                free(r->pools[i].problem);
        }
        free(r->pools);
        *r = (struct router) {0};
}
