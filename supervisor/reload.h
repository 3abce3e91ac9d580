/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reload: a new plan is worked out by the configuration child, compared with the one in force, and only workers whose
 * inputs differ are replaced, new before old. A configuration that is wrong, or a listener that cannot be opened, changes
 * nothing at all.
 */
#pragma once

#include "supervisor/service.h"

int reload_init(struct service *s) _must_check_;
void reload_done(struct service *s);
/* @control, @id: who is told the outcome; NULL: nobody (SIGHUP). @dry_run: only what would be done. */
void reload_begin(struct service *s, bool dry_run, struct process *control, uint64_t id);
/* The service ends: a reload that is under way does not happen. */
void reload_cancel(struct service *s);
