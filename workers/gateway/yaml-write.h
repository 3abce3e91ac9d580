/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON values as YAML.
 */
#pragma once

#include <jansson.h>

#include "workers/gateway/text.h"

/* Appends @value as one document. -ENOMEM, or -EINVAL for what is nested too deeply. */
int yaml_write(const json_t *value, struct text *t) _must_check_;
