/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration child: wazo-supervisord --check-config and --emit.
 */
#pragma once

#include <stdio.h>

#include "config/request.h"

/*
 * Builds the plan and writes every finding to standard error. With @emit_fd at or above 0, sends DEPLOY over that channel (the
 * plan, then the descriptions, both sealed) when the findings pass. Returns an exit status: 0, or 1 when the configuration is
 * wrong or could not be read.
 */
int config_check_main(const struct config_request *request, int emit_fd) _must_check_;

/* Everything that can be configured, as docs/configuration.md has it. */
void config_document(FILE *to);
