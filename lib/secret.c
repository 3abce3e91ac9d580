/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/secret.h"

#define DEPTH_MAX 64
#define HIDDEN "<hidden>"

static bool is_secret(const char *name, const char *const *secrets) {
        for (; secrets && *secrets; secrets++)
                if (streq(*secrets, name))
                        return true;
        return false;
}

static bool is_secret_pair(const json_t *value, const char *const *secrets) {
        const char *key;

        if (json_array_size(value) != 2)
                return false;
        key = json_string_value(json_array_get(value, 0));
        return key && (streq(key, "password") || is_secret(key, secrets));
}

static json_t *mask(const json_t *value, const char *const *secrets, unsigned depth) {
        json_t *copy, *member;
        const char *name;
        size_t i;

        if (depth > DEPTH_MAX)
                return json_null();
        if (json_is_object(value)) {
                copy = json_object();
                json_object_foreach((json_t *) value, name, member) {
                        json_t *shown = is_secret(name, secrets) && !json_is_null(member)
                                ? json_string(HIDDEN) : mask(member, secrets, depth + 1);

                        if (!copy || json_object_set_new(copy, name, shown) < 0) {
                                json_decref(copy);
                                return NULL;
                        }
                }
                return copy;
        }
        if (json_is_array(value)) {
                bool pair = is_secret_pair(value, secrets);

                copy = json_array();
                json_array_foreach((json_t *) value, i, member) {
                        json_t *shown = pair && i == 1 ? json_string(HIDDEN) : mask(member, secrets, depth + 1);

                        if (!copy || json_array_append_new(copy, shown) < 0) {
                                json_decref(copy);
                                return NULL;
                        }
                }
                return copy;
        }
        return json_copy((json_t *) value);
}

json_t *secret_mask_json(const json_t *value, const char *const *secrets) {
        return mask(value, secrets, 0);
}
