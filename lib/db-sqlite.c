/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The SQLite driver. WAL, so that readers never wait; one writer at a time, who takes its lock at the beginning, because a
 * snapshot cannot be upgraded later; synchronous FULL, because what was answered must be there after a power cut.
 *
 * Memory is kept small: a worker's whole budget is less than what SQLite's defaults would take.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <sys/mman.h>

#include "lib/db.h"
#include "lib/fold.h"

/* Prepared statements kept a connection: so many, of so many bytes together. Large ones take longer to run than to prepare. */
#define CACHED 16
#define CACHED_BYTES (24 * 1024)

/*
 * The pages of the database that a process keeps lie here, unless prepare() asked for more of them. From the heap SQLite
 * takes room for twenty before it hears of a limit, or takes them one by one, between what lives longer, and leaves holes.
 */
#define PAGE 4096
#define PAGE_HEADER 512 /* at most; SQLite says how much it is */
#define PAGES 8
#define PRESET_CACHE (32 * 1024)

static _Alignas(PAGE) char pages[PAGES * (PAGE + PAGE_HEADER)];
static size_t cache_size = PRESET_CACHE;
static unsigned n_connections;

struct connection {
        struct db db;
        sqlite3 *sqlite;
        struct {
                sqlite3_stmt *statement;
                uint64_t used;
                int bytes;
        } cache[CACHED];
        uint64_t clock;
        int cached_bytes;
        bool in_transaction;
};

static struct connection *connection_of(struct db *db) {
        return (struct connection *) db; /* its first member */
}

static const struct {
        int code, error;
} errors[] = {
        {SQLITE_CONSTRAINT_UNIQUE, -EEXIST},   {SQLITE_CONSTRAINT_PRIMARYKEY, -EEXIST},
        {SQLITE_CONSTRAINT_ROWID, -EEXIST},    {SQLITE_CONSTRAINT_FOREIGNKEY, -ENOLINK},
        {SQLITE_CONSTRAINT, -EINVAL},          {SQLITE_ERROR, -EINVAL},
        {SQLITE_MISMATCH, -EINVAL},            {SQLITE_RANGE, -EINVAL},
        {SQLITE_TOOBIG, -EINVAL},              {SQLITE_BUSY, -EBUSY},
        {SQLITE_LOCKED, -EBUSY},               {SQLITE_INTERRUPT, -ETIMEDOUT},
        {SQLITE_NOMEM, -ENOMEM},               {SQLITE_FULL, -ENOSPC},
        {SQLITE_READONLY, -EROFS},             {SQLITE_PERM, -EACCES},
        {SQLITE_AUTH, -EACCES},                {SQLITE_CANTOPEN, -ENOENT},
        {SQLITE_CORRUPT, -EUCLEAN},            {SQLITE_NOTADB, -EUCLEAN},
};

static int map_error(sqlite3 *sqlite, int code, char *text, size_t size) {
        int extended = sqlite ? sqlite3_extended_errcode(sqlite) : code;

        (void) snprintf(text, size, "%s", sqlite ? sqlite3_errmsg(sqlite) : sqlite3_errstr(code));
        for (size_t pass = 0; pass < 2; pass++) /* the exact code first, then its family */
                for (size_t i = 0; i < ELEMENTSOF(errors); i++)
                        if (errors[i].code == (pass == 0 ? extended : code & 0xff))
                                return errors[i].error;
        return -EIO;
}

static int failed(struct connection *c, int code) {
        return map_error(c->sqlite, code, c->db.error, sizeof(c->db.error));
}

/* SQLite's own handler sleeps longer and longer and so has a tail of most of a second. */
static int wait_for_lock(void *userdata, int count) {
        struct connection *c = userdata;
        unsigned usec = count < 4 ? 100 : count < 12 ? 500 : 2000;

        if (now_monotonic() >= c->db.lock_deadline)
                return 0;
        (void) usleep(usec);
        return 1;
}

static int past_deadline(void *userdata) {
        const struct connection *c = userdata;

        return c->db.deadline != NSEC_NEVER && now_monotonic() >= c->db.deadline;
}

