/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Introductions: when somebody who asks and a worker that serves must talk, they get the two ends of a new channel. Their
 * traffic never passes the supervisor.
 *
 *   asks      serves
 *   gateway   plugin, control, relay
 *   control   relay
 *   relay     plugin
 */
#pragma once

#include "supervisor/service.h"

/* Whether workers of the one kind ask those of the other. */
bool introduce_asks(enum wire_kind asker, enum wire_kind worker);
/* Somebody new who may ask: to everybody who serves him. */
void introduce_asker(struct process *asker);
/* A worker that serves from now on: to everybody who asks it. */
void introduce_worker(struct process *worker);
