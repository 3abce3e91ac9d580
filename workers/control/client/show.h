/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The answers of control, as people read them, on standard output.
 */
#pragma once

#include <jansson.h>

void show_status(const json_t *answer);
void show_why(const json_t *answer);
void show_explain(const json_t *answer);
/* Of the commands: the text, then the lines where there are some. */
void show_command(const json_t *answer);
void show_metrics(const json_t *answer);
