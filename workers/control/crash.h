/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Crash records: one JSON file a death, <dir>/<worker>/<wall clock>-<generation>.json, the newest few a worker. They are
 * what an operator reads with `wazo-suite why` long after the process is gone; the type Crash of the interface.
 */
#pragma once

#include <jansson.h>

#include "workers/control/model.h"

#define CRASH_KEEP_DEFAULT 10
#define CRASH_KEEP_MAX 1000
/* Of a file read back; ours are under a quarter of it. */
#define CRASH_FILE_MAX (64U * 1024)

struct crash_store {
        int dir; /* -1 when there is none: nothing is written, nothing found */
        unsigned keep;
};

/* Makes the directory when it is missing, but not its parents. An error leaves a store without a directory. */
int crash_store_open(struct crash_store *s, const char *dir, unsigned keep) _must_check_;
void crash_store_done(struct crash_store *s);

/* The record of @death; @log is the text of its ring, or NULL. A new reference, or NULL when
 * out of memory. */
json_t *crash_record(const struct model *m, const struct wire_death *death, const char *log);
/* -EBADMSG for a death that breaks the contract. */
int crash_check(const struct wire_death *death) _must_check_;

/* Writes the record, whole or not at all, and removes the worker's oldest. */
int crash_store_write(struct crash_store *s, const struct wire_death *death, const json_t *record) _must_check_;

/* The newest @limit records of one worker, newest first, appended to @records. Files that hold no record are passed over. */
int crash_store_read(const struct crash_store *s, const char *worker, size_t limit, json_t *records) _must_check_;

/* The newest record of each worker that has one, newest first, at most @limit. A new reference, or NULL when out of memory. */
json_t *crash_store_newest(const struct crash_store *s, size_t limit);

/* Whether there is a record of this worker. */
bool crash_store_has(const struct crash_store *s, const char *worker);
