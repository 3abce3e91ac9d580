/* SPDX-License-Identifier: GPL-3.0-or-later */
/* At which address others find this host. */
#pragma once

#include "lib/util.h"

/*
 * The first IPv4 address of @interface, else of one whose name begins with "eth" or "en", else of "lo", else 127.0.0.1. Asked of
 * the kernel through a socket of TCP, which is all that the worker's sandbox and its unit let it open.
 */
void address_find(const char *interface, char *ret, size_t size);
