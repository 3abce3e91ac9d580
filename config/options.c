/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/options.h"

#include <getopt.h>
#include <stdio.h>

#include "lib/log.h"

enum { OPTION_DEV = 256, OPTION_PORT, OPTION_PLUGIN_DIR, OPTION_SERVICES_DIR, OPTION_CHECK, OPTION_STRICT, OPTION_EMIT,
       OPTION_SETTINGS, OPTION_INIT, OPTION_VERSION };

static const struct option longs[] = {
        {"config-file", required_argument, NULL, 'c'},
        {"debug", no_argument, NULL, 'd'},
        {"log-level", required_argument, NULL, 'l'},
        {"user", required_argument, NULL, 'u'},
        {"profile", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"dev", required_argument, NULL, OPTION_DEV},
        {"init", no_argument, NULL, OPTION_INIT},
        {"port", required_argument, NULL, OPTION_PORT},
        {"plugin-dir", required_argument, NULL, OPTION_PLUGIN_DIR},
        {"services-dir", required_argument, NULL, OPTION_SERVICES_DIR},
        {"check-config", no_argument, NULL, OPTION_CHECK},
        {"strict", no_argument, NULL, OPTION_STRICT},
        {"emit", no_argument, NULL, OPTION_EMIT},
        {"list-settings", no_argument, NULL, OPTION_SETTINGS},
        {0},
};

static const char help[] =
        "Usage: %s [OPTION...] SERVICE\n"
        "Runs the plugins of a service, each in a process of its own.\n"
        "\n"
        "  -c, --config-file FILE   main configuration file\n"
        "  -d, --debug              log debug messages\n"
        "  -l, --log-level LEVEL    critical, error, warning, info or debug\n"
        "  -u, --user USER          run as this user\n"
        "  -p, --profile DIR        accepted for compatibility\n"
        "      --dev DIR            keep everything under DIR; no installation or privilege needed\n"
        "      --init               be the first process of a container, whose commands are supervisors\n"
        "      --port N             listen on this port instead of the configured one\n"
        "      --plugin-dir DIR     look for plugins here, too\n"
        "      --services-dir DIR   look for manifests here, before the usual places (repeatable)\n"
        "      --check-config       print everything that is wrong with the configuration, as file:line:column\n"
        "      --strict             with it, warnings are errors\n"
        "      --list-settings      print every setting, with its type and default\n"
        "  -h, --help\n"
        "      --version\n";

static int parse_port(const char *text, unsigned *ret) {
        char *end;
        unsigned long port;

        errno = 0;
        port = strtoul(text, &end, 10);
        if (errno != 0 || end == text || *end != 0 || text[0] == '-' || port == 0 || port > 65535)
                return -EINVAL;
        *ret = (unsigned) port;
        return 0;
}

static int add_services_dir(struct config_request *request, const char *dir) {
        for (unsigned i = 0; i < CONFIG_SERVICES_DIRS_MAX; i++)
                if (!request->services_dirs[i]) {
                        request->services_dirs[i] = dir;
                        return 0;
                }
        return -E2BIG;
}

static int refuse(const char *program, const char *what, const char *value, const char *rule) {
        (void) fprintf(stderr, "%s: %s '%s': %s\n", program, what, value, rule);
        return -EINVAL;
}

/* One option. */
static int take(struct options *o, int option, const char *program) {
        struct config_request *request = &o->request;

        switch (option) {
        case 'c':
                request->config_file = optarg;
                return 0;
        case 'd':
                request->debug = true;
                return 0;
        case 'l':
                request->log_level = log_level_from_string(optarg);
                return request->log_level >= 0
                               ? 0
                               : refuse(program, "--log-level", optarg, "critical, error, warning, info or debug");
        case 'u':
                request->user = optarg;
                return 0;
        case 'p':
                request->profile = optarg;
                return 0;
        case OPTION_DEV:
                request->dev_dir = optarg;
                return 0;
        case OPTION_PORT:
                return parse_port(optarg, &request->port) < 0 ? refuse(program, "--port", optarg, "a number from 1 to 65535") : 0;
        case OPTION_PLUGIN_DIR:
                request->plugin_dir = optarg;
                return 0;
        case OPTION_SERVICES_DIR:
                return add_services_dir(request, optarg) < 0 ? refuse(program, "--services-dir", optarg, "one too many") : 0;
        case OPTION_CHECK:
                o->mode = OPTIONS_CHECK;
                return 0;
        case OPTION_STRICT:
                request->strict = true;
                return 0;
        case OPTION_EMIT:
                o->mode = OPTIONS_EMIT;
                return 0;
        case OPTION_SETTINGS:
                o->mode = OPTIONS_SETTINGS;
                return 0;
        case OPTION_INIT:
                o->init = true;
                return 0;
        case 'h':
                (void) printf(help, program);
                return 1;
        case OPTION_VERSION:
                (void) printf("%s %s\n", program, WAZO_SUITE_VERSION);
                return 1;
        default:
                (void) fprintf(stderr, "Try '%s --help'.\n", program);
                return -EINVAL;
        }
}

int options_parse(int argc, char **argv, const char *program, struct options *ret) {
        struct options o = {.request = {.log_level = -1}, .argc = argc, .argv = argv};
        int option, r;

        optind = 1;
        while ((option = getopt_long(argc, argv, "c:dl:u:p:h", longs, NULL)) != -1) {
                r = take(&o, option, program);
                if (r != 0)
                        return r;
        }
        if (argc - optind != 1 && o.mode != OPTIONS_SETTINGS) {
                (void) fprintf(stderr, "%s: name one service, e.g. wazo-confd\nTry '%s --help'.\n", program, program);
                return -EINVAL;
        }
        o.request.service = argc > optind ? argv[optind] : "wazo-confd";
        if (!o.request.service[0] || strlen(o.request.service) >= 64 ||
            strspn(o.request.service, "abcdefghijklmnopqrstuvwxyz0123456789-_") != strlen(o.request.service))
                return refuse(program, "service", o.request.service, "small letters, digits, '-' and '_' only");
        *ret = o;
        return 0;
}
