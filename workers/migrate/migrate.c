/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/migrate/migrate.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>

#include "lib/file.h"

#define FILES_MAX 256
#define FILE_SIZE_MAX (4U * 1024 * 1024)

struct migration {
        unsigned number;
        char file[128];
};

/* ----- the directory ----- */

/* 001-name.sql */
static bool parse_name(const char *file, struct migration *ret) {
        size_t n = strlen(file), digits = strspn(file, "0123456789");

        if (digits == 0 || digits > 6 || file[digits] != '-' || n < 5 || !streq(file + n - 4, ".sql"))
                return false;
        ret->number = (unsigned) strtoul(file, NULL, 10);
        return strcopy(ret->file, sizeof(ret->file), file);
}

static int by_number(const void *a, const void *b) {
        const struct migration *x = a, *y = b;

        return (x->number > y->number) - (x->number < y->number);
}

static int read_directory(const char *dir, struct migration *list, size_t *ret_n, char *error, size_t error_size) {
        DIR *d = opendir(dir);
        const struct dirent *entry;
        size_t n = 0;

        if (!d) {
                int r = -errno;

                (void) snprintf(error, error_size, "cannot read the migrations' directory %s: %s", dir, strerror(-r));
                return r;
        }
        while ((entry = readdir(d)) && n < FILES_MAX)
                n += parse_name(entry->d_name, &list[n]);
        (void) closedir(d);
        qsort(list, n, sizeof(*list), by_number);
        for (size_t i = 0; i < n; i++)
                if (list[i].number != i + 1) {
                        (void) snprintf(error, error_size, "%s: there should be a migration number %zu before %s",
                                        dir, i + 1, list[i].file);
                        return -EBADMSG;
                }
        *ret_n = n;
        return 0;
}

/* ----- applying ----- */

static int newest_row(void *userdata, const struct db_row *row) {
        *(int64_t *) userdata = row->values[0].integer;
        return 0;
}

static void utc_now(char *ret, size_t size) {
        time_t now = time(NULL);
        struct tm tm;

        (void) gmtime_r(&now, &tm);
        (void) strftime(ret, size, "%Y-%m-%d %H:%M:%S", &tm);
}

/* Within a transaction: another process may have been quicker, so what is there is asked inside. */
static int apply(struct db *db, const char *dir, const struct migration *m) {
        _cleanup_free_ char *sql = NULL;
        struct db_value values[3];
        int64_t newest = 0;
        char path[512], now[32];
        size_t size;
        int r;

        if (snprintf(path, sizeof(path), "%s/%s", dir, m->file) >= (int) sizeof(path))
                return -ENAMETOOLONG;
        r = file_read(path, FILE_SIZE_MAX, &sql, &size);
        if (r < 0)
                return r;
        utc_now(now, sizeof(now));
        r = db_run(db, "SELECT COALESCE(MAX(number), 0) FROM wazo_migration", NULL, 0, newest_row, &newest, NULL);
        if (r < 0 || newest >= m->number)
                return r;
        r = db_script(db, sql);
        if (r < 0)
                return r;
        values[0] = db_integer(m->number);
        values[1] = db_text(m->file);
        values[2] = db_text(now);
        r = db_run(db, "INSERT INTO wazo_migration (number, name, applied_at) VALUES (?, ?, ?)", values, 3, NULL, NULL, NULL);
        return r < 0 ? r : 1;
}

static int apply_in_transaction(struct db *db, const char *dir, const struct migration *m, char *error, size_t error_size) {
        int r = db_begin(db, true);

        if (r >= 0) {
                r = apply(db, dir, m);
                if (r > 0) {
                        int e = db_commit(db);

                        r = e < 0 ? e : r;
                }
                if (r <= 0) {
                        if (r < 0)
                                (void) snprintf(error, error_size, "migration %s: %s", m->file,
                                                db_error(db)[0] ? db_error(db) : strerror(-r));
                        db_rollback(db);
                }
        } else
                (void) snprintf(error, error_size, "migration %s: %s", m->file, db_error(db));
        return r;
}

/* ----- table infos ----- */

static int uuid_row(void *userdata, const struct db_row *row) {
        if (row->values[0].type == DB_TEXT)
                (void) strcopy(userdata, 64, row->values[0].text);
        return 0;
}

