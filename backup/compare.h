/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether a member of an archive is what the host has already.
 */
#pragma once

#include <signal.h>

#include "backup/place.h"
#include "backup/reader.h"

enum { COMPARE_SAME, COMPARE_NEW, COMPARE_CHANGED };

/*
 * The member that @reader stands at would be at @path, with @attributes. Reads its content where that has to be
 * compared. One of the above, or below zero.
 */
int compare_member(struct reader *reader, const struct member *m, int root_fd, const char *path,
                   const struct place_attributes *attributes, const volatile sig_atomic_t *interrupted) _must_check_;
