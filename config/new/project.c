/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/new/project.h"

#include <ftw.h>
#include <sys/stat.h>

#define TEMPLATE_MAX (256U * 1024)

static int read_template(const char *path, char **ret) {
        _cleanup_free_ char *text = NULL;
        FILE *file = fopen(path, "re");
        size_t n;

        if (!file)
                return -errno;
        text = malloc(TEMPLATE_MAX);
        n = text ? fread(text, 1, TEMPLATE_MAX, file) : 0;
        if (fclose(file) != 0 || !text)
                return text ? -errno : -ENOMEM;
        if (n == TEMPLATE_MAX)
                return -EFBIG;
        text[n] = 0;
        *ret = STEAL(text);
        return 0;
}

/* Folders between the project's own and the file. */
static int make_parents(char *path, size_t from) {
        for (char *slash = strchr(path + from, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                if (mkdir(path, 0777) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        return 0;
}

/* A path with its variables replaced; it is one line. */
static int make_path(const char *folder, const char *path, const struct generate_variable *variables, char *to, size_t size) {
        _cleanup_free_ char *text = NULL;
        size_t n;
        FILE *file = open_memstream(&text, &n);

        if (!file)
                return -errno;
        generate_template(file, path, variables);
        if (fclose(file) != 0)
                return -errno;
        text[strcspn(text, "\n")] = 0;
        return snprintf(to, size, "%s/%s", folder, text) < (int) size ? 0 : -ENAMETOOLONG;
}

static int write_file(const char *templates, const struct project_file *f, const struct generate_variable *variables,
                      const char *folder, char to[GENERATE_PATH_MAX]) {
        _cleanup_free_ char *text = NULL;
        char from[GENERATE_PATH_MAX];
        FILE *file;
        int r;

        r = make_path(folder, f->path, variables, to, GENERATE_PATH_MAX);
        if (r >= 0 && snprintf(from, sizeof(from), "%s/%s", templates, f->template) >= (int) sizeof(from))
                r = -ENAMETOOLONG;
        if (r >= 0)
                r = read_template(from, &text);
        if (r >= 0)
                r = make_parents(to, strlen(folder) + 1);
        if (r < 0)
                return r;
        file = fopen(to, "wxe");
        if (!file)
                return -errno;
        generate_template(file, text, variables);
        if (f->executable && fchmod(fileno(file), 0755) < 0)
                r = -errno;
        return fclose(file) == 0 ? r : -errno;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

int project_write(const char *templates, const struct project_file *files, const struct generate_variable *variables,
                  const char *folder, char ret_path[GENERATE_PATH_MAX]) {
        int r = 0;

        (void) strcopy(ret_path, GENERATE_PATH_MAX, folder);
        if (mkdir(folder, 0777) < 0)
                return -errno;
        for (; r >= 0 && files->template; files++)
                r = write_file(templates, files, variables, folder, ret_path);
        if (r < 0)
                (void) nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        return r;
}
