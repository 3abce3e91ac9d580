/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/inbox.h"

#include <stdio.h>

#include "lib/mask.h"

/* Of a payload that is no text: what it looks like is enough. */
#define TEXT_MAX (64U * 1024)

static const char *stamp(char *ret, size_t size) {
        uint64_t now = now_realtime();
        time_t seconds = (time_t) (now / NSEC_PER_SEC);
        struct tm tm;
        size_t n;

        (void) gmtime_r(&seconds, &tm);
        n = strftime(ret, size, "%Y-%m-%d %H:%M:%S", &tm);
        (void) snprintf(ret + n, size - n, ".%06u", (unsigned) (now % NSEC_PER_SEC / NSEC_PER_USEC));
        return ret;
}

/* A table's text is UTF-8, whatever came. */
static char *as_text(const char *payload, size_t size) {
        json_t *valid = json_stringn(payload, size);

        json_decref(valid);
        return valid ? strndup(payload, size) : mask_line(payload, MIN(size, TEXT_MAX));
}

static int insert(struct db *db, const char *plugin, const struct event *e, const char *payload, unsigned tries,
                  const char *error) {
        char now[64];
        const struct db_value values[] = {
                db_text(stamp(now, sizeof(now))), db_text(plugin), db_text(e->name), db_text(e->message_id),
                db_text(e->routing_key), db_text(e->headers),
                db_text(payload), db_integer(tries), db_text(error),
        };
        const struct db_value room = db_integer(INBOX_PARKED_MAX);
        int r;

        r = db_run(db,
                   "INSERT INTO inbox_parked (parked_at, plugin, name, message_id, routing_key, headers, payload, tries, error) "
                   "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   values, ELEMENTSOF(values), NULL, NULL, NULL);
        if (r < 0)
                return r;
        return db_run(db, "DELETE FROM inbox_parked WHERE id <= (SELECT MAX(id) FROM inbox_parked) - ?", &room, 1,
                      NULL, NULL, NULL);
}

static int update(struct db *db, int64_t id, unsigned tries, const char *error) {
        const struct db_value values[] = {db_integer(tries), db_text(error), db_integer(id)};

        return db_run(db, "UPDATE inbox_parked SET tries = tries + ?, error = ? WHERE id = ?", values,
                      ELEMENTSOF(values), NULL, NULL, NULL);
}

int inbox_park(struct store *store, const char *plugin, const struct event *e, unsigned tries, const char *error) {
        _cleanup_free_ char *payload = as_text(e->payload, e->size), *text = mask_line(error, strlen(error));
        struct db *db;
        int r;

        if (!payload || !text)
                return -ENOMEM;
        r = store_begin(store, &db);
        if (r < 0)
                return r;
        r = e->parked_id ? update(db, e->parked_id, tries, text) : insert(db, plugin, e, payload, tries, text);
        return store_end(store, r);
}

int inbox_delete(struct store *store, int64_t id) {
        const struct db_value value = db_integer(id);
        struct db *db;
        int r = store_begin(store, &db);

        if (r < 0)
                return r;
        return store_end(store, db_run(db, "DELETE FROM inbox_parked WHERE id = ?", &value, 1, NULL, NULL, NULL));
}

struct reading {
        int64_t id;
        char *plugin;
        struct event *event;
};

static int on_row(void *userdata, const struct db_row *row) {
        struct reading *reading = userdata;
        const char *text[6];
        int r;

        for (size_t i = 0; i < ELEMENTSOF(text); i++)
                text[i] = row->values[i].type == DB_TEXT ? row->values[i].text : "";
        reading->plugin = strdup(text[0]);
        if (!reading->plugin)
                return -ENOMEM;
        r = event_new(text[1], text[2], text[3], text[4], text[5], strlen(text[5]), &reading->event);
        if (r >= 0)
                reading->event->parked_id = reading->id;
        return r;
}

int inbox_read(struct store *store, int64_t id, char **ret_plugin, struct event **ret) {
        const struct db_value value = db_integer(id);
        struct reading reading = {.id = id};
        struct db *db;
        int r = store_open(store, &db);

        if (r < 0)
                return r;
        r = store_result(store, db_run(db, "SELECT plugin, name, message_id, routing_key, headers, payload FROM inbox_parked WHERE id = ?",
                                       &value, 1, on_row, &reading, NULL));
        if (r >= 0 && !reading.event)
                r = -ENOENT;
        if (r < 0) {
                free(reading.plugin);
                (void) event_free(reading.event);
                return r;
        }
        *ret_plugin = reading.plugin;
        *ret = reading.event;
        return 0;
}

static int on_count(void *userdata, const struct db_row *row) {
        *(int64_t *) userdata = row->values[0].integer;
        return 0;
}

int inbox_count(struct store *store, int64_t *ret) {
        struct db *db;
        int64_t n = 0;
        int r = store_open(store, &db);

        if (r >= 0)
                r = store_result(store, db_run(db, "SELECT COUNT(*) FROM inbox_parked", NULL, 0, on_count, &n, NULL));
        if (r >= 0)
                *ret = n;
        return r;
}
