/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Migrations: once, in order, whole or not at all; the server's uuid. */
#include <check.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/unit/run.h"
#include "workers/kit/internal.h"
#include "workers/migrate/migrate.h"

const struct wazo_plugin wazo_plugin = {.abi = WAZO_PLUGIN_ABI, .size = sizeof(struct wazo_plugin), .name = "none"};

static const struct db_driver *driver;
static char dir[64], error[512], uuid[64];
static enum migrate_uuid source;
static struct db *db;

static void setup(void) {
        ck_assert_int_eq(db_load(getenv("WAZO_TEST_DRIVERS"), "sqlite://", &driver, error, sizeof(error)), 0);
        ck_assert_int_eq(db_open(driver, "sqlite://:memory:", &db, error, sizeof(error)), 0);
        (void) strcopy(dir, sizeof(dir), "/tmp/wazo-migrations-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        error[0] = 0;
}

static void teardown(void) {
        char command[128];

        db = db_close(db);
        (void) snprintf(command, sizeof(command), "rm -r '%s'", dir);
        ck_assert_int_eq(system(command), 0);
}

static int text_row(void *userdata, const struct db_row *row) {
        if (row->values[0].type == DB_TEXT)
                (void) strcopy(userdata, 128, row->values[0].text);
        else
                (void) snprintf(userdata, 128, "%lld", (long long) row->values[0].integer);
        return 0;
}

static void expect(const char *sql, const char *value) {
        char got[128] = "";

        ck_assert_msg(db_run(db, sql, NULL, 0, text_row, got, NULL) == 0, "%s: %s", sql, db_error(db));
        ck_assert_str_eq(got, value);
}

static int migrate(const char *from, const char *wanted) {
        return migrate_all(db, from, wanted, "26.08", uuid, &source, error, sizeof(error));
}

static void put(const char *name, const char *sql) {
        char path[256];
        FILE *f;

        (void) snprintf(path, sizeof(path), "%s/%s", dir, name);
        f = fopen(path, "w");
        ck_assert_ptr_nonnull(f);
        (void) fputs(sql, f);
        (void) fclose(f);
}

START_TEST(shipped_ones_apply_once) {
        const char *shipped = getenv("WAZO_TEST_MIGRATIONS");
        char first[64];

        ck_assert_msg(migrate(shipped, NULL) > 0, "%s", error);
        ck_assert_int_eq(source, MIGRATE_UUID_GENERATED);
        (void) strcopy(first, sizeof(first), uuid);
        expect("SELECT uuid FROM infos", first);
        ck_assert_int_eq(migrate(shipped, NULL), 0);
        ck_assert_int_eq(source, MIGRATE_UUID_KEPT);
        ck_assert_str_eq(uuid, first);
        ck_assert_int_eq(migrate(shipped, "10000000-0000-4000-8000-000000000001"), 0);
        ck_assert_int_eq(source, MIGRATE_UUID_ENVIRONMENT);
        expect("SELECT uuid || wazo_version || configured || live_reload_enabled FROM infos",
               "10000000-0000-4000-8000-00000000000126.0811");
        expect("SELECT COUNT(*) FROM infos", "1");
        expect("SELECT COUNT(*) FROM contexttype", "5");
        expect("SELECT COUNT(*) FROM feature_extension", "31");
        expect("SELECT COUNT(DISTINCT uuid) FROM feature_extension WHERE uuid LIKE '________-____-4___-____-____________'", "31");
        expect("SELECT COUNT(*) FROM features", "13");
        expect("SELECT COUNT(*) FROM func_key", "14");
        expect("SELECT COUNT(*) FROM func_key_dest_service", "11");
        expect("SELECT COUNT(*) FROM func_key_dest_features", "3");
        expect("SELECT group_concat(name) FROM pjsip_transport", "transport-udp,transport-wss");
        expect("SELECT COUNT(*) FROM pjsip_transport_option", "4");
        expect("SELECT COUNT(*) FROM staticvoicemail WHERE category = 'zonemessages' AND var_name = 'eu-fr'", "1");
        expect("SELECT COUNT(*) FROM pragma_foreign_key_check", "0");
}
END_TEST

START_TEST(a_failing_one_leaves_nothing) {
        put("001-good.sql", "CREATE TABLE good (id INTEGER); CREATE TABLE infos (uuid TEXT, wazo_version TEXT, live_reload_enabled, timezone, configured)");
        put("002-bad.sql", "CREATE TABLE half (id INTEGER); INSERT INTO nowhere VALUES (1)");
        put("README", "not a migration");
        ck_assert_int_eq(migrate(dir, NULL), -EINVAL);
        ck_assert_ptr_nonnull(strstr(error, "002-bad.sql"));
        ck_assert_ptr_nonnull(strstr(error, "nowhere"));
        expect("SELECT COUNT(*) FROM sqlite_master WHERE name IN ('good', 'half')", "1");
        put("002-bad.sql", "CREATE TABLE half (id INTEGER)");
        ck_assert_int_eq(migrate(dir, NULL), 1);
        expect("SELECT group_concat(number || name) FROM wazo_migration", "1001-good.sql,2002-bad.sql");
}
END_TEST

START_TEST(bad_directories) {
        ck_assert_int_eq(migrate("/nowhere", NULL), -ENOENT);
        put("001-a.sql", "SELECT 1");
        put("003-c.sql", "SELECT 1");
        ck_assert_int_eq(migrate(dir, NULL), -EBADMSG);
        ck_assert_ptr_nonnull(strstr(error, "number 2"));
        put("002-b.sql", "SELECT 1");
        put("002-c.sql", "SELECT 1");
        ck_assert_int_eq(migrate(dir, NULL), -EBADMSG);
}
END_TEST

START_TEST(a_newer_database) {
        put("001-a.sql", "SELECT 1");
        ck_assert_int_eq(db_script(db, "CREATE TABLE wazo_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL);"
                                       "INSERT INTO wazo_migration VALUES (9, 'x', 'y')"),
                         0);
        ck_assert_int_eq(migrate(dir, NULL), -ENOTUNIQ);
        ck_assert_ptr_nonnull(strstr(error, "newer"));
}
END_TEST

START_TEST(tables_of_a_plugin) {
        static const char *const one[] = {"CREATE TABLE note (id INTEGER); INSERT INTO note VALUES (1)", NULL};
        static const char *const two[] = {"CREATE TABLE note (id INTEGER); INSERT INTO note VALUES (1)",
                                          "INSERT INTO note VALUES (2)", NULL};
        static const char *const bad[] = {"CREATE TABLE half (id INTEGER); INSERT INTO nowhere VALUES (1)", NULL};

        ck_assert_int_eq(migrate_plugin(db, "note", one, error, sizeof(error)), 1);
        ck_assert_int_eq(migrate_plugin(db, "note", one, error, sizeof(error)), 0);
        ck_assert_int_eq(migrate_plugin(db, "note", two, error, sizeof(error)), 1);
        expect("SELECT group_concat(id) FROM note", "1,2");
        ck_assert_int_eq(migrate_plugin(db, "note", one, error, sizeof(error)), -ENOTUNIQ);
        ck_assert_ptr_nonnull(strstr(error, "newer"));
        ck_assert_int_eq(migrate_plugin(db, "other", bad, error, sizeof(error)), -EINVAL);
        ck_assert_ptr_nonnull(strstr(error, "plugin other: migration 1: "));
        expect("SELECT COUNT(*) FROM sqlite_master WHERE name = 'half'", "0");
        expect("SELECT COUNT(*) FROM wazo_plugin_migration WHERE plugin = 'other'", "0");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("kit-migrate");
        TCase *tc = tcase_create("migrate");

        tcase_add_checked_fixture(tc, setup, teardown);
        tcase_add_test(tc, shipped_ones_apply_once);
        tcase_add_test(tc, a_failing_one_leaves_nothing);
        tcase_add_test(tc, bad_directories);
        tcase_add_test(tc, a_newer_database);
        tcase_add_test(tc, tables_of_a_plugin);
        suite_add_tcase(suite, tc);
        return check_run(suite);
}
