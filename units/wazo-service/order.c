/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/wazo-service/order.h"

void order_init(struct order *o, size_t n, bool reverse, bool (*waits_for)(const void *services, size_t later, size_t earlier),
                const void *services) {
        *o = (struct order) {.n = n, .reverse = reverse};
        for (size_t later = 0; later < n; later++)
                for (size_t earlier = 0; earlier < later; earlier++)
                        o->waits[later][earlier] = waits_for(services, later, earlier);
}

static bool may_begin(const struct order *o, size_t i) {
        for (size_t j = 0; j < o->n; j++)
                if (o->state[j] != ORDER_DONE && (o->reverse ? o->waits[j][i] : o->waits[i][j]))
                        return false;
        return true;
}

size_t order_next(struct order *o) {
        for (size_t k = 0; k < o->n; k++) {
                size_t i = o->reverse ? o->n - 1 - k : k;

                if (o->state[i] == ORDER_WAITING && may_begin(o, i)) {
                        o->state[i] = ORDER_UNDER_WAY;
                        return i;
                }
        }
        return o->n;
}

void order_done(struct order *o, size_t i) {
        o->state[i] = ORDER_DONE;
}
