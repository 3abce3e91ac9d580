/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The service's state as Prometheus reads it.
 */
#pragma once

#include <stdio.h>

#include "workers/control/model.h"
#include "workers/control/relay.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The whole exposition, freed by the caller, with what the relay said of itself. -ENOMEM. */
int metrics_render(const struct model *m, const struct relay_result *relay, uint64_t now, char **ret,
                   size_t *ret_size) _must_check_;

/* metrics.c: the head of a metric, and a label. */
void metrics_put_help(FILE *out, const char *name, const char *type, const char *help);
void metrics_put_label(FILE *out, const char *name, const char *value);

/* metrics-relay.c: its part. Nothing where the service has no relay. */
void metrics_put_relay(FILE *out, const char *service, const struct relay_result *relay);
