/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/owners.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>

/* A bound on files that are not ours. */
#define OWNERS_MAX 65536

enum kind { USER, GROUP, KIND_MAX };

struct owner {
        char *name; /* or NULL: nobody has this number */
        unsigned id;
};

struct owners {
        bool live; /* what is not known yet is asked from the host */
        struct owner *list[KIND_MAX];
        size_t n[KIND_MAX];
};

static const struct owner *add(struct owners *o, enum kind kind, const char *name, unsigned id) {
        struct owner *grown;
        char *copy = NULL;

        if (o->n[kind] >= OWNERS_MAX)
                return NULL;
        grown = reallocarray(o->list[kind], o->n[kind] + 1, sizeof(*grown));
        if (!grown)
                return NULL;
        o->list[kind] = grown;
        if (name) {
                copy = strdup(name);
                if (!copy)
                        return NULL;
        }
        grown[o->n[kind]] = (struct owner) {.name = copy, .id = id};
        return &grown[o->n[kind]++];
}

static void read_passwd(struct owners *o, FILE *file) {
        for (struct passwd *p = fgetpwent(file); p; p = fgetpwent(file))
                if (!add(o, USER, p->pw_name, p->pw_uid))
                        return;
}

static void read_group(struct owners *o, FILE *file) {
        for (struct group *g = fgetgrent(file); g; g = fgetgrent(file))
                if (!add(o, GROUP, g->gr_name, g->gr_gid))
                        return;
}

static void read_file(struct owners *o, const char *root, const char *name, void (*each)(struct owners *o, FILE *file)) {
        char path[4096];
        FILE *file;

        if (snprintf(path, sizeof(path), "%s/etc/%s", root, name) >= (int) sizeof(path))
                return;
        file = fopen(path, "re");
        if (!file)
                return;
        each(o, file);
        (void) fclose(file);
}

int owners_new(const char *root, struct owners **ret) {
        struct owners *o = calloc(1, sizeof(*o));

        if (!o)
                return -ENOMEM;
        o->live = !root[0];
        if (!o->live) {
                read_file(o, root, "passwd", read_passwd);
                read_file(o, root, "group", read_group);
        }
        *ret = o;
        return 0;
}

struct owners *owners_free(struct owners *o) {
        if (!o)
                return NULL;
        for (unsigned kind = 0; kind < KIND_MAX; kind++) {
                for (size_t i = 0; i < o->n[kind]; i++)
                        free(o->list[kind][i].name);
                free(o->list[kind]);
        }
        free(o);
        return NULL;
}

static const char *name_of(struct owners *o, enum kind kind, unsigned id) {
        const struct owner *found;
        const char *name = NULL;

        for (size_t i = 0; i < o->n[kind]; i++)
                if (o->list[kind][i].id == id)
                        return o->list[kind][i].name;
        if (!o->live)
                return NULL;
        if (kind == USER) {
                const struct passwd *p = getpwuid(id);

                name = p ? p->pw_name : NULL;
        } else {
                const struct group *g = getgrgid(id);

                name = g ? g->gr_name : NULL;
        }
        found = add(o, kind, name, id);
        return found ? found->name : NULL;
}

static int id_of(struct owners *o, enum kind kind, const char *name, unsigned *ret) {
        unsigned id;

        for (size_t i = 0; i < o->n[kind]; i++)
                if (o->list[kind][i].name && streq(o->list[kind][i].name, name)) {
                        *ret = o->list[kind][i].id;
                        return 0;
                }
        if (!o->live)
                return -ENOENT;
        if (kind == USER) {
                const struct passwd *p = getpwnam(name);

                if (!p)
                        return -ENOENT;
                id = p->pw_uid;
        } else {
                const struct group *g = getgrnam(name);

                if (!g)
                        return -ENOENT;
                id = g->gr_gid;
        }
        (void) add(o, kind, name, id);
        *ret = id;
        return 0;
}

const char *owners_user(struct owners *o, uid_t uid) {
        return name_of(o, USER, uid);
}

const char *owners_group(struct owners *o, gid_t gid) {
        return name_of(o, GROUP, gid);
}

int owners_uid(struct owners *o, const char *name, uid_t *ret) {
        return id_of(o, USER, name, ret);
}

int owners_gid(struct owners *o, const char *name, gid_t *ret) {
        return id_of(o, GROUP, name, ret);
}
