/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is saved: the paths, exclusions and databases of all services, taken from their manifests (config/suite.h).
 */
#pragma once

#include <limits.h>

#include "config/suite.h"

#define LISTS_PATHS_MAX 65536

struct lists {
        /* Existing ones, sorted, without a slash at either end; none is below another. */
        char **paths;
        size_t n_paths;
        struct suite suite;
        struct findings findings; /* where the names of files in @suite live */
        uint64_t file_max;        /* bytes: in a limited directory, larger files are left out */
        uint64_t entries_max;     /* ... and directories with more entries */
};

/*
 * Reads the manifests of @root ("" for this host, which @root_fd is open at), expands their patterns, and reads
 * XIVO_BACKUP_MAX_... from the environment and etc/xivo/common.conf. What is wrong with a manifest is a warning.
 */
int lists_load(const char *root, int root_fd, struct lists *ret) _must_check_;
void lists_done(struct lists *l);

/* Whether a pattern of some service leaves out @path, which has no slash at its beginning. */
bool lists_excluded(const struct lists *l, const char *path);
/* Whether it is a directory of sounds or below one. */
bool lists_limited(const struct lists *l, const char *path);

/* Calls @each for the databases of all services; below zero stops. */
int lists_databases(const struct lists *l,
                    int (*each)(void *userdata, const struct manifest *service,
                                const struct facts_database *database),
                    void *userdata);

/*
 * The last assignment NAME=VALUE of a file of shell variables, without quotes around the value. false when there is none or it
 * does not fit.
 */
bool lists_variable(const char *text, const char *name, char *ret, size_t size);

/* "10M" as find -size has it: c, k, M, G, or blocks of 512 bytes. -EINVAL. */
int lists_size(const char *text, uint64_t *ret) _must_check_;
