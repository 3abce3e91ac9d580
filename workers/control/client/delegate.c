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
        {"page", "wazo-page", "the suite, live, for browsers on this host, or with a token"},
        {"new-service", "wazo-new", "NAME: the start of a service, with its first plugin"},
        {"new-plugin", "wazo-new", "NAME: the start of a plugin"},
};

/* The command comes first, behind it what was said before it. */
static void put_command_first(char **argv) {
        static const char *const options[] = {"--service", "--socket", "--dev"};
        size_t at = 0;
        char *command;

        while (argv[at] && argv[at][0] == '-') {
                bool takes_one = false;

                for (unsigned i = 0; i < ELEMENTSOF(options); i++)
                        takes_one |= streq(argv[at], options[i]);
                at += takes_one && argv[at + 1] ? 2 : 1;
        }
        command = argv[at];
        if (!command)
                return;
        for (unsigned i = 0; i < ELEMENTSOF(delegates); i++)
                if (streq(command, delegates[i].command)) {
                        memmove(argv + 1, argv, at * sizeof(*argv));
                        argv[0] = command;
                        return;
                }
}

int delegate(char **argv) {
        put_command_first(argv);
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
