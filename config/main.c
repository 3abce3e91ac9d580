/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-config: reads and checks the configuration of a service, so that the supervisor need not know YAML or JSON. Started
 * by wazo-supervisord with its own command line; with --emit, descriptor 3 is a channel back to it.
 */
#include <stdio.h>

#include "config/child.h"
#include "config/options.h"

#define EMIT_FD 3

int main(int argc, char **argv) {
        struct options options;
        int r;

        r = options_parse(argc, argv, "wazo-supervisord", &options);
        if (r != 0)
                return r > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        if (options.mode == OPTIONS_SETTINGS) {
                config_document(stdout);
                return EXIT_SUCCESS;
        }
        return config_check_main(&options.request, options.mode == OPTIONS_EMIT ? EMIT_FD : -1);
}
