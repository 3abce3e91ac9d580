/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One thin interface to a database; drivers are loaded by need, so that a process which never opens one pays for none.
 *
 * Statements are portable SQL with "?" for values, which are always bound. Uuids and timestamps are made by the caller; what
 * the database makes is read with RETURNING. A connection belongs to one process and is never carried over a fork.
 *
 * Errors: -EEXIST a unique constraint, -ENOLINK a foreign key, -EINVAL another constraint or a statement that is wrong,
 * -EBUSY a lock that was not had in time, -ETIMEDOUT a statement past the deadline, -ENOTCONN a lost connection, -ENOSPC,
 * -EROFS, -EIO, -EUCLEAN (not a database, or a broken one), -ENOMEM. db_error() has the text.
 */
#pragma once

#include "lib/util.h"

#define DB_DRIVER_ABI 2
#define DB_COLUMNS_MAX 96

enum db_dialect { DB_SQLITE, DB_POSTGRESQL };

enum db_type { DB_NULL, DB_INTEGER, DB_REAL, DB_TEXT, DB_BOOLEAN };

struct db_value {
        enum db_type type;
        int64_t integer; /* DB_INTEGER, DB_BOOLEAN */
        double real;
        const char *text; /* UTF-8 with a NUL behind it */
        size_t size;      /* of text, without the NUL */
};

static inline struct db_value db_null(void) {
        return (struct db_value) {.type = DB_NULL};
}

static inline struct db_value db_integer(int64_t value) {
        return (struct db_value) {.type = DB_INTEGER, .integer = value};
}

static inline struct db_value db_boolean(bool value) {
        return (struct db_value) {.type = DB_BOOLEAN, .integer = value};
}

static inline struct db_value db_real(double value) {
        return (struct db_value) {.type = DB_REAL, .real = value};
}

/* NULL is SQL's NULL. */
static inline struct db_value db_text(const char *text) {
        return text ? (struct db_value) {.type = DB_TEXT, .text = text, .size = strlen(text)} : db_null();
}

/* One row of an answer; valid during the callback only. */
struct db_row {
        size_t n;
        const char *const *names;
        const struct db_value *values;
};

struct db_driver;

/* What every connection begins with: drivers embed it. */
struct db {
        const struct db_driver *driver;
        uint64_t deadline;      /* CLOCK_MONOTONIC nsec: statements are interrupted past it; NSEC_NEVER: none */
        uint64_t lock_deadline; /* a lock is not waited for past it */
        char error[256];
};

struct db_driver {
        unsigned abi;
        const char *name;
        enum db_dialect dialect;
        int (*open)(const char *uri, struct db **ret, char *error, size_t error_size);
        void (*close)(struct db *db);
        int (*begin)(struct db *db, bool write);
        int (*commit)(struct db *db);
        void (*rollback)(struct db *db);
        int (*run)(struct db *db, const char *sql, const struct db_value *values, size_t n_values,
                   int (*row)(void *userdata, const struct db_row *row), void *userdata, int64_t *ret_changes);
        /* Many statements at once, without values: migrations. */
        int (*script)(struct db *db, const char *sql);
        /* Gives back what the connection keeps only to be quicker. */
        void (*trim)(struct db *db);
        /* No connection is open for now: gives the library's memory back. */
        void (*idle)(void);
        /* Before the first connection, by who needs it: how many bytes of the database each one keeps; 32 KiB by default. */
        void (*prepare)(size_t cache);
};

/*
 * Loads <driver_dir>/db-<scheme>.so by the URI's scheme, once. Opens nothing. -EPROTONOSUPPORT for an unknown scheme,
 * -ELIBBAD when it cannot be loaded; @error then has a sentence for people.
 */
int db_load(const char *driver_dir, const char *uri, const struct db_driver **ret, char *error, size_t error_size) _must_check_;

/* sqlite:///absolute/path, or sqlite://:memory: for tests. @error as above. */
int db_open(const struct db_driver *driver, const char *uri, struct db **ret, char *error, size_t error_size) _must_check_;
/* Accepts NULL. A transaction that is open is rolled back. Returns NULL. */
struct db *db_close(struct db *db);

/* Nothing will be asked for a moment: gives back the statements that are kept prepared. The next ones are prepared again. */
void db_trim(struct db *db);

/* A write transaction takes its lock at once and waits for it until lock_deadline. */
int db_begin(struct db *db, bool write) _must_check_;
int db_commit(struct db *db) _must_check_;
void db_rollback(struct db *db);

/*
 * Runs one statement. @row is called for each row of the answer, and stops the statement with a negative errno, which is
 * returned; NULL: rows are not looked at. *ret_changes, unless NULL: how many rows it inserted, updated or deleted.
 */
int db_run(struct db *db, const char *sql, const struct db_value *values, size_t n_values,
           int (*row)(void *userdata, const struct db_row *row), void *userdata, int64_t *ret_changes) _must_check_;
int db_script(struct db *db, const char *sql) _must_check_;

static inline const char *db_error(const struct db *db) {
        return db->error;
}

static inline enum db_dialect db_dialect(const struct db *db) {
        return db->driver->dialect;
}
