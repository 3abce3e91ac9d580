/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A terminal that shows lines of which one may be longer than it is wide, and more than it is high, until a key is pressed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum terminal_key {
        TERMINAL_NOTHING,  /* the time is over */
        TERMINAL_QUIT,     /* q, or a signal that ends programs */
        TERMINAL_REFRESH,  /* space, r */
        TERMINAL_REDRAW,   /* it was resized, or scrolled, or the program was stopped and goes on */
};

/* Takes the terminal of standard input and output. What was on it before comes back with terminal_leave(). */
int terminal_enter(void);
void terminal_leave(void);

/* Shows @text from the line that was scrolled to; @status stands in the last line. */
void terminal_show(const char *text, const char *status);

/* Waits for a key until @deadline (CLOCK_MONOTONIC nsec). A negative errno: there is no terminal any more. */
int terminal_wait(uint64_t deadline);
