/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wazo-migrate: brings the database to what this version of the service needs, and exits. A worker of kind once. */
#include <jansson.h>
#include <stdio.h>

#include "lib/worker.h"
#include "workers/migrate/migrate.h"

/* A database that is locked or full may mend; one that is broken, foreign or newer will not by itself. */
static enum wire_cause cause_of(int error) {
        switch (error) {
        case -EBUSY:
        case -ETIMEDOUT:
        case -ENOSPC:
        case -EIO:
        case -ENOMEM:
        case -ENOTCONN:
                return WIRE_CAUSE_EXIT;
        default:
                return WIRE_CAUSE_CONFIG;
        }
}

static const char *text_of(const json_t *slice, const char *member) {
        return json_string_value(json_object_get(slice, member));
}

static struct db *open_database(struct worker *w, const json_t *slice) {
        const char *base = text_of(json_object_get(slice, "db"), "uri"), *drivers = text_of(slice, "driver_dir");
        char uri[600], error[400] = "";
        const struct db_driver *driver;
        struct db *db;
        int r;

        if (!base || !drivers)
                worker_fail(w, WIRE_CAUSE_CONFIG, "the slice names no database or no directory of drivers");
        (void) snprintf(uri, sizeof(uri), "%s%s", base, strncmp(base, "sqlite://", 9) == 0 && !strchr(base, '?') ? "?mode=rwc" : "");
        r = db_load(drivers, uri, &driver, error, sizeof(error));
        if (r >= 0)
                r = db_open(driver, uri, &db, error, sizeof(error));
        if (r < 0)
                worker_fail(w, cause_of(r), "cannot open the database: %s", error);
        db->lock_deadline = now_monotonic() + 30 * NSEC_PER_SEC;
        return db;
}

int main(void) {
        static const char *const sources[] = {
                [MIGRATE_UUID_ENVIRONMENT] = "from XIVO_UUID",
                [MIGRATE_UUID_KEPT] = "from table infos",
                [MIGRATE_UUID_GENERATED] = "generated, kept in table infos",
        };
        struct worker w;
        char error[512] = "", uuid[64];
        enum migrate_uuid source;
        json_t *slice;
        char *text;
        size_t size;
        struct db *db;
        int r;

        if (worker_begin(&w, WIRE_KIND_ONCE) < 0)
                return 1;
        r = worker_read_slice(&w, &text, &size);
        if (r < 0)
                worker_fail(&w, WIRE_CAUSE_EXIT, "no slice: %s", strerror(-r));
        slice = json_loadb(text, size, 0, NULL);
        free(text);
        if (!slice)
                worker_fail(&w, WIRE_CAUSE_CONFIG, "the slice is no JSON");
        db = open_database(&w, slice);
        r = migrate_all(db, strempty(text_of(slice, "migrations")), text_of(slice, "uuid"), strempty(text_of(slice, "version")), uuid, &source,
                        error, sizeof(error));
        db_close(db);
        if (r < 0)
                worker_fail(&w, cause_of(r), "%s", error);
        if (r > 0)
                log_info("%d migrations applied", r);
        (void) worker_note(&w, "uuid", "%s", sources[source]);
        json_decref(slice);
        return 0;
}
