/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "monit/record.h"

/*
 * The event suite_service_state_changed, as docs/monit.md has it: an object with routing_key, message_id, headers and body.
 * @previous is the state before, or NULL. NULL: out of memory.
 */
json_t *message_new(const struct change *c, const char *previous, const char *id);
