/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What workers say to the supervisor. Everything is checked before it is believed; what a worker may not say is a breach
 * of protocol, for which it is killed, never obeyed.
 */
#pragma once

#include "supervisor/service.h"

void messages_handle(struct process *p, struct channel_message *m);
