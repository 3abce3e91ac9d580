/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the relay answers: docs/relay.md. */
#include <stdio.h>

#include "workers/relay/lists.h"
#include "workers/relay/outbox.h"
#include "workers/relay/relay.h"

/* An answer is in memory twice for a moment. */
#define LIMIT_DEFAULT 100

/* ----- replies ----- */

/* Steals @body; NULL is out of memory. */
static int reply_json(struct reply *ret, unsigned status, json_t *body) {
        char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

        json_decref(body);
        if (!text)
                return -ENOMEM;
        ret->status = status;
        ret->body = text;
        ret->body_size = strlen(text);
        return 0;
}

static int reply_error(struct reply *ret, unsigned status, const char *message) {
        return reply_json(ret, status, json_pack("{s:s}", "message", message));
}

static int reply_database(struct relay *r, struct reply *ret, int error) {
        if (error == -ENOMEM)
                return error;
        if (error == -EBUSY) {
                ret->retry_after = 1;
                return reply_error(ret, 503, "somebody else writes to the database");
        }
        return reply_error(ret, 503, *r->store.failure ? r->store.failure : strerror(-error));
}

/* ----- status ----- */

static json_t *json_wall(uint64_t nsec) {
        time_t seconds = (time_t) (nsec / NSEC_PER_SEC);
        struct tm tm;
        char text[48];
        size_t n;

        (void) gmtime_r(&seconds, &tm);
        n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
        (void) snprintf(text + n, sizeof(text) - n, ".%03dZ", (int) (nsec / NSEC_PER_MSEC % 1000));
        return json_string(text);
}

static json_t *json_since(uint64_t wall) {
        uint64_t now = now_realtime(), msec = now > wall ? (now - wall) / NSEC_PER_MSEC : 0;

        return json_integer((json_int_t) msec);
}

/* A moment of CLOCK_MONOTONIC that is to come; null for none. */
static json_t *json_until(uint64_t at) {
        uint64_t now = now_monotonic(), msec = at > now ? (at - now) / NSEC_PER_MSEC : 0;

        return at == 0 ? json_null() : json_integer((json_int_t) msec);
}

static json_t *json_age(const char *stamp) {
        uint64_t written = outbox_parse_stamp(stamp);

        return written == 0 ? json_null() : json_since(written);
}

/* Adds the numbers of rows of a kind; null while they cannot be read. */
static int add_rows(json_t *part, struct db *db, const char *kind) {
        char oldest[OUTBOX_STAMP_SIZE];
        int64_t backlog, parked;
        int r = db ? 0 : -ENODEV;

        if (r >= 0)
                r = outbox_backlog(db, kind, &backlog, oldest);
        if (r >= 0)
                r = lists_parked_count(db, kind, &parked);
        if (json_object_set_new(part, "backlog", r < 0 ? json_null() : json_integer(backlog)) < 0 ||
            json_object_set_new(part, "oldest_age_ms", r < 0 ? json_null() : json_age(oldest)) < 0 ||
            json_object_set_new(part, "parked", r < 0 ? json_null() : json_integer(parked)) < 0)
                return -ENOMEM;
        return 0;
}

static json_t *publisher_json(struct relay *r) {
        const struct publisher *p = &r->publisher;
        uint64_t confirmed = p->confirmed + p->n_done;
        struct broker_status status = {.state = BROKER_OFF, .reason = r->with_bus ? r->bus_failure : "RabbitMQ is not configured"};
        char broker[320] = "";

        if (r->broker)
                broker_status(r->broker, &status);
        if (r->with_bus)
                (void) snprintf(broker, sizeof(broker), "%s:%u", r->bus.host, r->bus.port);
        return json_pack("{s:s, s:s, s:o, s:o, s:o, s:s?, s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
                         "state", broker_state_to_string(status.state),
                         "reason", status.state == BROKER_READY ? "" : status.reason,
                         "since", status.since ? json_wall(status.since) : json_null(),
                         "since_ms", status.since ? json_since(status.since) : json_null(),
                         "retry_in_ms", json_until(status.retry_at),
                         "broker", *broker ? broker : NULL,
                         "tls", r->bus.tls,
                         "server", status.server,
                         "connects", (json_int_t) status.connects,
                         "in_flight", (json_int_t) window_waiting(&p->window),
                         "published", (json_int_t) p->published,
                         "confirmed", (json_int_t) confirmed,
                         "nacked", (json_int_t) p->nacked,
                         "returned", (json_int_t) p->returned,
                         "retried", (json_int_t) p->retried);
}

