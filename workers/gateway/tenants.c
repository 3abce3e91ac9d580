/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/tenants.h"

#include <strings.h>

static int compare(const void *a, const void *b) {
        return strcasecmp(((const struct tenant *) a)->uuid, ((const struct tenant *) b)->uuid);
}

const struct tenant *tenants_find(const struct tenants *t, const char *uuid) {
        struct tenant key;

        return strcopy(key.uuid, sizeof(key.uuid), uuid) ? bsearch(&key, t->tenants, t->n, sizeof(key), compare) : NULL;
}

bool tenant_within(const struct tenant *tenant, const struct tenant *root) {
        for (; tenant; tenant = tenant->parent)
                if (tenant == root)
                        return true;
        return false;
}

/* More steps up than there are tenants is a circle. */
static bool ends_somewhere(const struct tenants *t, const struct tenant *tenant) {
        for (size_t steps = 0; tenant; steps++, tenant = tenant->parent)
                if (steps > t->n)
                        return false;
        return true;
}

static int gather_family(struct tenants *t, struct tenant *root) {
        size_t n = 0;

        for (size_t i = 0; i < t->n; i++)
                n += tenant_within(&t->tenants[i], root);
        root->family = calloc(n, sizeof(*root->family));
        if (!root->family)
                return -ENOMEM;
        root->family[root->n_family++] = root->uuid;
        for (size_t i = 0; i < t->n; i++)
                if (&t->tenants[i] != root && tenant_within(&t->tenants[i], root))
                        root->family[root->n_family++] = t->tenants[i].uuid;
        return 0;
}

int tenants_load(struct tenants *t, const json_t *array, const char *master) {
        json_t *object;
        size_t i;

        t->tenants = calloc(json_array_size(array) + 1, sizeof(*t->tenants));
        if (!t->tenants)
                return -ENOMEM;
        json_array_foreach((json_t *) array, i, object) {
                const char *uuid = json_string_value(json_object_get(object, "uuid"));

                if (!uuid || strlen(uuid) != 36)
                        return -EINVAL;
                memcpy(t->tenants[i].uuid, uuid, 37);
                t->n++;
        }
        qsort(t->tenants, t->n, sizeof(*t->tenants), compare);

        json_array_foreach((json_t *) array, i, object) {
                const char *parent = json_string_value(json_object_get(object, "parent"));
                struct tenant *tenant = (struct tenant *) tenants_find(t, json_string_value(json_object_get(object, "uuid")));

                if (parent)
                        tenant->parent = (struct tenant *) tenants_find(t, parent);
                if (!ends_somewhere(t, tenant))
                        tenant->parent = NULL;
        }
        if (master)
                t->master = tenants_find(t, master);
        for (i = 0; i < t->n; i++) {
                int r = gather_family(t, &t->tenants[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

void tenants_done(struct tenants *t) {
        for (size_t i = 0; i < t->n; i++)
                free(t->tenants[i].family);
        free(t->tenants);
        *t = (struct tenants) {0};
}
