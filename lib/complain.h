/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a command says that it cannot do what it was asked to. */
#pragma once

#include "lib/util.h"

/* Prints "@program: " and the text as a line to standard error. Returns @code, which is what the program shall exit with. */
int complain(const char *program, int code, const char *format, ...) _printf_(3, 4);
