/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SETUP: everything that a worker is given once it has said HELLO, and the go to use it.
 */
#pragma once

#include "supervisor/service.h"

void setup_send(struct process *p);
