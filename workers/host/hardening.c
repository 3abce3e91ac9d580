/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/host/hardening.h"

#include <fcntl.h>
#include <stdio.h>

#include "lib/util.h"

/* The value of "Key:\tvalue\n", copied; "" when there is no such line. */
static void find_value(const char *status, const char *key, char *ret, size_t size) {
        size_t n = strlen(key), length;
        const char *line = status;

        ret[0] = 0;
        while (line && strncmp(line, key, n) != 0) {
                line = strchr(line, '\n');
                line = line ? line + 1 : NULL;
        }
        if (!line)
                return;
        line += n + strspn(line + n, ":\t ");
        length = strcspn(line, "\n");
        (void) snprintf(ret, size, "%.*s", (int) MIN(length, size - 1), line);
}

void hardening_describe(char *ret, size_t size) {
        static const char *const modes[] = {"no", "strict", "filter"};
        char status[4096], nnp[8], seccomp[8], effective[24];
        _cleanup_close_ int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, status, sizeof(status) - 1) : -1;
        unsigned mode;

        if (n <= 0) {
                (void) snprintf(ret, size, "unknown: /proc is not to be read");
                return;
        }
        status[n] = 0;
        find_value(status, "NoNewPrivs", nnp, sizeof(nnp));
        find_value(status, "Seccomp", seccomp, sizeof(seccomp));
        find_value(status, "CapEff", effective, sizeof(effective));
        mode = (unsigned) (seccomp[0] - '0');
        (void) snprintf(ret, size, "no_new_privs %s, seccomp %s, capabilities %s", streq(nnp, "1") ? "yes" : "no",
                        mode < ELEMENTSOF(modes) ? modes[mode] : "unknown",
                        strspn(effective, "0") == strlen(effective) ? "none" : effective);
}
