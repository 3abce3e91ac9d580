/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sockets that systemd passed at the start: those of socket units, and those that we opened in an earlier life and that it kept
 * for us in its store of descriptors.
 */
#pragma once

#include <sys/socket.h>

#include "supervisor/service.h"

enum passed_from { PASSED_NOT, PASSED_BY_UNIT, PASSED_FROM_STORE };

/*
 * A listening socket at exactly this address. @*ret_fd stays the owner's here. PASSED_NOT when there is none: what listens
 * somewhere else is left alone, because the configuration wins.
 */
enum passed_from passed_find(const struct sockaddr *address, socklen_t size, int *ret_fd);

/* A socket of a unit that is in the way: of the same port, where either takes every address. It is shut down. True if
 * there was one. */
bool passed_clear_way(const struct sockaddr *address);

/* Has systemd keep the listeners that we opened, over our death and restarts, and no others of ours. */
void passed_store(const struct listener *listeners, size_t n);

/* Those of units, used or not, for a supervisor that takes over: @fd is -1 for one that was shut down. */
void passed_leave(void (*one)(int fd, const void *address, size_t size, void *userdata), void *userdata);
/* One of them, as its address and descriptor were left; the latter is ours from then on. */
int passed_inherit(int fd, const void *address, size_t size) _must_check_;

/* Says which sockets of units none of the listeners is, in one line; "" when all are used. */
void passed_unused(const struct listener *listeners, size_t n, char *ret_text, size_t size);
