/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listening sockets: those that systemd passed, those that are open already, and new ones.
 */
#pragma once

#include "supervisor/service.h"

/*
 * Every listener of @plan: taken from @have (a running service's, left untouched), from what systemd passed, or opened.
 * All or none: on an error nothing stays open that was not, and the reason is in @ret_text. What comes in @ret are
 * descriptors of their own, for listeners_adopt() or listeners_discard().
 */
int listeners_open(const struct plan *plan, const struct listener *have, size_t n_have, struct listener *ret, size_t *ret_n,
                   char *ret_text, size_t text_size) _must_check_;
/* Replaces the service's listeners by these. */
void listeners_adopt(struct service *s, const struct listener *listeners, size_t n);
/* Gives up what listeners_open() returned. */
void listeners_discard(const struct listener *listeners, size_t n);

/* The control socket, whose file gets the mode @mode. */
int listeners_open_control(const char *path, mode_t mode) _must_check_;
