/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the files of one running service are: as its manifest says, or all below the directory of --dev.
 */
#pragma once

#include "config/manifest.h"
#include "config/request.h"
#include "lib/paths.h"

#define LAYOUT_PATH_MAX 512
#define LAYOUT_USUAL_MAX 3

struct layout {
        char dev[LAYOUT_PATH_MAX]; /* absolute; "" when installed */
        char usual_services[LAYOUT_USUAL_MAX][LAYOUT_PATH_MAX];
        const char *services_dirs[CONFIG_SERVICES_DIRS_MAX + LAYOUT_USUAL_MAX + 1]; /* NULL-terminated */
        char config[LAYOUT_PATH_MAX], extra[LAYOUT_PATH_MAX];
        char state[LAYOUT_PATH_MAX], run[LAYOUT_PATH_MAX], log[LAYOUT_PATH_MAX];
        char control[LAYOUT_PATH_MAX], crashes[LAYOUT_PATH_MAX], cores[LAYOUT_PATH_MAX], tokens[LAYOUT_PATH_MAX];
        char db_uri[LAYOUT_PATH_MAX];
        char plugin_dir[LAYOUT_PATH_MAX]; /* absolute, or "" */
};

/* The parts that are known before the manifest: dev, services, plugin_dir. -ENAMETOOLONG. */
int layout_begin(struct layout *l, const struct config_request *request, const struct paths *paths) _must_check_;
/* The rest. The places that the manifest does not say stay "". */
int layout_finish(struct layout *l, const struct config_request *request, const struct manifest *manifest) _must_check_;
