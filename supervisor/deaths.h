/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Crash records on their way to control, which writes them: the account of each death that nobody asked for, with the
 * ring of last log lines. Control may be away, or be the one that died: a bounded number wait for it. A gateway's word
 * about the request that was there comes a moment after the death; the record waits that long.
 */
#pragma once

#include <signal.h>
#include <sys/resource.h>

#include "supervisor/service.h"

int deaths_init(struct service *s) _must_check_;
void deaths_done(struct service *s);

/* Around the policy's EVENT_DIED: what ACTION_RECORD in between is about. */
void deaths_begin(struct service *s, struct process *p, const siginfo_t *info, const struct rusage *usage);
void deaths_end(struct service *s);

/* The policy wants a record of this death. */
void deaths_record(struct service *s, const struct policy_action *action);
void deaths_inflight(struct service *s, const struct wire_inflight *inflight);
/* Control is ready: it gets what waits. */
void deaths_flush(struct service *s);
