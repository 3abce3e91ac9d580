/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plugin's fragment of the Swagger 2.0 document, from its descriptors. */
#pragma once

#include "workers/kit/internal.h"

/* {"paths": {...}, "definitions": {...}}. */
int openapi_make(const struct wazo_plugin *plugin, json_t **ret) _must_check_;
/* "/contexts/{context_id:int}" without its types: "/contexts/{context_id}". */
void openapi_path(struct text *t, const char *path);
