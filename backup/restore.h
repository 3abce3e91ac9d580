/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-backup restore: the archive is read once to its end and judged; only then anything is touched.
 */
#pragma once

#include <signal.h>

#include "lib/util.h"

enum restore_system { RESTORE_SYSTEM_AUTO, RESTORE_SYSTEM_KEEP, RESTORE_SYSTEM_REPLACE };

struct restore_request {
        const char *path, *root; /* root: "" for this host */
        bool dry_run, force, skip_refused;
        enum restore_system system;
        const volatile sig_atomic_t *interrupted;
};

/* 0: all of it; 1: something is left to do, and was printed. Below zero after an error message. */
int restore(const struct restore_request *request) _must_check_;
