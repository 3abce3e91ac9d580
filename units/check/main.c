/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-check, which is "wazo-suite check".
 */
#include <getopt.h>

#include "lib/complain.h"
#include "units/check/processes.h"
#include "units/check/report.h"
#include "units/check/unit.h"

/* As documented in wazo-suite(1). */
enum exit_code { EXIT_PASSED, EXIT_FAILED, EXIT_USAGE, EXIT_UNDECIDED = 4 };

#define PROGRAM "wazo-suite check"
#define ETC_SERVICES "/etc/wazo-suite/services.d"
#define DISABLED "/var/lib/wazo/disabled"

struct arguments {
        struct suite_dirs services_dirs;
        const char *root, *show, *nginx_url, *row;
        bool json, all, ask;
};

static const char help_text[] =
        "Usage: " PROGRAM " [OPTIONS] [SERVICE...]\n\n"
        "Looks whether this host is as the manifests say, row by row of the checklist: of the services that are\n"
        "named, else of all that are installed. Tells what failed and how to mend it, and what is undecided.\n\n"
        "  --all                tell of rows that pass and of those that do not apply, too\n"
        "  --json               all rows, for programs\n"
        "  --row ID             this row only\n"
        "  --list               print the rows\n"
        "  --root DIR           the host whose root directory this is, by its files\n"
        "  --ask                with --root: it runs, and its services answer at this host's addresses\n"
        "  --show FILE          what \"systemctl show --all UNIT...\" printed there\n"
        "  --nginx URL          where nginx is (default: https://127.0.0.1)\n"
        "  --services-dir DIR   look for manifests here, before the usual places (repeatable)\n"
        "  --help\n\n"
        "Exit codes: 0 all that applies passes, 1 something failed, 2 wrong usage or bad manifests, 4 something is\n"
        "undecided.\n";

static int list_rows(void) {
        for (const struct check_row *row = check_rows; row->id; row++)
                (void) printf("%-4s %-58s %s\n", row->id, row->what, row->how);
        return EXIT_PASSED;
}

