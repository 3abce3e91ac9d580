/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A new version of the supervisor takes over from the old one, as the same process: it executes its new program and leaves it, in a
 * memory file named by the environment, what is not to be lost: the listening sockets, the control socket, the log, the cgroup, and
 * those workers that are in the middle of something. The new one starts all workers anew; the old gateways serve until it is ready,
 * and then drain (supervisor/former.h). Control, the nursery and whoever else owes nobody anything end at once: their channels do.
 */
#pragma once

#include "supervisor/service.h"

/* Whether the program on disk is another than the one that runs. */
bool handover_due(const struct service *s);
/* Returns only when it failed, with nothing changed: a negative errno. */
int handover_execute(struct service *s) _must_check_;
/*
 * At the start: takes what an old supervisor left, into @s. 0: nobody left anything. 1: somebody did. -EBADMSG when it cannot be
 * understood, and the caller must exit: its children are nobody's.
 */
int handover_take(struct service *s) _must_check_;
