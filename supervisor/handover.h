/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A new version of the supervisor takes over from the old one, as the same process: it executes its new program and
 * leaves it, in a memory file named by the environment, what is not to be lost: the plan, the listening sockets, the
 * control socket, the log, the cgroup, operators' wishes, and those workers that are in the middle of something. The
 * new one starts all workers anew; the old gateways serve until it is ready, and then drain (supervisor/former.h).
 * Control, the nursery and whoever else owes nobody anything end at once: their channels do.
 *
 * There is no way back from an exec. So the new program is first run as a child that is shown the same file and only
 * says whether it could: one that does not load, hangs, is of another format, or wants a plan that is not there is
 * never become.
 */
#pragma once

#include "supervisor/service.h"

enum handover {
        HANDOVER_NONE,      /* nobody left anything: an ordinary start */
        HANDOVER_TAKEN,
        HANDOVER_REHEARSED, /* nothing is to be done but to exit, with 0 */
};

/* Whether the program on disk is another than the one that runs. */
bool handover_due(const struct service *s);
/*
 * Asks the new program whether it could take over with this plan, for a few seconds at most. 0, or a negative errno with why in
 * @ret_text: -ENOTSUP when it says no.
 */
int handover_rehearse(struct service *s, int plan_fd, int descriptions_fd, char *ret_text, size_t text_size) _must_check_;
/* Returns only when it failed, with nothing changed: a negative errno. */
int handover_execute(struct service *s, int plan_fd, int descriptions_fd) _must_check_;
/*
 * At the start: takes what an old supervisor left, into @s. -EBADMSG when it cannot be understood, and the caller must exit: its
 * children are nobody's.
 */
int handover_take(struct service *s, enum handover *ret) _must_check_;

/* ---- the file's format, of handover.c and handover-take.c ---- */

#define HANDOVER_VARIABLE "WAZO_SUITE_HANDOVER"   /* the file's descriptor */
#define HANDOVER_REHEARSAL "WAZO_SUITE_REHEARSAL" /* set: it is only asked whether it could */
#define HANDOVER_FORMAT 2U
/* Of a rehearsal: its own numbers, since those in the file are of another process. */
#define HANDOVER_REHEARSAL_FD "3"
#define HANDOVER_REHEARSAL_PLAN 4
#define HANDOVER_REHEARSAL_DESCRIPTIONS 5
