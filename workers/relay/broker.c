/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/broker.h"

#include <dlfcn.h>
#include <stdio.h>

const char *broker_state_to_string(unsigned state) {
        static const char *const words[] = {
#define X(name, text) [BROKER_##name] = (text),
                BROKER_STATES(X)
#undef X
        };

        return state < ELEMENTSOF(words) ? words[state] : "unknown";
}

int broker_load(const char *driver_dir, const struct broker_driver **ret, char *error, size_t error_size) {
        const struct broker_driver *driver;
        char path[512];
        void *library;

        if (snprintf(path, sizeof(path), "%s/broker-amqp.so", driver_dir) >= (int) sizeof(path))
                return -ENAMETOOLONG;
        /* Never unloaded: OpenSSL leaves work for exit(). */
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        driver = library ? dlsym(library, "broker_driver") : NULL;
        if (!driver || driver->abi != BROKER_DRIVER_ABI) {
                (void) snprintf(error, error_size, "RabbitMQ cannot be used: %s",
                                library ? "the driver is another version's" : dlerror());
                return -ELIBBAD;
        }
        *ret = driver;
        return 0;
}
