/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON from files and children, in bounds: jansson's own are too wide for small stacks.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "lib/util.h"

#define JSON_TEXT_MAX (4U * 1024 * 1024)
#define JSON_DEPTH_MAX 64

/* An object, without duplicate members. On -EINVAL @reterr says what is wrong, with line and column. */
int json_read_object(const char *text, size_t size, char *reterr, size_t reterr_size, json_t **ret) _must_check_;

/* Appends a JSON string, quoted, to a stream; in a text that is no UTF-8, a ? for each byte that is not ASCII. */
void json_write_string(FILE *to, const char *s);
