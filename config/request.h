/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the command line of wazo-supervisord asks the configuration for.
 */
#pragma once

#include "lib/util.h"

#define CONFIG_SERVICES_DIRS_MAX 4

struct config_request {
        const char *service;     /* wazo-confd */
        const char *config_file; /* -c; NULL: the manifest's, which may be missing */
        const char *user;        /* -u; NULL: configured */
        const char *dev_dir;     /* --dev; NULL: installed */
        const char *plugin_dir;  /* --plugin-dir; NULL: none. Every plugin in it is enabled unless the configuration says no */
        const char *profile;     /* -p; NULL: none */
        unsigned port;           /* --port; 0: configured */
        int log_level;           /* -l, enum log_level; -1: configured */
        bool debug;              /* -d */
        bool strict;
        /* Where manifests are looked for before the usual places of config_build(); the first that has the service's wins. */
        const char *services_dirs[CONFIG_SERVICES_DIRS_MAX + 1];
};
