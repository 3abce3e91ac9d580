/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which host this is, and in which version: what an archive is compared with before it is restored.
 */
#pragma once

#include "backup/index.h"

#define ORIGIN_VERSION_FILE "usr/share/wazo/WAZO-VERSION"
#define ORIGIN_HOSTNAME_FILE "etc/hostname"
#define ORIGIN_ADDRESS_FILE "etc/xivo/common.conf"
/* Larger ones say nothing that we want. */
#define ORIGIN_FILE_MAX (256U * 1024)

/* @root: "" for the running host, which @root_fd is open at. What is not known stays empty. */
void origin_of_host(const char *root, int root_fd, enum index_type type, struct index_origin *ret);

/* What a file of an archive without an index says: of one of the three above, its content. */
void origin_learn(struct index_origin *o, const char *path, const char *content);

/* Whether both are known and differ; *ret_why then says how. */
bool origin_other_version(const struct index_origin *archive, const struct index_origin *host);
bool origin_other_host(const struct index_origin *archive, const struct index_origin *host, char *ret_why, size_t size);
