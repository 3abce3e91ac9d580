/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/environment.h"

#include <stdio.h>

static const char *const fixed[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG=C.UTF-8",
};

/* What Wazo's daemons are told through systemd's manager, and what reaches other hosts through a proxy. */
static const char *const passed[] = {
        "XIVO_UUID", "TZ", "INVOCATION_ID",
        "http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
        /* Of sanitizers, in builds with them. */
        "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
};

char **environment_for_workers(void) {
        char **environment = calloc(ELEMENTSOF(fixed) + ELEMENTSOF(passed) + 1, sizeof(*environment));
        size_t n = 0;

        if (!environment)
                return NULL;
        for (unsigned i = 0; i < ELEMENTSOF(fixed); i++) {
                environment[n] = strdup(fixed[i]);
                if (!environment[n++])
                        return environment_free(environment);
        }
        for (unsigned i = 0; i < ELEMENTSOF(passed); i++) {
                const char *value = getenv(passed[i]);

                if (!value)
                        continue;
                if (asprintf(&environment[n], "%s=%s", passed[i], value) < 0) {
                        environment[n] = NULL;
                        return environment_free(environment);
                }
                n++;
        }
        return environment;
}

char **environment_free(char **environment) {
        for (char **at = environment; at && *at; at++)
                free(*at);
        free(environment);
        return NULL;
}

int environment_add(char **environment, const char *name, const char *value, char ***ret) {
        size_t n = 0, size = strlen(name) + 1 + strlen(value) + 1;
        char **copy;

        while (environment[n])
                n++;
        /* The new string lies behind the array, so that one free() is enough. */
        copy = malloc((n + 2) * sizeof(*copy) + size);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, environment, n * sizeof(*copy));
        copy[n] = (char *) (copy + n + 2);
        copy[n + 1] = NULL;
        (void) snprintf(copy[n], size, "%s=%s", name, value);
        *ret = copy;
        return 0;
}
