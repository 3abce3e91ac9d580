/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Notification, both ways: what systemd is told of us, and what `exec` workers tell us over sockets of their own.
 */
#pragma once

#include "supervisor/service.h"

/* The watchdog, if systemd wants one. */
int notify_init(struct service *s) _must_check_;
/* How long the start may take at most, which systemd does not know. */
void notify_starting(struct service *s);
void notify_ready(struct service *s);
/* Works the status line out anew and tells it when it changed. */
void notify_status(struct service *s);
void notify_stopping(struct service *s);
void notify_reloading(struct service *s);
/* A reload's end, good or bad: systemd knows only READY; the outcome is in the status line. */
void notify_reloaded(struct service *s);

/* A socket for one worker's READY=1; @path is what its NOTIFY_SOCKET is. */
int notify_socket_open(struct process *p, const char *name, char *path, size_t size) _must_check_;
void notify_socket_close(struct process *p);
