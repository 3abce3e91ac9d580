/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The database interface and its SQLite driver. */
#include <check.h>
#include <stdio.h>
#include <sys/wait.h>

#include "lib/db.h"
#include "tests/unit/run.h"

static const struct db_driver *driver;
static char dir[64], uri[128], error[256];
static struct db *db;

static struct db *open_another(void) {
        struct db *other;

        ck_assert_int_eq(db_open(driver, uri, &other, error, sizeof(error)), 0);
        return other;
}

static void setup(void) {
        (void) strcopy(dir, sizeof(dir), "/tmp/wazo-db-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        (void) snprintf(uri, sizeof(uri), "sqlite://%s/t.sqlite?mode=rwc", dir);
        ck_assert_int_eq(db_load(getenv("WAZO_TEST_DRIVERS"), uri, &driver, error, sizeof(error)), 0);
        db = open_another();
        ck_assert_int_eq(db_script(db, "CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, flag BOOLEAN, ratio REAL);"
                                       "CREATE TABLE c (p INTEGER NOT NULL REFERENCES p (id), n INTEGER CHECK (n > 0))"),
                         0);
}

static void teardown(void) {
        char command[128];

        db = db_close(db);
        driver->idle();
        (void) snprintf(command, sizeof(command), "rm -r '%s'", dir);
        ck_assert_int_eq(system(command), 0);
}

struct seen {
        int rows, stop_at;
        struct db_value last[8];
        char text[64];
};

static int see(void *userdata, const struct db_row *row) {
        struct seen *seen = userdata;

        seen->rows++;
        for (size_t i = 0; i < row->n && i < ELEMENTSOF(seen->last); i++) {
                seen->last[i] = row->values[i];
                if (row->values[i].type == DB_TEXT)
                        (void) strcopy(seen->text, sizeof(seen->text), row->values[i].text);
        }
        return seen->stop_at && seen->rows >= seen->stop_at ? -ECANCELED : 0;
}

static int run(const char *sql, struct seen *seen) {
        return db_run(db, sql, NULL, 0, seen ? see : NULL, seen, NULL);
}

START_TEST(values_of_all_types) {
        const struct db_value in[] = {db_text("Ünï'; DROP TABLE p; --"), db_boolean(true), db_real(2.5)};
        struct seen seen = {0};
        int64_t changes = 0;

        ck_assert_int_eq(db_run(db, "INSERT INTO p (name, flag, ratio) VALUES (?, ?, ?) RETURNING id", in, 3, see,
                                &seen, &changes),
                         0);
        ck_assert_int_eq(seen.last[0].integer, 1);
        ck_assert_int_eq(changes, 1);
        ck_assert_int_eq(run("SELECT name, flag, ratio, NULL, id FROM p", &seen), 0);
        ck_assert_str_eq(seen.text, "Ünï'; DROP TABLE p; --");
        ck_assert_int_eq(seen.last[1].type, DB_BOOLEAN);
        ck_assert_int_eq(seen.last[2].type, DB_REAL);
        ck_assert_int_eq(seen.last[3].type, DB_NULL);
        ck_assert_int_eq(seen.last[4].type, DB_INTEGER);
        /* NULL is not the empty text. */
        ck_assert_int_eq(db_run(db, "INSERT INTO p (name) VALUES (?)", (struct db_value[]) {db_text(NULL)}, 1, NULL,
                                NULL, NULL),
                         0);
        ck_assert_int_eq(db_run(db, "UPDATE p SET flag = ?", (struct db_value[]) {db_boolean(false)}, 1, NULL, NULL, &changes), 0);
        ck_assert_int_eq(changes, 2);
        ck_assert_int_eq(db_run(db, "SELECT 1", NULL, 0, NULL, NULL, &changes), 0);
        ck_assert_int_eq(changes, 0);
}
END_TEST

START_TEST(errors) {
        ck_assert_int_eq(run("INSERT INTO p (name) VALUES ('a')", NULL), 0);
        ck_assert_int_eq(run("INSERT INTO p (name) VALUES ('a')", NULL), -EEXIST);
        ck_assert_ptr_nonnull(strstr(db_error(db), "p.name"));
        ck_assert_int_eq(run("INSERT INTO c VALUES (7, 1)", NULL), -ENOLINK);
        ck_assert_int_eq(run("INSERT INTO c VALUES (1, 0)", NULL), -EINVAL);
        ck_assert_int_eq(run("SELECT nonsense FROM p", NULL), -EINVAL);
        ck_assert_int_eq(run("SELECT ?", NULL), -EINVAL);
        ck_assert_int_eq(db_load("/nowhere", "mysql://x", &driver, error, sizeof(error)), -EPROTONOSUPPORT);
        ck_assert_int_eq(db_load("/nowhere", "postgresql://x", &driver, error, sizeof(error)), -ELIBBAD);
        ck_assert_ptr_nonnull(strstr(error, "/nowhere/db-postgresql.so"));
}
END_TEST

START_TEST(a_missing_file_is_not_made) {
        struct db *other;

        ck_assert_int_eq(db_open(driver, "sqlite:///nowhere/x.sqlite", &other, error, sizeof(error)), -ENOENT);
        ck_assert_ptr_nonnull(strstr(error, "/nowhere/x.sqlite"));
}
END_TEST

START_TEST(no_database) {
        char path[128];
        struct db *other;
        FILE *f;

        (void) snprintf(path, sizeof(path), "%s/garbage", dir);
        f = fopen(path, "w");
        for (int i = 0; i < 100; i++)
                (void) fputs("this is not a database at all. ", f);
        (void) fclose(f);
        (void) snprintf(path, sizeof(path), "sqlite://%s/garbage", dir);
        ck_assert_int_eq(db_open(driver, path, &other, error, sizeof(error)), -EUCLEAN);
}
END_TEST

START_TEST(transactions) {
        struct seen seen = {0};

        ck_assert_int_eq(db_begin(db, true), 0);
        ck_assert_int_eq(run("INSERT INTO p (name) VALUES ('a')", NULL), 0);
        db_rollback(db);
        db_rollback(db);
        ck_assert_int_eq(run("SELECT * FROM p", &seen), 0);
        ck_assert_int_eq(seen.rows, 0);
        ck_assert_int_eq(db_begin(db, true), 0);
        ck_assert_int_eq(run("INSERT INTO p (name) VALUES ('a')", NULL), 0);
        ck_assert_int_eq(db_commit(db), 0);
        ck_assert_int_eq(run("SELECT * FROM p", &seen), 0);
        ck_assert_int_eq(seen.rows, 1);
}
END_TEST

START_TEST(a_row_stops_the_statement) {
        struct seen seen = {.stop_at = 2};

        ck_assert_int_eq(run("INSERT INTO p (name) VALUES ('a'), ('b'), ('c')", NULL), 0);
        ck_assert_int_eq(run("SELECT * FROM p", &seen), -ECANCELED);
        ck_assert_int_eq(seen.rows, 2);
        seen.stop_at = 0;
        ck_assert_int_eq(run("SELECT * FROM p", &seen), 0);
        ck_assert_int_eq(seen.rows, 5);
}
END_TEST

START_TEST(locks_end_at_their_deadline) {
        struct db *other = open_another();
        uint64_t start = now_monotonic(), took;

        ck_assert_int_eq(db_begin(db, true), 0);
        other->lock_deadline = start + 100 * NSEC_PER_MSEC;
        ck_assert_int_eq(db_begin(other, true), -EBUSY);
        took = now_monotonic() - start;
        ck_assert_uint_ge(took, 95 * NSEC_PER_MSEC);
        ck_assert_uint_le(took, 20 * NSEC_PER_SEC);
        /* Readers do not wait for it. */
        ck_assert_int_eq(db_begin(other, false), 0);
        ck_assert_int_eq(db_run(other, "SELECT * FROM p", NULL, 0, NULL, NULL, NULL), 0);
        ck_assert_int_eq(db_commit(other), 0);
        ck_assert_int_eq(db_commit(db), 0);
        ck_assert_int_eq(db_begin(other, true), 0);
        db_close(other); /* rolls back */
        ck_assert_int_eq(db_begin(db, true), 0);
        db_rollback(db);
}
END_TEST

START_TEST(statements_end_at_their_deadline) {
        db->deadline = now_monotonic() + 50 * NSEC_PER_MSEC;
        ck_assert_int_eq(run("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n",
                             NULL),
                         -ETIMEDOUT);
        db->deadline = NSEC_NEVER;
        ck_assert_int_eq(run("SELECT 1", NULL), 0);
}
END_TEST

/* Four processes, each writing: all of it is there, and nobody waited for long. */
START_TEST(writers_compete) {
        struct seen seen = {0};

        for (int child = 0; child < 4; child++) {
                pid_t pid = fork();

                ck_assert_int_ge(pid, 0);
                if (pid == 0) {
                        struct db *own;
                        bool ok = db_open(driver, uri, &own, error, sizeof(error)) == 0;

                        for (int i = 0; ok && i < 50; i++) {
                                own->lock_deadline = now_monotonic() + 20 * NSEC_PER_SEC;
                                ok = db_begin(own, true) == 0
                                     && db_run(own, "INSERT INTO p (flag) VALUES (true)", NULL, 0, NULL, NULL, NULL) == 0
                                     && db_commit(own) == 0;
                        }
                        _exit(ok ? 0 : 1);
                }
        }
        for (int child = 0; child < 4; child++) {
                int status;

                ck_assert_int_gt(wait(&status), 0);
                ck_assert_int_eq(status, 0);
        }
        ck_assert_int_eq(run("SELECT * FROM p", &seen), 0);
        ck_assert_int_eq(seen.rows, 200);
}
END_TEST

START_TEST(many_statements) {
        char sql[64];

        for (int round = 0; round < 3; round++)
                for (int i = 0; i < 60; i++) {
                        struct seen seen = {0};

                        (void) snprintf(sql, sizeof(sql), "SELECT %d", i);
                        ck_assert_int_eq(run(sql, &seen), 0);
                        ck_assert_int_eq(seen.last[0].integer, i);
                }
}
END_TEST

static int64_t cached_kib(void) {
        struct seen seen = {0};

        ck_assert_int_eq(run("PRAGMA cache_size", &seen), 0);
        return -seen.last[0].integer;
}

START_TEST(little_is_kept_unless_more_is_wanted) {
        ck_assert_int_eq(cached_kib(), 32);
        db = db_close(db);
        driver->idle();
        driver->prepare(256 * 1024);
        db = open_another();
        ck_assert_int_eq(cached_kib(), 256);
}
END_TEST

/* More than is kept, in a transaction, with the statements given back in the middle of it, and the library's memory beside it. */
START_TEST(what_is_given_back_is_not_in_use) {
        struct db *other = open_another();
        struct seen seen = {0};

        ck_assert_int_eq(db_begin(db, true), 0);
        for (int i = 0; i < 4000; i++) {
                ck_assert_int_eq(run("INSERT INTO p (name) VALUES (hex(randomblob(100)))", NULL), 0);
                if (i % 1000 == 0)
                        db_trim(db);
                if (i == 2000) {
                        other = db_close(other);
                        driver->idle();
                }
        }
        ck_assert_int_eq(db_commit(db), 0);
        db_trim(db);
        db_trim(db);
        ck_assert_int_eq(run("SELECT count(*) FROM p WHERE length(name) = 200", &seen), 0);
        ck_assert_int_eq(seen.last[0].integer, 4000);
        ck_assert_int_eq(run("PRAGMA integrity_check", &seen), 0);
        ck_assert_str_eq(seen.text, "ok");
}
END_TEST

START_TEST(functions) {
        struct seen seen = {0};

        ck_assert_int_eq(run("SELECT fold('ÉLOÏSE') || unaccent('É') || COALESCE(fold(NULL), 'x')", &seen), 0);
        ck_assert_str_eq(seen.text, "eloiseEx");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("db");
        TCase *tc = tcase_create("sqlite");

        tcase_set_timeout(tc, 60);
        tcase_add_checked_fixture(tc, setup, teardown);
        tcase_add_test(tc, values_of_all_types);
        tcase_add_test(tc, errors);
        tcase_add_test(tc, a_missing_file_is_not_made);
        tcase_add_test(tc, no_database);
        tcase_add_test(tc, transactions);
        tcase_add_test(tc, a_row_stops_the_statement);
        tcase_add_test(tc, locks_end_at_their_deadline);
        tcase_add_test(tc, statements_end_at_their_deadline);
        tcase_add_test(tc, writers_compete);
        tcase_add_test(tc, many_statements);
        tcase_add_test(tc, little_is_kept_unless_more_is_wanted);
        tcase_add_test(tc, what_is_given_back_is_not_in_use);
        tcase_add_test(tc, functions);
        suite_add_tcase(suite, tc);
        return check_run(suite);
}
