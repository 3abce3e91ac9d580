/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ports of REST APIs: those of the suite are given out one after the other, from 9486 on.
 */
#pragma once

#include "config/suite.h"

/* The highest of that range which any service has, and one more; 0 when the range is full. */
int64_t port_next(const struct suite *suite);

/* Who has the port, or NULL. */
const struct manifest *port_owner(const struct suite *suite, int64_t port);
