/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Starts or stops the services of a list, side by side where their order allows it, and waits until each serves, or is down.
 */
#pragma once

#include "units/wazo-service/host.h"

enum outcome {
        OUTCOME_NONE,     /* it was not its turn any more: another had failed */
        OUTCOME_OK,
        OUTCOME_NOK,
        OUTCOME_DISABLED, /* kept down */
        OUTCOME_IGNORED,  /* nothing to do: it runs, or is down, already */
};

struct run_result {
        enum outcome outcome;
        uint64_t nsec;             /* that it took */
        char why[SYSTEMD_UNIT_MAX * 2]; /* of OUTCOME_NOK: for people */
};

struct run_options {
        bool quiet;          /* no lines */
        unsigned seconds;    /* the longest that one service may take; 0: as its manifest says */
};

/*
 * A line a service on standard output; who is late or failed, and why, on standard error behind them. @results has one a target.
 * 0; -EIO when one failed (at a start no further one is begun then); another error of the bus.
 */
int run_start(struct host *h, struct target *targets, size_t n, const struct run_options *options,
              struct run_result *results) _must_check_;
/* The last first. One that cannot be stopped does not keep the others up. */
int run_stop(struct host *h, struct target *targets, size_t n, const struct run_options *options,
             struct run_result *results) _must_check_;

/* Whether there is anything to do for it. */
bool run_would_start(const struct host *h, const struct target *t);
bool run_would_stop(const struct target *t);

/* "ok", "failed", "disabled", "ignored", "not begun". */
const char *outcome_to_string(enum outcome outcome);
