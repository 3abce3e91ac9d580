/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "monit/command.h"

#include <getopt.h>
#include <stdio.h>

#include "units/wazo-service/find.h"

#define THEIR_CHECKS "/etc/monit/conf.d/"

const char command_options[] = "  --root DIR           the directory before /run, /var and /etc\n"
                               "  --services-dir DIR   look for manifests here, before the usual places (repeatable)\n"
                               "  --help\n";

int command_parse(int argc, char **argv, void (*help)(void), struct command *ret, const char **ret_why) {
        enum { ROOT = 256, SERVICES_DIR };
        static const struct option table[] = {
                {"root", required_argument, NULL, ROOT},
                {"services-dir", required_argument, NULL, SERVICES_DIR},
                {"help", no_argument, NULL, 'h'},
                {0},
        };
        struct command c = {.root = ""};
        int option;

        *ret_why = "wrong option";
        while ((option = getopt_long(argc, argv, "h", table, NULL)) >= 0)
                switch (option) {
                case ROOT: c.root = optarg; break;
                case SERVICES_DIR:
                        *ret_why = "too many directories";
                        if (suite_dirs_add(&c.services_dirs, optarg) < 0)
                                return -EINVAL;
                        break;
                case 'h': help(); return 0;
                default: return -EINVAL;
                }
        *ret_why = "which service?";
        if (argc - optind != 1)
                return -EINVAL;
        c.service = argv[optind];
        *ret = c;
        return 1;
}

/* A host that says otherwise than the manifest is right about itself. */
static bool asks_restart(sd_bus *bus, const char *unit, const struct manifest *m) {
        _cleanup_free_ char *path = NULL, *word = NULL;

        if (sd_bus_path_encode(SYSTEMD_PATH "/unit", unit, &path) >= 0 &&
            sd_bus_get_property_string(bus, SYSTEMD_NAME, path, "org.freedesktop.systemd1.Service", "Restart", NULL, &word) >= 0)
                return !streq(word, "no");
        return m->facts.unit.restart != FACTS_RESTART_NO;
}

/* A check of wazo-monitoring's for the service, which starts it, too. What hangs, that one does not see. */
static bool has_another_check(const struct look *l, const struct manifest *m, enum monit_state state) {
        char path[512];

        return state == MONIT_FAILED && m->facts.monit.theirs &&
               snprintf(path, sizeof(path), "%s" THEIR_CHECKS "%s", l->root, m->facts.monit.theirs) <
                       (int) sizeof(path) &&
               access(path, F_OK) == 0;
}

static void look_with(struct look *look, const struct manifest *m, struct seen *ret) {
        struct systemd_unit unit;

        look->bus_error = systemd_open(&look->bus);
        if (look->bus_error < 0)
                look->bus = NULL;
        look_at(look, m, &ret->verdict);
        if (look->bus && find_unit(look->bus, m, &unit) >= 0 && streq(unit.load, "loaded")) {
                (void) strcopy(ret->unit, sizeof(ret->unit), unit.name);
                if (asks_restart(look->bus, unit.name, m))
                        ret->left_to = "systemd starts it again by itself (Restart=)";
                else if (has_another_check(look, m, ret->verdict.state))
                        ret->left_to = "another check of monit's starts it (" THEIR_CHECKS ")";
        }
        sd_bus_flush_close_unref(look->bus);
}

void command_look(const struct command *c, struct seen *ret) {
        struct findings findings = {0};
        struct suite suite = SUITE_NULL;
        struct look look = {.root = c->root, .suite = &suite};
        const struct manifest *m;

        *ret = (struct seen) {0};
        if (suite_load(c->root, c->services_dirs.at, &findings, &suite) < 0) {
                verdict_set(&ret->verdict, MONIT_UNKNOWN, "the manifests cannot be read");
        } else {
                m = suite_find(&suite, c->service);
                if (m && m->kind != MANIFEST_OTHER)
                        look_with(&look, m, ret);
                else
                        verdict_set(&ret->verdict, MONIT_UNKNOWN,
                                    "there is no good manifest of such a service; wazo-suite generate monit says more");
        }
        suite_done(&suite);
        findings_done(&findings);
}

void command_print(const struct command *c, const struct verdict *v) {
        printf("%s: %s%s%s\n", c->service, monit_state_to_string(v->state), *v->text ? ": " : "", v->text);
}
