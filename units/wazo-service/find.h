/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which of a host's units a manifest means.
 */
#pragma once

#include "config/manifest.h"
#include "lib/systemd.h"

/*
 * Of the units that match its pattern, the one of the highest version; of its own and the one whose place it takes, the one that is
 * there, and of both the one that is active. Where there is none, ret->load says "not-found". A negative errno of the bus.
 */
int find_unit(sd_bus *bus, const struct manifest *m, struct systemd_unit *ret) _must_check_;
