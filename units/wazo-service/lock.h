/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One action at a time: starts and stops that run into each other leave what nobody asked for.
 */
#pragma once

#include "lib/util.h"

#define LOCK_PATH "/run/wazo-service.lock"
/* Whoever can read it can lock it: everybody would be held up, and monit told that somebody is at work, by anybody. */
#define LOCK_MODE 0600

/*
 * Waits for whoever holds it, at most @seconds, and says on standard error for whom. @what, "restart wazo", is told to those who
 * wait for us. The descriptor holds it until it is closed. -ETIMEDOUT and others were told.
 */
int lock_take(const char *what, unsigned seconds) _must_check_;
