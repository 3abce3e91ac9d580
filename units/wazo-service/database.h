/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "lib/util.h"

/*
 * Prints whether the schema of Wazo's PostgreSQL database is of the version that is installed, as the first thing of "status": a
 * tab and OK, or NOK with the database's revision. A host without the suite's migrations has nothing to compare: OK.
 */
void database_print(void);
