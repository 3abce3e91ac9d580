/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are small enough to be read at once. */
#pragma once

#include "lib/util.h"

/*
 * The content of a regular file, with a NUL behind it that is not counted; *ret is to be freed. -ENOEXEC: it is something else;
 * -EFBIG: more than @max bytes; -ENOENT, -EACCES ...
 */
int file_read(const char *path, size_t max, char **ret, size_t *ret_size) _must_check_;