/* Returns an exit code, or -1 to go on. */
static int parse(int argc, char **argv, struct arguments *a) {
        enum { JSON = 256, ALL, ASK, ROW, LIST, ROOT, SHOW, NGINX, SERVICES_DIR, HELP };
        static const struct option table[] = {
                {"json", no_argument, NULL, JSON},
                {"all", no_argument, NULL, ALL},
                {"ask", no_argument, NULL, ASK},
                {"row", required_argument, NULL, ROW},
                {"list", no_argument, NULL, LIST},
                {"root", required_argument, NULL, ROOT},
                {"show", required_argument, NULL, SHOW},
                {"nginx", required_argument, NULL, NGINX},
                {"services-dir", required_argument, NULL, SERVICES_DIR},
                {"help", no_argument, NULL, HELP},
                {0},
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", table, NULL)) >= 0)
                switch (c) {
                case JSON: a->json = true; break;
                case ALL: a->all = true; break;
                case ASK: a->ask = true; break;
                case ROW: a->row = optarg; break;
                case LIST: return list_rows();
                case ROOT: a->root = optarg; break;
                case SHOW: a->show = optarg; break;
                case NGINX: a->nginx_url = optarg; break;
                case SERVICES_DIR:
                        if (suite_dirs_add(&a->services_dirs, optarg) < 0)
                                return complain(PROGRAM, EXIT_USAGE, "too many --services-dir");
                        break;
                case 'h':
                case HELP:
                        (void) fputs(help_text, stdout);
                        return EXIT_PASSED;
                default:
                        (void) fputs("Try '" PROGRAM " --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        return -1;
}

/* The unit that is meant: the one whose place ours takes, where that one is in charge. */
static const struct check_unit *choose_unit(struct check *c, const struct manifest *m) {
        const struct check_unit *unit = check_units_find(c->units, m->facts.unit.name), *other;

        if (!m->facts.unit.replaces)
                return unit;
        other = check_units_find(c->units, m->facts.unit.replaces);
        if (!other || !check_unit_is(other, "LoadState", "loaded"))
                return unit;
        if (!unit || !check_unit_is(unit, "LoadState", "loaded"))
                return other;
        return check_unit_is(other, "ActiveState", "active") && !check_unit_is(unit, "ActiveState", "active") ?
                       other :
                       unit;
}

/* Whether it is on this host at all: who asks about no service by name is told of those only. */
static bool is_here(const struct check *c, const struct manifest *m) {
        char path[CHECK_PATH_MAX];

        /* Whoever lays a manifest there means this host. */
        if (strstr(strempty(m->root->place.file), ETC_SERVICES "/"))
                return true;
        if (c->unit)
                return !check_unit_is(c->unit, "LoadState", "not-found");
        return m->config && snprintf(path, sizeof(path), "%s%s", c->root, m->config) < (int) sizeof(path) &&
               access(path, F_OK) == 0;
}

static size_t check_service(struct check *c, const struct manifest *m, const struct arguments *a, bool named,
                            struct check_result *results) {
        _cleanup_free_ struct check_processes *processes = calloc(1, sizeof(*processes));
        char disabled[CHECK_PATH_MAX];
        size_t n = 0;

        c->service = m;
        c->unit = choose_unit(c, m);
        c->processes = NULL;
        if (!named && !is_here(c, m))
                return 0;
        c->held_back = m->facts.order.filter == FACTS_FILTER_WAZO &&
                       snprintf(disabled, sizeof(disabled), "%s" DISABLED, c->root) < (int) sizeof(disabled) &&
                       access(disabled, F_OK) == 0;
        if (processes && c->unit &&
            check_processes_read(c->root, check_unit_get(c->unit, "ControlGroup"),
                                 (pid_t) strtol(check_unit_get(c->unit, "MainPID"), NULL, 10), processes) == 0)
                c->processes = processes;
        for (const struct check_row *row = check_rows; row->id; row++) {
                if (a->row && !streq(a->row, row->id))
                        continue;
                c->result = &results[n++];
                *c->result = (struct check_result) {.service = m, .row = row, .outcome = CHECK_UNDECIDED};
                row->look(c, m);
        }
        if (processes)
                check_processes_done(processes);
        c->processes = NULL;
        return n;
}

static bool is_row(const char *id) {
        for (const struct check_row *row = check_rows; row->id; row++)
                if (streq(row->id, id))
                        return true;
        return false;
}

/* *ret is allocated; an exit code, or -1 to go on. */
static int run(struct check *c, const struct arguments *a, char **names, int n_names, struct check_result **ret,
               size_t *ret_n) {
        struct check_result *results = calloc((size_t) MAX(n_names, (int) c->suite->n) * 40 + 1, sizeof(*results));
        size_t n = 0;

        if (!results)
                return complain(PROGRAM, EXIT_USAGE, "out of memory");
        for (int i = 0; i < n_names; i++) {
                const struct manifest *m = suite_find(c->suite, names[i]);

                if (!m || m->kind == MANIFEST_OTHER) {
                        free(results);
                        return complain(PROGRAM, EXIT_USAGE, "no service is called '%s'", names[i]);
                }
                n += check_service(c, m, a, true, results + n);
        }
        for (size_t i = 0; n_names == 0 && i < c->suite->n; i++)
                if (c->suite->services[i].kind != MANIFEST_OTHER)
                        n += check_service(c, &c->suite->services[i], a, false, results + n);
        *ret = results;
        *ret_n = n;
        return -1;
}

/* Without systemd, what it would tell stays undecided. */
static int open_units(const struct arguments *a, struct check *c) {
        int r = 0;

        if (a->show)
                r = check_units_read(a->show, &c->units);
        else if (!*c->root)
                (void) check_units_open(&c->units);
        return r;
}

static int report(const struct check_result *results, size_t n, const struct arguments *a) {
        struct check_counts counts = check_count(results, n);

        if (a->json && check_print_json(results, n, stdout) < 0)
                return complain(PROGRAM, EXIT_USAGE, "out of memory");
        if (!a->json)
                check_print(results, n, a->all, stdout);
        if (fflush(stdout) != 0)
                return complain(PROGRAM, EXIT_USAGE, "cannot write: %s", strerror(errno));
        if (n == 0)
                return complain(PROGRAM, EXIT_UNDECIDED,
                                "none of the services that have a manifest is on this host, as far as can be seen");
        return counts.fail > 0 ? EXIT_FAILED : counts.undecided > 0 ? EXIT_UNDECIDED : EXIT_PASSED;
}

int main(int argc, char **argv) {
        struct arguments a = {.root = "", .nginx_url = "https://127.0.0.1"};
        _cleanup_(suite_done) struct suite suite = SUITE_NULL;
        _cleanup_free_ struct check_result *results = NULL;
        _cleanup_(findings_done) struct findings findings = {0};
        struct check check = {.suite = &suite};
        size_t n = 0;
        int r = parse(argc, argv, &a);

        if (r >= 0)
                return r;
        if (a.row && !is_row(a.row))
                return complain(PROGRAM, EXIT_USAGE, "there is no row '%s': try '" PROGRAM " --list'", a.row);
        r = suite_load(a.root, a.services_dirs.at, &findings, &suite);
        if (r < 0)
                return complain(PROGRAM, EXIT_USAGE, "cannot read the manifests: %s", strerror(-r));
        findings_print(&findings, stderr);
        if (!findings_pass(&findings))
                return EXIT_USAGE;

        check.root = a.root;
        check.live = !*a.root || a.ask;
        check.nginx_url = a.nginx_url;
        r = open_units(&a, &check);
        if (r < 0)
                return complain(PROGRAM, EXIT_USAGE, "%s: %s", a.show, strerror(-r));
        r = run(&check, &a, argv + optind, argc - optind, &results, &n);
        if (r < 0)
                r = report(results, n, &a);
        check_units_free(check.units);
        return r;
}
