/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What wazo-backup tells people: lines on standard error, with names of files made harmless for a terminal, and the progress
 * of what takes long, when somebody watches.
 */
#pragma once

#include "lib/util.h"

/* Each is one line, without a newline in @format; "wazo-backup: " is put in front. */
void report_error(const char *format, ...) _printf_(1, 2);
void report_warning(const char *format, ...) _printf_(1, 2);
/* Only said with report_verbose(true). */
void report_note(const char *format, ...) _printf_(1, 2);
void report_verbose(bool verbose);
/* How many warnings there were. */
unsigned report_warnings(void);

/* A line on standard output, control characters in it made harmless likewise. */
void report_line(const char *format, ...) _printf_(1, 2);

/*
 * Progress, on a terminal only: @what is going on ("saving") over @total bytes in all; 0 when nobody knows. progress_step()
 * adds bytes done, and @path (or NULL) is what is at work.
 */
void progress_begin(const char *what, uint64_t total);
void progress_step(uint64_t bytes, const char *path);
void progress_end(void);

/* "1.4 GiB". */
struct size_text {
        char text[32];
};
struct size_text size_text(uint64_t bytes);
