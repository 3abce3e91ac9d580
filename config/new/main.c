/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-new, which is "wazo-suite new-plugin" and "wazo-suite new-service": the start of a plugin, or of a service with its first
 * plugin, that builds, passes its own tests, and is documented.
 */
#include <getopt.h>
#include <stdarg.h>

#include "config/new/names.h"
#include "config/new/port.h"
#include "config/new/project.h"
#include "lib/paths.h"

/* As documented in wazo-suite(1). */
enum exit_code { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

struct arguments {
        const char *command; /* as in "wazo-suite COMMAND" */
        struct suite_dirs services_dirs;
        const char *name, *service, *plugin, *output;
        long port; /* 0: not given */
};

struct job {
        const char *command;
        const struct project_file *files;
        int (*run)(const struct arguments *a, const struct suite *suite, const struct project_file *files);
        const char *help;
};

static _printf_(3, 4) int complain(const struct arguments *a, int code, const char *format, ...) {
        va_list ap;

        (void) fprintf(stderr, "wazo-suite %s: ", a->command);
        va_start(ap, format);
        (void) vfprintf(stderr, format, ap);
        va_end(ap);
        (void) fputc('\n', stderr);
        return code;
}

/* ----- what is written ----- */

static const struct project_file plugin_files[] = {
        {"plugin/plugin.c.in", "@PLUGIN@.c", false},
        {"plugin/Makefile", "Makefile", false},
        {"plugin/README.md", "README.md", false},
        {"test.py", "test.py", true},
        {"gitignore", ".gitignore", false},
        {0},
};

static const struct project_file service_files[] = {
        {"service/manifest.yml", "services.d/@SERVICE@.yml", false},
        {"service/config.yml", "etc/config.yml", false},
        {"plugin/plugin.c.in", "plugins/@PLUGIN@.c", false},
        {"service/Makefile", "Makefile", false},
        {"service/README.md", "README.md", false},
        {"test.py", "test.py", true},
        {"gitignore", ".gitignore", false},
        {"service/debian/changelog", "debian/changelog", false},
        {"service/debian/control", "debian/control", false},
        {"service/debian/copyright", "debian/copyright", false},
        {"service/debian/format", "debian/source/format", false},
        {"service/debian/lintian-overrides", "debian/@SERVICE@.lintian-overrides", false},
        {"service/debian/postinst", "debian/postinst", false},
        {"service/debian/postrm", "debian/postrm", false},
        {"service/debian/prerm", "debian/prerm", false},
        {"service/debian/rules", "debian/rules", true},
        {0},
};

static int write_project(const struct arguments *a, const char *service, const char *plugin, const char *prefix, int64_t port,
                         const struct project_file *files) {
        const char *folder = a->output ?: a->name;
        char path[GENERATE_PATH_MAX], templates[GENERATE_PATH_MAX], number[16];
        struct names names;
        const struct generate_variable variables[] = {
                {"SERVICE", service},     {"PORT", number},         {"PREFIX", prefix},       {"API", names.api},
                {"PLUGIN", names.plugin}, {"PLURAL", names.plural}, {"WORDS", names.words}, {"MODEL", names.model},
                {"TABLE", names.table},   {0},
        };
        struct paths paths;
        int r;

        names_make(&names, service, plugin);
        (void) snprintf(number, sizeof(number), "%d", (int) port);
        r = paths_find(&paths);
        if (r < 0)
                return complain(a, EXIT_FAILED, "this installation's files are not found: %s", strerror(-r));
        (void) snprintf(templates, sizeof(templates), "%s", paths.templates);
        r = project_write(templates, files, variables, folder, path);
        if (r == -EEXIST)
                return complain(a, EXIT_FAILED, "%s is there already; say another folder with --output", folder);
        if (r < 0)
                return complain(a, EXIT_FAILED, "%s: %s", path, strerror(-r));
        (void) printf("%s is in %s, with a README.md: cd %s && make && make test\n", a->name, folder, folder);
        return EXIT_DONE;
}

static int new_plugin(const struct arguments *a, const struct suite *suite, const struct project_file *files) {
        const char *service = a->service ?: "wazo-confd";
        const struct manifest *m = suite_find(suite, service);
        const char *rule = names_wrong_plugin(a->name);

        if (rule)
                return complain(a, EXIT_USAGE, "'%s' is no name of a plugin: %s", a->name, rule);
        if (a->plugin || a->port)
                return complain(a, EXIT_USAGE, "--plugin and --port are for new-service");
        if (!m)
                return complain(a, EXIT_USAGE, "no service is called '%s'", service);
        if (m->kind != MANIFEST_NATIVE)
                return complain(a, EXIT_USAGE, "%s has no plugins: it is of kind %s", m->service, manifest_kind_to_string(m->kind));
        if (suite_lists(m->plugins, a->name))
                return complain(a, EXIT_USAGE, "%s has a plugin '%s' already", m->service, a->name);
        return write_project(a, m->service, a->name, m->prefix, m->port, files);
}

static int new_service(const struct arguments *a, const struct suite *suite, const struct project_file *files) {
        const char *plugin = a->plugin ?: "item", *rule = names_wrong_service(a->name);
        int64_t port = a->port ? a->port : port_next(suite);
        const struct manifest *owner = port_owner(suite, port);

        if (rule)
                return complain(a, EXIT_USAGE, "'%s' is no name of a service: %s", a->name, rule);
        if (a->service)
                return complain(a, EXIT_USAGE, "--service is for new-plugin");
        rule = names_wrong_plugin(plugin);
        if (rule)
                return complain(a, EXIT_USAGE, "'%s' is no name of a plugin: %s", plugin, rule);
        if (suite_find(suite, a->name))
                return complain(a, EXIT_USAGE, "there is a service '%s' already", a->name);
        if (port == 0)
                return complain(a, EXIT_FAILED, "no port is left from 9486 to 9999: say one with --port");
        if (owner)
                return complain(a, EXIT_USAGE, "port %d is that of %s", (int) port, owner->service);
        return write_project(a, a->name, plugin, "/1.0", port, files);
}

static const struct job jobs[] = {
        {"new-plugin", plugin_files, new_plugin,
         "Usage: wazo-suite new-plugin [OPTIONS] NAME\n\n"
         "Writes the start of a plugin into a new folder NAME: its source, a Makefile, tests and a README.\n\n"
         "  --service SERVICE    whose plugin it is (default: wazo-confd)\n"},
        {"new-service", service_files, new_service,
         "Usage: wazo-suite new-service [OPTIONS] NAME\n\n"
         "Writes the start of a service into a new folder NAME: its manifest, its first plugin, a Makefile, tests,\n"
         "what makes a Debian package of it, and a README.\n\n"
         "  --plugin PLUGIN      name of its first plugin, in the singular (default: item)\n"
         "  --port N             its port (default: the highest that any service has from 9486 on, and one more)\n"},
};

static const char help_common[] =
        "  --output DIR         the new folder, when it is to be called otherwise\n"
        "  --services-dir DIR   look for manifests here, before the usual places (repeatable)\n"
        "  --help\n\n"
        "Exit codes: 0 done, 1 it could not be written, 2 wrong usage or a manifest that is wrong.\n";

/* ----- the command line ----- */

static int parse_port(const char *text, long *ret) {
        char *end;
        long port = strtol(text, &end, 10);

        if (end == text || *end || port < 1 || port > 65535)
                return -EINVAL;
        *ret = port;
        return 0;
}

/* Returns an exit code, or -1 to go on. */
static int parse(int argc, char **argv, const struct job *job, struct arguments *a) {
        enum { SERVICE = 256, PLUGIN, PORT, OUTPUT, SERVICES_DIR, HELP };
        static const struct option table[] = {
                {"service", required_argument, NULL, SERVICE},
                {"plugin", required_argument, NULL, PLUGIN},
                {"port", required_argument, NULL, PORT},
                {"output", required_argument, NULL, OUTPUT},
                {"services-dir", required_argument, NULL, SERVICES_DIR},
                {"help", no_argument, NULL, HELP},
                {0},
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", table, NULL)) >= 0)
                switch (c) {
                case SERVICE: a->service = optarg; break;
                case PLUGIN: a->plugin = optarg; break;
                case OUTPUT: a->output = optarg; break;
                case PORT:
                        if (parse_port(optarg, &a->port) < 0)
                                return complain(a, EXIT_USAGE, "'%s' is no port", optarg);
                        break;
                case SERVICES_DIR:
                        if (suite_dirs_add(&a->services_dirs, optarg) < 0)
                                return complain(a, EXIT_USAGE, "too many --services-dir");
                        break;
                case 'h':
                case HELP:
                        (void) printf("%s%s", job->help, help_common);
                        return EXIT_DONE;
                default:
                        (void) fprintf(stderr, "Try 'wazo-suite %s --help'.\n", a->command);
                        return EXIT_USAGE;
                }
        if (argc - optind != 1)
                return complain(a, EXIT_USAGE, "one name is wanted. Try 'wazo-suite %s --help'.", a->command);
        a->name = argv[optind];
        return -1;
}

int main(int argc, char **argv) {
        _cleanup_(suite_done) struct suite suite = SUITE_NULL;
        _cleanup_(findings_done) struct findings findings = {0};
        struct arguments a = {0};
        const struct job *job = NULL;
        int r;

        for (unsigned i = 0; i < ELEMENTSOF(jobs); i++)
                if (argc > 0 && streq(argv[0], jobs[i].command))
                        job = &jobs[i];
        if (!job) {
                (void) fputs("wazo-new: this is a part of wazo-suite: see 'wazo-suite new-plugin --help'\n", stderr);
                return EXIT_USAGE;
        }
        a.command = job->command;
        r = parse(argc, argv, job, &a);
        if (r >= 0)
                return r;
        r = suite_load("", a.services_dirs.at, &findings, &suite);
        if (r < 0)
                return complain(&a, EXIT_FAILED, "cannot read the manifests: %s", strerror(-r));
        findings_print(&findings, stderr);
        return findings_pass(&findings) ? job->run(&a, &suite, job->files) : EXIT_USAGE;
}
