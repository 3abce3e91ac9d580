/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/screen.h"

#include <sys/stat.h>

#define SLOTS_MIN 1024

/* Every path that there was, with its kind: an open hash table that doubles. */
struct seen {
        char *path;
        char kind;
};

struct screen {
        struct seen *slots;
        size_t n_slots, n;
};

int screen_new(struct screen **ret) {
        struct screen *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->slots = calloc(SLOTS_MIN, sizeof(*s->slots));
        s->n_slots = SLOTS_MIN;
        if (!s->slots) {
                free(s);
                return -ENOMEM;
        }
        *ret = s;
        return 0;
}

struct screen *screen_free(struct screen *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; i < s->n_slots; i++)
                free(s->slots[i].path);
        free(s->slots);
        free(s);
        return NULL;
}

static struct seen *find(struct seen *slots, size_t n_slots, const char *path, size_t length) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (size_t i = 0; i < length; i++)
                hash = (hash ^ (uint8_t) path[i]) * UINT64_C(0x100000001b3);
        for (size_t i = (size_t) (hash ^ hash >> 29) & (n_slots - 1);; i = (i + 1) & (n_slots - 1))
                if (!slots[i].path || (strncmp(slots[i].path, path, length) == 0 && !slots[i].path[length]))
                        return &slots[i];
}

static int grow(struct screen *s) {
        struct seen *slots = calloc(s->n_slots * 2, sizeof(*slots));

        if (!slots)
                return -ENOMEM;
        for (size_t i = 0; i < s->n_slots; i++)
                if (s->slots[i].path)
                        *find(slots, s->n_slots * 2, s->slots[i].path, strlen(s->slots[i].path)) = s->slots[i];
        free(s->slots);
        s->slots = slots;
        s->n_slots *= 2;
        return 0;
}

static char kind_of(const struct screen *s, const char *path, size_t length) {
        const struct seen *seen = find(s->slots, s->n_slots, path, length);

        return seen->path ? seen->kind : 0;
}

static int remember(struct screen *s, const char *path, char kind) {
        struct seen *seen;

        if (s->n >= SCREEN_MEMBERS_MAX)
                return -E2BIG;
        if (s->n * 4 >= s->n_slots * 3 && grow(s) < 0)
                return -ENOMEM;
        seen = find(s->slots, s->n_slots, path, strlen(path));
        if (!seen->path) {
                seen->path = strdup(path);
                if (!seen->path)
                        return -ENOMEM;
                s->n++;
        }
        seen->kind = kind;
        return 0;
}

void screen_path(const char *path, char ret[PATH_MAX], const char **ret_why) {
        size_t n;

        *ret_why = NULL;
        if (path[0] == '/') {
                *ret_why = "it begins at the root, whichever that is";
                return;
        }
        while (path[0] == '.' && path[1] == '/')
                path += 2 + strspn(path + 2, "/");
        if (streq(path, "."))
                path++;
        n = strlen(path);
        while (n > 0 && path[n - 1] == '/')
                n--;
        if (n >= PATH_MAX) {
                *ret_why = "its name is too long";
                return;
        }
        memcpy(ret, path, n);
        ret[n] = 0;
        for (const char *p = ret; *p; p += strcspn(p, "/"), p += *p == '/') {
                size_t length = strcspn(p, "/");

                if (length == 2 && p[0] == '.' && p[1] == '.')
                        *ret_why = "it leads out of its folder";
                else if (length == 0 || (length == 1 && p[0] == '.'))
                        *ret_why = "its name is written in an odd way";
                else if (length > NAME_MAX)
                        *ret_why = "its name is too long";
                if (*ret_why)
                        return;
        }
}

/* Whether a symbolic link at @path with that text stays in the root, by its words alone. An absolute one begins at the root. */
static bool escapes(const char *path, const char *target) {
        long depth = 0;

        if (target[0] != '/')
                for (const char *p = path; *p; p++)
                        depth += *p == '/';
        for (const char *p = target; *p; p += strcspn(p, "/"), p += strspn(p, "/")) {
                size_t length = strcspn(p, "/");

                if (length == 2 && p[0] == '.' && p[1] == '.') {
                        if (--depth < 0)
                                return true;
                } else if (length > 0 && !(length == 1 && p[0] == '.'))
                        depth++;
        }
        return false;
}

static const char *judge_parents(const struct screen *s, const char *path) {
        for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
                char kind = kind_of(s, path, (size_t) (slash - path));

                if (kind == 'l')
                        return "it goes through a symbolic link of the archive";
                if (kind && kind != 'd')
                        return "it lies in what is no folder in the archive";
        }
        return NULL;
}

static const char *judge_hard_link(const struct screen *s, const char *target) {
        char path[PATH_MAX];
        const char *why;

        screen_path(target, path, &why);
        if (why || kind_of(s, path, strlen(path)) != 'f')
                return "it is another name of a file that the archive does not have";
        return NULL;
}

static const char *judge(const struct screen *s, const struct member *m, const char *path) {
        const char *why;

        if (!m->kind)
                return m->odd;
        if (!path[0])
                return m->kind == 'd' ? NULL : "it has no name";
        why = judge_parents(s, path);
        if (why)
                return why;
        if (m->kind == 'f' && (m->mode & (S_ISUID | S_ISGID)))
                return "a program that runs as its owner or group";
        if (m->kind == 'h')
                return judge_hard_link(s, m->target);
        if (m->kind == 'l' && (!m->target[0] || escapes(path, m->target)))
                return "a link that leads out of the root";
        if (m->kind != 'd' && kind_of(s, path, strlen(path)) == 'd')
                return "it takes the place of a folder of the archive";
        if (m->kind == 'd' && kind_of(s, path, strlen(path)) == 'l')
                return "it takes the place of a symbolic link of the archive";
        return NULL;
}

int screen_member(struct screen *s, const struct member *m, const char **ret_why) {
        char path[PATH_MAX];
        const char *why;
        int r;

        screen_path(m->path, path, &why);
        if (!why)
                why = judge(s, m, path);
        if (why) {
                *ret_why = why;
                return 1;
        }
        /* Another name of a file is a file to whoever names it again. */
        r = remember(s, path, m->kind == 'h' ? 'f' : m->kind);
        return r;
}
