/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What Debian's package of the daemon that is replaced has on this host.
 */
#pragma once

#include "units/take-over/change.h"

#define PACKAGE_NAMES_MAX 256
#define PACKAGE_NAME_MAX 64

enum package_state {
        PACKAGE_NONE,         /* never here, or purged */
        PACKAGE_CONFIG_FILES, /* removed; its configuration, cron job and logrotate entry are still there */
        PACKAGE_INSTALLED,
};

struct package_names {
        char list[PACKAGE_NAMES_MAX][PACKAGE_NAME_MAX];
        size_t n;
};

int package_state(const struct site *site, const char *package, enum package_state *ret) _must_check_;

/* Its programs whose names begin with "PACKAGE-": those that it installed, and those that its cron job calls. */
int package_commands(const struct site *site, const char *package, struct package_names *ret) _must_check_;

/* The plugins that a Python daemon finds: entry points of the group "MODULE.plugins" of its distribution. */
int package_plugins(const struct site *site, const char *package, struct package_names *ret) _must_check_;

bool package_names_have(const struct package_names *names, const char *name);
