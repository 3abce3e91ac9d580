/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known of an archive once it was read to its end, and whether it may be restored here.
 */
#pragma once

#include "backup/inspect.h"
#include "backup/lists.h"
#include "backup/restore.h"

struct judgement {
        const struct restore_request *request;
        int fd, root_fd; /* the archive, and where it is to be restored */
        const struct lists *lists;
        struct inspection found;
        struct index_origin host;
        bool keep_system;  /* what says which host this is stays as it is */
        char **databases;  /* paths of SQLite databases in the archive */
        size_t n_databases;
        uint64_t growth;   /* by how much files become larger, or are new, in bytes */
        uint64_t largest;  /* of its files: it is beside the old one for a while */
};

/* Fills in what is below @lists. 0: it may be restored. Below zero after an error message. judgement_done() in either case. */
int judge(struct judgement *j) _must_check_;
void judgement_done(struct judgement *j);

/* Why the member at @path is left as the host has it; NULL: it is restored. */
const char *judgement_kept(const struct judgement *j, const char *path);

/* Whether an SQLite database of the archive is at @path. */
bool judgement_is_database(const struct judgement *j, const char *path);

/* Whether the member at @path belongs to PostgreSQL; of which database it is the dump, NULL when no service has such a one. */
bool judgement_is_dump(const char *path);
const char *judgement_database(const struct judgement *j, const char *path);

/* Whether there is a PostgreSQL to restore to. */
bool judgement_has_postgresql(const struct judgement *j);
