/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-take-over, which is "wazo-suite take-over" and "wazo-suite give-back": puts one of our services in the place
 * of the daemon of the same name that another package has, and that one in its place again. By the name of a command
 * of that package it stands for the command while the service is ours: wazo-upgrade and crontabs call them.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

#include "config/suite.h"
#include "lib/paths.h"
#include "units/take-over/disk.h"
#include "units/take-over/engine.h"
#include "units/take-over/package.h"
#include "units/take-over/refuse.h"
#include "units/wazo-service/command.h"

#define STATE "/var/lib/wazo-suite/take-over"
#define JOB_SECONDS 420U

/* As documented in wazo-take-over(8). */
enum exit_code { EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_REFUSED };

struct arguments {
        const char *command, *service;
        bool dry_run, settle;
};

struct task {
        const struct arguments *a;
        const struct manifest *m;
        struct site site;
        struct journal journal;
        char state[JOURNAL_FIELD_MAX], program[JOURNAL_FIELD_MAX];
        enum package_state package; /* of the other daemon */
};

static const char *command = "take-over";

static _printf_(2, 3) int complain(int code, const char *format, ...) {
        va_list ap;

        (void) fprintf(stderr, "wazo-suite %s: ", command);
        va_start(ap, format);
        (void) vfprintf(stderr, format, ap);
        va_end(ap);
        (void) fputc('\n', stderr);
        return code;
}

static const char help_text[] =
        "Usage: wazo-suite take-over [--dry-run] SERVICE\n"
        "       wazo-suite give-back [--dry-run] SERVICE\n\n"
        "take-over puts a service of wazo-suite in the place of the daemon of the same name that another package has:\n"
        "its port and name, the owners of its key and log, nginx, its jobs. give-back undoes all of it. Either is\n"
        "continued, or undone by the other, when it was interrupted.\n\n"
        "  --dry-run   say what stands in the way and what would be done; change nothing\n"
        "  --help\n\n"
        "Exit codes: 0 done, 1 failed, and everything is as before, 2 wrong usage, 3 refused: something stands in the\n"
        "way.\n";

/* ---- telling ---- */

/* What went wrong with a program has been told by itself. */
static const char *reason(int error) {
        return error == -EIO ? "see above" : strerror(-error);
}

/* There was nothing of the kind. */
static bool was_idle(const struct journal_record *record) {
        return streq(record->before, "-") && (streq(record->what, "aside") || streq(record->what, "stop"));
}

static void tell(const char *verb, const struct journal_record *record, int error) {
        char text[2 * JOURNAL_FIELD_MAX];

        change_describe(record, text, sizeof(text));
        if (error < 0)
                (void) complain(EXIT_FAILED, "%s%s: failed: %s", verb, text, reason(error));
        else if (!was_idle(record))
                (void) printf("%s%s\n", verb, text);
        (void) fflush(stdout);
}

static void tell_plan(const struct site *site, const struct steps *steps) {
        for (size_t i = 0; i < steps->n; i++) {
                struct journal_record record = steps->list[i];
                char text[2 * JOURNAL_FIELD_MAX];

                if (change_look(site, &record) < 0 || was_idle(&record))
                        continue;
                change_describe(&record, text, sizeof(text));
                (void) printf("would %s\n", text);
        }
}

/* ---- take-over ---- */

/* Whether the daemon that is replaced has ever been here. */
static bool other_was_here(const struct task *t) {
        char path[DISK_PATH_MAX];

        return t->package != PACKAGE_NONE || steps_find_unit(&t->site, t->m->facts.unit.replaces, path, sizeof(path)) == 0;
}

/* 0: nothing stands in the way; else an exit code. */
static int ask_leave(const struct task *t) {
        _cleanup_free_ char *reasons = NULL;
        size_t size;
        FILE *to = open_memstream(&reasons, &size);
        unsigned n;
        int r;

        if (!to)
                return complain(EXIT_FAILED, "out of memory");
        r = refuse_take_over(&t->site, t->m, other_was_here(t), to, &n);
        if (fclose(to) != 0 && r >= 0)
                r = -ENOMEM;
        if (r < 0)
                return complain(EXIT_FAILED, "cannot find out whether %s can be taken over: %s", t->m->service, strerror(-r));
        if (n == 0)
                return 0;
        (void) complain(EXIT_REFUSED, "%s is not taken over:", t->m->service);
        (void) fputs(reasons, stderr);
        if (t->journal.phase != JOURNAL_NONE)
                (void) fprintf(stderr,
                               "An earlier take-over was interrupted. To undo what it did: wazo-suite give-back %s\n",
                               t->m->facts.api);
        return EXIT_REFUSED;
}

