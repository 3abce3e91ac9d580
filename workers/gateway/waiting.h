/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one waiting rule: what becomes of a request for which no worker is free. Pure.
 */
#pragma once

#include "lib/wire.h"

/* What the rule looks at of one slot. */
struct slot_view {
        enum wire_kind kind;
        enum wire_state state;
        uint64_t retry_at; /* CLOCK_MONOTONIC nsec, 0: no restart is planned */
};

/* Seconds: for a state that only an operator ends there is no better guess. */
#define WAITING_RETRY_LATER 30

enum waiting {
        WAITING_QUEUE,  /* it waits */
        WAITING_FULL,   /* 503: too many wait already */
        WAITING_REFUSE, /* 503: no worker will come in time */
};

/*
 * @slots: those of the pool; with none known yet the request waits. @queued: how many wait already, of at most @max. A
 * request that waits gives up at @queue_deadline. *ret_retry_after, in seconds, for the two refusals; *ret_culprit: the
 * index of the slot whose state is the reason, or @n.
 */
enum waiting waiting_decide(const struct slot_view *slots, size_t n, size_t queued, size_t max, uint64_t now,
                            uint64_t queue_deadline, unsigned *ret_retry_after, size_t *ret_culprit);

/* Seconds from now until the earliest planned restart, rounded up, at least 1; 1 when none is planned. */
unsigned waiting_retry_after(const struct slot_view *slots, size_t n, uint64_t now);
