/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of the programs that show a survey: which services are looked at is said alike to all of them, and each has
 * options of its own.
 */
#pragma once

#include <getopt.h>

#include "workers/control/survey/survey.h"

#define SURVEY_OWN_OPTIONS_MAX 8

struct survey_program {
        const char *name; /* as people call it: "wazo-suite top" */
        const char *help;
        const struct option *options; /* its own, at most SURVEY_OWN_OPTIONS_MAX, with values from 256 to 511; then {0} */
        /* Takes one of these. Returns an exit code, after telling what is wrong with it; or -1 to go on. */
        int (*take)(int option, const char *value, void *userdata);
};

/*
 * Reads --service, --socket, --dev and --services-dir into @options, which point into @argv; --help; and the
 * program's own by take(). Returns an exit code (0: help was wanted; 2: what is wrong was told), or -1 to go on.
 */
int survey_parse(const struct survey_program *program, int argc, char **argv, struct survey_options *options,
                 void *userdata) _must_check_;
