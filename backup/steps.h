/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is left to do once files or a database are restored: each step is done, or said to whoever restores.
 */
#pragma once

#include "backup/index.h"

struct steps_request {
        enum index_type type;
        const char *root; /* "" for this host */
        int root_fd;
        bool dry_run, keep_system;
        const char *database; /* where table infos is; NULL: there is none */
};

/* How many steps could not be done. */
unsigned steps_run(const struct steps_request *request);

/*
 * system.conf as it is to be: in DefaultEnvironment of @old, XIVO_UUID is @uuid, and the rest stays. Freed by the
 * caller; NULL when out of memory.
 */
char *steps_set_uuid(const char *old, const char *uuid);
