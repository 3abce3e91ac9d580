/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands of the host that wazo-service calls, with a limit of time, past which they are killed.
 */
#pragma once

#include "lib/util.h"

/*
 * Runs @argv, whose first word is looked for where the host's commands are; what comes out is the caller's to free, with a NUL
 * behind it. Why it failed is told on standard error. -ENOENT, untold: there is none of this name. -EIO: it failed. -ETIMEDOUT.
 */
int command_read(const char *const *argv, unsigned seconds, char **ret) _must_check_;

/* The same, when nobody wants to know what comes out. */
int command_run(const char *const *argv, unsigned seconds) _must_check_;
