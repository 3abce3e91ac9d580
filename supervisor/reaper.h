/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Watches for the ends of children: one epoll of all their pidfds, which the loop sees as one source. A thousand that end
 * together would otherwise be a thousand ready sources, each of whose turns begins with the kernel's list of all of them.
 */
#pragma once

#include "supervisor/service.h"

int reaper_init(struct service *s, void (*ended)(struct process *p)) _must_check_;
void reaper_done(struct service *s);

/* Calls ended() when the process of p->pidfd ends: again and again, until it is forgotten. */
int reaper_watch(struct process *p) _must_check_;
/* Before p->pidfd is closed: a copy of it in a child would keep it in the epoll. Not being watched is no error. */
void reaper_forget(struct process *p);
