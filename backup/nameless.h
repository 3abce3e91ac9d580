/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that get their name when they are complete: whoever is killed before leaves nothing behind. Where the file system has no
 * files without names, they have one that nobody else has.
 */
#pragma once

#include <limits.h>

#include "lib/util.h"

/* For reading and writing, 0600. *ret_name is "" or the name that it has for now. */
int nameless_open(int dir_fd, const char *stem, char ret_name[NAME_MAX + 1]) _must_check_;

/* The complete file becomes @to, in the place of what is there; @name as nameless_open() left it, then "". */
int nameless_publish(int dir_fd, int fd, const char *stem, char name[NAME_MAX + 1], const char *to) _must_check_;

/* A name in the folder that nobody has had the time to guess: ".STEM.NUMBER". */
int nameless_make_name(const char *stem, char ret[NAME_MAX + 1]) _must_check_;