static int take_over(struct task *t) {
        struct steps steps;
        int r;

        if (t->journal.phase == JOURNAL_TAKEN) {
                (void) printf("%s is taken over already.\n", t->m->service);
                return EXIT_DONE;
        }
        if (t->journal.phase == JOURNAL_NONE && !other_was_here(t)) {
                (void) printf("There is no other %s on this host. Nothing to take over: systemctl enable --now %s\n", t->m->service,
                              t->m->facts.unit.name);
                return EXIT_DONE;
        }
        r = ask_leave(t);
        if (r != 0)
                return r;
        r = steps_make(&t->site, t->m, t->state, t->program, &steps);
        if (r < 0)
                return complain(EXIT_FAILED, "cannot plan it: %s", strerror(-r));
        if (t->a->dry_run) {
                tell_plan(&t->site, &steps);
                return EXIT_DONE;
        }
        if (t->journal.phase != JOURNAL_NONE)
                (void) printf("An interrupted %s is continued from what it had begun.\n",
                              t->journal.phase == JOURNAL_TAKING ? "take-over" : "give-back");
        r = engine_take(&t->site, &t->journal, &steps, tell);
        if (r < 0)
                return complain(EXIT_FAILED, "%s is not taken over: %s. %s", t->m->service, reason(r),
                                t->journal.phase == JOURNAL_NONE
                                        ? "Everything is as it was."
                                        : "Not all could be undone: run wazo-suite give-back.");
        (void) printf("%s is wazo-suite's now. To undo: wazo-suite give-back %s\n", t->m->service, t->m->facts.api);
        return EXIT_DONE;
}

/* ---- give-back ---- */

static bool was_in_charge(const struct task *t) {
        const struct journal_record *run = journal_find(&t->journal, "run", t->m->facts.unit.name);

        return run && strstr(run->before, "active");
}

/* Its own file, wherever; or put aside by us. */
static bool other_can_run(const struct task *t) {
        const char *unit = t->m->facts.unit.replaces;
        char path[DISK_PATH_MAX], aside[300];

        (void) snprintf(aside, sizeof(aside), "%s" CHANGE_ASIDE_SUFFIX, unit);
        return steps_find_unit(&t->site, unit, path, sizeof(path)) == 0 ||
               steps_find_unit(&t->site, aside, path, sizeof(path)) == 0;
}

static int give_back(struct task *t) {
        int r;

        if (t->journal.phase == JOURNAL_NONE) {
                (void) printf("%s was not taken over.\n", t->m->service);
                return EXIT_DONE;
        }
        if (!was_in_charge(t) && !other_can_run(t))
                return complain(EXIT_REFUSED,
                                "there is no other %s any more, so nobody would answer.\n- Install it first: apt-get install %s\n"
                                "- Or, to be without both: systemctl disable --now %s",
                                t->m->facts.unit.replaces, t->m->service, t->m->facts.unit.name);
        if (t->a->dry_run) {
                for (size_t i = t->journal.n; i > 0; i--) {
                        char text[2 * JOURNAL_FIELD_MAX];

                        if (was_idle(&t->journal.records[i - 1]))
                                continue;
                        change_describe(&t->journal.records[i - 1], text, sizeof(text));
                        (void) printf("would undo: %s\n", text);
                }
                return EXIT_DONE;
        }
        r = engine_give(&t->site, &t->journal, tell);
        if (r < 0)
                return complain(EXIT_FAILED, "not all could be undone: %s. Call it once more when that is mended.", reason(r));
        (void) printf("%s is what it was before.\n", t->m->service);
        return EXIT_DONE;
}

/* ---- after a package came or went: called by dpkg's trigger ---- */

/* A purge takes the log away from under the service, which has it open. */
static int mend_log(const struct task *t) {
        char conf[128];
        int r;

        if (!t->m->log || disk_is_there(t->m->log))
                return 0;
        (void) snprintf(conf, sizeof(conf), "%.*s.conf", (int) (strlen(t->m->facts.unit.name) - strlen(".service")),
                        t->m->facts.unit.name);
        r = command_run((const char *const[]) {"systemd-tmpfiles", "--create", conf, NULL}, JOB_SECONDS);
        return r < 0 ? r : command_run((const char *const[]) {"systemctl", "restart", t->m->facts.unit.name, NULL}, JOB_SECONDS);
}

static int settle(struct task *t) {
        int r;

        if (t->journal.phase != JOURNAL_TAKEN)
                return EXIT_DONE;
        r = engine_settle(&t->site, &t->journal, t->package == PACKAGE_NONE);
        if (r >= 0)
                r = mend_log(t);
        return r < 0 ? complain(EXIT_FAILED, "%s: %s", t->m->service, strerror(-r)) : EXIT_DONE;
}

