/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The environment of workers: made anew, with the few variables that are for them.
 */
#pragma once

#include "lib/util.h"

/* NULL-terminated; freed as a whole, with each string, by environment_free(). */
char **environment_for_workers(void);
char **environment_free(char **environment);
/* The same and one more variable, in one allocation that borrows the strings of @environment: to be free()d. */
int environment_add(char **environment, const char *name, const char *value, char ***ret) _must_check_;
