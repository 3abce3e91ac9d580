/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A program that is run once for what it prints.
 */
#pragma once

#include "lib/util.h"

/*
 * Runs @argv (absolute path first) with an empty environment, no descriptor but the standard ones and no standard input, and
 * collects at most @max bytes of its output until @deadline (CLOCK_MONOTONIC, nanoseconds). Then it is killed, if it still
 * runs, and reaped.
 *
 * 0: it ended with exit status 0; *ret_output (a NUL behind it) is the caller's to free. 1: it failed, and *ret_output is the
 * first line that it wrote to standard error, or what became of it. -ETIMEDOUT, -EFBIG, or another error.
 */
int oneshot_run(const char *const *argv, size_t max, uint64_t deadline, char **ret_output, size_t *ret_size) _must_check_;

/* The same with @input as its standard input. */
int oneshot_run_on(const char *const *argv, int input, size_t max, uint64_t deadline, char **ret_output,
                   size_t *ret_size) _must_check_;
