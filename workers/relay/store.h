/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The relay's connection to the service's database. It opens at first use and closes when it was not used for a while; no
 * lock is ever waited for: what finds one gets -EBUSY, and comes again on a timer, so that the loop never stalls.
 */
#pragma once

#include "lib/db.h"

/* After a lock or an error: how long to wait before the next try. */
#define STORE_BUSY_MSEC 5
#define STORE_FAILED_MSEC 1000

struct store {
        const char *uri, *driver_dir; /* borrowed */
        const struct db_driver *driver;
        struct db *db;
        uint64_t used;    /* CLOCK_MONOTONIC nsec of the last use */
        char failure[256]; /* why it cannot be used, "" while it can */
};

/* The connection, opened when it is not. An error other than -ENOMEM is logged, once until it goes well again. */
int store_open(struct store *s, struct db **ret) _must_check_;

/* The same, with a transaction that writes: to be ended by store_end(). -EBUSY: somebody else writes. */
int store_begin(struct store *s, struct db **ret) _must_check_;

/* Commits when @r is not negative, else rolls back. Returns @r, or why the commit failed. What is no lock is logged. */
int store_end(struct store *s, int r) _must_check_;

/* For statements without a transaction of their own: notes and logs an error as store_end() does. Returns @r. */
int store_result(struct store *s, int r);

/* Closes it when it was not used since @idle_nsec ago. Whether it is open still. */
bool store_rest(struct store *s, uint64_t idle_nsec);
void store_done(struct store *s);

/* How long to wait after @r: STORE_BUSY_MSEC for -EBUSY. */
static inline uint64_t store_wait_msec(int r) {
        return r == -EBUSY ? STORE_BUSY_MSEC : STORE_FAILED_MSEC;
}
