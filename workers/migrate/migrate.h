/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Migrations: numbered files of SQL, 001-name.sql, each applied once, in a transaction of its own, in the order of their
 * numbers; table wazo_migration knows which.
 */
#pragma once

#include "lib/db.h"

/* Where the server's uuid came from. */
enum migrate_uuid { MIGRATE_UUID_ENVIRONMENT, MIGRATE_UUID_KEPT, MIGRATE_UUID_GENERATED };

/*
 * Applies what is missing of @dir, then sees to it that table infos has its row, of this uuid and version. @uuid: XIVO_UUID, or
 * NULL: the table's, else a new one. Returns how many were applied, and the uuid with where it came from; -EBADMSG for a
 * directory with two files of one number or a gap, -ENOTUNIQ for a database that is newer than the directory; @error then has a
 * sentence for people, as for every error.
 */
int migrate_all(struct db *db, const char *dir, const char *uuid, const char *version, char ret_uuid[64],
                enum migrate_uuid *ret_source, char *error, size_t error_size) _must_check_;

/*
 * The same for a plugin's own tables (struct wazo_plugin, .migrations): @scripts, ended by NULL, are numbered from 1 in table
 * wazo_plugin_migration. Returns how many were applied. -ENOTUNIQ for a database that knows more of them.
 */
int migrate_plugin(struct db *db, const char *plugin, const char *const *scripts, char *error, size_t error_size) _must_check_;
