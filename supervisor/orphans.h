/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Children that nobody here started: left behind by workers that died, or, as PID 1 of a container, by anybody. They come
 * to us because we are the subreaper. The dead are reaped. The living are ended when they belong to the session of a
 * worker that is gone; who made a session of its own has left its worker on purpose and goes with the service.
 */
#pragma once

#include "supervisor/service.h"

int orphans_init(struct service *s) _must_check_;
void orphans_done(struct service *s);
/* This worker is gone: what is left of its session is ended, soon. */
void orphans_of(struct service *s, pid_t pid);
/* No birth is outstanding any more: what was put off for it is done. */
void orphans_look(struct service *s);
/* The service has ended: whoever is still our child gets SIGKILL and, for a moment, the chance to be reaped. */
void orphans_end_all(struct service *s);
