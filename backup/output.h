/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A file that is there whole or not at all: written without a name, or with a temporary one in the same folder, 0600, and put
 * into its place at the end, with owner and mode of what it replaces, else 0640 root:www-data.
 */
#pragma once

#include <limits.h>
#include <sys/stat.h>

#include "backup/owners.h"

struct output {
        int fd, dir_fd; /* fd: for writing */
        char name[NAME_MAX + 1], temporary[NAME_MAX + 1]; /* temporary: "" while it has no name */
        uint64_t written, sent; /* sent: what the kernel was asked to put on disk already */
        bool replaces;
        struct stat old;
};

#define OUTPUT_NULL ((struct output) {.fd = -1, .dir_fd = -1})

/* Where @path is a symbolic link, what it leads to is meant. Errors of open(). */
int output_open(const char *path, struct output *ret) _must_check_;
/* All of it, or below zero. */
int output_write(struct output *o, const void *data, size_t size) _must_check_;
int output_publish(struct output *o, struct owners *owners) _must_check_;
/* Removes what was not published. Accepts what was never opened. */
void output_done(struct output *o);

/* An unlinked file, 0600, for what does not fit into memory: in the folder @dir_fd. The descriptor, or below zero. */
int output_scratch(int dir_fd) _must_check_;