static int make_uuid(char ret[64]) {
        uint8_t b[16];

        if (getrandom(b, sizeof(b), 0) != sizeof(b))
                return -EIO;
        b[6] = (b[6] & 0x0f) | 0x40;
        b[8] = (b[8] & 0x3f) | 0x80;
        (void) snprintf(ret, 64, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                        b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
        return 0;
}

/*
 * configured is true from the beginning: a host of the embedded default has its tokens and tenants before it starts, there is
 * nothing left for a wizard to do (docs/compatibility.md).
 */
static int write_infos(struct db *db, const char *wanted, const char *version, char ret_uuid[64], enum migrate_uuid *ret_source) {
        char kept[64] = "";
        int r;

        r = db_run(db, "SELECT uuid FROM infos", NULL, 0, uuid_row, kept, NULL);
        if (r < 0)
                return r;
        *ret_source = wanted && *wanted ? MIGRATE_UUID_ENVIRONMENT : kept[0] ? MIGRATE_UUID_KEPT : MIGRATE_UUID_GENERATED;
        r = 0;
        if (*ret_source == MIGRATE_UUID_GENERATED)
                r = make_uuid(ret_uuid);
        else
                (void) strcopy(ret_uuid, 64, *ret_source == MIGRATE_UUID_KEPT ? kept : wanted);
        if (r < 0)
                return r;
        if (kept[0])
                return db_run(db, "UPDATE infos SET uuid = ?, wazo_version = ? WHERE uuid <> ? OR wazo_version <> ?",
                              (struct db_value[]) {db_text(ret_uuid), db_text(version), db_text(ret_uuid),
                                                   db_text(version)}, 4, NULL, NULL, NULL);
        return db_run(db, "INSERT INTO infos (uuid, wazo_version, live_reload_enabled, timezone, configured) VALUES (?, ?, true, ?, true)",
                      (struct db_value[]) {db_text(ret_uuid), db_text(version), db_text("Europe/Paris")}, 3, NULL, NULL, NULL);
}

static int update_infos(struct db *db, const char *uuid, const char *version, char ret_uuid[64],
                        enum migrate_uuid *ret_source, char *error, size_t error_size) {
        int r = db_begin(db, true);

        if (r >= 0)
                r = write_infos(db, uuid, version, ret_uuid, ret_source);
        if (r >= 0)
                r = db_commit(db);
        if (r < 0) {
                (void) snprintf(error, error_size, "table infos: %s", db_error(db)[0] ? db_error(db) : strerror(-r));
                db_rollback(db);
        }
        return r;
}

/* ----- all of it ----- */

int migrate_all(struct db *db, const char *dir, const char *uuid, const char *version, char ret_uuid[64],
                enum migrate_uuid *ret_source, char *error, size_t error_size) {
        struct migration list[FILES_MAX];
        int64_t newest = 0;
        size_t n = 0;
        int r, applied = 0;

        r = read_directory(dir, list, &n, error, error_size);
        if (r < 0)
                return r;
        r = db_script(db, "CREATE TABLE IF NOT EXISTS wazo_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)");
        if (r >= 0)
                r = db_run(db, "SELECT COALESCE(MAX(number), 0) FROM wazo_migration", NULL, 0, newest_row, &newest, NULL);
        if (r < 0) {
                (void) snprintf(error, error_size, "table wazo_migration: %s", db_error(db));
                return r;
        }
        if (newest > (int64_t) n) {
                (void) snprintf(error, error_size,
                                "the database is newer than this program: it has migration %lld, %s ends with %zu",
                                (long long) newest, dir, n);
                return -ENOTUNIQ;
        }
        for (size_t i = (size_t) newest; i < n; i++) {
                r = apply_in_transaction(db, dir, &list[i], error, error_size);
                if (r < 0)
                        return r;
                applied += r;
        }
        r = update_infos(db, uuid, version, ret_uuid, ret_source, error, error_size);
        return r < 0 ? r : applied;
}

/* ----- a plugin's own ----- */

#define PLUGIN_NEWEST "SELECT COALESCE(MAX(number), 0) FROM wazo_plugin_migration WHERE plugin = ?"

/* Within a transaction, as apply(). */
static int apply_script(struct db *db, const char *plugin, int64_t number, const char *sql) {
        struct db_value values[3];
        int64_t newest = 0;
        char now[32];
        int r;

        values[0] = db_text(plugin);
        r = db_run(db, PLUGIN_NEWEST, values, 1, newest_row, &newest, NULL);
        if (r < 0 || newest >= number)
                return r;
        r = db_script(db, sql);
        if (r < 0)
                return r;
        utc_now(now, sizeof(now));
        values[1] = db_integer(number);
        values[2] = db_text(now);
        r = db_run(db, "INSERT INTO wazo_plugin_migration (plugin, number, applied_at) VALUES (?, ?, ?)", values, 3,
                   NULL, NULL, NULL);
        return r < 0 ? r : 1;
}

int migrate_plugin(struct db *db, const char *plugin, const char *const *scripts, char *error, size_t error_size) {
        struct db_value name = db_text(plugin);
        int64_t newest = 0, n = 0;
        int r, applied = 0;

        while (scripts[n])
                n++;
        r = db_script(db, "CREATE TABLE IF NOT EXISTS wazo_plugin_migration (plugin TEXT NOT NULL, number INTEGER NOT NULL, "
                          "applied_at TEXT NOT NULL, PRIMARY KEY (plugin, number))");
        if (r >= 0)
                r = db_run(db, PLUGIN_NEWEST, &name, 1, newest_row, &newest, NULL);
        if (r < 0) {
                (void) snprintf(error, error_size, "table wazo_plugin_migration: %s", db_error(db));
                return r;
        }
        if (newest > n) {
                (void) snprintf(error, error_size,
                                "plugin %s: the database is newer than the plugin: it has migration %lld, the plugin ends "
                                "with %lld",
                                plugin, (long long) newest, (long long) n);
                return -ENOTUNIQ;
        }
        for (int64_t i = newest; i < n; i++) {
                r = db_begin(db, true);
                if (r >= 0)
                        r = apply_script(db, plugin, i + 1, scripts[i]);
                if (r >= 0) {
                        int e = db_commit(db);

                        r = e < 0 ? e : r;
                }
                if (r < 0) {
                        (void) snprintf(error, error_size, "plugin %s: migration %lld: %s", plugin, (long long) i + 1,
                                        db_error(db)[0] ? db_error(db) : strerror(-r));
                        db_rollback(db);
                        return r;
                }
                applied += r;
        }
        return applied;
}
