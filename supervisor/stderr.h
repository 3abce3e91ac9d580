/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What workers print. Each line becomes a line of the log, in the worker's name, and goes into its ring. A worker that
 * floods is read no faster than its budget allows: beyond it, lines are counted and thrown away.
 */
#pragma once

#include "supervisor/service.h"

int stderr_watch(struct process *p) _must_check_;
/* At its death: what is left in the pipe, bounded. */
void stderr_drain(struct process *p);
void stderr_close(struct process *p);
