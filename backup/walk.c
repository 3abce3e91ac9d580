/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "backup/tree.h"

struct walker {
        const struct lists *lists;
        const struct walk_calls *calls;
        struct walk_file file;
        char path[PATH_MAX];
        unsigned depth;
};

/* The names in a directory, sorted. */
struct names {
        char **list;
        size_t n;
};

static void left_out(struct walker *w, int error, const char *why) {
        if (w->calls->left_out)
                w->calls->left_out(w->calls->userdata, w->path, error, why);
}

static void names_done(struct names *names) {
        for (size_t i = 0; i < names->n; i++)
                free(names->list[i]);
        free(names->list);
        *names = (struct names) {0};
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static int names_add(struct names *names, const char *name) {
        char **grown;

        if ((names->n & (names->n - 1)) == 0) {
                grown = reallocarray(names->list, MAX(names->n * 2, (size_t) 1), sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                names->list = grown;
        }
        names->list[names->n] = strdup(name);
        return names->list[names->n++] ? 0 : -ENOMEM;
}

static int names_read(int fd, struct names *ret) {
        struct names names = {0};
        DIR *dir = fdopendir(fd);
        struct dirent *e;
        int r = 0;

        if (!dir) {
                r = -errno;
                (void) fd_close(fd);
                return r;
        }
        do {
                errno = 0;
                e = readdir(dir);
                if (!e)
                        r = -errno;
                else if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
                        r = names_add(&names, e->d_name);
        } while (e && r >= 0);
        (void) closedir(dir);
        if (r < 0) {
                names_done(&names);
                return r;
        }
        if (names.n > 0)
                qsort(names.list, names.n, sizeof(*names.list), compare_names);
        *ret = names;
        return 0;
}

static int visit(struct walker *w, int dir_fd, const char *name);

/* What is in the directory that w->path names. */
static int descend(struct walker *w, int fd, const struct names *names) {
        size_t length = strlen(w->path);
        int r = 0;

        for (size_t i = 0; i < names->n && r >= 0; i++) {
                size_t n = strlen(names->list[i]);

                if (length + 1 + n + 1 > sizeof(w->path)) {
                        left_out(w, -ENAMETOOLONG, NULL);
                        break;
                }
                w->path[length] = '/';
                memcpy(w->path + length + 1, names->list[i], n + 1);
                r = visit(w, fd, names->list[i]);
                w->path[length] = 0;
        }
        return r;
}

static int visit_directory(struct walker *w, const struct walk_file *file) {
        _cleanup_close_ int fd = -1;
        struct names names = {0};
        int copy, r;

        fd = openat(file->dir_fd, file->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
        r = copy < 0 ? -errno : names_read(copy, &names);
        if (r < 0) {
                left_out(w, r, NULL);
                /* It is there, and keeps its owner and mode. */
                return r == -ENOENT || r == -ENOMEM ? 0 : w->calls->file(w->calls->userdata, file);
        }
        if (names.n > w->lists->entries_max && lists_limited(w->lists, w->path)) {
                left_out(w, 0, "it has more entries than XIVO_BACKUP_MAX_FILES_PER_SOUND_DIR");
                names_done(&names);
                return 0;
        }
        r = w->calls->file(w->calls->userdata, file);
        if (r >= 0 && w->depth >= WALK_DEPTH_MAX)
                left_out(w, -ELOOP, NULL);
        else if (r >= 0) {
                w->depth++;
                r = descend(w, fd, &names);
                w->depth--;
        }
        names_done(&names);
        return r;
}

static int visit(struct walker *w, int dir_fd, const char *name) {
        struct walk_file file = {.path = w->path, .dir_fd = dir_fd, .name = name};

        if (lists_excluded(w->lists, w->path))
                return 0;
        if (fstatat(dir_fd, name, &file.st, AT_SYMLINK_NOFOLLOW) < 0) {
                if (errno != ENOENT)
                        left_out(w, -errno, NULL);
                return 0;
        }
        switch (file.st.st_mode & S_IFMT) {
        case S_IFDIR:
                return visit_directory(w, &file);
        case S_IFLNK:
                return w->calls->file(w->calls->userdata, &file);
        case S_IFREG:
                if ((uint64_t) file.st.st_size > w->lists->file_max && lists_limited(w->lists, w->path)) {
                        left_out(w, 0, "it is larger than XIVO_BACKUP_MAX_SOUND_FILE_SIZE");
                        return 0;
                }
                return w->calls->file(w->calls->userdata, &file);
        case S_IFSOCK: /* made again by who listens there */
                return 0;
        default:
                left_out(w, 0, "it is a device or a pipe");
                return 0;
        }
}

int walk(int root_fd, const struct lists *lists, const struct walk_calls *calls) {
        struct walker w = {.lists = lists, .calls = calls};
        int r = 0;

        for (size_t i = 0; i < lists->n_paths && r >= 0; i++) {
                _cleanup_close_ int dir = -1;
                const char *name;

                if (!strcopy(w.path, sizeof(w.path), lists->paths[i]))
                        continue;
                r = tree_parent(root_fd, w.path, 0, &dir, &name);
                if (r < 0) {
                        left_out(&w, r, NULL);
                        r = 0;
                        continue;
                }
                r = visit(&w, dir, name);
        }
        return r;
}
