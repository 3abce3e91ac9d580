/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line that wazo-supervisord and wazo-config share: the second is started with the very words of the first.
 */
#pragma once

#include "config/request.h"

enum options_mode {
        OPTIONS_RUN,
        OPTIONS_CHECK, /* --check-config: print the findings */
        OPTIONS_EMIT,  /* --emit: ... and send the plan over descriptor 3 */
        OPTIONS_SETTINGS, /* --list-settings */
};

struct options {
        enum options_mode mode;
        bool init; /* it is the first process of a container; see supervisor/init.h */
        struct config_request request;
        int argc;
        char **argv;
};

/* 0; 1 when help or the version was printed; -EINVAL after a message on standard error. @program is named in them. */
int options_parse(int argc, char **argv, const char *program, struct options *ret) _must_check_;
