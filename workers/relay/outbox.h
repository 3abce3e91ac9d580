/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The outbox's tables in SQL: what is owed, in order; what becomes of it. Each call is one statement, or a few that belong
 * into one transaction, which is the caller's.
 */
#pragma once

#include "lib/db.h"

#define OUTBOX_EVENT "event"
#define OUTBOX_SYSCONFD "sysconfd"
#define OUTBOX_STAMP_SIZE 32

/* Borrowed, for the time of a callback. */
struct outbox_row {
        int64_t id;
        const char *resource, *name, *routing_key, *headers, *payload;
        size_t payload_size;
        unsigned tries;
        uint64_t next_try; /* CLOCK_REALTIME msec; 0: at once */
};

/* Rows of a kind with an id above @after, at most @limit, in order. A negative result of @row ends it and is returned. */
int outbox_read(struct db *db, const char *kind, int64_t after, size_t limit,
                int (*row)(void *userdata, const struct outbox_row *row), void *userdata) _must_check_;

/* Of the events there, the last @keep are above *ret. */
int outbox_keep_above(struct db *db, int64_t keep, int64_t *ret) _must_check_;

/* The row is done with. With @keep it goes to the kept events, published @published_at (NULL: not at all). */
int outbox_remove(struct db *db, int64_t id, bool keep, const char *published_at) _must_check_;

/* All rows of a kind, at most @limit of the first: how many. They are kept when their id is above @keep_above, else gone. */
int outbox_remove_many(struct db *db, const char *kind, size_t limit, int64_t keep_above, int64_t *ret_n) _must_check_;

/* It was refused, and is tried again at @next_try (CLOCK_REALTIME msec). */
int outbox_refuse(struct db *db, int64_t id, unsigned tries, const char *error, uint64_t next_try) _must_check_;
/* It is given up. */
int outbox_park(struct db *db, int64_t id, unsigned tries, const char *error) _must_check_;

/* How many rows of a kind there are, and when the oldest was written ("" without any). */
int outbox_backlog(struct db *db, const char *kind, int64_t *ret_n, char ret_oldest[OUTBOX_STAMP_SIZE]) _must_check_;

/* Of the kept events only the last @keep stay. It reads them all: not for every event. */
int outbox_purge(struct db *db, int64_t keep) _must_check_;
/* ... and none from before @since (CLOCK_REALTIME msec). */
int outbox_purge_old(struct db *db, uint64_t since) _must_check_;

/* Now, as the tables have it: 2026-01-02 03:04:05.678901, UTC. */
void outbox_stamp(char ret[OUTBOX_STAMP_SIZE]);
/* Such a time in CLOCK_REALTIME nsec; 0 when it is none. */
uint64_t outbox_parse_stamp(const char *stamp);
/* CLOCK_REALTIME, in milliseconds. */
uint64_t outbox_now(void);
