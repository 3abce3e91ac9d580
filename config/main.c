/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-config: reads and checks the configuration of a service, so that the supervisor need not know YAML or JSON. Started
 * by wazo-supervisord with its own command line; with --emit, descriptor 3 is a channel back to it.
 */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>

#include "config/child.h"
#include "config/options.h"

#define EMIT_FD 3

/*
 * What the user of --user may not read is wrong already at the start: it could not be read at a reload either. In development the
 * supervisor gives everything to the user afterwards.
 */
static int become(const struct config_request *request) {
        const struct passwd *user;

        if (geteuid() != 0 || !request->user || request->dev_dir)
                return 0;
        user = getpwnam(request->user);
        if (!user || user->pw_uid == 0)
                return 0; /* the supervisor has a better word for it */
        if (initgroups(user->pw_name, user->pw_gid) < 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
            setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
                return -errno;
        return 0;
}

int main(int argc, char **argv) {
        struct options options;
        int r;

        r = options_parse(argc, argv, "wazo-supervisord", &options);
        if (r != 0)
                return r > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        if (options.mode == OPTIONS_SETTINGS) {
                config_document(stdout);
                return EXIT_SUCCESS;
        }
        r = become(&options.request);
        if (r < 0) {
                (void) fprintf(stderr, "error: cannot become the user '%s': %s\n", options.request.user, strerror(-r));
                return EXIT_FAILURE;
        }
        return config_check_main(&options.request, options.mode == OPTIONS_EMIT ? EMIT_FD : -1);
}
