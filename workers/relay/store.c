/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/store.h"

#include <malloc.h>
#include <stdio.h>

#include "lib/log.h"
#include "lib/pages.h"

/* Of the database: a backlog of the outbox is read through. */
#define CACHE (256 * 1024)

static int failed(struct store *s, int r, const char *why) {
        if (r == -EBUSY || r == -ENOMEM)
                return r;
        if (!*s->failure)
                log_error("the database: %s", why);
        (void) strcopy(s->failure, sizeof(s->failure), why);
        return r;
}

static void recovered(struct store *s) {
        if (*s->failure)
                log_info("the database can be used again");
        *s->failure = 0;
}

int store_open(struct store *s, struct db **ret) {
        char error[256] = "";
        int r = 0;

        if (!s->db) {
                if (!s->driver) {
                        r = db_load(s->driver_dir, s->uri, &s->driver, error, sizeof(error));
                        if (r >= 0)
                                s->driver->prepare(CACHE);
                }
                if (r >= 0)
                        r = db_open(s->driver, s->uri, &s->db, error, sizeof(error));
                if (r < 0)
                        return failed(s, r, *error ? error : strerror(-r));
                /* What a power cut takes from us is that a row was sent: it is sent again. Whoever wrote the row has waited for
                 * the disk. */
                if (db_dialect(s->db) == DB_SQLITE && (r = db_script(s->db, "PRAGMA synchronous = NORMAL")) < 0)
                        return failed(s, r, db_error(s->db));
        }
        s->used = now_monotonic();
        s->db->deadline = NSEC_NEVER;
        s->db->lock_deadline = 0;
        *ret = s->db;
        return 0;
}

int store_begin(struct store *s, struct db **ret) {
        struct db *db;
        int r = store_open(s, &db);

        if (r >= 0) {
                r = db_begin(db, true);
                if (r < 0)
                        return store_result(s, r);
                *ret = db;
        }
        return r;
}

int store_result(struct store *s, int r) {
        if (r >= 0)
                recovered(s);
        else if (s->db) {
                r = failed(s, r, *db_error(s->db) ? db_error(s->db) : strerror(-r));
                /* Whatever is wrong with it, another connection is the better one to find out. */
                if (r != -EBUSY && r != -ENOMEM)
                        s->db = db_close(s->db);
        }
        return r;
}

int store_end(struct store *s, int r) {
        if (r >= 0) {
                int committed = db_commit(s->db);

                r = committed < 0 ? committed : r;
        }
        if (r < 0) {
                char why[sizeof(s->db->error)];

                /* The rollback may have words of its own. */
                (void) strcopy(why, sizeof(why), db_error(s->db));
                db_rollback(s->db);
                (void) strcopy(s->db->error, sizeof(s->db->error), why);
        }
        return store_result(s, r);
}

bool store_rest(struct store *s, uint64_t idle_nsec) {
        if (s->db && now_monotonic() - s->used >= idle_nsec) {
                s->db = db_close(s->db);
                s->driver->idle();
                (void) malloc_trim(0);
                pages_give_back();
        }
        return s->db != NULL;
}

void store_done(struct store *s) {
        s->db = db_close(s->db);
}
