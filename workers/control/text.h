/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text on its way out of the service: to a record on disk, an answer, a terminal. Valid UTF-8, no control characters, and
 * whatever looks like a secret masked, although those who wrote it should have masked it before.
 */
#pragma once

#include <jansson.h>

#include "lib/util.h"

/*
 * A copy of @size bytes made harmless: what is no UTF-8 and control characters become '?', a tab becomes a space. Values behind
 * words like password and secret are hidden; values behind words like token are masked as Wazo's daemons mask them, and so
 * is, up to the end of the text, whatever looks like a uuid. Meant for one line. Freed by the caller; NULL when out of memory.
 */
char *text_clean(const char *s, size_t size);

/* text_clean() as a JSON string; NULL when out of memory. */
json_t *text_json(const char *s);
json_t *text_json_n(const char *s, size_t size);

/* CLOCK_REALTIME nanoseconds as 2026-11-22T00:16:55.782Z, in a JSON string. */
json_t *text_json_time(uint64_t wall_nsec);

/* Nanoseconds as whole milliseconds, in a JSON integer. */
json_t *text_json_msec(uint64_t nsec);

/* SIGSEGV for 11; "signal 99" for a number without a name. */
void text_signal_name(int signo, char *to, size_t size);
