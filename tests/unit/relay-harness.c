/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relay-harness.h"

#include <check.h>
#include <stdio.h>

#include "lib/log.h"

#define WINDOW 4

/* ----- a broker ----- */

struct played played;

static size_t played_room(const struct broker *b) {
        return played.room;
}

static int played_publish(struct broker *b, const struct broker_message *m) {
        size_t n = strlen(played.published);
        const char *id = strchr(m->message_id, '/') + 1;

        ck_assert(json_is_object(m->headers));
        ck_assert_int_eq(strncmp(m->message_id, "test/", 5), 0);
        if (played.refused_id && streq(played.refused_id, id))
                return played.result;
        (void) snprintf(played.published + n, sizeof(played.published) - n, "%s%s", n > 0 ? " " : "", id);
        return 0;
}

static void played_flush(struct broker *b) {
}

static void played_status(const struct broker *b, struct broker_status *ret) {
        *ret = (struct broker_status) {.state = played.state};
}

static void played_reconnect(struct broker *b, const char *reason) {
        played.reconnects++;
}

static const struct broker_driver driver = {
        .room = played_room, .publish = played_publish, .flush = played_flush, .status = played_status,
        .reconnect = played_reconnect};
static struct broker broker = {.driver = &driver};

/* ----- the rest ----- */

sd_event *event;
struct store store;
struct publisher publisher;

static char path[64], uri[96];

static char *read_file(const char *folder, const char *name) {
        static char text[65536];
        char file[512];
        size_t n;
        FILE *f;

        (void) snprintf(file, sizeof(file), "%s/%s", folder, name);
        f = fopen(file, "r");
        ck_assert_ptr_nonnull(f);
        n = fread(text, 1, sizeof(text) - 1, f);
        text[n] = 0;
        (void) fclose(f);
        return text;
}

struct db *db(void) {
        struct db *ret;

        ck_assert_int_eq(store_open(&store, &ret), 0);
        return ret;
}

void sql(const char *text) {
        ck_assert_int_eq(db_script(db(), text), 0);
}

static int take_text(void *userdata, const struct db_row *row) {
        size_t n = strlen(userdata);

        for (size_t i = 0; i < row->n; i++)
                if (row->values[i].type == DB_TEXT)
                        n += (size_t) snprintf((char *) userdata + n, 1024 - n, "%s%s", n > 0 ? " " : "", row->values[i].text);
                else
                        n += (size_t) snprintf((char *) userdata + n, 1024 - n, "%s%lld", n > 0 ? " " : "",
                                               (long long) row->values[i].integer);
        return 0;
}

const char *query(const char *text) {
        static char answer[1024];

        *answer = 0;
        ck_assert_int_eq(db_run(db(), text, NULL, 0, take_text, answer, NULL), 0);
        return answer;
}

void insert(const char *resource) {
        const struct db_value value = db_text(resource);

        ck_assert_int_eq(db_run(db(),
                                "INSERT INTO outbox (created_at, kind, resource, name, routing_key, headers, payload) "
                                "VALUES ('2026-01-02 03:04:05.000006', 'event', ?, 'e', 'k', '{\"name\": \"e\"}', '{\"data\": {}}')",
                                &value, 1, NULL, NULL, NULL),
                         0);
}

void turn(void) {
        for (unsigned i = 0; i < 20; i++)
                ck_assert_int_ge(sd_event_run(event, 0), 0);
}

void turn_for(unsigned msec) {
        uint64_t until = now_monotonic() + msec * NSEC_PER_MSEC;

        while (now_monotonic() < until)
                ck_assert_int_ge(sd_event_run(event, 1000), 0);
}

void turn_until(const char *text, const char *wanted) {
        for (unsigned i = 0; i < 5000 && !streq(query(text), wanted); i++)
                ck_assert_int_ge(sd_event_run(event, 1000), 0);
        ck_assert_str_eq(query(text), wanted);
}

const char *published(void) {
        static char last[sizeof(played.published)];

        turn();
        (void) strcopy(last, sizeof(last), played.published);
        *played.published = 0;
        return last;
}

void confirm(uint64_t tag, bool multiple, bool ok) {
        publisher_confirmed(&publisher, tag, multiple, ok);
        turn();
}

void begin(void) {
        const struct publisher_settings settings = {.window = WINDOW, .confirm_msec = 100, .tries = 2, .keep = 3,
                                                    .service = "test"};
        const char *folder = getenv("WAZO_TEST_MIGRATIONS");
        int fd;

        ck_assert_ptr_nonnull(folder);
        log_setup(-1, -1, "test", LOG_LEVEL_CRITICAL);
        (void) strcopy(path, sizeof(path), "/tmp/wazo-relay-XXXXXX");
        fd = mkstemp(path);
        ck_assert_int_ge(fd, 0);
        (void) close(fd);
        (void) snprintf(uri, sizeof(uri), "sqlite://%s", path);
        store = (struct store) {.uri = uri, .driver_dir = getenv("WAZO_TEST_DRIVERS")};
        sql(read_file(folder, "002-outbox.sql"));
        sql(read_file(folder, "004-relay.sql"));
        memset(&played, 0, sizeof(played));
        played.room = 1000;
        played.state = BROKER_READY;
        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_ge(publisher_init(&publisher, event, &store, &settings), 0);
        publisher.broker = &broker;
}

void end(void) {
        static const char *const suffixes[] = {"", "-wal", "-shm"};

        publisher_done(&publisher);
        store_done(&store);
        event = sd_event_unref(event);
        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                char file[80];

                (void) snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
                (void) unlink(file);
        }
}

void open_with(unsigned rows) {
        static const char *const resources[] = {"users/1", "users/2", "users/1", "users/3", "users/1", "users/4"};

        for (unsigned i = 0; i < rows; i++)
                insert(resources[i % ELEMENTSOF(resources)]);
        publisher_opened(&publisher);
        publisher_nudge(&publisher);
}
