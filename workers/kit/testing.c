/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/kit/testing.h"

#include <ctype.h>
#include <ftw.h>
#include <stdio.h>

#include "lib/db.h"
#include "workers/kit/internal.h"
#include "workers/migrate/migrate.h"

_noreturn_ static void give_up(const char *format, ...) _printf_(1, 2);
static void give_up(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vfprintf(stderr, format, ap);
        va_end(ap);
        (void) fputc('\n', stderr);
        exit(99);
}

static const char *environment(const char *name) {
        const char *value = getenv(name);

        if (!value)
                give_up("%s is not set: run this test with meson test", name);
        return value;
}

static void log_line(void *userdata, unsigned level, const char *line) {
        (void) userdata;
        (void) fprintf(stderr, "[%u] %s\n", level, line);
}

static void count_lock(void *userdata, enum wazo_lock lock) {
        struct testing *t = userdata;

        t->lock_waits += lock == WAZO_LOCK_WAITING;
        t->locks += lock == WAZO_LOCK_HELD;
}

static void count_outbox(void *userdata) {
        struct testing *t = userdata;

        t->nudges++;
}

static void migrate(const char *uri, const struct wazo_plugin *plugin, bool new) {
        const struct db_driver *driver;
        char error[512] = "", uuid[64];
        enum migrate_uuid source;
        struct db *db;
        int r;

        r = db_load(environment("WAZO_TEST_DRIVERS"), uri, &driver, error, sizeof(error));
        if (r >= 0)
                r = db_open(driver, uri, &db, error, sizeof(error));
        if (r < 0)
                give_up("%s", error);
        if (new)
                r = migrate_all(db, environment("WAZO_TEST_MIGRATIONS"), NULL, "26.08", uuid, &source, error, sizeof(error));
        if (r >= 0 && plugin->migrations)
                r = migrate_plugin(db, plugin->name, plugin->migrations, error, sizeof(error));
        db_close(db);
        if (r < 0)
                give_up("migrations: %s", error);
}

struct testing *testing_new(const struct wazo_plugin *plugin, const struct testing *database) {
        struct testing *t = calloc(1, sizeof(*t));
        char uri[128], error[512] = "";
        json_t *slice;
        char *text;
        int r;

        if (!t)
                give_up("out of memory");
        t->plugin = plugin;
        t->reply = REPLY_NULL;
        (void) strcopy(t->tenant, sizeof(t->tenant), TESTING_TENANT);
        (void) strcopy(t->dir, sizeof(t->dir), "/tmp/wazo-test-XXXXXX");
        if (!database && !mkdtemp(t->dir))
                give_up("mkdtemp: %m");
        (void) snprintf(uri, sizeof(uri), "sqlite://%s/test.sqlite?mode=rwc", database ? database->dir : t->dir);
        if (database)
                t->dir[0] = 0;
        migrate(uri, plugin, !database);
        slice = json_pack("{s:{s:s},s:s,s:s,s:s,s:s,s:{}}", "db", "uri", uri, "uuid",
                          "50000000-0000-4000-8000-000000000005", "version", "26.08", "master_tenant", TESTING_TENANT,
                          "driver_dir", environment("WAZO_TEST_DRIVERS"), "config");
        text = json_dumps(slice, 0);
        r = wazo_host_new(&(const struct wazo_host_setup) {.plugin = plugin, .slice = text,
                                                           .slice_size = strlen(text), .userdata = t,
                                                           .log = log_line, .lock = count_lock, .outbox = count_outbox},
                          &t->host, error, sizeof(error));
        free(text);
        json_decref(slice);
        if (r < 0)
                give_up("%s", error);
        return t;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

struct testing *testing_free(struct testing *t) {
        if (!t)
                return NULL;
        wazo_host_free(t->host);
        reply_done(&t->reply);
        if (t->dir[0])
                (void) nftw(t->dir, remove_entry, 4, FTW_DEPTH | FTW_PHYS);
        free(t);
        return NULL;
}

/* ----- routing, as the gateway does it ----- */

static bool segment_fits(const char *type, size_t n, const char *s) {
        bool digits = *s && strspn(s, "0123456789") == strlen(s) && strlen(s) <= 20;

        if (strncmp(type, "int", n) == 0 && n == 3)
                return digits;
        if (strncmp(type, "uuid", n) == 0 && n == 4)
                return wazo_uuid_valid(s);
        if (strncmp(type, "int_or_uuid", n) == 0 && n == 11)
                return digits || wazo_uuid_valid(s);
        return *s != 0;
}

static char *next_segment(char **rest) {
        char *segment = strsep(rest, "/");

        return segment;
}

/* Cuts both paths up; names and values of parameters point into them. */
static bool match(char *pattern, char *path, struct request *request) {
        request->n_params = 0;
        while (pattern && path) {
                char *p = next_segment(&pattern), *s = next_segment(&path), *colon;

                if (*p != '{') {
                        if (!streq(p, s))
                                return false;
                        continue;
                }
                colon = strchr(p, ':');
                if (!colon || request->n_params == REQUEST_PARAMS_MAX || !segment_fits(colon + 1, strlen(colon + 1) - 1, s))
                        return false;
                *colon = 0;
                request->params[request->n_params++] = (struct request_pair) {p + 1, s};
        }
        return !pattern && !path;
}

static char *decode(char *s) {
        char *to = s;

        for (const char *from = s; *from; from++)
                if (*from == '%' && isxdigit((unsigned char) from[1]) && isxdigit((unsigned char) from[2])) {
                        char hex[3] = {from[1], from[2], 0};

                        *to++ = (char) strtol(hex, NULL, 16);
                        from += 2;
                } else
                        *to++ = *from == '+' ? ' ' : *from;
        *to = 0;
        return s;
}

static void add_query(char *query, struct request *request) {
        char *pair;

        while (query && (pair = strsep(&query, "&")) && request->n_query < REQUEST_PAIRS_MAX) {
                char *value = strchr(pair, '=');

                if (value)
                        *value++ = 0;
                request->query[request->n_query++] = (struct request_pair) {decode(pair), value ? decode(value) : ""};
        }
}

static bool route(const struct testing *t, const char *method, const char *path, char *pattern, char *copy,
                  struct request *request) {
        struct operation op;

