/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may begin now: services in their order of start, some of which wait for others before them. What does not wait for each
 * other goes on side by side. Without input or output.
 */
#pragma once

#include "lib/util.h"

#define ORDER_MAX 256

enum order_state { ORDER_WAITING, ORDER_UNDER_WAY, ORDER_DONE };

struct order {
        size_t n;
        bool reverse; /* stopping: whoever waits for others at the start goes before them */
        uint8_t state[ORDER_MAX]; /* enum order_state */
        bool waits[ORDER_MAX][ORDER_MAX]; /* [later][earlier] */
};

/* @waits_for says whether, at a start, the service @later waits for @earlier, both indexes below @n <= ORDER_MAX. */
void order_init(struct order *o, size_t n, bool reverse, bool (*waits_for)(const void *services, size_t later, size_t earlier),
                const void *services);

/* The first that waits and may begin, now under way; or n when there is none for now. */
size_t order_next(struct order *o);

void order_done(struct order *o, size_t i);