/* ---- the whole ---- */

static const struct manifest *find(const struct suite *suite, const char *name) {
        for (size_t i = 0; i < suite->n; i++) {
                const struct manifest *m = &suite->services[i];

                if (m->kind == MANIFEST_NATIVE && (streq(m->service, name) || streq(m->facts.api, name)))
                        return m;
        }
        return NULL;
}

static int prepare(struct task *t) {
        struct paths paths;
        int r = paths_find(&paths);

        if (r >= 0)
                r = paths_program(&paths, "wazo-take-over", t->program, sizeof(t->program));
        if (r >= 0)
                r = package_state(&t->site, t->m->service, &t->package);
        return r;
}

static int run(const struct arguments *a, const struct manifest *m) {
        struct task t = {.a = a, .m = m, .site = {.root = "", .read = command_read}, .journal = JOURNAL_NULL};
        int r;

        if (!m->facts.unit.replaces)
                return complain(EXIT_USAGE, "%s takes nobody's place", m->service);
        if (geteuid() != 0)
                return complain(EXIT_REFUSED, "only root can do this");
        if (access("/run/systemd/system", F_OK) < 0)
                return complain(EXIT_REFUSED, "systemd does not run here");
        r = prepare(&t);
        if (r < 0)
                return complain(EXIT_FAILED, "cannot begin: %s", strerror(-r));
        (void) snprintf(t.state, sizeof(t.state), STATE "/%s", m->service);
        r = journal_open(t.state, !a->dry_run, &t.journal);
        if (r == -EBUSY)
                return complain(EXIT_REFUSED, "somebody else is at it");
        if (r < 0)
                return complain(EXIT_FAILED, "%s: %s", t.state,
                                r == -EBADMSG ? "the journal is not of this version" : strerror(-r));
        r = a->settle ? settle(&t) : streq(a->command, "give-back") ? give_back(&t) : take_over(&t);
        /* A directory that was made for nothing. */
        if (!a->dry_run && t.journal.phase == JOURNAL_NONE)
                (void) journal_end(&t.journal);
        journal_done(&t.journal);
        return r;
}

/* Returns an exit code, or -1 to go on. */
static int parse(int argc, char **argv, struct arguments *a) {
        enum { OPTION_DRY = 256, OPTION_SETTLE, OPTION_HELP };
        static const struct option longs[] = {
                {"dry-run", no_argument, NULL, OPTION_DRY},
                {"settle", no_argument, NULL, OPTION_SETTLE}, /* for dpkg's trigger */
                {"help", no_argument, NULL, OPTION_HELP},
                {0},
        };
        int option;

        while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1)
                switch (option) {
                case OPTION_DRY:
                        a->dry_run = true;
                        break;
                case OPTION_SETTLE:
                        a->settle = true;
                        break;
                case OPTION_HELP:
                        (void) fputs(help_text, stdout);
                        return EXIT_DONE;
                default:
                        (void) fputs(help_text, stderr);
                        return EXIT_USAGE;
                }
        if (argc - optind != 1)
                return complain(EXIT_USAGE, "name one service: wazo-suite %s confd", command);
        a->service = argv[optind];
        return -1;
}

int main(int argc, char **argv) {
        const char *name = argc > 0 && strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argc > 0 ? argv[0] : "";
        struct arguments a = {0};
        struct findings findings = {0};
        struct suite suite = SUITE_NULL;
        const struct manifest *m;
        int r;

        if (streq(name, "wazo-take-over") && argc > 1) {
                argv++, argc--;
                name = argv[0];
        }
        if (streq(name, "wazo-take-over")) {
                (void) fputs(help_text, stderr);
                return EXIT_USAGE;
        }
        if (!streq(name, "take-over") && !streq(name, "give-back")) {
                (void) fprintf(stderr,
                               "%s: wazo-suite has taken over, and it has no need of this command: nothing is done\n",
                               name);
                return EXIT_DONE;
        }
        a.command = command = name;
        r = parse(argc, argv, &a);
        if (r >= 0)
                return r;
        r = suite_load("", NULL, &findings, &suite);
        findings_print(&findings, stderr);
        m = find(&suite, a.service);
        if (r < 0 || !findings_pass(&findings))
                r = complain(EXIT_FAILED, "the manifests cannot be read");
        else
                r = m ? run(&a, m) : complain(EXIT_USAGE, "there is no service %s of wazo-suite", a.service);
        suite_done(&suite);
        findings_done(&findings);
        return r;
}
