/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a plugin worker does from SETUP to its end, however it was born. */
#pragma once

#include "lib/worker.h"

/* @w has been begun. Returns the exit status; a plugin that cannot be started does not return (worker_fail()). */
int plugin_worker_run(struct worker *w);
