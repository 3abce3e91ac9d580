/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Why a service is better not taken over, each with what to do about it.
 */
#pragma once

#include <stdio.h>

#include "config/manifest.h"
#include "units/take-over/change.h"

/*
 * Writes a paragraph for each reason; *ret is how many there are. @other: the other daemon has been on this host, so that its own
 * defaults count where its configuration says nothing.
 */
int refuse_take_over(const struct site *site, const struct manifest *m, bool other, FILE *to, unsigned *ret) _must_check_;
