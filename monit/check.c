/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-monit-check: tells monit, by its exit code and in one line, in which state a service is.
 */
#include <getopt.h>
#include <stdio.h>

#include "monit/look.h"

static const char help_text[] = "Usage: wazo-monit-check [OPTIONS] SERVICE\n\n"
                                "Asks the service itself, and systemd, in which state it is. Exit codes:\n\n";
static const char options_text[] = "\n  --root DIR           the directory before /run, /var and /etc\n"
                                   "  --services-dir DIR   look for manifests here, before the usual places (repeatable)\n"
                                   "  --help\n";

struct arguments {
        const char *root, *service;
        const char *services_dirs[SUITE_DIRS_MAX - 1];
        size_t n_dirs;
};

static void help(void) {
        (void) fputs(help_text, stdout);
        for (unsigned i = 0; i < MONIT_STATE_MAX; i++)
                printf("  %u  %s\n", monit_state_exit_code(i), monit_state_to_string(i));
        (void) fputs(options_text, stdout);
}

static int unknown(const char *service, const char *why) {
        printf("%s: unknown: %s\n", service, why);
        return (int) monit_state_exit_code(MONIT_UNKNOWN);
}

/* Returns an exit code, or -1 to go on. */
static int parse(int argc, char **argv, struct arguments *a) {
        enum { ROOT = 256, SERVICES_DIR, HELP };
        static const struct option table[] = {
                {"root", required_argument, NULL, ROOT},
                {"services-dir", required_argument, NULL, SERVICES_DIR},
                {"help", no_argument, NULL, HELP},
                {0},
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", table, NULL)) >= 0)
                switch (c) {
                case ROOT: a->root = optarg; break;
                case SERVICES_DIR:
                        if (a->n_dirs + 1 >= ELEMENTSOF(a->services_dirs))
                                return unknown("wazo-monit-check", "too many directories");
                        a->services_dirs[a->n_dirs++] = optarg;
                        break;
                case 'h':
                case HELP: help(); return 0;
                default: return unknown("wazo-monit-check", "wrong option");
                }
        if (argc - optind != 1)
                return unknown("wazo-monit-check", "which service?");
        a->service = argv[optind];
        return -1;
}

static int run(const struct arguments *a, struct findings *findings, struct suite *suite) {
        struct look look = {.root = a->root, .suite = suite};
        const struct manifest *m;
        struct verdict verdict;
        int r;

        r = suite_load(a->root, a->services_dirs, findings, suite);
        if (r < 0)
                return unknown(a->service, "the manifests cannot be read");
        m = suite_find(suite, a->service);
        if (!m || m->kind == MANIFEST_OTHER)
                return unknown(a->service, "there is no good manifest of such a service; wazo-suite generate monit says more");
        look.bus_error = systemd_open(&look.bus);
        if (look.bus_error < 0)
                look.bus = NULL;
        look_at(&look, m, &verdict);
        sd_bus_flush_close_unref(look.bus);
        printf("%s: %s%s%s\n", m->service, monit_state_to_string(verdict.state), *verdict.text ? ": " : "", verdict.text);
        return (int) monit_state_exit_code(verdict.state);
}

int main(int argc, char **argv) {
        struct arguments a = {.root = ""};
        struct findings findings = {0};
        struct suite suite = SUITE_NULL;
        int code = parse(argc, argv, &a);

        if (code >= 0)
                return code;
        code = run(&a, &findings, &suite);
        suite_done(&suite);
        findings_done(&findings);
        if (fflush(stdout) != 0)
                code = (int) monit_state_exit_code(MONIT_UNKNOWN);
        return code;
}
