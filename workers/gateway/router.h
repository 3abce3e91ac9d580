/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the plugins' descriptions (docs/description.md) to the operation that a method and a path mean.
 */
#pragma once

#include <jansson.h>

#include "lib/request.h"

enum method {
        METHOD_GET,
        METHOD_HEAD,
        METHOD_POST,
        METHOD_PUT,
        METHOD_DELETE,
        METHOD_PATCH,
        METHOD_OPTIONS,
        METHOD_OTHER,
        METHOD_MAX,
};

enum tenant_need { TENANT_EFFECTIVE, TENANT_MASTER, TENANT_NONE };
enum body_need { BODY_NONE, BODY_JSON, BODY_RAW };

/* What the gateway answers itself. */
enum builtin { BUILTIN_NONE, BUILTIN_STATUS, BUILTIN_OPENAPI, BUILTIN_METRICS };

/* The processes that serve a class of a plugin's operations. */
struct pool_name {
        char *plugin, *class;
        char *problem; /* of its description: why it has no workers; NULL where it has */
};

struct route;

struct operation {
        const struct route *route;
        enum method method;
        uint32_t number;     /* in the plugin's description */
        char *acl;           /* NULL: no token is asked for */
        enum tenant_need tenant;
        enum body_need body;
        uint64_t body_max;   /* 0: the service's */
        uint64_t attempt_nsec, total_nsec; /* 0: the service's */
        char **secrets;      /* NULL-terminated, or NULL */
        enum builtin builtin;
        uint32_t pool;       /* index in router.pools; meaningless for a builtin */
        uint32_t counted[6]; /* answers by hundreds of their status */
};

struct route {
        char *template; /* /users/{user_id:int} */
        char *shown;    /* /users/{user_id}: for metrics and records */
        char *params[REQUEST_PARAMS_MAX];
        size_t n_params;
        struct operation *operations[METHOD_MAX];
};

struct router {
        struct node *root;
        struct route **routes;
        size_t n_routes;
        struct pool_name *pools;
        size_t n_pools;
};

/* Called for each thing in a description that cannot be used: the rest is. */
typedef void (*router_problem)(void *userdata, const char *plugin, const char *text);

/* The array of descriptions in the document that the configuration child makes (docs/description.md); a bare array is one, too. */
const json_t *descriptions_list(const json_t *document);
/* @descriptions: an array of descriptions. 0 or -ENOMEM; -EINVAL when it is no array. */
int router_load(struct router *r, const json_t *descriptions, router_problem problem, void *userdata) _must_check_;
/* One operation of the gateway's own. */
int router_add_builtin(struct router *r, const char *template, enum builtin builtin, const char *acl) _must_check_;
void router_done(struct router *r);

enum method method_from_string(const char *s);
const char *method_to_string(enum method method);

struct match {
        struct operation *operation; /* with 0 */
        struct request_pair params[REQUEST_PARAMS_MAX];
        size_t n_params;
        unsigned allowed; /* 1 << method, of all that the path knows; with -EOPNOTSUPP */
};

/*
 * @path is decoded, without the prefix, and cut into segments in place: the parameters' values point into it.
 * 0; -ENOENT: no such URL; -EOPNOTSUPP: not by this method. METHOD_OPTIONS is never an operation.
 */
int router_match(const struct router *r, char *path, enum method method, struct match *ret) _must_check_;
