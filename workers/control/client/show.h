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

/* show-relay.c: the relay's part of the status (NULL: none); an event, a line; what is parked; what became of it. */
void show_relay(const json_t *relay);
void show_event(const json_t *event);
void show_events(const json_t *answer);
void show_parked(const json_t *answer);
void show_rows(const json_t *answer);
