/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Log lines as Wazo's daemons write them:
 *
 *   2026-11-22 00:16:55,782 UTC [pid 20329] [tid 20329] (INFO) (wazo_confd.user): message
 *
 * A line is one write() to a descriptor opened with O_APPEND, so that the processes of a service share one file. Warnings
 * and above go to the journal too, when there is one, and every line of a worker to its ring (lib/ring.h), which outlives
 * it. Library code does not log above debug: an error is logged once, by who handles it.
 *
 * Secrets never get here: who has them masks them before (see lib/secret.h).
 */
#pragma once

#include <stdarg.h>

#include "lib/ring.h"
#include "lib/util.h"

enum log_level { LOG_LEVEL_CRITICAL, LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVEL_MAX };

/* critical, error, warning, info, debug. -EINVAL for any other word. */
int log_level_from_string(const char *s);
const char *log_level_to_string(unsigned level);

/*
 * @fd: the log file, or -1 for none; @echo_fd: a copy for a terminal, or -1; neither is owned. @logger: the name in the
 * second parentheses, kept by reference. Callable again, after a fork for instance.
 */
void log_setup(int fd, int echo_fd, const char *logger, enum log_level level);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* Fields of every journal entry: PLUGIN= and REQUEST_ID=; NULL for none. Kept by reference. */
void log_set_plugin(const char *plugin);
void log_set_request(const char *request_id);
/* Opens what lines to the journal need now, for a process that will not be able to; nothing happens where there is no journal. */
void log_open_journal(void);
/* Every line goes here too; NULL for none. */
void log_set_ring(struct ring *ring);

void log_write(enum log_level level, const char *format, ...) _printf_(2, 3);
void log_writev(enum log_level level, const char *format, va_list ap) _printf_(2, 0);
/* A logger's name, wazo_confd.user for worker user of wazo-confd; @worker NULL for the service itself. */
void log_name(char *ret, size_t size, const char *service, const char *worker);
/* A line with another logger's name: STDERR of a worker, say. */
void log_write_as(const char *logger, enum log_level level, const char *format, ...) _printf_(3, 4);

#define log_critical(...) log_write(LOG_LEVEL_CRITICAL, __VA_ARGS__)
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                          \
        do {                                                    \
                if (log_get_level() >= LOG_LEVEL_DEBUG)         \
                        log_write(LOG_LEVEL_DEBUG, __VA_ARGS__); \
        } while (0)
