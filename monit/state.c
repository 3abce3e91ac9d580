/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "monit/state.h"

static const struct {
        const char *word;
        unsigned exit_code;
} states[MONIT_STATE_MAX] = {
        [MONIT_RUNNING] = {"running", 0},
        [MONIT_DISABLED] = {"disabled", 0},
        [MONIT_STARTING] = {"starting", 0},
        [MONIT_STOPPING] = {"stopping", 0},
        [MONIT_MAINTENANCE] = {"maintenance", 0},
        [MONIT_DEGRADED] = {"degraded", 1},
        [MONIT_FAILED] = {"failed", 2},
        [MONIT_HUNG] = {"hung", 3},
        [MONIT_BLOCKED] = {"blocked", 4},
        [MONIT_STOPPED] = {"stopped", 5},
        [MONIT_HELD] = {"held", 6},
        [MONIT_UNKNOWN] = {"unknown", 7},
};

const char *monit_state_to_string(unsigned state) {
        return states[MIN(state, (unsigned) MONIT_UNKNOWN)].word;
}

unsigned monit_state_exit_code(unsigned state) {
        return states[MIN(state, (unsigned) MONIT_UNKNOWN)].exit_code;
}

enum monit_state monit_state_from(const char *word, unsigned exit_code) {
        for (unsigned i = 0; i < MONIT_STATE_MAX; i++)
                if (streq(states[i].word, word))
                        return (enum monit_state) i;
        for (unsigned i = 0; i < MONIT_STATE_MAX; i++)
                if (states[i].exit_code == exit_code || states[i].exit_code + MONIT_LEFT_TO_OTHERS == exit_code)
                        return (enum monit_state) i;
        return MONIT_UNKNOWN;
}
