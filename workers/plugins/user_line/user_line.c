/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin user_line: /users/{id}/lines and /users/{id}/lines/{id}. */
#include "workers/plugins/user_line/user_line-service.h"

static const struct wazo_association *const associations[] = {&user_line_association, &user_lines_association, NULL};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "user_line",
        .version = "1.0",
        .associations = associations,
};
