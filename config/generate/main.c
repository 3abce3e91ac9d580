/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-generate, which is "wazo-suite generate": writes files from the manifests, or says how those of a host differ.
 */
#include <getopt.h>
#include <sys/stat.h>

#include "config/generate/difference.h"
#include "config/generate/generate.h"
#include "lib/complain.h"

/* As documented in wazo-suite(1). */
enum exit_code { EXIT_DONE, EXIT_DIFFERENT, EXIT_USAGE };

#define PROGRAM "wazo-suite generate"

struct arguments {
        struct suite_dirs services_dirs;
        const char *output, *root, *prefix, *sysconfdir;
        bool install;
        bool diff;
        unsigned systemd;
        char **services;
        int n_services;
};

/* What a run has come to. */
struct run {
        const struct arguments *arguments;
        struct generator generator;
        bool several;  /* files to standard output, each behind its name */
        bool different;
        unsigned n_files;
};

static const char help_text[] =
        "Usage: " PROGRAM " [OPTIONS] KIND|all [SERVICE...]\n\n"
        "Writes what is made from the manifests to standard output. Without a SERVICE: of each service of which\n"
        "our packages install the file; \"all\": all kinds of such files.\n\n"
        "  --output DIR         write below DIR, where the files are installed\n"
        "  --diff               say how the files of this host differ; exits with 1 when some do. Without a KIND:\n"
        "                       all, and without a SERVICE: of those that the host has\n"
        "  --root DIR           with --diff: of the host whose root directory this is\n"
        "  --services-dir DIR   look for manifests here, before the usual places (repeatable)\n"
        "  --prefix DIR         where wazo-suite is installed (default: /usr)\n"
        "  --install            install the files: below $DESTDIR, with --prefix and --sysconfdir for /usr and /etc\n"
        "  --systemd VERSION    use settings up to this version of systemd (default: 252)\n"
        "  --help\n\nKinds:\n";

static void help(void) {
        (void) fputs(help_text, stdout);
        for (const struct generate_kind *k = generate_kinds; k->name; k++)
                (void) printf("  %-10s %s%s\n", k->name, k->doc, k->whole ? " (one for the whole suite)" : "");
}

