/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Carrying out what the policy decided.
 */
#pragma once

#include "supervisor/service.h"

void act_on(struct service *s, const struct policy_action *action);