static json_t *sysconfd_json(struct relay *r) {
        const struct sysconfd *s = &r->sysconfd;
        char address[320] = "";

        if (s->settings.host)
                (void) snprintf(address, sizeof(address), "%s:%u", s->settings.host, s->settings.port);
        return json_pack("{s:s, s:s, s:o, s:o, s:o, s:s?, s:I, s:I, s:I}",
                         "state", !s->settings.host ? "off" : s->away ? "backoff" : "ready",
                         "reason", !s->settings.host ? "sysconfd is not configured" : s->error,
                         "since", json_wall(s->since),
                         "since_ms", json_since(s->since),
                         "retry_in_ms", json_until(s->away ? s->wait_until : 0),
                         "address", *address ? address : NULL,
                         "sent", (json_int_t) s->sent,
                         "retried", (json_int_t) s->retried,
                         "dropped", (json_int_t) r->keeper.dropped);
}

static int get_status(struct relay *r, const struct request *request, int64_t id, struct reply *ret) {
        json_t *publisher = publisher_json(r), *sysconfd = sysconfd_json(r), *kept = NULL, *consumer;
        struct db *db = NULL;
        int e;

        consumer = r->consumer ? consumer_status(r->consumer) : json_null();
        e = publisher && sysconfd && consumer ? 0 : -ENOMEM;
        if (e >= 0 && store_open(&r->store, &db) < 0)
                db = NULL;
        if (e >= 0)
                e = add_rows(publisher, db, OUTBOX_EVENT);
        if (e >= 0)
                e = add_rows(sysconfd, db, OUTBOX_SYSCONFD);
        if (e >= 0 && (!db || lists_kept(db, &kept) < 0))
                kept = json_pack("{s:n, s:n, s:n}", "kept", "first", "last");
        if (e < 0) {
                json_decref(publisher);
                json_decref(sysconfd);
                json_decref(consumer);
                return e;
        }
        return reply_json(ret, 200,
                          json_pack("{s:o, s:o, s:o, s:o, s:{s:s, s:s}}", "publisher", publisher, "consumer",
                                    consumer, "sysconfd", sysconfd, "events", kept, "database", "state",
                                    *r->store.failure ? "failed" : "ready", "reason", r->store.failure));
}

/* ----- lists ----- */

/* @otherwise when it is not said; -EINVAL when it is no number from 0 on. */
static int query_number(const struct request *request, const char *name, int64_t otherwise, int64_t max, int64_t *ret) {
        const char *text = request_query(request, name);
        char *end;

        *ret = otherwise;
        if (!text)
                return 0;
        errno = 0;
        *ret = strtoll(text, &end, 10);
        if (errno || *end || !*text || *text < '0' || *text > '9')
                return -EINVAL;
        *ret = MIN(*ret, max);
        return 0;
}

static int get_list(struct relay *r, const struct request *request, int64_t no_after,
                    int (*read)(struct db *db, int64_t after, int64_t limit, json_t **ret), struct reply *ret) {
        int64_t after, limit;
        json_t *list = NULL;
        struct db *db;
        int e;

        if (query_number(request, "after", no_after, INT64_MAX, &after) < 0 ||
            query_number(request, "limit", LIMIT_DEFAULT, LISTS_LIMIT_MAX, &limit) < 0)
                return reply_error(ret, 400, "after and limit are numbers");
        e = store_open(&r->store, &db);
        if (e >= 0)
                e = store_result(&r->store, read(db, after, limit, &list));
        return e < 0 ? reply_database(r, ret, e) : reply_json(ret, 200, list);
}

