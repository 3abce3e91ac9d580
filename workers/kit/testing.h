/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A plugin's operations in the test's own process, over a database of its own: no gateway, no channel, no fork.
 *
 *     struct testing *t = testing_new(&wazo_plugin);
 *     char *body = testing_run(t, "POST", "/contexts", "{\"label\": \"in\"}", 201);
 *
 * The first tenant is the effective one and the master; both are seen, as their common parent's.
 */
#pragma once

#include <jansson.h>

#include "workers/kit/host.h"

#define TESTING_TENANT "10000000-0000-4000-8000-000000000001"
#define TESTING_CHILD "10000000-0000-4000-8000-000000000002"
#define TESTING_STRANGER "10000000-0000-4000-8000-000000000003"

struct testing {
        struct wazo_host *host;
        const struct wazo_plugin *plugin;
        char dir[64];        /* of the database, removed with it */
        char tenant[40];     /* of the next request; TESTING_TENANT sees TESTING_CHILD too */
        struct reply reply;  /* of the last request */
        unsigned lock_waits, locks, nudges;
};

/*
 * Where drivers and migrations are is said by the environment (WAZO_TEST_DRIVERS, WAZO_TEST_MIGRATIONS), which meson sets for
 * tests. Ends the process with a sentence when anything is missing: there is no test without. @database: of another testing,
 * whose file is shared, or NULL for a new one, migrated.
 */
struct testing *testing_new(const struct wazo_plugin *plugin, const struct testing *database);
struct testing *testing_free(struct testing *t);

/* The path may have a query. Returns the status; t->reply has the rest. 404 for a path that the plugin does not route. */
unsigned testing_request(struct testing *t, const char *method, const char *path, const char *body, size_t size);
/* The same for a text; ends the process unless the status is @status. Returns the body ("" when empty), valid until the next
 * request. */
const char *testing_run(struct testing *t, const char *method, const char *path, const char *body, unsigned status);
/* An event of another daemon, as relay hands it on: its status; t->reply has the rest. */
unsigned testing_event(struct testing *t, const char *name, const char *body);
/* The last reply's body as JSON, to be given back by the caller. */
json_t *testing_json(const struct testing *t);
/* A statement on the database, apart from any request; the first column of the first row as text, to be freed; NULL for NULL and
 * when there is no row. */
char *testing_sql(struct testing *t, const char *sql);
