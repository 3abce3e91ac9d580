/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wazo-migrate: brings the database to what this version of the service needs, and exits. A worker of kind once. */
#include <jansson.h>
#include <stdio.h>

#include "lib/worker.h"
#include "workers/migrate/migrate.h"

#define PLUGIN_SCRIPTS_MAX 256

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
        (void) snprintf(uri, sizeof(uri), "%s%s", base,
                        strncmp(base, "sqlite://", 9) == 0 && !strchr(base, '?') ? "?mode=rwc" : "");
        r = db_load(drivers, uri, &driver, error, sizeof(error));
        if (r >= 0)
                r = db_open(driver, uri, &db, error, sizeof(error));
        if (r < 0)
                worker_fail(w, cause_of(r), "cannot open the database: %s", error);
        db->lock_deadline = now_monotonic() + 30 * NSEC_PER_SEC;
        return db;
}

/* A script that cannot work is its plugin's business alone: the others go on, and its own requests say what is missing. */
static int migrate_plugins(struct db *db, const json_t *plugins, char *error, size_t error_size) {
        const char *name, *scripts[PLUGIN_SCRIPTS_MAX + 1];
        const json_t *list, *script;
        size_t i;

        json_object_foreach((json_t *) plugins, name, list) {
                int r;

                if (json_array_size(list) > PLUGIN_SCRIPTS_MAX) {
                        log_error("plugin %s: more than %d migrations: none is applied", name, PLUGIN_SCRIPTS_MAX);
                        continue;
                }
                json_array_foreach(list, i, script)
                        scripts[i] = strempty(json_string_value(script));
                scripts[json_array_size(list)] = NULL;
                r = migrate_plugin(db, name, scripts, error, error_size);
                if (r < 0 && cause_of(r) == WIRE_CAUSE_EXIT)
                        return r;
                if (r < 0)
                        log_error("%s", error);
                else if (r > 0)
                        log_info("plugin %s: %d migrations applied", name, r);
        }
        return 0;
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
        r = migrate_all(db, strempty(text_of(slice, "migrations")), text_of(slice, "uuid"),
                        strempty(text_of(slice, "version")), uuid, &source, error, sizeof(error));
        if (r < 0)
                worker_fail(&w, cause_of(r), "%s", error);
        if (r > 0)
                log_info("%d migrations applied", r);
        r = migrate_plugins(db, json_object_get(slice, "plugins"), error, sizeof(error));
        db_close(db);
        if (r < 0)
                worker_fail(&w, cause_of(r), "%s", error);
        (void) worker_note(&w, "uuid", "%s", sources[source]);
        json_decref(slice);
        return 0;
}
