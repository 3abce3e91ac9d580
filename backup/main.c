/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-backup: saves what the services of the suite have on a host, looks into what was saved, and restores it.
 */
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "backup/create.h"
#include "backup/inspect.h"
#include "backup/report.h"
#include "backup/restore.h"

/* As documented in wazo-backup(8). */
enum exit_code { EXIT_OK, EXIT_FAILED, EXIT_LEFT = 2 };

enum option_bit { OPTION_CREATE = 1 << 0, OPTION_RESTORE = 1 << 1, OPTION_LIST = 1 << 2 };

struct options {
        const char *root;
        bool zstd, no_space_check, dry_run, force, skip_refused, verbose;
        enum restore_system system;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number) {
        interrupted = signal_number;
}

static int do_create(enum index_type type, const char *base, const struct options *o) {
        struct create_request request = {.type = type, .base = base, .root = o->root, .no_space_check = o->no_space_check,
                                         .compression = o->zstd ? COMPRESSION_ZSTD : COMPRESSION_GZIP, .interrupted = &interrupted};

        return create(&request);
}

static int do_data(const char *base, const struct options *o) {
        return do_create(INDEX_DATA, base, o);
}

static int do_db(const char *base, const struct options *o) {
        return do_create(INDEX_DB, base, o);
}

static int do_list(const char *path, const struct options *o) {
        return inspect_list(path, o->verbose, &interrupted);
}

static int do_verify(const char *path, const struct options *o) {
        return inspect_verify(path, &interrupted);
}

static int do_restore(const char *path, const struct options *o) {
        struct restore_request request = {.path = path, .root = o->root, .dry_run = o->dry_run, .force = o->force,
                                          .skip_refused = o->skip_refused, .system = o->system, .interrupted = &interrupted};

        return restore(&request);
}

static const struct command {
        const char *name;
        int (*run)(const char *path, const struct options *o);
        unsigned options;
        const char *help;
} commands[] = {
        {"data", do_data, OPTION_CREATE, "FILE: save configuration, keys and state of all services as FILE.tgz"},
        {"db", do_db, OPTION_CREATE, "FILE: save their databases as FILE.tgz"},
        {"list", do_list, OPTION_LIST, "ARCHIVE: its members; with -v, whence it is, owners, modes and sizes, too"},
        {"verify", do_verify, 0, "ARCHIVE: is it whole, and each file as it was saved?"},
        {"restore", do_restore, OPTION_RESTORE, "ARCHIVE: put all of it back"},
};

static void help(FILE *to) {
        (void) fputs("Usage: wazo-backup [OPTIONS] data|db FILE\n"
                     "       wazo-backup [OPTIONS] list|verify|restore ARCHIVE\n\nCommands:\n", to);
        for (unsigned i = 0; i < ELEMENTSOF(commands); i++)
                (void) fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].help);
        (void) fputs("\nOptions:\n"
                     "  --root DIR        of the system in DIR instead of this one\n"
                     "  --zstd            (data, db) save as FILE.tar.zst\n"
                     "  --no-space-check  (data, db) begin although it may not fit\n"
                     "  --dry-run         (restore) only say what would change\n"
                     "  --force           (restore) an archive of another version, too\n"
                     "  --keep-system     (restore) leave hostname, hosts, network, resolv.conf, dhcp and systemd's settings as they\n"
                     "                    are; done by itself on a host of another name or address\n"
                     "  --no-keep-system  (restore) never do that\n"
                     "  --skip-refused    (restore) leave out what is refused, and restore the rest\n"
                     "  -v, --verbose     say more\n"
                     "  --help, --version\n\n"
                     "Exit codes: 0 done, maybe with warnings; 1 failed, or wrong usage; 2 restored, and something is left to do.\n",
                     to);
}

static const struct command *find_command(const char *name) {
        for (unsigned i = 0; i < ELEMENTSOF(commands); i++)
                if (streq(commands[i].name, name))
                        return &commands[i];
        return NULL;
}

static int complain(const char *why, const char *what) {
        (void) fprintf(stderr, "wazo-backup: %s%s\n", why, what);
        help(stderr);
        return -EINVAL;
}

enum { LONG_ROOT = 256, LONG_ZSTD, LONG_NO_SPACE_CHECK, LONG_DRY_RUN, LONG_FORCE, LONG_KEEP, LONG_NO_KEEP, LONG_SKIP,
      LONG_HELP, LONG_VERSION };

static const struct {
        int option;
        unsigned commands; /* for which it means something; 0: all */
} option_commands[] = {
        {LONG_ZSTD, OPTION_CREATE},   {LONG_NO_SPACE_CHECK, OPTION_CREATE}, {LONG_DRY_RUN, OPTION_RESTORE},
        {LONG_FORCE, OPTION_RESTORE}, {LONG_KEEP, OPTION_RESTORE},          {LONG_NO_KEEP, OPTION_RESTORE},
        {LONG_SKIP, OPTION_RESTORE},
};

