/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The GNU build-id of a shared object, read from its file without loading it.
 */
#pragma once

#include "lib/util.h"

#define BUILD_ID_SIZE 20

/* -ENODATA when it has none of this size, -ENOEXEC when it is no ELF file of this machine's word size, -ENOENT, ... */
int build_id_read(const char *path, uint8_t ret[BUILD_ID_SIZE]) _must_check_;

void build_id_format(const uint8_t id[BUILD_ID_SIZE], char ret[BUILD_ID_SIZE * 2 + 1]);
/* -EINVAL unless it is 40 hex digits. */
int build_id_parse(const char *s, uint8_t ret[BUILD_ID_SIZE]) _must_check_;
