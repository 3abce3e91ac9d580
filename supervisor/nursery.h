/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The nursery, from outside: a process that forks plugin workers. One fork is outstanding at a time; the others queue.
 * Its death is known by its pidfd alone, since workers may hold copies of its channel.
 *
 * When nothing else is to be born it forks a spare: a worker that waits for its SETUP, and is nobody's until a birth needs
 * one at once. It ends with its nursery.
 */
#pragma once

#include "supervisor/service.h"

#define NURSERY_NAME "nursery"

/* Adds the nursery's slot when the plan wants one. */
int nursery_init(struct service *s) _must_check_;
void nursery_done(struct service *s);
bool nursery_is(struct service *s, uint32_t slot);

/* Asks it for a worker; the outcome is an event. False when there is no nursery to wait for: exec it. */
bool nursery_spawn(struct service *s, uint32_t slot, uint32_t generation);
/* A fork was asked for and not answered: there may be a child that nobody knows yet. */
bool nursery_busy(const struct service *s);
/* A spare that nobody needed yet has ended. */
void nursery_spare_died(struct process *spare);
/* FORKED. */
void nursery_forked(struct process *nursery, struct channel_message *m);
/* A nursery serves from now on. */
void nursery_ready(struct service *s, uint32_t generation);
void nursery_died(struct service *s, uint32_t generation);
/* A worker died of what may be a probe of memory: the nursery's layout is given a new throw of the dice, not too often. */
void nursery_suspect(struct service *s, enum wire_cause cause, int32_t signo);
