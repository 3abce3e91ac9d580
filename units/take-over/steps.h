/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The changes that a service's take-over is made of, in their order, as far as this host has what they are about.
 */
#pragma once

#include "config/manifest.h"
#include "units/take-over/change.h"

struct steps {
        struct journal_record list[JOURNAL_RECORDS_MAX];
        size_t n;
};

/* @state: where the journal is. @program: what stands for commands that have nothing to do any more. Their "before" is empty. */
int steps_make(const struct site *site, const struct manifest *m, const char *state, const char *program,
               struct steps *ret) _must_check_;

/* Of a unit's file, in the places of administrator and packages; -ENOENT. */
int steps_find_unit(const struct site *site, const char *unit, char *ret, size_t size) _must_check_;
