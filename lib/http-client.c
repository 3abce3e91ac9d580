/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/http-client.h"

#include <dlfcn.h>
#include <stdio.h>

int http_load(const char *driver_dir, const struct http_driver **ret, char *error, size_t error_size) {
        const struct http_driver *driver;
        char path[512];
        void *library;

        if (snprintf(path, sizeof(path), "%s/http-curl.so", driver_dir) >= (int) sizeof(path))
                return -ENAMETOOLONG;
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        driver = library ? dlsym(library, "http_driver") : NULL;
        if (!driver || driver->abi != HTTP_DRIVER_ABI) {
                (void) snprintf(error, error_size, "no HTTP: %s", library ? "the driver is another version's" : dlerror());
                return -ELIBBAD;
        }
        *ret = driver;
        return 0;
}
