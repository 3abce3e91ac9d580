/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All services of the suite: every manifest, and what only shows when they are seen together. What wazo-service,
 * monit's checks, the backup, discovery, wazo-suite generate and wazo-suite check know about services, they know from
 * here.
 */
#pragma once

#include "config/manifest.h"

#define SUITE_SERVICES_MAX 256
#define SUITE_DIRS_MAX 6

struct suite {
        struct manifest *services; /* sorted by name */
        size_t n;
};

#define SUITE_NULL ((struct suite) {0})

/* Directories of manifests that a command line names, each with --services-dir: they go before the usual ones. */
struct suite_dirs {
        const char *at[SUITE_DIRS_MAX + 1]; /* NULL-terminated */
        size_t n;
};

/* @dir must outlive @dirs. -E2BIG: one too many. */
int suite_dirs_add(struct suite_dirs *dirs, const char *dir) _must_check_;

/*
 * Reads each *.yml of @dirs (NULL-terminated; one that is not there counts as empty). Of two with one name, the one
 * in the first directory is taken whole, or the next when that is broken. Everything wrong, in one manifest or between several
 * (a port that two have, a dependency that nobody is, a circle), becomes an error finding with its place; the result is what
 * could be read.
 * The names of files in the places of manifests live as long as @findings. -ENOMEM and the like.
 */
int suite_read(const char *const *dirs, struct findings *findings, struct suite *ret) _must_check_;

/*
 * The same for the usual directories: @more (NULL-terminated, or NULL; at most SUITE_DIRS_MAX) first, then
 * ROOT/etc/wazo-suite/services.d, then the shipped ones. @root is "" for this host.
 */
int suite_load(const char *root, const char *const *more, struct findings *findings, struct suite *ret) _must_check_;
void suite_done(struct suite *s);

/* By name, or by the name of its unit, with or without ".service"; NULL when there is none. */
const struct manifest *suite_find(const struct suite *s, const char *name);

/*
 * The services of a filter in today's order of start, or of the lines of "status". *ret is to be freed; its manifests
 * belong to @s.
 */
int suite_start_list(const struct suite *s, enum facts_filter filter, const struct manifest ***ret,
                     size_t *ret_n) _must_check_;
int suite_status_list(const struct suite *s, enum facts_filter filter, const struct manifest ***ret,
                      size_t *ret_n) _must_check_;

/*
 * Whether @later may begin to start only after @earlier has started: it says so (after, needs; or the other's
 * before), or it comes behind it in today's order and does not say why it is independent of it.
 */
bool suite_waits_for(const struct manifest *later, const struct manifest *earlier);

/* Whether @name is in a list of texts, which may be NULL. */
bool suite_lists(const struct yaml_node *list, const char *name);
