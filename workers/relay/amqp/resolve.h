/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The addresses of a host, without waiting for them: getaddrinfo() runs in a thread of its own, because nothing in the C
 * library does it otherwise. A number needs no thread.
 */
#pragma once

#include <netdb.h>
#include <systemd/sd-event.h>

#include "lib/util.h"

struct resolve;

/*
 * @done is called once, from the loop, unless resolve_cancel() comes first: with addresses, which are now its own
 * (freeaddrinfo), or an error of getaddrinfo().
 */
int resolve_start(sd_event *event, const char *host, unsigned port, void (*done)(void *userdata, int error, struct addrinfo *list),
                  void *userdata, struct resolve **ret) _must_check_;

/* Accepts NULL, and one that is done (from within @done, too). The thread may go on for a while, for nobody. Returns NULL. */
struct resolve *resolve_cancel(struct resolve *r);
