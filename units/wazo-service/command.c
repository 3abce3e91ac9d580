/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/wazo-service/command.h"

#include <stdio.h>

#include "config/oneshot.h"

#define WORDS_MAX 64
#define OUTPUT_MAX (4U * 1024 * 1024)

static int find(const char *name, char *ret, size_t size) {
        static const char *const dirs[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++)
                if (snprintf(ret, size, "%s/%s", dirs[i], name) < (int) size && access(ret, X_OK) == 0)
                        return 0;
        return -ENOENT;
}

int command_read(const char *const *argv, unsigned seconds, char **ret) {
        const char *call[WORDS_MAX + 1];
        _cleanup_free_ char *output = NULL;
        char path[512];
        size_t size, n = 0;
        int r;

        r = find(argv[0], path, sizeof(path));
        if (r < 0)
                return r;
        for (; argv[n]; n++) {
                if (n == WORDS_MAX)
                        return -E2BIG;
                call[n] = argv[n];
        }
        call[0] = path;
        call[n] = NULL;
        r = oneshot_run(call, OUTPUT_MAX, now_monotonic() + seconds * NSEC_PER_SEC, &output, &size);
        if (r != 0) {
                (void) fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, argv[0], r > 0 ? output : strerror(-r));
                return r > 0 ? -EIO : r;
        }
        *ret = STEAL(output);
        return 0;
}

int command_run(const char *const *argv, unsigned seconds) {
        _cleanup_free_ char *output = NULL;

        return command_read(argv, seconds, &output);
}
