/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "lib/util.h"

/* Whether wazo-service has an action under way, by its lock. It is not disturbed by being asked. */
bool maintenance_is_on(const char *root);