/* fold(x) and unaccent(x): what search and comparison without accents are made of. */
static void fold_function(sqlite3_context *context, int n, sqlite3_value **values) {
        char *(*fold)(const char *, size_t) = (char *(*)(const char *, size_t)) sqlite3_user_data(context);
        const char *text = (const char *) sqlite3_value_text(values[0]);
        char *folded;

        (void) n;
        if (!text) {
                sqlite3_result_null(context);
                return;
        }
        folded = fold(text, (size_t) sqlite3_value_bytes(values[0]));
        if (folded)
                sqlite3_result_text(context, folded, -1, free);
        else
                sqlite3_result_error_nomem(context);
}

static void configure_pages(void) {
        int header = PAGE_HEADER + 1;

        (void) sqlite3_config(SQLITE_CONFIG_PCACHE_HDRSZ, &header);
        if (header <= PAGE_HEADER && cache_size <= PRESET_CACHE)
                (void) sqlite3_config(SQLITE_CONFIG_PAGECACHE, pages, PAGE + header, PAGES);
        else
                (void) sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
}

static void configure(void) {
        static bool done;

        if (done)
                return;
        (void) sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
        (void) sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
        (void) sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 128, 64);
        configure_pages();
        done = true;
}

static int add_functions(sqlite3 *sqlite) {
        static const struct {
                const char *name;
                char *(*fold)(const char *, size_t);
        } functions[] = {{"fold", fold_text}, {"unaccent", fold_accents}};
        int r = SQLITE_OK;

        for (size_t i = 0; i < ELEMENTSOF(functions) && r == SQLITE_OK; i++)
                r = sqlite3_create_function_v2(sqlite, functions[i].name, 1,
                                               SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                               (void *) functions[i].fold, fold_function, NULL, NULL, NULL);
        return r;
}

static int sqlite_prepare(sqlite3 *sqlite) {
        char pragmas[256];
        int r = add_functions(sqlite);

        if (r != SQLITE_OK)
                return r;
        (void) snprintf(pragmas, sizeof(pragmas),
                        "PRAGMA cache_size = -%zu; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;"
                        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                        "PRAGMA journal_size_limit = 4194304",
                        cache_size / 1024);
        return sqlite3_exec(sqlite, pragmas, NULL, NULL, NULL);
}

static void close_connection(struct connection *c) {
        for (size_t i = 0; i < CACHED; i++)
                (void) sqlite3_finalize(c->cache[i].statement);
        (void) sqlite3_close(c->sqlite);
        free(c);
        n_connections--;
}

/* sqlite:///path, or sqlite:///path?mode=rwc, which makes the file when there is none, or sqlite://:memory: */
static int driver_open(const char *uri, struct db **ret, char *error, size_t error_size) {
        static const char create[] = "?mode=rwc";
        int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
        struct connection *c;
        char path[512];
        size_t n;
        int r;

        if (!strcopy(path, sizeof(path), uri + strlen("sqlite://")))
                return -ENAMETOOLONG;
        n = strlen(path);
        if (n > strlen(create) && streq(path + n - strlen(create), create)) {
                path[n - strlen(create)] = 0;
                flags |= SQLITE_OPEN_CREATE;
        }
        if (streq(path, ":memory:"))
                flags |= SQLITE_OPEN_CREATE;
        configure();
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        n_connections++;
        c->db.lock_deadline = now_monotonic() + 5 * NSEC_PER_SEC; /* for the pragmas below */
        c->db.deadline = NSEC_NEVER;
        r = sqlite3_open_v2(path, &c->sqlite, flags, NULL);
        if (r == SQLITE_OK) {
                (void) sqlite3_extended_result_codes(c->sqlite, 1);
                (void) sqlite3_busy_handler(c->sqlite, wait_for_lock, c);
                sqlite3_progress_handler(c->sqlite, 4000, past_deadline, c);
                r = sqlite_prepare(c->sqlite);
        }
        if (r != SQLITE_OK) {
                char reason[192];
                int e = map_error(c->sqlite, r, reason, sizeof(reason));

                (void) snprintf(error, error_size, "%s: %s", path, reason);
                close_connection(c);
                return e;
        }
        *ret = &c->db;
        return 0;
}

