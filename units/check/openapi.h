/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a row wants to know of an OpenAPI document, which may have anchors, and be larger than a configuration may.
 */
#pragma once

#include "lib/util.h"

#define OPENAPI_PATHS_MAX 3

struct openapi {
        char version[16];      /* of "swagger" or "openapi" */
        char info_version[64];
        char base_path[128];
        char scheme[16];       /* the first of "schemes" */
        size_t n_paths;
        char paths[OPENAPI_PATHS_MAX][256]; /* the first ones without a parameter that can be got */
        size_t n_kept;
};

/* -EBADMSG: it is no YAML (and so no JSON). */
int openapi_read(const char *text, size_t size, struct openapi *ret) _must_check_;
