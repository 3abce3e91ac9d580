/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/outbox.h"

#include <stdio.h>
#include <time.h>

/* ----- times ----- */

void outbox_stamp(char ret[OUTBOX_STAMP_SIZE]) {
        struct timespec ts;
        struct tm tm;
        size_t n;

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        (void) gmtime_r(&ts.tv_sec, &tm);
        n = strftime(ret, OUTBOX_STAMP_SIZE - 8, "%Y-%m-%d %H:%M:%S", &tm);
        (void) snprintf(ret + n, OUTBOX_STAMP_SIZE - n, ".%06d", (int) (ts.tv_nsec / 1000));
}

uint64_t outbox_parse_stamp(const char *stamp) {
        struct tm tm = {0};
        const char *rest = strptime(stamp, "%Y-%m-%d %H:%M:%S", &tm);
        uint64_t usec = 0;
        time_t seconds;

        if (!rest)
                return 0;
        if (*rest == '.') {
                uint64_t unit = 100000;

                for (rest++; *rest >= '0' && *rest <= '9' && unit > 0; rest++, unit /= 10)
                        usec += (uint64_t) (*rest - '0') * unit;
        }
        seconds = timegm(&tm);
        return seconds < 0 ? 0 : (uint64_t) seconds * NSEC_PER_SEC + usec * NSEC_PER_USEC;
}

uint64_t outbox_now(void) {
        return now_realtime() / NSEC_PER_MSEC;
}

/* ----- what is owed ----- */

struct reading {
        int (*row)(void *userdata, const struct outbox_row *row);
        void *userdata;
};

static const char *text(const struct db_value *v) {
        return v->type == DB_TEXT ? v->text : "";
}

static int read_row(void *userdata, const struct db_row *row) {
        const struct reading *reading = userdata;
        const struct db_value *v = row->values;

        return reading->row(reading->userdata, &(struct outbox_row) {
                                                       .id = v[0].integer,
                                                       .resource = text(&v[1]),
                                                       .name = text(&v[2]),
                                                       .routing_key = text(&v[3]),
                                                       .headers = text(&v[4]),
                                                       .payload = text(&v[5]),
                                                       .payload_size = v[5].type == DB_TEXT ? v[5].size : 0,
                                                       .tries = (unsigned) v[6].integer,
                                                       .next_try = v[7].type == DB_NULL ? 0 : (uint64_t) v[7].integer,
                                               });
}

int outbox_read(struct db *db, const char *kind, int64_t after, size_t limit, int (*row)(void *, const struct outbox_row *),
                void *userdata) {
        const struct db_value values[] = {db_text(kind), db_integer(after), db_integer((int64_t) limit)};
        struct reading reading = {.row = row, .userdata = userdata};

        return db_run(db,
                      "SELECT id, resource, name, routing_key, headers, payload, tries, next_try_at FROM outbox "
                      "WHERE kind = ? AND id > ? ORDER BY id LIMIT ?",
                      values, ELEMENTSOF(values), read_row, &reading, NULL);
}

static int take_integer(void *userdata, const struct db_row *row) {
        *(int64_t *) userdata = row->values[0].type == DB_NULL ? 0 : row->values[0].integer;
        return 0;
}

int outbox_keep_above(struct db *db, int64_t keep, int64_t *ret) {
        const struct db_value value = db_integer(keep);

        *ret = 0;
        return db_run(db, "SELECT id FROM outbox WHERE kind = 'event' ORDER BY id DESC LIMIT 1 OFFSET ?", &value, 1,
                      take_integer, ret, NULL);
}

/* ----- what becomes of it ----- */

static int remove_row(struct db *db, int64_t id) {
        const struct db_value value = db_integer(id);

        return db_run(db, "DELETE FROM outbox WHERE id = ?", &value, 1, NULL, NULL, NULL);
}

#define EVENT_COLUMNS "id, created_at, resource, name, routing_key, headers, payload"

int outbox_remove(struct db *db, int64_t id, bool keep, const char *published_at) {
        const struct db_value values[] = {db_text(published_at), db_integer((int64_t) outbox_now()), db_integer(id)};
        int r = 0;

        if (keep)
                r = db_run(db,
                           "INSERT INTO event_kept (" EVENT_COLUMNS ", published_at, kept_at) "
                           "SELECT " EVENT_COLUMNS ", ?, ? FROM outbox WHERE id = ? ON CONFLICT (id) DO NOTHING",
                           values, ELEMENTSOF(values), NULL, NULL, NULL);
        return r < 0 ? r : remove_row(db, id);
}

