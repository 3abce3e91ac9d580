/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waiting for one descriptor, in programs that have nothing else to do meanwhile. */
#pragma once

#include <poll.h>

#include "lib/util.h"

/* Waits until one of @events (POLLIN, POLLOUT), an error or the end is there. -ETIMEDOUT: not until @deadline, by
 * now_monotonic(). */
int wait_for(int fd, short events, uint64_t deadline) _must_check_;
