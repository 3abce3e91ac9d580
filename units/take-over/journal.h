/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The journal of a take-over: what is about to be changed and how it was before, written and synced before each change. From it an
 * interrupted take-over is continued or undone, and a finished one is given back.
 *
 * A line a record, tabs between its fields; a line that was cut off by a crash is of a change that was not begun.
 */
#pragma once

#include "lib/util.h"

#define JOURNAL_RECORDS_MAX 64
#define JOURNAL_FIELD_MAX 512

enum journal_phase {
        JOURNAL_NONE,   /* nothing is taken over */
        JOURNAL_TAKING, /* a take-over was begun, and is not finished */
        JOURNAL_TAKEN,
        JOURNAL_GIVING, /* a give-back likewise */
};

struct journal_record {
        char what[24];
        char path[JOURNAL_FIELD_MAX];
        char wanted[JOURNAL_FIELD_MAX]; /* how it is to be */
        char before[JOURNAL_FIELD_MAX]; /* how it was */
};

struct journal {
        char dir[JOURNAL_FIELD_MAX];
        int dir_fd, fd;
        enum journal_phase phase;
        struct journal_record *records; /* in the order of the changes */
        size_t n;
};

#define JOURNAL_NULL ((struct journal) {.dir_fd = -1, .fd = -1})

/*
 * Reads the journal in @dir, which is made when @write, and then locked for as long as the journal is open: -EBUSY
 * when somebody else has it. One that is not there is JOURNAL_NONE. -EBADMSG: it is not one of this version.
 */
int journal_open(const char *dir, bool write, struct journal *ret) _must_check_;
void journal_done(struct journal *j);

/* Both are on the disk when they return. No field may have a tab or a newline: -EINVAL. */
int journal_set_phase(struct journal *j, enum journal_phase phase) _must_check_;
int journal_add(struct journal *j, const struct journal_record *record) _must_check_;

/* NULL when there is none. */
const struct journal_record *journal_find(const struct journal *j, const char *what, const char *path);

/* Nothing is taken over any more: the journal goes, and its directory when it is empty. */
int journal_end(struct journal *j) _must_check_;