/* Returns an exit code, or -1 to go on. */
static int parse(int argc, char **argv, struct arguments *a) {
        enum { OUTPUT = 256, DIFF, ROOT, SERVICES_DIR, PREFIX, SYSCONFDIR, INSTALL, SYSTEMD, HELP };
        static const struct option table[] = {
                {"output", required_argument, NULL, OUTPUT},
                {"diff", no_argument, NULL, DIFF},
                {"root", required_argument, NULL, ROOT},
                {"services-dir", required_argument, NULL, SERVICES_DIR},
                {"prefix", required_argument, NULL, PREFIX},
                {"sysconfdir", required_argument, NULL, SYSCONFDIR},
                {"install", no_argument, NULL, INSTALL},
                {"systemd", required_argument, NULL, SYSTEMD},
                {"help", no_argument, NULL, HELP},
                {0},
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", table, NULL)) >= 0)
                switch (c) {
                case OUTPUT: a->output = optarg; break;
                case DIFF: a->diff = true; break;
                case ROOT: a->root = optarg; break;
                case PREFIX: a->prefix = optarg; break;
                case SYSCONFDIR: a->sysconfdir = optarg; break;
                case INSTALL: a->install = true; break;
                case SYSTEMD:
                        a->systemd = (unsigned) strtoul(optarg, NULL, 10);
                        if (a->systemd < 200 || a->systemd > 9999)
                                return complain(PROGRAM, EXIT_USAGE, "'%s' is no version of systemd", optarg);
                        break;
                case SERVICES_DIR:
                        if (suite_dirs_add(&a->services_dirs, optarg) < 0)
                                return complain(PROGRAM, EXIT_USAGE, "too many --services-dir");
                        break;
                case 'h':
                case HELP:
                        help();
                        return EXIT_DONE;
                default:
                        (void) fputs("Try '" PROGRAM " --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        if (optind >= argc && !a->diff)
                return complain(PROGRAM, EXIT_USAGE, "which kind? Try '" PROGRAM " --help'.");
        if (a->diff + a->install + !!a->output > 1)
                return complain(PROGRAM, EXIT_USAGE, "--diff, --install and --output exclude each other");
        if (*a->root && !a->diff)
                return complain(PROGRAM, EXIT_USAGE, "--root goes with --diff");
        return -1;
}

/* Makes the directories above a file. */
static int make_parents(char *path) {
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                if (mkdir(path, 0755) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        return 0;
}

/* Where a file that belongs below /usr or /etc is installed with another prefix. */
static void relocate(const struct arguments *a, const char *path, char *to, size_t size) {
        if (strncmp(path, "/usr/", 5) == 0)
                (void) snprintf(to, size, "%s%s", a->prefix, path + 4);
        else
                (void) snprintf(to, size, "%s%s", a->sysconfdir, path + 4);
}

static int write_file(const char *dir, const char *path, const char *text, size_t size) {
        char whole[2 * GENERATE_PATH_MAX];
        FILE *file;
        int r;

        if (snprintf(whole, sizeof(whole), "%s%s", dir, path) >= (int) sizeof(whole))
                return -ENAMETOOLONG;
        r = make_parents(whole);
        if (r < 0)
                return r;
        file = fopen(whole, "we");
        if (!file)
                return -errno;
        if (fwrite(text, 1, size, file) != size)
                r = -EIO;
        return fclose(file) == 0 ? r : -errno;
}

static int hand_over(struct run *run, const char *path, const char *text, size_t size) {
        const struct arguments *a = run->arguments;
        char whole[2 * GENERATE_PATH_MAX];
        int r;

        run->n_files++;
        if (a->install) {
                relocate(a, path, whole, sizeof(whole));
                return write_file(strempty(getenv("DESTDIR")), whole, text, size);
        }
        if (a->output)
                return write_file(a->output, path, text, size);
        if (a->diff) {
                (void) snprintf(whole, sizeof(whole), "%s%s", a->root, path);
                r = difference_show(whole, text, size);
                run->different |= r > 0;
                return MIN(r, 0);
        }
        if (run->several)
                (void) printf("%s==> %s <==\n", run->n_files > 1 ? "\n" : "", path);
        return fwrite(text, 1, size, stdout) == size ? 0 : -EIO;
}

/* Whether a host has the service: its unit, or the template of its unit, is in one of systemd's directories. What is
 * no daemon is everywhere. */
static bool is_here(const char *root, const struct manifest *m) {
        static const char *const folders[] = {"/etc/systemd/system", "/lib/systemd/system",
                                              "/usr/lib/systemd/system"};
        const char *name = m->facts.unit.name;
        int length = name && strchr(name, '*') ? (int) strcspn(name, "@*") : -1;

        if (!name)
                return true;
        for (unsigned i = 0; i < ELEMENTSOF(folders); i++) {
                char path[2 * GENERATE_PATH_MAX];

                if (length >= 0)
                        (void) snprintf(path, sizeof(path), "%s%s/%.*s@.service", root, folders[i], length, name);
                else
                        (void) snprintf(path, sizeof(path), "%s%s/%s", root, folders[i], name);
                if (access(path, F_OK) == 0)
                        return true;
        }
        return false;
}

/* A file of whose kind there is none on a host, since nobody reads them there, is not missing. */
static bool has_folder(const char *root, const struct generate_kind *kind, const struct manifest *m) {
        char path[GENERATE_PATH_MAX], whole[2 * GENERATE_PATH_MAX];

        kind->path(m, path, sizeof(path));
        (void) snprintf(whole, sizeof(whole), "%s%.*s", root, (int) (strrchr(path, '/') - path), path);
        return access(whole, F_OK) == 0;
}

static int make_one(struct run *run, const struct generate_kind *kind, const struct manifest *service) {
        _cleanup_free_ char *text = NULL;
        char path[GENERATE_PATH_MAX];
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);
        int r;

        if (!file)
                return -errno;
        kind->write(&run->generator, service, file);
        kind->path(service, path, sizeof(path));
        if (fclose(file) != 0)
                return -errno;
        r = hand_over(run, path, text, size);
        return r < 0 ? complain(PROGRAM, r, "%s: %s", path, strerror(-r)) : 0;
}

/* Those that were named, of which there must be such a file; else those of which we install it, or could. */
static int make_kind(struct run *run, const struct generate_kind *kind, bool all) {
        const struct arguments *a = run->arguments;
        const struct suite *suite = run->generator.suite;
        int r = 0;

        if (kind->whole)
                return a->n_services > 0 ?
                               complain(PROGRAM, -EINVAL, "%s is of the whole suite: name no service", kind->name) :
                               make_one(run, kind, NULL);
        for (int i = 0; r == 0 && i < a->n_services; i++) {
                const struct manifest *m = suite_find(suite, a->services[i]);

                if (!m)
                        return complain(PROGRAM, -ENOENT, "no service is called '%s'", a->services[i]);
                if (kind->wanted(m) == GENERATE_OURS || (kind->wanted(m) == GENERATE_ON_REQUEST && !all))
                        r = make_one(run, kind, m);
                else if (!all)
                        return complain(PROGRAM, -EINVAL, "by its manifest, %s has nothing of kind %s", m->service,
                                        kind->name);
        }
        for (size_t i = 0; r == 0 && a->n_services == 0 && i < suite->n; i++) {
                enum generate_for wanted = kind->wanted(&suite->services[i]);

                if (a->diff && wanted != GENERATE_NOT &&
                    (!is_here(a->root, &suite->services[i]) || !has_folder(a->root, kind, &suite->services[i])))
                        continue;
                if (wanted == GENERATE_OURS || (wanted == GENERATE_ON_REQUEST && !all && !a->diff))
                        r = make_one(run, kind, &suite->services[i]);
        }
        return r;
}

static int make(struct run *run, const char *name) {
        const struct generate_kind *kind;
        int r = 0;

        if (streq(name, "all")) {
                run->several = true;
                for (kind = generate_kinds; r == 0 && kind->name; kind++)
                        if (!kind->whole)
                                r = make_kind(run, kind, true);
                return r;
        }
        kind = generate_kind_find(name);
        if (!kind)
                return complain(PROGRAM, -EINVAL, "there is no kind '%s': try '" PROGRAM " --help'", name);
        run->several = !kind->whole && run->arguments->n_services != 1;
        return make_kind(run, kind, false);
}

int main(int argc, char **argv) {
        struct arguments arguments = {.root = "", .prefix = "/usr", .sysconfdir = "/etc", .systemd = 252};
        struct findings findings = {0};
        _cleanup_(suite_done) struct suite suite = SUITE_NULL;
        struct run run = {.arguments = &arguments};
        int r = parse(argc, argv, &arguments);

        if (r >= 0)
                return r;
        r = suite_load(arguments.root, arguments.services_dirs.at, &findings, &suite);
        if (r < 0)
                return complain(PROGRAM, EXIT_USAGE, "cannot read the manifests: %s", strerror(-r));
        findings_print(&findings, stderr);
        r = findings_pass(&findings) ? 0 : EXIT_USAGE;
        findings_done(&findings);
        if (r > 0)
                return r;

        arguments.services = argv + MIN(optind + 1, argc);
        arguments.n_services = MAX(argc - optind - 1, 0);
        run.generator = (struct generator){.suite = &suite, .prefix = arguments.prefix, .systemd = arguments.systemd};
        r = make(&run, optind < argc ? argv[optind] : "all");
        if (r == 0 && fflush(stdout) != 0)
                r = complain(PROGRAM, -EIO, "cannot write: %s", strerror(errno));
        return r < 0 ? EXIT_USAGE : run.different ? EXIT_DIFFERENT : EXIT_DONE;
}
