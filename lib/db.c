/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/db.h"

#include <dlfcn.h>
#include <stdio.h>

/* Drivers stay loaded: one a scheme. */
static struct loaded {
        const char *scheme, *file;
        const struct db_driver *driver;
} known[] = {
        {"sqlite://", "db-sqlite.so", NULL},
        {"postgresql://", "db-postgresql.so", NULL},
};

static struct loaded *find_driver(const char *uri) {
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (strncmp(uri, known[i].scheme, strlen(known[i].scheme)) == 0)
                        return &known[i];
        return NULL;
}

int db_load(const char *driver_dir, const char *uri, const struct db_driver **ret, char *error, size_t error_size) {
        struct loaded *l = find_driver(uri);
        const struct db_driver *driver;
        char path[512];
        void *handle;

        if (!l) {
                (void) snprintf(error, error_size, "no driver for this kind of database URI: %.*s", (int) strcspn(uri, ":"), uri);
                return -EPROTONOSUPPORT;
        }
        if (l->driver) {
                *ret = l->driver;
                return 0;
        }
        if (snprintf(path, sizeof(path), "%s/%s", driver_dir, l->file) >= (int) sizeof(path))
                return -ENAMETOOLONG;
        handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (!handle) {
                (void) snprintf(error, error_size, "cannot load the database driver: %s", dlerror());
                return -ELIBBAD;
        }
        driver = dlsym(handle, "db_driver");
        if (!driver || driver->abi != DB_DRIVER_ABI) {
                (void) snprintf(error, error_size, "%s is no database driver of this version", path);
                (void) dlclose(handle);
                return -ELIBBAD;
        }
        l->driver = driver;
        *ret = driver;
        return 0;
}

int db_open(const struct db_driver *driver, const char *uri, struct db **ret, char *error, size_t error_size) {
        struct db *db;
        int r;

        r = driver->open(uri, &db, error, error_size);
        if (r < 0)
                return r;
        db->driver = driver;
        db->deadline = db->lock_deadline = NSEC_NEVER;
        *ret = db;
        return 0;
}

struct db *db_close(struct db *db) {
        if (db)
                db->driver->close(db);
        return NULL;
}

void db_trim(struct db *db) {
        db->driver->trim(db);
}

int db_begin(struct db *db, bool write) {
        return db->driver->begin(db, write);
}

int db_commit(struct db *db) {
        return db->driver->commit(db);
}

void db_rollback(struct db *db) {
        db->driver->rollback(db);
}

int db_run(struct db *db, const char *sql, const struct db_value *values, size_t n_values,
           int (*row)(void *userdata, const struct db_row *row), void *userdata, int64_t *ret_changes) {
        return db->driver->run(db, sql, values, n_values, row, userdata, ret_changes);
}

int db_script(struct db *db, const char *sql) {
        return db->driver->script(db, sql);
}
