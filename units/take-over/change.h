/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a take-over is made of: changes of the host, each of which can be made and undone, and made and undone again
 * when nobody knows whether it was. A change is a record of the journal.
 *
 *   aside    a file is renamed, so that nobody reads it: wanted is the link that may stand there instead, "-" for
 * none link     a symbolic link, or none: wanted is its target, or "-"; a file of this name is left alone keep     a
 * file is copied to wanted, for when its package goes owner    of a file: wanted is "UID:GID" stop     a unit that is
 * not ours: wanted is ours, which may have its name by now run      our unit is enabled and started, with the socket
 * unit wanted, or "-" nginx    the locations of a name, where they are enabled: wanted is the file of ours
 */
#pragma once

#include "units/take-over/journal.h"

#define CHANGE_ASIDE_SUFFIX ".wazo-suite.disabled"

/* The host: its files, and who runs its programs (see command_read()). */
struct site {
        const char *root; /* "" */
        int (*read)(const char *const *argv, unsigned seconds, char **ret);
};

/* Fills the record's "before": how it is now. */
int change_look(const struct site *site, struct journal_record *record) _must_check_;
int change_make(const struct site *site, const struct journal_record *record) _must_check_;
int change_undo(const struct site *site, const struct journal_record *record) _must_check_;

/* A line for people, in the words of a plan: "stop wazo-confd.service". */
void change_describe(const struct journal_record *record, char *to, size_t size);

