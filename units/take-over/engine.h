/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Makes and undoes changes by the journal, so that a crash at any moment leaves a host that can be brought to either end.
 */
#pragma once

#include "units/take-over/steps.h"

/* Told of each change that was made (@verb "") or undone, and what came of it. */
typedef void engine_tell(const char *verb, const struct journal_record *record, int error);

/*
 * Makes what the journal has, and then those of @steps that it has not. 0: all is made, the phase is TAKEN. When one
 * fails, those before it are undone, and its error is returned; the phase is NONE then, or GIVING when one could not
 * be undone. @tell may be NULL.
 */
int engine_take(const struct site *site, struct journal *j, const struct steps *steps, engine_tell *tell) _must_check_;

/* Undoes all, the last first, whatever fails in between. 0: the journal is gone. Else the first error; the phase stays GIVING. */
int engine_give(const struct site *site, struct journal *j, engine_tell *tell) _must_check_;

/*
 * Makes all once more, after a package has brought back files of its own or taken away others. @purged: the package
 * of the other daemon has gone for good, so that its files are not kept for it any longer. The first error.
 */
int engine_settle(const struct site *site, const struct journal *j, bool purged) _must_check_;
