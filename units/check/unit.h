/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What systemd knows of units: asked over its bus, or read from what "systemctl show" printed on another host.
 */
#pragma once

#include "lib/util.h"

struct check_units;
struct check_unit;

/* -ENOENT, -ECONNREFUSED ...: no systemd answers here. */
int check_units_open(struct check_units **ret) _must_check_;
/* The output of "systemctl show --all UNIT...". */
int check_units_read(const char *path, struct check_units **ret) _must_check_;
struct check_units *check_units_free(struct check_units *units);

/*
 * The unit of a name, in which one '*' may stand: then the best of those that fit, active ones before others, a
 * higher version before a lower. NULL when nothing is known of it. Lives as long as @units. A unit that is not there
 * has LoadState not-found.
 */
const struct check_unit *check_units_find(struct check_units *units, const char *name);

/* As "systemctl show" prints it: lists with blanks between; "" when it is not there. */
const char *check_unit_get(const struct check_unit *unit, const char *property);

/* Whether @word is in a list of words. */
bool check_unit_lists(const struct check_unit *unit, const char *property, const char *word);
bool check_unit_is(const struct check_unit *unit, const char *property, const char *value);

/* A time in microseconds, as a number or as "2min 30s"; UINT64_MAX for "infinity". */
uint64_t check_unit_usec(const struct check_unit *unit, const char *property);
