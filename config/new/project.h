/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A new project: a folder of files, written from templates. All of it is there at the end, or nothing is.
 */
#pragma once

#include "config/generate/generate.h"

struct project_file {
        const char *template; /* below the folder of templates */
        const char *path;     /* below the new folder; may hold variables */
        bool executable;
};

/*
 * Writes @files, which end with one without a template, into @folder, a new one. -EEXIST: there is such a folder, or
 * something else of that name. On an error *ret_path is what it is about.
 */
int project_write(const char *templates, const struct project_file *files, const struct generate_variable *variables,
                  const char *folder, char ret_path[GENERATE_PATH_MAX]) _must_check_;
