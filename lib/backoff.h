/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When a worker that failed is started again: at once after the first failure, then twice as long each time up to a cap,
 * with equal jitter, so that many that fell together do not rise together; past the intensity limit, the slow lane.
 * Pure, so that policy follows it and `wazo-suite explain` prints it.
 */
#pragma once

#include "lib/util.h"

struct backoff {
        uint64_t base_msec, cap_msec;
        uint32_t intensity; /* failures within the window that make it failed */
        uint64_t slow_msec;
};

/*
 * The wait before the start that follows the @failures-th failure in the window (1: the first), in nanoseconds. @random
 * is any number: the wait is between half and the whole of the nominal time. *ret_failed says whether this is the slow lane.
 */
uint64_t backoff_wait(const struct backoff *b, uint32_t failures, uint32_t random, bool *ret_failed);
/* A number for it. */
uint32_t backoff_random(void);
/* The nominal time in milliseconds, for showing. */
uint64_t backoff_nominal_msec(const struct backoff *b, uint32_t failures);
