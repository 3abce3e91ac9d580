/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * In which state a service is: asked of itself, and of systemd where it does not answer or has no way to.
 */
#pragma once

#include "config/suite.h"
#include "lib/systemd.h"
#include "monit/state.h"

#define VERDICT_TEXT_SIZE 400

struct verdict {
        enum monit_state state;
        char text[VERDICT_TEXT_SIZE]; /* why, in one line; "" */
};

struct look {
        const char *root; /* "" for this host; else a directory before /run and /var */
        const struct suite *suite;
        sd_bus *bus; /* NULL: nobody can tell what systemd says, and bus_error why */
        int bus_error;
};

void verdict_set(struct verdict *v, enum monit_state state, const char *format, ...) _printf_(3, 4);

/* Takes 20 seconds at most, most of them for a service that hangs. */
void look_at(const struct look *l, const struct manifest *m, struct verdict *ret);
