/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-supervisord --init: the first process of a container, whose foreign commands are the supervisors of its
 * services. What a container expects of it besides: that it is told by signals what they are told, and that all of
 * them write to where it writes itself. Strangers are reaped by every supervisor (orphans.h).
 */
#pragma once

#include "supervisor/service.h"

/* Hands a signal on to all foreign commands, where this is an init. */
void init_pass_on(struct service *s, int signo);

/* Where a foreign command's output goes: to our own, where this is an init; else to @otherwise. */
int init_output(const struct service *s, int otherwise);

/* The descriptor of our own output as a log file, when it is one: an init's always, else by the path /dev/stderr, which a process
 * may be unable to open that has long been writing to it. -ENOENT when the log is another file. */
int init_open_log(const struct service *s, const char *path) _must_check_;
