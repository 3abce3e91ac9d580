/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a service that wazo-supervisord runs says of itself at its control socket and at /metrics, made part of a survey's entry.
 */
#pragma once

#include <jansson.h>

#include "workers/control/survey/figures.h"

/* What the look before has left of one service. */
struct ask_memory {
        struct figures figures;
        bool has_figures;
        uint64_t at;         /* of these, CLOCK_MONOTONIC nsec */
};

/*
 * Fills @entry from the service at the control socket @path. A negative errno: nobody answered, and nothing is filled in.
 * @history: with events and crashes.
 */
int ask_service(const char *path, bool history, struct ask_memory *memory, json_t *entry) _must_check_;
