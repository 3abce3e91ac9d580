/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of the hardening is in force in this process, as the kernel tells it: not what was asked for. */
#pragma once

#include <stddef.h>

/* "no_new_privs yes, seccomp no, capabilities none": for the note that status shows. */
void hardening_describe(char *ret, size_t size);
