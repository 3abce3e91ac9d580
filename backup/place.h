/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Puts files into their place in a root: each is whole under another name before it replaces what was there. Links on the way
 * are followed only when they are root's, and never out of the root.
 */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "lib/util.h"

struct place_attributes {
        bool owned; /* set uid and gid */
        uid_t uid;
        gid_t gid;
        mode_t mode;
        int64_t mtime;
};

/* A file that is being written. */
struct place_file {
        int fd, dir_fd;
        char name[NAME_MAX + 1], temporary[NAME_MAX + 1];
};

#define PLACE_FILE_NULL ((struct place_file) {.fd = -1, .dir_fd = -1})

int place_begin(int root_fd, const char *path, struct place_file *ret) _must_check_;
/* Gives it attributes and name. @sqlite: journals of what it replaces are removed. */
int place_commit(struct place_file *f, const struct place_attributes *attributes, bool sqlite) _must_check_;
/* Removes what was not committed. */
void place_done(struct place_file *f);

int place_symlink(int root_fd, const char *path, const char *target, const struct place_attributes *attributes) _must_check_;
/* Another name of the file that was placed at @target. */
int place_hard_link(int root_fd, const char *path, const char *target) _must_check_;
/* There is a directory, or a link of root's to one, at @path; it gets its attributes later, since files may still come. */
int place_directory(int root_fd, const char *path) _must_check_;
int place_directory_attributes(int root_fd, const char *path, const struct place_attributes *attributes) _must_check_;
