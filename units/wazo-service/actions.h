/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What changes something: start, stop, restart, enable, disable. Each returns the command's exit code. */
#pragma once

#include "units/wazo-service/host.h"

struct action_options {
        enum facts_filter filter;
        bool monit;       /* it is stopped before and started behind */
        bool json, dry_run;
        unsigned seconds; /* the longest that one service may take; 0: as its manifest says */
};

int action_start(struct host *h, const struct action_options *options);
int action_stop(struct host *h, const struct action_options *options);
int action_restart(struct host *h, const struct action_options *options);

/* Neither starts or stops anything: they say what happens at the next start, of the host or of "wazo-service start". */
int action_enable(struct host *h, const struct action_options *options);
int action_disable(struct host *h, const struct action_options *options);
