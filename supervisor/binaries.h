/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The workers' programs, opened at start and executed by descriptor: while a package is being unpacked, old stays old.
 * Opened anew at reload.
 */
#pragma once

#include "supervisor/service.h"

/* Opens what is there; a program that is missing is its worker's failure, told when it is to start. */
void binaries_open(struct service *s, struct binary *ret, size_t *ret_n);
void binaries_close(struct binary *binaries, size_t n);
void binaries_adopt(struct service *s, const struct binary *binaries, size_t n);
/* Whether this program is another than the one in use. */
bool binaries_differ(const struct service *s, const struct binary *binaries, size_t n, const char *name);
