/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Operators' wishes, as control hands them on: it has checked who may.
 */
#pragma once

#include "supervisor/service.h"

/* Answers with RESULT of the same @id, at once or, for a reload, when it is done. */
void command_run(struct process *control, uint64_t id, const struct wire_command *command);
/* @text_fd: a sealed memory file to go with it, or -1; stays the caller's. */
void command_answer(struct process *control, uint64_t id, int error, int text_fd, const char *format, ...) _printf_(5, 6);
/* Of the supervisor and all workers, until somebody says otherwise. */
void command_set_log_level(struct service *s, enum log_level level);