static int get_events(struct relay *r, const struct request *request, int64_t id, struct reply *ret) {
        return get_list(r, request, -1, lists_events, ret);
}

static int get_parked(struct relay *r, const struct request *request, int64_t id, struct reply *ret) {
        return get_list(r, request, 0, lists_parked, ret);
}

/* ----- what an operator does ----- */

static bool is_inbox(const struct request *request) {
        return streq(strempty(request_query(request, "queue")), "inbox");
}

/* @id 0: all of the queue. */
static int change(struct relay *r, int64_t id, int (*write)(struct db *db, int64_t id, int64_t *ret_n), struct reply *ret) {
        struct db *db;
        int64_t n = 0;
        int e;

        e = store_begin(&r->store, &db);
        if (e >= 0)
                e = store_end(&r->store, write(db, id, &n));
        if (e < 0)
                return reply_database(r, ret, e);
        relay_nudge(r);
        if (id == 0)
                return reply_json(ret, 200, json_pack("{s:I}", "rows", (json_int_t) n));
        if (n == 0)
                return reply_error(ret, 404, "nothing with this number is parked");
        ret->status = 204;
        return 0;
}

static int retry_inbox(struct relay *r, int64_t id, struct reply *ret) {
        int e = consumer_retry(r->consumer, id);

        switch (e) {
        case -ENOENT:
                return reply_error(ret, 404, "nothing with this number is parked");
        case -EALREADY:
                return reply_error(ret, 409, "it is on its way already");
        case -EAGAIN:
                ret->retry_after = 5;
                return reply_error(ret, 503, "too many are on their way");
        default:
                if (e < 0)
                        return reply_database(r, ret, e);
                ret->status = 204;
                return 0;
        }
}

static int post_retry(struct relay *r, const struct request *request, int64_t id, struct reply *ret) {
        if (!is_inbox(request))
                return change(r, id, lists_retry, ret);
        return id == 0 ? reply_error(ret, 400, "events of the inbox are tried again one by one") : retry_inbox(r, id, ret);
}

static int drop(struct relay *r, const struct request *request, int64_t id, struct reply *ret) {
        return change(r, id, is_inbox(request) ? lists_drop_inbox : lists_drop, ret);
}

/* ----- routes ----- */

static const struct {
        const char *method, *path; /* ID is a number above 0 */
        int (*answer)(struct relay *r, const struct request *request, int64_t id, struct reply *ret);
} routes[] = {
        {"GET", "/status", get_status},
        {"GET", "/events", get_events},
        {"GET", "/parked", get_parked},
        {"POST", "/parked/retry", post_retry},
        {"DELETE", "/parked", drop},
        {"POST", "/parked/ID/retry", post_retry},
        {"DELETE", "/parked/ID", drop},
};

static bool path_matches(const char *pattern, const char *path, int64_t *ret_id) {
        const char *id = strstr(pattern, "ID");
        size_t n = id ? (size_t) (id - pattern) : 0;
        char *end;

        *ret_id = 0;
        if (!id)
                return streq(pattern, path);
        if (strncmp(pattern, path, n) != 0 || path[n] < '1' || path[n] > '9')
                return false;
        errno = 0;
        *ret_id = strtoll(path + n, &end, 10);
        return !errno && streq(end, id + 2);
}

int answers_make(struct relay *r, const struct request *request, struct reply *ret) {
        bool known = false;

        for (size_t i = 0; i < ELEMENTSOF(routes); i++) {
                int64_t id;

                if (!path_matches(routes[i].path, request->path, &id))
                        continue;
                if (streq(routes[i].method, request->method))
                        return routes[i].answer(r, request, id, ret);
                known = true;
        }
        return known ? reply_error(ret, 405, "not with this method") : reply_error(ret, 404, "the relay has no such thing");
}
