/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text on its way out of the service: to a record on disk, an answer, a terminal. Valid UTF-8, no control characters, and
 * whatever looks like a secret masked, although those who wrote it should have masked it before.
 */
#pragma once

#include <jansson.h>

#include "lib/util.h"

/* mask_line() as a JSON string; NULL when out of memory. */
json_t *text_json(const char *s);
json_t *text_json_n(const char *s, size_t size);

/* CLOCK_REALTIME nanoseconds as 2026-11-22T00:16:55.782Z, in a JSON string. */
json_t *text_json_time(uint64_t wall_nsec);

/* Nanoseconds as whole milliseconds, in a JSON integer. */
json_t *text_json_msec(uint64_t nsec);

/* SIGSEGV for 11; "signal 99" for a number without a name. */
void text_signal_name(int signo, char *to, size_t size);
