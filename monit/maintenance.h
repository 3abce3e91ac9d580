/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "lib/util.h"

/* What wazo-monit-restart writes into the lock begins with it. */
#define MAINTENANCE_OURS "\"monit: "

/* Whether wazo-service has an action under way, by its lock, which wazo-monit-restart may hold, too. It is not
 * disturbed by being asked. */
bool maintenance_is_on(const char *root);
