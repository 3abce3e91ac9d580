/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The status in the log, for when control cannot be asked (SIGUSR1).
 */
#pragma once

#include "supervisor/service.h"

void report_to_log(struct service *s);
