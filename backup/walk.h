/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Goes through all files that the lists name, in one order always: a directory before what is in it, names by their bytes.
 * What is excluded, over a limit, or a socket is left out.
 */
#pragma once

#include <sys/stat.h>

#include "backup/lists.h"

#define WALK_DEPTH_MAX 200

struct walk_file {
        const char *path; /* within the root, without a slash at either end */
        int dir_fd;       /* of the directory that holds it */
        const char *name; /* in that directory */
        struct stat st;   /* of itself, should it be a link */
};

struct walk_calls {
        /* A directory, regular file or symbolic link. Below zero ends the walk. */
        int (*file)(void *userdata, const struct walk_file *file);
        /* Something could not be looked at (@error: negative errno), or is left out because of a limit (0). May be NULL. */
        void (*left_out)(void *userdata, const char *path, int error, const char *why);
        void *userdata;
};

int walk(int root_fd, const struct lists *lists, const struct walk_calls *calls) _must_check_;
