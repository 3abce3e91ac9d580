/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Users and files of the host that is checked, which may lie below another root directory.
 */
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include "lib/util.h"

#define HOST_GROUPS_MAX 64

struct host_user {
        char name[64], home[256], shell[128];
        uid_t uid;
        gid_t groups[HOST_GROUPS_MAX]; /* the first is its own */
        size_t n_groups;
};

/* @root is "" for this host. -ENOENT: there is no such user. */
int host_user(const char *root, const char *name, struct host_user *ret) _must_check_;

enum host_password { HOST_PASSWORD_LOCKED, HOST_PASSWORD_SET, HOST_PASSWORD_NONE };

/* enum host_password; -EACCES, -ENOENT ... when the file of passwords cannot be read or has no such user. */
int host_password(const char *root, const char *name) _must_check_;

/* -ENOENT: there is no such group. */
int host_group(const char *root, const char *name, gid_t *ret) _must_check_;

bool host_in_group(const struct host_user *user, gid_t group);

/* Whether the modes of a file (4 read, 2 write, 1 execute) let the user at it, directories above it not looked at. */
bool host_may(const struct host_user *user, const struct stat *file, unsigned mode);

/* A whole file of at most 32 MiB, with a NUL behind it; to be freed. */
int host_read(const char *path, char **ret) _must_check_;

/* Runs a program, silently. Its exit status, or a negative errno. */
int host_run(const char *const *argv) _must_check_;
