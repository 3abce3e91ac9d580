/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/client/delegate.h"

#include "lib/paths.h"

static const struct {
        const char *command, *program, *help;
} delegates[] = {
        {"generate", "wazo-generate", "KIND [SERVICE...]: files made from the manifests, or how this host's differ"},
        {"check", "wazo-check", "[SERVICE...]: whether the host agrees with the manifests, and how to mend it"},
        {"take-over", "wazo-take-over", "SERVICE: puts it in the place of the daemon of this name that another package has"},
        {"give-back", "wazo-take-over", "SERVICE: undoes that"},
        {"top", "wazo-top", "the suite, live, on a terminal"},
        {"new-service", "wazo-new", "NAME: the start of a service, with its first plugin"},
        {"new-plugin", "wazo-new", "NAME: the start of a plugin"},
};

int delegate(char **argv) {
        for (unsigned i = 0; i < ELEMENTSOF(delegates); i++) {
                struct paths paths;
                char program[512];
                int r;

                if (!streq(argv[0], delegates[i].command))
                        continue;
                r = paths_find(&paths);
                if (r == 0)
                        r = paths_program(&paths, delegates[i].program, program, sizeof(program));
                if (r < 0)
                        return r;
                (void) execv(program, argv);
                return -errno;
        }
        return 0;
}

void delegate_help(FILE *to) {
        for (unsigned i = 0; i < ELEMENTSOF(delegates); i++)
                (void) fprintf(to, "  %-11s %s\n", delegates[i].command, delegates[i].help);
}