static unsigned commands_of(int option) {
        for (unsigned i = 0; i < ELEMENTSOF(option_commands); i++)
                if (option_commands[i].option == option)
                        return option_commands[i].commands;
        return 0;
}

static void set_option(struct options *o, int option) {
        switch (option) {
        case LONG_ROOT:
                o->root = optarg;
                break;
        case LONG_ZSTD:
                o->zstd = true;
                break;
        case LONG_NO_SPACE_CHECK:
                o->no_space_check = true;
                break;
        case LONG_DRY_RUN:
                o->dry_run = true;
                break;
        case LONG_FORCE:
                o->force = true;
                break;
        case LONG_KEEP:
                o->system = RESTORE_SYSTEM_KEEP;
                break;
        case LONG_NO_KEEP:
                o->system = RESTORE_SYSTEM_REPLACE;
                break;
        case LONG_SKIP:
                o->skip_refused = true;
                break;
        default:
                o->verbose = true;
                break;
        }
}

/* 0, 1 when everything is said, -EINVAL after a message. */
static int parse(int argc, char **argv, struct options *o, const struct command **ret_command, const char **ret_path) {
        static const struct option table[] = {
                {"root", required_argument, NULL, LONG_ROOT},       {"zstd", no_argument, NULL, LONG_ZSTD},
                {"no-space-check", no_argument, NULL, LONG_NO_SPACE_CHECK}, {"dry-run", no_argument, NULL, LONG_DRY_RUN},
                {"force", no_argument, NULL, LONG_FORCE},           {"keep-system", no_argument, NULL, LONG_KEEP},
                {"no-keep-system", no_argument, NULL, LONG_NO_KEEP}, {"skip-refused", no_argument, NULL, LONG_SKIP},
                {"verbose", no_argument, NULL, 'v'},                {"help", no_argument, NULL, LONG_HELP},
                {"version", no_argument, NULL, LONG_VERSION},       {NULL, 0, NULL, 0},
        };
        unsigned wanted = 0;
        int c;

        while ((c = getopt_long(argc, argv, "v", table, NULL)) >= 0) {
                if (c == '?')
                        return complain("see wazo-backup(8)", "");
                if (c == LONG_HELP) {
                        help(stdout);
                        return 1;
                }
                if (c == LONG_VERSION) {
                        (void) puts("wazo-backup " WAZO_SUITE_VERSION);
                        return 1;
                }
                wanted |= commands_of(c);
                set_option(o, c);
        }
        if (argc - optind < 2)
                return complain("a command and a file are needed", "");
        *ret_command = find_command(argv[optind]);
        if (!*ret_command)
                return complain("there is no command ", argv[optind]);
        if (argc - optind > 2)
                return complain("one file at a time, not ", argv[optind + 2]);
        if (wanted & ~(*ret_command)->options)
                return complain("one of the options means nothing to ", argv[optind]);
        *ret_path = argv[optind + 1];
        return 0;
}

/* Programs that we run are elsewhere: what they are told about is absolute. "/" is this host. */
static int find_root(struct options *o, char real[PATH_MAX]) {
        if (!o->root[0])
                return 0;
        if (!realpath(o->root, real)) {
                report_error("%s: %s", o->root, strerror(errno));
                return -errno;
        }
        o->root = streq(real, "/") ? "" : real;
        return 0;
}

/* A telephone call goes before any backup. */
static void step_back(void) {
        enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_IDLE = 3 << 13 };

        if (setpriority(PRIO_PROCESS, 0, 19) < 0)
                report_note("nice: %s", strerror(errno));
        if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE) < 0)
                report_note("ionice: %s", strerror(errno));
}

int main(int argc, char **argv) {
        struct sigaction end = {.sa_handler = interrupt};
        struct options options = {.root = ""};
        const struct command *command = NULL;
        const char *path = NULL;
        char root[PATH_MAX];
        int r;

        /* Names that no character set explains are bytes to us, and UTF-8 is what archives hold. */
        (void) setlocale(LC_CTYPE, "C.UTF-8");
        r = parse(argc, argv, &options, &command, &path);
        if (r != 0)
                return r > 0 ? EXIT_OK : EXIT_FAILED;
        report_verbose(options.verbose);
        (void) umask(022);
        (void) sigaction(SIGINT, &end, NULL);
        (void) sigaction(SIGTERM, &end, NULL);
        (void) sigaction(SIGHUP, &end, NULL);
        if (find_root(&options, root) < 0)
                return EXIT_FAILED;
        if (command->options & OPTION_CREATE)
                step_back();
        r = command->run(path, &options);
        if (fflush(stdout) != 0)
                r = -EIO;
        return r < 0 ? EXIT_FAILED : r > 0 ? EXIT_LEFT : EXIT_OK;
}
