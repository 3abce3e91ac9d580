/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a shared object says of itself before any of its code has run. */
#pragma once

#include "lib/util.h"

#define BUILD_ID_SIZE 20
#define BUILD_ID_TEXT (2 * BUILD_ID_SIZE + 1)

/*
 * Reads the GNU build-id from the notes of the ELF file @fd, whose offset is left alone; zeros when it has none. -ENOEXEC
 * when it is no ELF file for this machine, -EBADMSG for one that contradicts itself.
 */
int elf_build_id(int fd, uint8_t ret[BUILD_ID_SIZE]) _must_check_;

/* 40 hex digits, and back: -EINVAL for anything else. */
int build_id_from_text(const char *text, uint8_t ret[BUILD_ID_SIZE]) _must_check_;
void build_id_to_text(const uint8_t build_id[BUILD_ID_SIZE], char ret[BUILD_ID_TEXT]);
