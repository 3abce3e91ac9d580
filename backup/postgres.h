/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A database of PostgreSQL is restored beside the one that is there, which keeps serving until the very end and stays under the
 * name NAME_previous.
 */
#pragma once

#include <signal.h>

#include "lib/util.h"

/* Whether @name, of an archive, is one that can be put into a command. */
bool postgres_is_name(const char *name);

/*
 * Who is connected to @name: 0 nobody, or there is no such database; 1 with their names in @ret ("psql (4711),
 * wazo-confd (23)"); below zero after an error message.
 */
int postgres_clients(const char *name, char *ret, size_t size) _must_check_;

/*
 * Restores the dump at the beginning of the file @dump as database @name. @keep_system: tables about network and DHCP
 * are taken from the one that is there. Below zero after an error message; then everything is as it was. 1: done, but
 * @keep_system could not be done.
 */
int postgres_restore(const char *name, int dump, bool keep_system, const volatile sig_atomic_t *interrupted) _must_check_;

/* The platform's uuid, as table infos of @name has it: 0, or -ENOENT. */
int postgres_uuid(const char *name, char *ret, size_t size) _must_check_;
