/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a file differs from what it should be.
 */
#pragma once

#include "lib/util.h"

/*
 * Writes the difference between the file @path and @text to standard output, as diff -u does. 0: none; 1: there is
 * one, or there is no such file; negative when it could not be found out.
 */
int difference_show(const char *path, const char *text, size_t size) _must_check_;