static void driver_rollback(struct db *db) {
        struct connection *c = connection_of(db);
        uint64_t deadline = db->deadline;

        if (!c->in_transaction)
                return;
        db->deadline = NSEC_NEVER;
        (void) sqlite3_exec(c->sqlite, "ROLLBACK", NULL, NULL, NULL);
        db->deadline = deadline;
        c->in_transaction = false;
}

static void driver_close(struct db *db) {
        driver_rollback(db);
        close_connection(connection_of(db));
}

static sqlite3_stmt *take_cached(struct connection *c, const char *sql) {
        for (size_t i = 0; i < CACHED; i++) {
                sqlite3_stmt *statement = c->cache[i].statement;

                if (statement && streq(sqlite3_sql(statement), sql)) {
                        c->cache[i].statement = NULL; /* a statement that runs may be wanted again by its row callback */
                        c->cached_bytes -= c->cache[i].bytes;
                        return statement;
                }
        }
        return NULL;
}

static void drop_cached(struct connection *c, size_t i) {
        (void) sqlite3_finalize(c->cache[i].statement);
        c->cache[i].statement = NULL;
        c->cached_bytes -= c->cache[i].bytes;
}

/* An empty place, or that of the statement that was not wanted for the longest time. */
static size_t oldest_cached(const struct connection *c, bool empty_too) {
        size_t oldest = CACHED;

        for (size_t i = 0; i < CACHED; i++) {
                if (!c->cache[i].statement && empty_too)
                        return i;
                if (c->cache[i].statement && (oldest == CACHED || c->cache[i].used < c->cache[oldest].used))
                        oldest = i;
        }
        return oldest;
}

static void put_cached(struct connection *c, sqlite3_stmt *statement) {
        int bytes = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_MEMUSED, 0);
        size_t i;

        (void) sqlite3_reset(statement);
        (void) sqlite3_clear_bindings(statement);
        if (bytes > CACHED_BYTES / 3) {
                (void) sqlite3_finalize(statement);
                return;
        }
        while (c->cached_bytes + bytes > CACHED_BYTES && (i = oldest_cached(c, false)) < CACHED)
                drop_cached(c, i);
        i = oldest_cached(c, true);
        if (c->cache[i].statement)
                drop_cached(c, i);
        c->cache[i].statement = statement;
        c->cache[i].used = ++c->clock;
        c->cache[i].bytes = bytes;
        c->cached_bytes += bytes;
}

static int bind(sqlite3_stmt *statement, int i, const struct db_value *v) {
        switch (v->type) {
        case DB_INTEGER:
        case DB_BOOLEAN:
                return sqlite3_bind_int64(statement, i, v->integer);
        case DB_REAL:
                return sqlite3_bind_double(statement, i, v->real);
        case DB_TEXT:
                return sqlite3_bind_text64(statement, i, v->text, v->size, SQLITE_STATIC, SQLITE_UTF8);
        case DB_NULL:
                break;
        }
        return sqlite3_bind_null(statement, i);
}

static struct db_value value_of(sqlite3_stmt *statement, int i, bool boolean) {
        switch (sqlite3_column_type(statement, i)) {
        case SQLITE_NULL:
                return db_null();
        case SQLITE_INTEGER:
                return boolean ? db_boolean(sqlite3_column_int64(statement, i) != 0)
                               : db_integer(sqlite3_column_int64(statement, i));
        case SQLITE_FLOAT:
                return db_real(sqlite3_column_double(statement, i));
        default:
                return (struct db_value) {.type = DB_TEXT,
                                          .text = (const char *) sqlite3_column_text(statement, i),
                                          .size = (size_t) sqlite3_column_bytes(statement, i)};
        }
}

