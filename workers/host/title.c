/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/host/title.h"

#include <stdio.h>

#include "lib/util.h"

static char *area, **arguments;
static size_t area_size;

void title_begin(int argc, char **argv) {
        char *end;

        if (argc < 1)
                return;
        arguments = argv;
        area = end = argv[0];
        /* The strings stand one behind the other, first all arguments, then the environment; as long as nobody moved them. */
        for (int i = 0; i < argc && argv[i] == end; i++)
                end += strlen(end) + 1;
        for (char **e = environ; *e && *e == end; e++)
                end += strlen(end) + 1;
        area_size = (size_t) (end - area);
}

static int move_environment(void) {
        static bool is_moved;
        char **moved;
        size_t n = 0;

        if (is_moved)
                return 0;
        while (environ[n])
                n++;
        moved = calloc(n + 1, sizeof(*moved));
        if (!moved)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                moved[i] = strdup(environ[i]);
                if (!moved[i])
                        return -ENOMEM; /* what was copied stays: the process goes on without a title */
        }
        environ = moved;
        is_moved = true;
        return 0;
}

void title_set(const char *service, const char *name) {
        if (area_size == 0 || move_environment() < 0)
                return;
        /* Backtraces name the program by this. */
        arguments[0] = (char *) "wazo-host";
        /* Whoever overwrites the last NUL of the arguments has his text shown up to the first NUL; zeros are no text. */
        memset(area, 0, area_size);
        (void) snprintf(area, area_size, "%s: %s", service, name);
}
