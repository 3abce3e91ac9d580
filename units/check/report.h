/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Results for people and for programs.
 */
#pragma once

#include "units/check/check.h"

struct check_counts {
        size_t pass, fail, undecided, not_applicable;
};

struct check_counts check_count(const struct check_result *results, size_t n);
/* Failures and what is undecided, with remedies; with @all each row. */
void check_print(const struct check_result *results, size_t n, bool all, FILE *to);
int check_print_json(const struct check_result *results, size_t n, FILE *to) _must_check_;