static int step_all(struct connection *c, sqlite3_stmt *statement, int (*row)(void *, const struct db_row *), void *userdata) {
        struct db_value values[DB_COLUMNS_MAX];
        const char *names[DB_COLUMNS_MAX];
        bool boolean[DB_COLUMNS_MAX];
        int n = sqlite3_column_count(statement), r;

        if (n > DB_COLUMNS_MAX) {
                (void) snprintf(c->db.error, sizeof(c->db.error), "a statement with %d columns", n);
                return -E2BIG;
        }
        for (int i = 0; i < n; i++) {
                const char *type = sqlite3_column_decltype(statement, i);

                names[i] = sqlite3_column_name(statement, i);
                boolean[i] = type && sqlite3_stricmp(type, "boolean") == 0;
        }
        while ((r = sqlite3_step(statement)) == SQLITE_ROW) {
                int e;

                if (!row)
                        continue;
                for (int i = 0; i < n; i++)
                        values[i] = value_of(statement, i, boolean[i]);
                e = row(userdata, &(struct db_row) {.n = (size_t) n, .names = names, .values = values});
                if (e < 0)
                        return e;
        }
        return r == SQLITE_DONE ? 0 : failed(c, r);
}

static int driver_run(struct db *db, const char *sql, const struct db_value *values, size_t n_values,
                      int (*row)(void *, const struct db_row *), void *userdata, int64_t *ret_changes) {
        struct connection *c = connection_of(db);
        sqlite3_stmt *statement = take_cached(c, sql);
        int r = SQLITE_OK;

        if (!statement)
                r = sqlite3_prepare_v3(c->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
        if (r != SQLITE_OK)
                return failed(c, r);
        if (!statement)
                return 0;
        if ((size_t) sqlite3_bind_parameter_count(statement) != n_values) {
                (void) snprintf(c->db.error, sizeof(c->db.error), "%zu values for %d placeholders", n_values,
                                sqlite3_bind_parameter_count(statement));
                (void) sqlite3_finalize(statement);
                return -EINVAL;
        }
        for (size_t i = 0; i < n_values && r == SQLITE_OK; i++)
                r = bind(statement, (int) i + 1, &values[i]);
        r = r == SQLITE_OK ? step_all(c, statement, row, userdata) : failed(c, r);
        if (r == 0 && ret_changes)
                *ret_changes = sqlite3_stmt_readonly(statement) ? 0 : sqlite3_changes(c->sqlite);
        put_cached(c, statement);
        return r;
}

static int driver_begin(struct db *db, bool write) {
        struct connection *c = connection_of(db);
        int r = driver_run(db, write ? "BEGIN IMMEDIATE" : "BEGIN", NULL, 0, NULL, NULL, NULL);

        if (r == 0)
                c->in_transaction = true;
        return r;
}

static int driver_commit(struct db *db) {
        struct connection *c = connection_of(db);
        int r = driver_run(db, "COMMIT", NULL, 0, NULL, NULL, NULL);

        if (r == 0)
                c->in_transaction = false;
        return r;
}

static int driver_script(struct db *db, const char *sql) {
        struct connection *c = connection_of(db);
        int r = sqlite3_exec(c->sqlite, sql, NULL, NULL, NULL);

        return r == SQLITE_OK ? 0 : failed(c, r);
}

/* They take little, but lie between what requests took for a moment: 24 KiB of them keep 75 KiB from being given back. */
static void driver_trim(struct db *db) {
        struct connection *c = connection_of(db);

        for (size_t i = 0; i < CACHED; i++)
                if (c->cache[i].statement)
                        drop_cached(c, i);
}

static void driver_prepare(size_t cache) {
        cache_size = cache;
}

static void driver_idle(void) {
        if (n_connections == 0 && sqlite3_shutdown() == SQLITE_OK)
                (void) madvise(pages, sizeof(pages), MADV_DONTNEED);
}

__attribute__((__visibility__("default"))) extern const struct db_driver db_driver;
const struct db_driver db_driver = {
        .abi = DB_DRIVER_ABI,
        .name = "sqlite",
        .dialect = DB_SQLITE,
        .open = driver_open,
        .close = driver_close,
        .begin = driver_begin,
        .commit = driver_commit,
        .rollback = driver_rollback,
        .run = driver_run,
        .script = driver_script,
        .trim = driver_trim,
        .idle = driver_idle,
        .prepare = driver_prepare,
};
