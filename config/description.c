/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/description.h"

#include <stdarg.h>
#include <stdio.h>

#include "config/descriptions.h"
#include "config/sandbox.h"
#include "config/section.h"
#include "config/text.h"

#define ROUTES_MAX 512
#define PATH_MAX_LENGTH 200

struct checker {
        char *reterr;
        size_t size;
};

static _printf_(2, 3) int wrong(const struct checker *c, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(c->reterr, c->size, format, ap);
        va_end(ap);
        return -EINVAL;
}

static bool in_words(const char *s, size_t n, const char *const *words) {
        for (; *words; words++)
                if (strlen(*words) == n && memcmp(s, *words, n) == 0)
                        return true;
        return false;
}

/* "{name:type}" in full. */
static bool is_parameter(const char *segment, size_t n) {
        static const char *const types[] = {"int", "uuid", "int_or_uuid", "text", NULL};
        const char *colon = memchr(segment, ':', n);
        char name[64];
        size_t length;

        if (n < 5 || segment[n - 1] != '}' || !colon)
                return false;
        length = (size_t) (colon - segment) - 1;
        if (length >= sizeof(name))
                return false;
        memcpy(name, segment + 1, length);
        name[length] = 0;
        return text_is_name(name) && in_words(colon + 1, n - length - 3, types);
}

int description_path_shape(const char *path, char *ret, size_t size) {
        size_t used = 0;

        if (*path != '/' || strlen(path) > PATH_MAX_LENGTH)
                return -EINVAL;
        while (*path) {
                const char *segment = ++path;
                size_t n = strcspn(segment, "/");
                bool parameter = *segment == '{';

                if (n == 0 || (parameter ? !is_parameter(segment, n) : strcspn(segment, "{}?#% ") < n))
                        return -EINVAL;
                if (used + (parameter ? 2 : n) + 2 > size)
                        return -ENAMETOOLONG;
                ret[used++] = '/';
                memcpy(ret + used, parameter ? "{}" : segment, parameter ? 2 : n);
                used += parameter ? 2 : n;
                path += n;
        }
        ret[used] = 0;
        return 0;
}

static bool is_string_of(const json_t *value, const char *const *words) {
        const char *s = json_string_value(value);

        return s && in_words(s, strlen(s), words);
}

static bool is_positive(const json_t *value) {
        return (json_is_integer(value) && json_integer_value(value) > 0) ||
               (json_is_real(value) && json_real_value(value) > 0);
}

static bool is_strings(const json_t *value) {
        size_t i;
        json_t *item;

        json_array_foreach(value, i, item)
                if (!json_is_string(item))
                        return false;
        return json_is_array(value);
}

static int check_operation(const struct checker *c, const char *path, const json_t *o) {
        static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", NULL};
        static const char *const tenants[] = {"effective", "master", "none", NULL};
        static const char *const bodies[] = {"none", "json", "raw", NULL};
        const json_t *method = json_object_get(o, "method"), *number = json_object_get(o, "operation");
        const json_t *acl = json_object_get(o, "acl"), *tenant = json_object_get(o, "tenant");
        const json_t *body = json_object_get(o, "body"), *class = json_object_get(o, "class");
        static const char *const positive[] = {"body_max", "attempt", "total"};

        if (!is_string_of(method, methods))
                return wrong(c, "%s: an operation without a method of GET, HEAD, POST, PUT, DELETE", path);
        if (!json_is_integer(number) || json_integer_value(number) < 0 || json_integer_value(number) > UINT32_MAX)
                return wrong(c, "%s %s: operation must be an index", json_string_value(method), path);
        if (!json_is_string(acl) && !json_is_null(acl))
                return wrong(c, "%s %s: acl must be a text or null", json_string_value(method), path);
        if (tenant && !is_string_of(tenant, tenants))
                return wrong(c, "%s %s: tenant must be effective, master or none", json_string_value(method), path);
        if (body && !is_string_of(body, bodies))
                return wrong(c, "%s %s: body must be none, json or raw", json_string_value(method), path);
        if (class && (!json_is_string(class) || !text_is_name(json_string_value(class))))
                return wrong(c, "%s %s: class must be a name", json_string_value(method), path);
        for (unsigned i = 0; i < ELEMENTSOF(positive); i++) {
                const json_t *value = json_object_get(o, positive[i]);

                if (value && !is_positive(value))
                        return wrong(c, "%s %s: %s must be a number above 0", json_string_value(method), path,
                                     positive[i]);
        }
        if (json_object_get(o, "secrets") && !is_strings(json_object_get(o, "secrets")))
                return wrong(c, "%s %s: secrets must be a list of texts", json_string_value(method), path);
        return 0;
}

static int check_routes(const struct checker *c, const json_t *routes) {
        size_t i, j;
        json_t *route, *operation;

        if (!json_is_array(routes) || json_array_size(routes) > ROUTES_MAX)
                return wrong(c, "routes must be a list of at most %d", ROUTES_MAX);
        json_array_foreach(routes, i, route) {
                const char *path = json_string_value(json_object_get(route, "path"));
                const json_t *operations = json_object_get(route, "operations");
                char shape[PATH_MAX_LENGTH + 2];

                if (!path || description_path_shape(path, shape, sizeof(shape)) < 0)
                        return wrong(c, "routes[%zu]: \"%.80s\" is no path", i, strempty(path));
                if (!json_is_array(operations) || json_array_size(operations) == 0)
                        return wrong(c, "%s: operations must be a list", path);
                json_array_foreach(operations, j, operation) {
                        int r = check_operation(c, path, operation);

                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

int description_check(const json_t *root, const char *name, char *reterr, size_t size) {
        const struct checker c = {.reterr = reterr, .size = size};
        const char *plugin = json_string_value(json_object_get(root, "plugin"));
        const json_t *abi = json_object_get(root, "abi"), *build_id = json_object_get(root, "build_id");
        const json_t *openapi = json_object_get(root, "openapi");
        const json_t *subscriptions = json_object_get(root, "subscriptions");
        const json_t *migrations = json_object_get(root, "migrations");
        int r;

        if (json_object_get(root, "problem"))
                return wrong(&c, "a member \"problem\" is not a plugin's to have");
        r = check_routes(&c, json_object_get(root, "routes"));
        if (r < 0)
                return r;
        if (openapi && !json_is_object(openapi))
                return wrong(&c, "openapi must be an object");
        if (subscriptions && !json_is_array(subscriptions))
                return wrong(&c, "subscriptions must be a list");
        if (migrations && !is_strings(migrations))
                return wrong(&c, "migrations must be a list of texts");
        r = sandbox_check_needs(json_object_get(root, "sandbox"), reterr, size);
        if (r < 0)
                return r;

        if (!plugin || !streq(plugin, name))
                r = wrong(&c, "it describes a plugin \"%.48s\"", strempty(plugin));
        else if (!json_is_integer(abi) || json_integer_value(abi) != DESCRIPTION_ABI)
                r = wrong(&c, "it is made for version %lld of the plugin interface, this is version %d",
                          json_is_integer(abi) ? (long long) json_integer_value(abi) : 0, DESCRIPTION_ABI);
        else if (!json_is_string(build_id) || !text_is_hex(json_string_value(build_id), BUILD_ID_SIZE * 2))
                r = wrong(&c, "it has no build-id");
        else
                r = section_check(json_object_get(root, "config"), reterr, size);
        return r < 0 ? 1 : 0;
}