        for (unsigned i = 0; operation_at(t->plugin, i, &op) >= 0; i++) {
                (void) strcopy(pattern, 256, op.path);
                (void) strcopy(copy, 1024, path);
                if (streq(op.method, method) && match(pattern, copy, request)) {
                        request->operation = i;
                        return true;
                }
        }
        return false;
}

unsigned testing_request(struct testing *t, const char *method, const char *path, const char *body, size_t size) {
        const char *tenants[] = {t->tenant, TESTING_CHILD};
        struct request request = {
                .method = method, .id = "0123456789abcdef0123456789abcdef", .base_url = "http://localhost:9486/1.1",
                .script_name = "",
                .tenant = t->tenant, .auth_id = "", .accept = "", .content_type = "application/json", .idempotency_key = "",
                .tenants = tenants, .n_tenants = streq(t->tenant, TESTING_TENANT) ? 2 : 1, .body = body,
                .body_size = size, .body_fd = -1,
                .master_tenant = streq(t->tenant, TESTING_TENANT),
        };
        char whole[8192], pattern[256], copy[1024], *query;

        (void) strcopy(whole, sizeof(whole), path);
        query = strchr(whole, '?');
        if (query)
                *query++ = 0;
        add_query(query, &request);
        request.path = whole;
        reply_done(&t->reply);
        t->reply = REPLY_NULL;
        if (!route(t, method, whole, pattern, copy, &request)) {
                t->reply.status = 404;
                return 404;
        }
        if (wazo_plugin_run(t->host, &request, &t->reply) < 0)
                give_up("%s %s: no reply", method, path);
        return t->reply.status;
}

const char *testing_run(struct testing *t, const char *method, const char *path, const char *body, unsigned status) {
        unsigned got = testing_request(t, method, path, body, body ? strlen(body) : 0);

        if (got != status)
                give_up("%s %s %s: status %u instead of %u: %s", method, path, strempty(body), got, status,
                        strempty(t->reply.body));
        return strempty(t->reply.body);
}

unsigned testing_event(struct testing *t, const char *name, const char *body) {
        struct request event = {.method = "EVENT", .path = name, .id = "0123456789abcdef", .body = body,
                                .body_size = strlen(body), .body_fd = -1};

        reply_done(&t->reply);
        t->reply = REPLY_NULL;
        if (wazo_plugin_event(t->host, &event, &t->reply) < 0)
                give_up("event %s: no reply", name);
        return t->reply.status;
}

json_t *testing_json(const struct testing *t) {
        return json_loads(strempty(t->reply.body), JSON_DECODE_ANY, NULL);
}

struct first {
        bool seen;
        char *text;
};

static int first_text(void *userdata, const struct db_row *row) {
        struct first *first = userdata;

        if (first->seen)
                return 0;
        first->seen = true;
        if (row->values[0].type == DB_TEXT)
                first->text = strdup(row->values[0].text);
        else if (row->values[0].type != DB_NULL && asprintf(&first->text, "%lld", (long long) row->values[0].integer) < 0)
                return -ENOMEM;
        return 0;
}

char *testing_sql(struct testing *t, const char *sql) {
        struct wazo_context ctx = {.host = t->host, .write = true, .reply = REPLY_NULL};
        struct first first = {0};

        if (sql_run(&ctx, sql, NULL, first_text, &first, NULL) < 0 || context_commit(&ctx) < 0)
                give_up("%s: %s", sql, ctx.failure);
        context_done(&ctx);
        return first.text;
}
