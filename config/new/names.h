/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The words of a new plugin or service, all made from its name.
 */
#pragma once

#include "lib/util.h"

#define NAMES_SIZE 80

struct names {
        char plugin[NAMES_SIZE]; /* call_note */
        char plural[NAMES_SIZE]; /* call_notes: its URL */
        char words[NAMES_SIZE];  /* call note */
        char model[NAMES_SIZE];  /* CallNote */
        char table[NAMES_SIZE];  /* billing_call_note: neither a word of SQL nor a table of another service */
        char api[NAMES_SIZE];    /* billing, of the service wazo-billing: its access rights, its name in /api/NAME */
};

/* NULL, or the rule that @name breaks. A plugin is a file, a table and a URL; a service a user, a unit and a package. */
const char *names_wrong_plugin(const char *name);
const char *names_wrong_service(const char *name);

/* Of names that are right. */
void names_make(struct names *n, const char *service, const char *plugin);
