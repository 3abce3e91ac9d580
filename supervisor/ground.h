/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ground that a service stands on, laid while root's rights are still there: its directories, log, sockets, programs.
 */
#pragma once

#include "supervisor/privileges.h"
#include "supervisor/service.h"

/* Who the service is to run as. 1: nobody else than now; -EPERM and the like with *ret_text saying what to do. */
int ground_find_identity(const struct service *s, struct identity *ret, char *ret_text, size_t text_size) _must_check_;

/* Lays it. @who: whom directories and log are given to; NULL: nobody else. On an error *ret_text says what is wrong. */
int ground_lay(struct service *s, const struct identity *who, char *ret_text, size_t text_size) _must_check_;
void ground_leave(struct service *s);
