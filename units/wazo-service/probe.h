/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether a service serves: systemd calls most of the suite's daemons active as soon as there is a process.
 */
#pragma once

#include "config/manifest.h"

/*
 * Tries the TCP ports that the service has to have open, once and without waiting: all of them are on this host. 0 when each
 * takes a connection; otherwise -EAGAIN, and *ret_port is one that does not. A service that tells systemd itself when it is ready,
 * or that has no such port, serves.
 */
int probe(const struct manifest *m, const struct facts_port **ret_port) _must_check_;
