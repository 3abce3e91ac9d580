/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The service's state as Prometheus reads it.
 */
#pragma once

#include "workers/control/model.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The whole exposition, freed by the caller; -ENOMEM. */
int metrics_render(const struct model *m, uint64_t now, char **ret, size_t *ret_size) _must_check_;
