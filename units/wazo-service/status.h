/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "wazo-service status": lines that scripts read, or JSON. */
#pragma once

#include "units/wazo-service/host.h"

struct status_options {
        bool json, workers;
};

/* Prints the services of a filter. Returns the command's exit code: 2 when one failed, 1 when one is down, otherwise 0; or a
 * negative errno, which was told. */
int status_show(struct host *h, enum facts_filter filter, const struct status_options *options) _must_check_;
