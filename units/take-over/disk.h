/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changes of files that are whole, and on the disk, when they return.
 */
#pragma once

#include <sys/stat.h>

#include "lib/util.h"

#define DISK_PATH_MAX 1024

/* Makes it a symbolic link, in place of another or of nothing; -EEXIST when something else is there. */
int disk_link(const char *path, const char *target) _must_check_;
/* Removes a file or link; one that is not there is as good as removed. */
int disk_remove(const char *path) _must_check_;
/* In the same directory. */
int disk_rename(const char *from, const char *to) _must_check_;
/* With owner and mode. */
int disk_copy(const char *from, const char *to) _must_check_;
/* The directory that it is in, unless that is there. */
int disk_make_directory_of(const char *path) _must_check_;
/* -ENOENT; -EINVAL: it is no link. */
int disk_read_link(const char *path, char *ret, size_t size) _must_check_;
/* Whether there is anything of this name, a link to nowhere included. */
bool disk_is_there(const char *path);
