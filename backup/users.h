/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which processes of this host have a file open.
 */
#pragma once

#include <sys/stat.h>

#include "lib/util.h"

/* The file that @st is of: 0 nobody, as far as we may look; 1 with some of their names in @ret, "asterisk (812),
 * sqlite3 (4711)". */
int users_of_file(const struct stat *st, char *ret, size_t size) _must_check_;
