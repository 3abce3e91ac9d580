/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What dpkg knows of a package.
 */
#pragma once

#include "lib/util.h"

/* Whether the package is installed. -ENOENT: this host has no dpkg. */
int package_installed(const char *root, const char *package, bool *ret) _must_check_;

/* Looks for a file of the package that is not there, or is not as it was: then 1, and its path is in *ret. 0: all
 * are, or the package came without digests. */
int package_damaged(const char *root, const char *package, char *ret, size_t size) _must_check_;
