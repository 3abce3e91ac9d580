/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A stage for the policy core: a fake clock, and scripts of statements that play slots over it. Statements are separated
 * by semicolons:
 *
 *   add NAME [KIND] [demand] [critical] [drains] [atonce] [needs=A,B] [ping=MSEC] [intensity=N] [base=MSEC] [cap=MSEC]
 *   start, stop, wait MSEC               of the service and of time; ticks come when they are due
 *   up W, ready W, pong W, stall W [TEXT], broke W [TEXT], failed W CAUSE [TEXT], unborn W CAUSE [TEXT]
 *   die W CAUSE [STATUS]                 events about a process: NAME is the main one, NAME+ its replacement, NAME- and
 *                                        NAME-- those on their way out, NAME~ one that is gone (the first there was)
 *   want, restart, replace, hold, reset, remove NAME      events about a slot
 *   run NAME                             up, then ready
 *   is NAME STATE..., cause NAME CAUSE, failures NAME N, deaths NAME CAUSE N
 *   says NAME TEXT, told NAME TEXT       the slot's reason, the last death, hold this text
 *   until NAME STATE MIN MAX             time passes; it is in this state after so many milliseconds
 *   next MIN MAX                         the next deadline is so many milliseconds away; never: there is none
 *   degraded, whole, slots N
 *   : ACTION, ACTION                     exactly these were taken since the last such statement, as ACTION NAME
 *
 * After each event the invariants are checked.
 */
#pragma once

#include "supervisor/policy.h"

/* Plays it; a check assertion that does not hold names the statement. */
void script_play(const char *text);

/* ---- for tests that are no scripts ---- */

struct stage {
        struct policy policy;
        uint64_t now;
        char log[8192]; /* the actions, as scripts write them */
};

extern const struct policy_rules stage_rules;

void stage_begin(struct stage *s);
void stage_end(struct stage *s);
/* One event now; its actions go to the log. */
void stage_event(struct stage *s, struct policy_event event);
/* Lets time pass, ticking when it is due. */
void stage_wait(struct stage *s, uint64_t nsec);
