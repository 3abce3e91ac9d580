/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-service: starts, stops and shows the services of the suite, in their order.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#include "units/wazo-service/actions.h"
#include "units/wazo-service/lock.h"
#include "units/wazo-service/status.h"

#define LOCK_SECONDS 600U
#define SECONDS_MAX 86400UL

static const struct {
        const char *name;
        enum facts_filter filter;
        bool without_monit;
        const char *now; /* an old name's */
} filters[] = {
        {"wazo", FACTS_FILTER_WAZO}, {"default", FACTS_FILTER_DEFAULT}, {"all", FACTS_FILTER_ALL},
        {"wazo-nomonit", FACTS_FILTER_WAZO, true}, {"xivo", FACTS_FILTER_WAZO, false, "wazo"},
        {"xivo-nomonit", FACTS_FILTER_WAZO, true, "wazo-nomonit"},
};

/* "status" is told apart by NULL. */
static const struct {
        const char *name;
        int (*run)(struct host *h, const struct action_options *options);
} actions[] = {
        {"status", NULL}, {"monitor", NULL}, {"start", action_start}, {"stop", action_stop}, {"restart", action_restart},
        {"force-reload", action_restart}, {"enable", action_enable}, {"disable", action_disable},
};

static void usage(FILE *to) {
        (void) fputs("Usage: wazo-service ACTION [FILTER] [OPTIONS]\n\n"
                     "Actions: start, stop, restart (force-reload), status (monitor), enable, disable\n"
                     "Filters: wazo, default (when there is none), all, wazo-nomonit\n\n"
                     "Options:\n"
                     "  --json             the result as JSON\n"
                     "  --workers          (status) the workers of native services\n"
                     "  --dry-run          only say what would be done\n"
                     "  --timeout SECONDS  the longest that one service may take (default: as its manifest says)\n"
                     "  --lock SECONDS     wait so long for another wazo-service (default: 600)\n"
                     "  --help, --version\n\n"
                     "Exit codes: 0 done, 1 failed; of status: 0 all run, 1 one is stopped, 2 one has failed.\n",
                     to);
}

struct options {
        struct action_options action;
        struct status_options status;
        unsigned lock_seconds;
};

static int parse_seconds(const char *text, unsigned *ret) {
        unsigned long value;
        char *end;

        errno = 0;
        value = strtoul(text, &end, 10);
        if (errno != 0 || end == text || *end || strchr(text, '-') || value > SECONDS_MAX) {
                (void) fprintf(stderr, "wazo-service: \"%s\" is no number of seconds\n", text);
                return -EINVAL;
        }
        *ret = (unsigned) value;
        return 0;
}

/* An exit code, or -1 to go on. */
static int parse_options(int argc, char **argv, struct options *o) {
        enum { HELP = 256, VERSION, JSON, WORKERS, DRY_RUN, TIMEOUT, LOCK };
        static const struct option table[] = {
                {"help", no_argument, NULL, HELP}, {"version", no_argument, NULL, VERSION}, {"json", no_argument, NULL, JSON},
                {"workers", no_argument, NULL, WORKERS}, {"dry-run", no_argument, NULL, DRY_RUN},
                {"timeout", required_argument, NULL, TIMEOUT}, {"lock", required_argument, NULL, LOCK}, {0},
        };
        int c, r = 0;

        while (r == 0 && (c = getopt_long(argc, argv, "h", table, NULL)) >= 0)
                switch (c) {
                case 'h':
                case HELP:
                        usage(stdout);
                        return EXIT_SUCCESS;
                case VERSION:
                        puts("wazo-service " WAZO_SUITE_VERSION);
                        return EXIT_SUCCESS;
                case JSON:
                        o->action.json = o->status.json = true;
                        break;
                case WORKERS:
                        o->status.workers = true;
                        break;
                case DRY_RUN:
                        o->action.dry_run = true;
                        break;
                case TIMEOUT:
                        r = parse_seconds(optarg, &o->action.seconds);
                        break;
                case LOCK:
                        r = parse_seconds(optarg, &o->lock_seconds);
                        break;
                default:
                        r = -EINVAL;
                        break;
                }
        return r < 0 ? EXIT_FAILURE : -1;
}

/* Scripts call it with a name that it does not know, and expect the usage and success. */
static int find_filter(const char *name, struct action_options *o) {
        for (size_t i = 0; i < ELEMENTSOF(filters); i++) {
                if (!streq(filters[i].name, name))
                        continue;
                if (filters[i].now)
                        (void) fprintf(stderr, "wazo-service: the filter '%s' is deprecated: use '%s'\n", name, filters[i].now);
                o->filter = filters[i].filter;
                o->monit = !filters[i].without_monit;
                return 0;
        }
        printf("Invalid service filter \"%s\"\n", name);
        return -ENOENT;
}

static int run(size_t action, const char *filter, const struct options *o) {
        _cleanup_(host_done) struct host host = HOST_NULL;
        _cleanup_close_ int lock = -1;
        char what[128];
        int r;

        if (actions[action].run && !o->action.dry_run) {
                (void) snprintf(what, sizeof(what), "%s %s", actions[action].name, filter);
                lock = lock_take(what, o->lock_seconds);
                if (lock < 0)
                        return EXIT_FAILURE;
        }
        r = host_open(&host);
        if (r < 0)
                return EXIT_FAILURE;
        if (actions[action].run)
                return actions[action].run(&host, &o->action);
        r = status_show(&host, o->action.filter, &o->status);
        return r < 0 ? EXIT_FAILURE : r;
}

int main(int argc, char **argv) {
        struct options o = {.lock_seconds = LOCK_SECONDS};
        const char *filter;
        int code;

        /* Whoever reads the lines may go: "stop" and "start" are not to end halfway for it. */
        (void) signal(SIGPIPE, SIG_IGN);
        code = parse_options(argc, argv, &o);
        if (code >= 0)
                return code;
        filter = optind + 1 < argc ? argv[optind + 1] : "default";
        for (size_t i = 0; optind < argc && i < ELEMENTSOF(actions); i++)
                if (streq(actions[i].name, argv[optind])) {
                        if (find_filter(filter, &o.action) < 0)
                                break;
                        return run(i, filter, &o);
                }
        usage(stdout);
        return EXIT_SUCCESS;
}
