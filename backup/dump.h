/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copies of databases that are in use, each as it is at one moment.
 */
#pragma once

#include <signal.h>
#include <sys/stat.h>

#include "lib/util.h"

/* The first bytes of an SQLite database. */
#define SQLITE_MAGIC "SQLite format 3"

/* Whether the regular file @fd begins like an SQLite database; its offset is left alone. */
bool dump_is_sqlite(int fd);

/*
 * Copies the SQLite database @path (as this process sees it), of which @st is known, to the empty file @to, by a process of its
 * owner's. Below zero after a warning.
 */
int dump_sqlite(const char *path, const struct stat *st, int to, const volatile sig_atomic_t *interrupted) _must_check_;

/* Whether there are programs of PostgreSQL here. */
bool dump_has_postgresql(void);

/*
 * Runs pg_dump, psql and the like: as the user postgres when we are root, unless PGUSER says who. @argv ends with NULL;
 * @in and @out may be -1; @text gets what it prints when @out is -1. Results of child_run(), @error its last words.
 */
int dump_run_postgresql(const char *const *argv, int in, int out, char *text, size_t text_size, char *error, size_t error_size,
                        const volatile sig_atomic_t *interrupted) _must_check_;

/*
 * Writes database @name to the file @to in pg_dump's custom format; of the tables @without (NULL-terminated) no data.
 * Below zero after an error message.
 */
int dump_postgresql(const char *name, const char *const *without, int to, const volatile sig_atomic_t *interrupted) _must_check_;

/* How large @name is on disk; 0 when nobody says. */
uint64_t dump_postgresql_size(const char *name);
