/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A cgroup (v2) for each process, where ours was delegated to us: its limits are of memory that is really used, what it leaves
 * behind ends with it, and the kernel says when it killed it. Below the unit's own cgroup, which stays systemd's, is made
 *
 *     suite/supervisor             ourselves: a cgroup with controllers for its children has no processes of its own
 *     suite/WORKER.GENERATION      a worker
 *     suite/spare.NUMBER           a worker that waited in the nursery for its name
 *
 * Where there is none, setrlimit does what it can; status says which.
 */
#pragma once

#include "supervisor/privileges.h"
#include "supervisor/service.h"

/* Before privileges are dropped: @who is to go on with it, or NULL. Nothing of it is an error; cgroups_say() tells
 * what came of it. */
void cgroups_prepare(struct service *s, const struct identity *who);
void cgroups_done(struct service *s);
/* The directory that all of this is in, for a supervisor that takes over; stays ours. -1: there is none. */
int cgroups_dir(const struct service *s);
/* The last number that a spare's has; after it we go on. */
uint32_t cgroups_spares(const struct service *s);
/* Of workers that the supervisor before us had: ends one, and removes all that nobody is in any more. */
void cgroups_end(struct service *s, const char *name);
void cgroups_sweep(struct service *s);
/* For the log, and for a worker's status: "cgroup with memory, pids", or "limits by setrlimit". */
void cgroups_say(const struct service *s, char *ret, size_t size);
/* Whether the kernel counts the memory of each process: then RLIMIT_DATA need not. */
bool cgroups_have_memory(const struct service *s);

/* Puts a newborn process into a cgroup of its own; to be called before it is told to go on. */
void cgroups_enter(struct process *p);
/* The limits of the worker that it is. */
void cgroups_limit(struct process *p, const struct plan_worker *worker);
/* At its death: whether the kernel killed it for its limit. */
bool cgroups_out_of_memory(const struct process *p);
/* Ends what it left, and removes the cgroup, now or when that is gone. */
void cgroups_leave(struct process *p);

/* ---- parts, for tests ---- */

/* Of /proc/self/cgroup: the path in the v2 hierarchy. -ENOENT: there is none. */
int cgroup_parse_own(const char *text, char *ret, size_t size) _must_check_;
/* The value of "KEY NUMBER\n" in a file of events; 0 when there is no such line. */
uint64_t cgroup_parse_event(const char *text, const char *key);
