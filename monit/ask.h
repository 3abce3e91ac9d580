/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "config/manifest.h"

/*
 * Sends a request to the service's REST port. Any answer will do: a process that is stopped or in a circle takes connections, and
 * answers nothing. 0 also when it has no such port; -ETIMEDOUT, -ECONNREFUSED ..., and *ret_port is the one. At most 10 seconds.
 */
int ask_http(const struct manifest *m, const struct facts_port **ret_port) _must_check_;
