/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The nursery: has loaded what every plugin worker needs, opens nothing, and forks workers at the supervisor's word. They
 * are the supervisor's own children, not the nursery's, and share with it, and among themselves, every page that none has
 * written to.
 */
#pragma once

#include "lib/worker.h"

/* @w has been begun. Returns the nursery's exit status, in the nursery; the workers exit from within. */
int nursery_run(struct worker *w);
