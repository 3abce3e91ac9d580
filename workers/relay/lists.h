/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The relay's tables as the JSON of docs/relay.md: kept events, what is parked, and what an operator does with it. Errors are
 * those of the database.
 */
#pragma once

#include <jansson.h>

#include "lib/db.h"

#define LISTS_LIMIT_MAX 1000

/* {"events": [...], "first": .., "last": ..}: those after the id @after, or, when it is negative, the newest. */
int lists_events(struct db *db, int64_t after, int64_t limit, json_t **ret) _must_check_;
/* {"kept": .., "first": .., "last": ..} */
int lists_kept(struct db *db, json_t **ret) _must_check_;
/* {"parked": [...], "total": ..}, of outbox and inbox. */
int lists_parked(struct db *db, int64_t after, int64_t limit, json_t **ret) _must_check_;
int lists_parked_count(struct db *db, const char *kind, int64_t *ret) _must_check_;

/* A parked row of the outbox, or with @id 0 all of them, goes to the end of the outbox; or is gone. How many there were. */
int lists_retry(struct db *db, int64_t id, int64_t *ret_n) _must_check_;
int lists_drop(struct db *db, int64_t id, int64_t *ret_n) _must_check_;
int lists_drop_inbox(struct db *db, int64_t id, int64_t *ret_n) _must_check_;
