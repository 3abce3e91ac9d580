/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What systemd says of a service that it runs by itself, made part of a survey's entry.
 */
#pragma once

#include <jansson.h>

#include "config/suite.h"
#include "lib/systemd.h"

/* 0: there is no such unit on this host, and nothing is filled in; 1: filled in. A negative errno: systemd does not answer. */
int units_ask(sd_bus *bus, const struct manifest *m, json_t *entry) _must_check_;