int outbox_remove_many(struct db *db, const char *kind, size_t limit, int64_t keep_above, int64_t *ret_n) {
        const struct db_value last[] = {db_text(kind), db_integer((int64_t) limit)};
        struct db_value keep[] = {db_integer((int64_t) outbox_now()), db_text(kind), db_integer(0), db_integer(keep_above)};
        struct db_value gone[] = {db_text(kind), db_integer(0)};
        int64_t up_to = 0;
        int r;

        r = db_run(db, "SELECT MAX(id) FROM (SELECT id FROM outbox WHERE kind = ? ORDER BY id LIMIT ?) AS first",
                   last, ELEMENTSOF(last), take_integer, &up_to, NULL);
        if (r < 0)
                return r;
        keep[2].integer = gone[1].integer = up_to;
        if (keep_above < up_to)
                r = db_run(db,
                           "INSERT INTO event_kept (" EVENT_COLUMNS ", published_at, kept_at) "
                           "SELECT " EVENT_COLUMNS ", NULL, ? FROM outbox "
                           "WHERE kind = ? AND id <= ? AND id > ? ON CONFLICT (id) DO NOTHING",
                           keep, ELEMENTSOF(keep), NULL, NULL, NULL);
        if (r < 0)
                return r;
        return db_run(db, "DELETE FROM outbox WHERE kind = ? AND id <= ?", gone, ELEMENTSOF(gone), NULL, NULL, ret_n);
}

int outbox_refuse(struct db *db, int64_t id, unsigned tries, const char *error, uint64_t next_try) {
        const struct db_value values[] = {db_integer(tries), db_text(error), db_integer((int64_t) next_try), db_integer(id)};

        return db_run(db, "UPDATE outbox SET tries = ?, error = ?, next_try_at = ? WHERE id = ?", values,
                      ELEMENTSOF(values), NULL, NULL, NULL);
}

int outbox_park(struct db *db, int64_t id, unsigned tries, const char *error) {
        struct db_value values[] = {db_integer(tries), db_text(error), db_null(), db_integer(id)};
        char stamp[OUTBOX_STAMP_SIZE];
        int r;

        outbox_stamp(stamp);
        values[2] = db_text(stamp);
        r = db_run(db,
                   "INSERT INTO outbox_parked (" EVENT_COLUMNS ", kind, tries, error, parked_at) "
                   "SELECT " EVENT_COLUMNS ", kind, ?, ?, ? FROM outbox WHERE id = ? ON CONFLICT (id) DO NOTHING",
                   values, ELEMENTSOF(values), NULL, NULL, NULL);
        return r < 0 ? r : remove_row(db, id);
}

/* ----- numbers ----- */

struct backlog {
        int64_t n;
        char *oldest;
};

static int take_count(void *userdata, const struct db_row *row) {
        ((struct backlog *) userdata)->n = row->values[0].integer;
        return 0;
}

static int take_oldest(void *userdata, const struct db_row *row) {
        (void) strcopy(((struct backlog *) userdata)->oldest, OUTBOX_STAMP_SIZE, text(&row->values[0]));
        return 0;
}

int outbox_backlog(struct db *db, const char *kind, int64_t *ret_n, char ret_oldest[OUTBOX_STAMP_SIZE]) {
        const struct db_value value = db_text(kind);
        char oldest[OUTBOX_STAMP_SIZE] = "";
        struct backlog backlog = {.oldest = oldest};
        int r;

        r = db_run(db, "SELECT COUNT(*) FROM outbox WHERE kind = ?", &value, 1, take_count, &backlog, NULL);
        if (r >= 0)
                r = db_run(db, "SELECT created_at FROM outbox WHERE kind = ? ORDER BY id LIMIT 1", &value, 1,
                           take_oldest, &backlog, NULL);
        if (r < 0)
                return r;
        *ret_n = backlog.n;
        (void) strcopy(ret_oldest, OUTBOX_STAMP_SIZE, oldest);
        return 0;
}

int outbox_purge(struct db *db, int64_t keep) {
        const struct db_value beyond = db_integer(keep);

        return db_run(
                db,
                "DELETE FROM event_kept WHERE id <= COALESCE((SELECT id FROM event_kept ORDER BY id DESC LIMIT 1 OFFSET ?), 0)",
                &beyond, 1, NULL, NULL, NULL);
}

int outbox_purge_old(struct db *db, uint64_t since) {
        const struct db_value older = db_integer((int64_t) since);

        return db_run(db, "DELETE FROM event_kept WHERE kept_at < ?", &older, 1, NULL, NULL, NULL);
}
