/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The states that a service can be in for monit, and the exit codes by which it knows them.
 */
#pragma once

#include "lib/util.h"

/* Those that exit with 0 are nobody's business. Only failed and hung are for somebody to restart; where that is somebody else,
 * monit must not count on its own. */
#define MONIT_LEFT_TO_OTHERS 8 /* added to the exit code */

enum monit_state {
        MONIT_RUNNING,
        MONIT_DISABLED,    /* a slave keeps it down: /var/lib/wazo/disabled */
        MONIT_STARTING,    /* its time for that is not over */
        MONIT_STOPPING,
        MONIT_MAINTENANCE, /* amiss, while wazo-service has an action under way */
        MONIT_DEGRADED,    /* it serves, but for a part, which is told by name */
        MONIT_FAILED,      /* it ended otherwise than it was asked to */
        MONIT_HUNG,        /* there is a process, and it does not answer */
        MONIT_BLOCKED,     /* amiss, and something that it needs is down */
        MONIT_STOPPED,     /* by a person */
        MONIT_HELD,        /* a part of it was put on hold by a person */
        MONIT_UNKNOWN,     /* nobody can tell */
        MONIT_STATE_MAX
};

const char *monit_state_to_string(unsigned state);
unsigned monit_state_exit_code(unsigned state);

/* The state of a word; else of an exit code, the first that has it. MONIT_UNKNOWN for anything else. */
enum monit_state monit_state_from(const char *word, unsigned exit_code);
