/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of the hardening is in force in this process, for the note that status shows. */
#pragma once

#include "lib/sandbox.h"

/*
 * "no_new_privs yes, seccomp filter, landlock 7, capabilities none": as the kernel tells it, not what was asked for; then why there
 * is no sandbox, or what of it this kernel cannot refuse. Both may be NULL: for a worker without one.
 */
void hardening_describe(const struct sandbox *sandbox, const struct sandbox_outcome *outcome, char *ret, size_t size);

/* The second half by itself, for an ABI of Landlock: "" when nothing is to be said. */
void hardening_describe_gaps(const struct sandbox *sandbox, const struct sandbox_outcome *outcome, char *ret, size_t size);
