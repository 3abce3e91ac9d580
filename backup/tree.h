/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Paths within a root: "etc/hosts" below the directory that a descriptor stands for, whatever symbolic links say. A link that
 * is absolute begins at that root again, and ".." does not leave it.
 */
#pragma once

#include <limits.h>
#include <sys/stat.h>

#include "lib/util.h"

enum tree_flags {
        TREE_CREATE = 1 << 0,  /* directories on the way that are missing are made, 0755 */
        TREE_TRUSTED = 1 << 1, /* a link on the way that is neither root's nor ours is not followed: -EPERM */
};

/*
 * The directory that holds the last component of @path, which itself is not looked at: *ret_fd (O_PATH, the caller's to close) and
 * *ret_name, within @path. @path has at least one component, and no slash at its end. -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG.
 */
int tree_parent(int root_fd, const char *path, unsigned flags, int *ret_fd, const char **ret_name) _must_check_;

/* lstat() within the root. */
int tree_stat(int root_fd, const char *path, struct stat *ret) _must_check_;

/* Opens what is no symbolic link; O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK and O_NOCTTY are added to @flags. The descriptor,
 * or below zero. */
int tree_open(int root_fd, const char *path, int flags) _must_check_;

/* The whole of a small file, with a NUL behind it; -EFBIG past @max. Freed by the caller. */
int tree_read(int root_fd, const char *path, size_t max, char **ret) _must_check_;
