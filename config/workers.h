/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The workers of a plan: each entry of the manifest, and each plugin, with its instances, limits, timings and slice.
 */
#pragma once

#include "config/sandbox.h"
#include "config/slices.h"

struct workers_request {
        const struct manifest *manifest;
        const struct settings *settings;
        const struct descriptions *descriptions;
        const struct paths *paths;
        struct findings *findings;
        struct slice_facts facts; /* all but idle and gateway_drain_msec */
};

struct workers {
        struct plan_worker *list; /* in the order of their start */
        size_t n, allocated;
        char **texts;             /* that the list points to */
        size_t n_texts;
        struct sandbox_filters filters;
};

/* What is wrong becomes a finding. -ENOMEM. */
int workers_make(const struct workers_request *request, struct workers *ret) _must_check_;
void workers_done(struct workers *w);
