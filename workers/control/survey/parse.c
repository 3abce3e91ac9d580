/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/survey/parse.h"

#include <stdio.h>

#include "lib/complain.h"

/* As documented in wazo-suite(1) for each of them. */
enum exit_code { EXIT_DONE, EXIT_USAGE = 2 };

enum { SERVICE = 512, SOCKET, DEV, SERVICES_DIR };

static const struct option common[] = {
        {"service", required_argument, NULL, SERVICE},
        {"socket", required_argument, NULL, SOCKET},
        {"dev", required_argument, NULL, DEV},
        {"services-dir", required_argument, NULL, SERVICES_DIR},
        {"help", no_argument, NULL, 'h'},
};

/* One of those that choose what is looked at. */
static int choose(const struct survey_program *program, int option, const char *value, struct survey_options *o) {
        switch (option) {
        case SERVICE: o->service = value; break;
        case SOCKET: o->socket = value; break;
        case DEV: o->dev = value; break;
        default:
                if (suite_dirs_add(&o->services_dirs, value) < 0)
                        return complain(program->name, EXIT_USAGE, "too many --services-dir");
        }
        if (!!o->service + !!o->socket + !!o->dev > 1)
                return complain(program->name, EXIT_USAGE, "--service, --socket and --dev exclude each other");
        if (o->service && strchr(o->service, '/'))
                return complain(program->name, EXIT_USAGE, "'%s' is no name of a service", o->service);
        return -1;
}

int survey_parse(const struct survey_program *program, int argc, char **argv, struct survey_options *options, void *userdata) {
        struct option table[ELEMENTSOF(common) + SURVEY_OWN_OPTIONS_MAX + 1] = {0};
        int option, code = -1;

        memcpy(table, common, sizeof(common));
        for (size_t i = 0; i < SURVEY_OWN_OPTIONS_MAX && program->options[i].name; i++)
                table[ELEMENTSOF(common) + i] = program->options[i];
        while (code < 0 && (option = getopt_long(argc, argv, "h", table, NULL)) >= 0)
                if (option == 'h') {
                        (void) fputs(program->help, stdout);
                        return EXIT_DONE;
                } else if (option == '?') {
                        (void) fprintf(stderr, "Try '%s --help'.\n", program->name);
                        return EXIT_USAGE;
                } else if (option >= SERVICE)
                        code = choose(program, option, optarg, options);
                else
                        code = program->take(option, optarg, userdata);
        if (code < 0 && optind < argc)
                return complain(program->name, EXIT_USAGE, "there is nothing to say behind the options: '%s'", argv[optind]);
        return code;
}
