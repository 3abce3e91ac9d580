/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Introductions: when a gateway and a worker that serves it must talk, they get the two ends of a new channel. Their
 * traffic never passes the supervisor.
 */
#pragma once

#include "supervisor/service.h"

/* A new gateway: to everybody who serves. */
void introduce_gateway(struct process *gateway);
/* A worker that serves from now on: to every gateway. */
void introduce_worker(struct process *worker);
