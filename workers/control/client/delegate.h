/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands of wazo-suite that are programs of their own.
 */
#pragma once

#include <stdio.h>

#include "lib/util.h"

/* Becomes the program of the command argv[0], with the words after it. Returns 0 when no program has this command;
 * else a negative errno, when it could not be executed. */
int delegate(char **argv);

/* A line for each. */
void delegate_help(FILE *to);
