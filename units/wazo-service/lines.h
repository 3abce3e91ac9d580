/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is printed while services start and stop side by side: each one's whole line, in their order, as soon as all before it
 * have theirs. On a terminal the last line says who is under way.
 */
#pragma once

#include "lib/util.h"

#define LINES_MAX 256
#define LINE_SIZE 320

struct lines {
        size_t n, printed;
        bool reverse, terminal, progress, quiet;
        char texts[LINES_MAX][LINE_SIZE]; /* "": not yet */
};

/* @n lines; @reverse: the last is printed first. @quiet: none is printed, but kept. */
void lines_init(struct lines *l, size_t n, bool reverse, bool quiet);

/* The line of the @i-th. */
void lines_set(struct lines *l, size_t i, const char *format, ...) _printf_(3, 4);

/* "[3/18] wazo-calld, asterisk": only on a terminal. */
void lines_progress(struct lines *l, const char *text);

/* Nobody else gets one: prints what waits behind a gap. */
void lines_finish(struct lines *l);
