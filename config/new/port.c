/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/new/port.h"

#define RANGE_FIRST 9486
#define RANGE_LAST 9999

int64_t port_next(const struct suite *suite) {
        int64_t highest = RANGE_FIRST - 1;

        for (size_t i = 0; i < suite->n; i++)
                for (size_t j = 0; j < suite->services[i].facts.n_ports; j++) {
                        int64_t port = suite->services[i].facts.ports[j].port;

                        if (port >= RANGE_FIRST && port <= RANGE_LAST)
                                highest = MAX(highest, port);
                }
        return highest < RANGE_LAST ? highest + 1 : 0;
}

const struct manifest *port_owner(const struct suite *suite, int64_t port) {
        for (size_t i = 0; i < suite->n; i++)
                for (size_t j = 0; j < suite->services[i].facts.n_ports; j++)
                        if (suite->services[i].facts.ports[j].port == port)
                                return &suite->services[i];
        return NULL;
}
