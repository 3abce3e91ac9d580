/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-backup data and wazo-backup db: makes an archive.
 */
#pragma once

#include "backup/writer.h"

struct create_request {
        enum index_type type;
        const char *base;  /* the archive's path, without ".tgz" or ".tar.zst" */
        const char *root;  /* "" for this host */
        enum compression compression;
        bool no_space_check;
        const volatile sig_atomic_t *interrupted;
};

/* 0, or below zero after an error message; then what was there before is as it was. */
int create(const struct create_request *request) _must_check_;
