/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A plugin made for this test, which uses what the first real ones do not: every kind of association, a dao without SQL, raw
 * bodies, staged effects, settings, jobs, events, views, keys of both kinds, services that call services.
 */
#include <check.h>
#include <stdio.h>

#include "tests/unit/run.h"
#include "workers/kit/internal.h"
#include "workers/kit/testing.h"

static struct testing *t;

/* ----- bands and musicians ----- */

static const struct wazo_field band_fields[] = {
        {"id", WAZO_INTEGER, WAZO_READ_ONLY | WAZO_GENERATED, .column = "id"},
        {"uuid", WAZO_UUID, WAZO_READ_ONLY | WAZO_GENERATED, .column = "uuid"},
        {"tenant_uuid", WAZO_UUID, WAZO_READ_ONLY, .column = "tenant_uuid"},
        {"name", WAZO_STRING, WAZO_REQUIRED, .length = WAZO_AT_MOST(20), .column = "name"},
        {"secret", WAZO_STRING, WAZO_NULLABLE | WAZO_SECRET | WAZO_WRITE_ONLY, .column = "secret"},
        {"volume", WAZO_INTEGER, WAZO_NULL_ON_CREATE, .preset = "5", .column = "volume"},
        {"founder", WAZO_STRING, WAZO_NULLABLE | WAZO_CREATE_ONLY, .column = "founder"},
        {"created_at", WAZO_DATETIME, WAZO_READ_ONLY | WAZO_GENERATED, .column = "created_at"},
        {"leader_uuid", WAZO_UUID, WAZO_HIDDEN, .column = "leader_uuid"},
        {"tags", WAZO_LIST, .item = &(const struct wazo_field) {"", WAZO_STRING}, .preset = "[]",
         .relation = &(const struct wazo_relation) {.sql = "SELECT band_id AS _owner, tag AS value FROM band_tag WHERE band_id IN (%s) ORDER BY n",
                                                    .table = "band_tag", .owner_column = "band_id",
                                                    .order_column = "n", .value_column = "tag"}},
        {"leader", WAZO_OBJECT, WAZO_READ_ONLY,
         .fields = (const struct wazo_field[]) {{"uuid", WAZO_UUID}, {"name", WAZO_STRING}, {"links", WAZO_LINKS, .link = &(const struct wazo_link) {"musicians", "/musicians/", "uuid"}}, {}},
         .relation = &(const struct wazo_relation) {.owner = "leader_uuid",
                                                    .sql = "SELECT uuid AS _owner, uuid, name FROM musician WHERE uuid IN (%s)"}},
        {"links", WAZO_LINKS, .link = &(const struct wazo_link) {"bands", "/bands/", "id"}},
        {},
};

static const struct wazo_column band_columns[] = {{"name", WAZO_SEARCH}, {"volume", WAZO_NO_SORT}, {"uuid", WAZO_SPLIT}, {}};

static const struct wazo_model band_model = {.name = "Band", .table = "band", .fields = band_fields, .tenant = "band.tenant_uuid",
                                             .columns = band_columns, .order = "name"};

static int refuse_silence(struct wazo_context *ctx, const struct wazo_service *service, json_t *object,
                          const json_t *before, const void *data) {
        if (wazo_integer(object, "volume") > 0)
                return 0;
        return wazo_error_resource(ctx, json_pack("{s:O,s:o,s:n}", "name", json_object_get(object, "name"), "uuid",
                                                  wazo_uuid(wazo_string(object, "uuid")), "why"),
                                   "Band is silent");
}

static const struct wazo_rule band_rules[] = {
        {wazo_rule_unique, &(const struct wazo_unique) {.fields = "name", .in_tenant = true}}, {refuse_silence, NULL}, {}};
static const struct wazo_validator band_validator = {.create = band_rules, .edit = band_rules};
static const struct wazo_notifier band_notifier = {
        .created = {.name = "band_created", .routing_key = "config.band.created", .data = "id name"},
        .edited = {.name = "band_edited", .routing_key = "config.band.edited", .data = "id"},
        .reload_edited = "a,b",
        .reload_changed_only = true,
};
static const struct wazo_service band_service = {.model = &band_model, .validator = &band_validator, .notifier = &band_notifier};

static const struct wazo_field musician_fields[] = {
        {"uuid", WAZO_UUID, WAZO_READ_ONLY | WAZO_GENERATED, .column = "uuid"},
        {"tenant_uuid", WAZO_UUID, WAZO_READ_ONLY, .column = "tenant_uuid"},
        {"name", WAZO_STRING, WAZO_REQUIRED, .column = "name"},
        {"band", WAZO_STRING, WAZO_NULLABLE | WAZO_WRITE_ONLY},
        {"links", WAZO_LINKS, .link = &(const struct wazo_link) {"musicians", "/musicians/", "uuid"}},
        {},
};
static const struct wazo_model musician_model = {.name = "Musician", .table = "musician", .fields = musician_fields, .key = "uuid",
                                                 .tenant = "musician.tenant_uuid"};

/* One service calls another's within its own transaction. */
static int create_with_band(struct wazo_context *ctx, const struct wazo_service *service, json_t *object) {
        const char *name = wazo_string(object, "band");
        _wazo_unref_ json_t *band = NULL;
        int r;

        if (name) {
                band = json_pack("{s:s}", "name", name);
                r = wazo_create(ctx, &band_service, band);
                if (r < 0)
                        return r;
        }
        return wazo_service_create(ctx, service, object);
}

static const struct wazo_rule musician_rules[] = {{wazo_rule_unique, &(const struct wazo_unique) {.fields = "name"}}, {}};
static const struct wazo_validator musician_validator = {.create = musician_rules};
static const struct wazo_service musician_service = {.model = &musician_model,
                                                     .validator = &musician_validator,
                                                     .create = create_with_band};

static int loud_view(struct wazo_context *ctx, const struct wazo_resource *resource, const char *view,
                     const json_t *objects, json_t **outputs) {
        if (!streq(view, "loud"))
                return wazo_error_input(ctx, NULL, "view '%s' does not exist", view);
        json_decref(*outputs);
        *outputs = json_pack("[{s:i}]", "loud", (int) json_array_size(objects));
        return 0;
}

static const struct wazo_resource bands = {.path = "/bands", .parameter = "band_id", .key = WAZO_KEY_BOTH, .acl = "x.bands",
                                           .service = &band_service, .view = loud_view,
                                           .terms = {[WAZO_CREATE] = &(const struct wazo_terms) {.attempt = 60, .class = "import"}}};
static const struct wazo_resource musicians = {.path = "/musicians", .parameter = "musician_uuid",
                                               .key = WAZO_KEY_UUID, .acl = "x.musicians",
                                               .service = &musician_service,
                                               .methods = WAZO_METHOD(WAZO_CREATE) | WAZO_METHOD(WAZO_GET)};

/* ----- a dao without SQL: three rooms in memory, deleted when the request is committed ----- */

static bool room_there[3];

static const struct wazo_field room_fields[] = {{"id", WAZO_INTEGER}, {"links", WAZO_LINKS, .link = &(const struct wazo_link) {"rooms", "/rooms/", "id"}}, {}};
static const struct wazo_model room_model = {.name = "Room", .fields = room_fields};

static int room_get(struct wazo_context *ctx, const struct wazo_service *service, const json_t *members, bool tree, json_t **ret) {
        int64_t id = wazo_integer(members, "id");

        if (id < 1 || id > 3 || !room_there[id - 1])
                return 1;
        *ret = json_pack("{s:I}", "id", (json_int_t) id);
        return 0;
}

static int room_list(struct wazo_context *ctx, const struct wazo_service *service, const struct wazo_query *query,
                     json_t **ret_items, int64_t *ret_total) {
        *ret_items = json_array();
        for (int i = 0; i < 3; i++)
                if (room_there[i])
                        (void) json_array_append_new(*ret_items, json_pack("{s:i}", "id", i + 1));
        *ret_total = (int64_t) json_array_size(*ret_items);
        return 0;
}

static char effects[64];

static int effect_prepare(struct wazo_context *ctx, void *data) {
        (void) strcat(effects, "p");
        return room_there[1] ? 0 : wazo_error_plain(ctx, 400, "room 2 holds the others");
}

static void effect_commit(void *data) {
        *(bool *) data = false;
        (void) strcat(effects, "c");
}

static void effect_rollback(void *data) {
        (void) strcat(effects, "r");
}

static void effect_done(void *data) {
        (void) strcat(effects, "d");
}

static int room_delete(struct wazo_context *ctx, const struct wazo_service *service, const json_t *object) {
        static const struct wazo_effect effect = {effect_prepare, effect_commit, effect_rollback, effect_done};

        return wazo_stage(ctx, &effect, &room_there[wazo_integer(object, "id") - 1]);
}

static const struct wazo_dao room_dao = {.get = room_get, .list = room_list, .delete = room_delete};
static const struct wazo_service room_service = {.model = &room_model, .dao = &room_dao};
static const struct wazo_resource rooms = {.path = "/rooms", .parameter = "room_id", .acl = "x.rooms", .service = &room_service,
                                           .methods = WAZO_METHOD(WAZO_LIST_ALL) | WAZO_METHOD(WAZO_GET) | WAZO_METHOD(WAZO_DELETE)};

static const struct wazo_resource *const resources[] = {&bands, &musicians, &rooms, NULL};

/* ----- associations ----- */

static const struct wazo_association leads = {
        .path = "/bands/{band_id:int_or_uuid}/leaders/{musician_uuid:uuid}",
        .acl = "x.leads",
        .left = {"band", "band_id", WAZO_KEY_BOTH, &band_service},
        .right = {"musician", "musician_uuid", WAZO_KEY_UUID, &musician_service},
        .holder = "leader_uuid",
        .associated = {.name = "leader_associated", .routing_key = "config.bands.{band.id}.leaders.{musician.uuid}.updated",
                       .data = "band.id musician_uuid=musician.uuid", .scope = WAZO_TO_USER, .user = "musician.uuid",
                       .headers = "band_uuid=band.uuid"},
        .dissociated = {.name = "leader_dissociated", .routing_key = "x", .data = "band.id"},
        .reload = "b,c",
};

static int check_drummers(struct wazo_context *ctx, const struct wazo_association *association,
                          struct wazo_pair *pair, const void *data) {
        return streq(strempty(wazo_string(pair->body, "plays")), data)
                       ? wazo_error_resource(ctx, NULL, "%s is a %s", wazo_string(pair->right, "name"), (const char *) data)
                       : 0;
}

static const struct wazo_field plays_fields[] = {{"plays", WAZO_STRING, .column = "plays", .preset = "\"bass\""}, {"fee", WAZO_INTEGER, .range = WAZO_AT_LEAST(0), .column = "fee", .preset = "0"}, {}};
static const struct wazo_association plays = {
        .path = "/bands/{band_id:int}/musicians/{musician_uuid:uuid}",
        .acl = "x.plays",
        .left = {"band", "band_id", WAZO_KEY_INTEGER, &band_service},
        .right = {"musician", "musician_uuid", WAZO_KEY_UUID, &musician_service},
        .table = "plays", .left_column = "band_id", .right_column = "musician_uuid", .where = "kind = 'm'", .constants = "kind='m'",
        .fields = plays_fields, .body = WAZO_BODY_JSON, .update = true,
        .associate = (const struct wazo_pair_rule[]) {{check_drummers, "drums"}, {}},
        .associated = {.name = "plays_associated", .routing_key = "k", .data = "plays fee"},
        .dissociated = {.name = "plays_dissociated", .routing_key = "k", .data = "plays fee"},
};

static const struct wazo_association line_up = {
        .path = "/bands/{band_id:int}/musicians",
        .acl = "x.lineup",
        .left = {"band", "band_id", WAZO_KEY_INTEGER, &band_service},
        .right = {.name = "musician", .key = WAZO_KEY_UUID, .service = &musician_service},
        .table = "plays", .left_column = "band_id", .right_column = "musician_uuid", .where = "kind = 'l'", .constants = "kind='l'",
        .order_column = "n", .fields = plays_fields, .member = "musicians",
        .associated = {.name = "line_up_associated", .routing_key = "k",
                       .data = "uuids=musicians.musician.uuid fees=musicians.fee"},
};

static const struct wazo_association *const associations[] = {&leads, &plays, &line_up, NULL};

/* ----- routes, settings, jobs, events ----- */

static int import(struct wazo_context *ctx) {
        size_t size;
        const char *body = wazo_body(ctx, &size);
        char text[128];

        (void) snprintf(text, sizeof(text), "%.*s;%s", (int) size, body, wazo_setting_string(ctx, "separator"));
        return wazo_reply_raw(ctx, 200, "text/csv", text, strlen(text));
}

static int fail_late(struct wazo_context *ctx) {
        int r = wazo_execute(ctx, "INSERT INTO musician (uuid, tenant_uuid, name) VALUES ('x', ?, 'late')", "s", wazo_tenant(ctx));

        return r < 0 ? r : wazo_execute(ctx, "INSERT INTO nowhere VALUES (1)", NULL);
}

static int call(struct wazo_context *ctx) {
        struct wazo_answer answer;
        int r = wazo_call(ctx, &(const struct wazo_call) {.daemon = "auth", .method = "GET", .path = "/0.1/users"}, &answer);

        return wazo_error_plain(ctx, 418, "%s", strerror(-r));
}

static const struct wazo_route routes[] = {
        {"/import", "POST", "x.import", .body = WAZO_BODY_RAW, .handler = import, .write = true},
        {"/late", "POST", "x.late", .handler = fail_late, .write = true},
        {"/call", "GET", NULL, .handler = call},
        {},
};

static int job(struct wazo_context *ctx) {
        int r = wazo_execute(ctx, "INSERT INTO musician (uuid, tenant_uuid, name) VALUES ('job', ?, 'job')", "s", wazo_tenant(ctx));

        return r < 0 ? r : 0;
}

static int bad_job(struct wazo_context *ctx) {
        int r = job(ctx);

        return r < 0 ? r : -EIO;
}

static int heard(struct wazo_context *ctx, const json_t *event) {
        const char *then = wazo_string(event, "then");
        int r = wazo_execute(ctx, "INSERT INTO musician (uuid, tenant_uuid, name) VALUES (?, ?, 'heard')", "ss",
                             wazo_string(event, "uuid"), wazo_tenant(ctx));

        if (r >= 0 && then)
                return strcmp(then, "refuse") == 0   ? wazo_error_input(ctx, NULL, "no such band")
                     : strcmp(then, "sql") == 0      ? wazo_execute(ctx, "INSERT INTO nowhere VALUES (1)", NULL)
                     : strcmp(then, "busy") == 0     ? -EBUSY
                     : strcmp(then, "outcome") == 0  ? 7
                                                     : wazo_reload(ctx, then);
        return r < 0 ? r : 0;
}

static const struct wazo_setting settings[] = {{"separator", WAZO_STRING, .preset = "\",\""},
                                               {"size", WAZO_INTEGER, .range = WAZO_BETWEEN(1, 9), .preset = "3"},
                                               {}};
static const struct wazo_job jobs[] = {{"job", 60, job}, {"bad", 60, bad_job}, {}};
static const struct wazo_subscription subscriptions[] = {{"tenant_added", heard}, {}};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI, .size = sizeof(struct wazo_plugin), .name = "music", .version = "1.0", .resources = resources,
        .associations = associations, .routes = routes, .settings = settings, .jobs = jobs, .subscriptions = subscriptions,
};

/* ----- tests ----- */

static void setup(void) {
        static const char *const tables[] = {
                ("CREATE TABLE band (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT UNIQUE, tenant_uuid TEXT, name TEXT, secret TEXT, volume INTEGER, "
                 "founder TEXT, created_at TEXT, leader_uuid TEXT)"),
                "CREATE TABLE band_tag (band_id INTEGER, n INTEGER, tag TEXT)",
                "CREATE TABLE musician (uuid TEXT PRIMARY KEY, tenant_uuid TEXT, name TEXT)",
                "CREATE TABLE plays (band_id INTEGER, musician_uuid TEXT, kind TEXT, n INTEGER, plays TEXT, fee INTEGER)",
        };

        t = testing_new(&wazo_plugin, NULL);
        for (size_t i = 0; i < ELEMENTSOF(tables); i++)
                (void) testing_sql(t, tables[i]);
        for (int i = 0; i < 3; i++)
                room_there[i] = true;
        effects[0] = 0;
}

static void teardown(void) {
        t = testing_free(t);
}

static void expect(const char *method, const char *path, const char *body, unsigned status, const char *answer) {
        ck_assert_str_eq(testing_run(t, method, path, body, status), answer);
}

static void expect_sql(const char *sql, const char *value) {
        _cleanup_free_ char *got = testing_sql(t, sql);

        ck_assert_str_eq(strempty(got), value);
}

static void musician(char path[64], const char *name) {
        _wazo_unref_ json_t *answer = NULL;
        char body[128];

        (void) snprintf(body, sizeof(body), "{\"name\": \"%s\"}", name);
        (void) testing_run(t, "POST", "/musicians", body, 201);
        answer = testing_json(t);
        (void) snprintf(path, 64, "%s", wazo_string(answer, "uuid"));
}

START_TEST(fields_of_all_kinds) {
        _wazo_unref_ json_t *band = NULL;
        char path[128];

        (void) testing_run(t, "POST", "/bands", "{\"name\": \"a\", \"secret\": \"s\", \"volume\": null, \"founder\": \"f\", \"tags\": [\"y\", \"x\"]}", 201);
        band = testing_json(t);
        ck_assert_ptr_null(json_object_get(band, "secret"));
        ck_assert_ptr_null(json_object_get(band, "leader_uuid"));
        ck_assert(json_is_null(json_object_get(band, "leader")));
        ck_assert_int_eq(wazo_integer(band, "volume"), 5);
        ck_assert_int_eq(strlen(wazo_string(band, "created_at")), 26);
        ck_assert_int_eq(wazo_string(band, "created_at")[10], 'T');
        ck_assert_str_eq(json_string_value(json_array_get(json_object_get(band, "tags"), 0)), "y");
        expect_sql("SELECT secret || founder FROM band", "sf");
        expect("PUT", "/bands/1", "{\"founder\": \"g\", \"volume\": null}", 400,
               "[\"Input Error - volume: ['Field may not be null.']\"]\n");
        expect("PUT", "/bands/1", "{\"founder\": \"g\", \"tags\": []}", 204, "");
        expect_sql("SELECT founder || (SELECT COUNT(*) FROM band_tag) FROM band", "f0");
        (void) snprintf(path, sizeof(path), "/bands/%s", wazo_string(band, "uuid"));
        (void) testing_run(t, "GET", path, NULL, 200);
        expect("GET", "/bands/10000000-0000-4000-8000-00000000000B", NULL, 404,
               "[\"Resource Not Found - Band was not found ('id': UUID('10000000-0000-4000-8000-00000000000b'))\"]\n");
        (void) snprintf(path, sizeof(path), "/bands?uuid=x,%s", wazo_string(band, "uuid"));
        ck_assert_ptr_nonnull(strstr(testing_run(t, "GET", path, NULL, 200), "\"total\": 1"));
        ck_assert_ptr_nonnull(strstr(testing_run(t, "GET", "/bands?uuid=x", NULL, 200), "\"total\": 0"));
        expect("GET", "/bands?order=volume", NULL, 400, "[\"Input Error - order: column 'volume' was not found\"]\n");
        expect("GET", "/bands?view=loud", NULL, 200, "{\"total\": 1, \"items\": [{\"loud\": 1}]}\n");
        expect("GET", "/bands?view=x", NULL, 400, "[\"Input Error - view 'x' does not exist\"]\n");
        ck_assert_uint_eq(testing_request(t, "DELETE", "/musicians/10000000-0000-4000-8000-00000000000b", NULL, 0), 404); /* not offered */
}
END_TEST

START_TEST(rules_run_in_order) {
        (void) testing_run(t, "POST", "/bands", "{\"name\": \"a\"}", 201);
        expect("POST", "/bands", "{\"name\": \"a\", \"volume\": 0}", 400,
               "[\"Resource Error - Band already exists ('name': 'a')\"]\n");
        expect("PUT", "/bands/1", "{\"name\": \"a\"}", 204, "");
        ck_assert_ptr_nonnull(strstr(testing_run(t, "POST", "/bands", "{\"name\": \"b\", \"volume\": 0}", 400),
                                     "Resource Error - Band is silent ('name': 'b', 'uuid': UUID('"));
        ck_assert_ptr_nonnull(strstr(t->reply.body, "'), 'why': None)"));
        (void) strcopy(t->tenant, sizeof(t->tenant), TESTING_STRANGER);
        (void) testing_run(t, "POST", "/bands", "{\"name\": \"a\"}", 201); /* unique in its tenant only */
        (void) testing_run(t, "POST", "/musicians", "{\"name\": \"m\"}", 201);
        (void) strcopy(t->tenant, sizeof(t->tenant), TESTING_TENANT);
        expect("POST", "/musicians", "{\"name\": \"m\"}", 400, "[\"Resource Error - Musician already exists ('name': 'm')\"]\n"); /* in all */
}
END_TEST

START_TEST(reload_only_on_change) {
        (void) testing_run(t, "POST", "/bands", "{\"name\": \"a\"}", 201);
        expect_sql("SELECT group_concat(name) FROM outbox", "band_created");
        (void) testing_sql(t, "DELETE FROM outbox");
        expect("PUT", "/bands/1", "{\"name\": \"a\"}", 204, "");
        expect_sql("SELECT group_concat(name) FROM outbox", "band_edited");
        expect("PUT", "/bands/1", "{\"volume\": 6}", 204, "");
        expect_sql("SELECT payload FROM outbox WHERE kind = 'sysconfd'", "{\"ipbx\": [\"a\", \"b\"]}");
}
END_TEST

START_TEST(held_by_a_column) {
        char uuid[64], path[160], answer[200];

        (void) testing_run(t, "POST", "/bands", "{\"name\": \"a\"}", 201);
        musician(uuid, "m");
        (void) testing_sql(t, "DELETE FROM outbox");
        (void) snprintf(path, sizeof(path), "/bands/1/leaders/%s", uuid);
        expect("DELETE", path, NULL, 204, "");
        expect_sql("SELECT COUNT(*) FROM outbox", "0");
        expect("PUT", path, "garbage {", 204, "");
        expect("PUT", path, NULL, 204, "");
        expect_sql("SELECT COUNT(*) FROM outbox", "2");
        expect_sql("SELECT payload FROM outbox WHERE kind = 'sysconfd'", "{\"ipbx\": [\"b\", \"c\"]}");
        (void) snprintf(answer, sizeof(answer), "{\"band\":{\"id\":1},\"musician_uuid\":\"%s\"}", uuid);
        expect_sql("SELECT json_extract(payload, '$.data') FROM outbox WHERE kind = 'event'", answer);
        expect_sql("SELECT (json_extract(headers, '$.band_uuid') = (SELECT uuid FROM band)) || json_type(headers, '$.\"user_uuid:' || "
                   "(SELECT uuid FROM musician) || '\"') || json_extract(headers, '$.tenant_uuid') || (routing_key = 'config.bands.1.leaders.' || "
                   "(SELECT uuid FROM musician) || '.updated') FROM outbox WHERE kind = 'event'",
                   "1true" TESTING_TENANT "1");
        ck_assert_ptr_nonnull(strstr(testing_run(t, "GET", "/bands/1", NULL, 200), "\"leader\": {\"uuid\": \""));
        expect("DELETE", path, NULL, 204, "");
        expect_sql("SELECT group_concat(name) FROM outbox WHERE kind = 'event'", "leader_associated,leader_dissociated");
        expect_sql("SELECT COUNT(leader_uuid) FROM band", "0");
        (void) snprintf(path, sizeof(path), "/bands/9/leaders/%s", uuid);
        expect("PUT", path, NULL, 404, "[\"Resource Not Found - Band was not found ('id': 9)\"]\n");
}
END_TEST

START_TEST(different_tenants) {
        char uuid[64], path[160];

        (void) testing_run(t, "POST", "/bands", "{\"name\": \"a\"}", 201);
        (void) strcopy(t->tenant, sizeof(t->tenant), TESTING_CHILD);
        musician(uuid, "m");
        (void) strcopy(t->tenant, sizeof(t->tenant), TESTING_TENANT);
        (void) snprintf(path, sizeof(path), "/bands/1/leaders/%s", uuid);
        expect("PUT", path, NULL, 400,
               "[\"Resource Error - different tenants ('band_tenant_uuid': '" TESTING_TENANT "', 'musician_tenant_uuid': '" TESTING_CHILD "')\"]\n");
}
END_TEST

START_TEST(rows_with_columns_of_their_own) {
        char uuid[64], path[160];

        (void) testing_run(t, "POST", "/bands", "{\"name\": \"a\"}", 201);
        musician(uuid, "m");
        (void) testing_sql(t, "DELETE FROM outbox");
        (void) snprintf(path, sizeof(path), "/bands/1/musicians/%s", uuid);
        expect("PUT", path, "{\"fee\": -1}", 400, "[\"Input Error - fee: ['Must be greater than or equal to 0.']\"]\n");
        expect("PUT", path, "{\"plays\": \"drums\"}", 400, "[\"Resource Error - m is a drums\"]\n");
        expect("PUT", path, "{\"fee\": 7}", 204, "");
        expect_sql("SELECT kind || plays || fee FROM plays", "mbass7");
        expect("PUT", path, "{\"plays\": \"drums\"}", 204, ""); /* already there: no rule, no event, the default of what is not said */
        expect_sql("SELECT kind || plays || fee FROM plays", "mdrums0");
        expect_sql("SELECT group_concat(json_extract(payload, '$.data')) FROM outbox", "{\"plays\":\"bass\",\"fee\":7}");
        expect("DELETE", path, NULL, 204, "");
        expect_sql("SELECT json_extract(payload, '$.data') FROM outbox WHERE name = 'plays_dissociated'",
                   "{\"plays\":\"drums\",\"fee\":0}");
        expect_sql("SELECT COUNT(*) FROM plays", "0");
}
END_TEST

START_TEST(ordered_lists) {
        char a[64], b[64], body[256];

        (void) testing_run(t, "POST", "/bands", "{\"name\": \"a\"}", 201);
        musician(a, "a");
        musician(b, "b");
        (void) testing_sql(t, "INSERT INTO plays (band_id, kind) VALUES (1, 'm')"); /* another association's row stays */
        (void) snprintf(body, sizeof(body), "{\"musicians\": [{\"uuid\": \"%s\", \"fee\": 2}, {\"uuid\": \"%s\"}]}", b, a);
        expect("PUT", "/bands/1/musicians", body, 204, "");
        expect_sql("SELECT group_concat(n || fee || name) FROM plays JOIN musician ON uuid = musician_uuid ORDER BY n", "02b,10a");
        expect_sql("SELECT json_extract(payload, '$.data.fees') FROM outbox WHERE name = 'line_up_associated'", "[2,0]");
        expect("PUT", "/bands/1/musicians", "{\"musicians\": [{\"uuid\": \"10000000-0000-4000-8000-00000000000b\"}]}", 400,
               "[\"Input Error - field 'musicians': Musician was not found ('uuid': '10000000-0000-4000-8000-00000000000b')\"]\n");
        expect("PUT", "/bands/1/musicians", "{\"musicians\": [{}]}", 400,
               "[\"Input Error - musicians: {0: {'uuid': ['Missing data for required field.']}}\"]\n");
        expect("PUT", "/bands/1/musicians", "{\"musicians\": []}", 204, "");
        expect_sql("SELECT group_concat(kind) FROM plays", "m");
}
END_TEST

START_TEST(a_service_calls_another) {
        (void) testing_run(t, "POST", "/musicians", "{\"name\": \"m\", \"band\": \"b\"}", 201);
        expect_sql("SELECT (SELECT name FROM band) || (SELECT name FROM musician) || (SELECT COUNT(*) FROM outbox)", "bm1");
        /* The second half fails: the first is undone, with its event. */
        expect("POST", "/musicians", "{\"name\": \"m\", \"band\": \"c\"}", 400,
               "[\"Resource Error - Musician already exists ('name': 'm')\"]\n");
        expect_sql("SELECT (SELECT COUNT(*) FROM band) || (SELECT COUNT(*) FROM outbox)", "11");
}
END_TEST

START_TEST(a_dao_without_sql) {
        ck_assert_ptr_nonnull(strstr(testing_run(t, "GET", "/rooms", NULL, 200), "\"total\": 3"));
        expect("GET", "/rooms/4", NULL, 404, "[\"Resource Not Found - Room was not found ('id': 4)\"]\n");
        expect("DELETE", "/rooms/1", NULL, 204, "");
        ck_assert_str_eq(effects, "pcd");
        ck_assert(!room_there[0]);
        effects[0] = 0;
        expect("DELETE", "/rooms/2", NULL, 204, "");
        effects[0] = 0;
        expect("DELETE", "/rooms/3", NULL, 400, "[\"room 2 holds the others\"]\n"); /* prepare refuses: what it holds is not rolled back */
        ck_assert_str_eq(effects, "pd");
        ck_assert(room_there[2]);
        ck_assert_uint_eq(t->locks, 4); /* of the tables above: rooms took none */
}
END_TEST

START_TEST(other_bodies) {
        (void) testing_run(t, "POST", "/import", "a;b", 200);
        ck_assert_str_eq(t->reply.body, "a;b;,");
        ck_assert_str_eq(t->reply.content_type, "text/csv");
        expect("GET", "/call", NULL, 418, "[\"Transport endpoint is not connected\"]\n");
        ck_assert_ptr_nonnull(strstr(testing_run(t, "POST", "/late", NULL, 500), "[\"Unexpected error: no such table: nowhere\"]"));
        expect_sql("SELECT COUNT(*) FROM musician", "0");
}
END_TEST

START_TEST(timed_jobs) {
        ck_assert_int_eq(wazo_plugin_job(t->host, "job"), 0);
        ck_assert_int_eq(wazo_plugin_job(t->host, "none"), -ENOENT);
        expect_sql("SELECT name || tenant_uuid FROM musician", "job" TESTING_TENANT);
        (void) testing_sql(t, "DELETE FROM musician");
        ck_assert_int_eq(wazo_plugin_job(t->host, "bad"), -EIO);
        expect_sql("SELECT COUNT(*) FROM musician", "0");
}
END_TEST

START_TEST(events_of_others) {
        unsigned nudges = t->nudges;

        ck_assert_uint_eq(testing_event(t, "tenant_added", "{\"uuid\": \"u\", \"then\": \"moh reload\"}"), 204);
        ck_assert_uint_eq(t->reply.body_size, 0);
        ck_assert_uint_eq(t->nudges, nudges + 1);
        expect_sql("SELECT uuid || ' ' || tenant_uuid FROM musician", "u " TESTING_TENANT);
        ck_assert_uint_eq(testing_event(t, "tenant_removed", "{}"), 404);
}
END_TEST

static const struct {
        const char *body, *text;
        unsigned status;
} bad_events[] = {
        {"", "it is no JSON object", 415},
        {"[]x", "it is no JSON object", 415},
        {"[]", "it is no JSON object", 415},
        {" [1]", "it is no JSON object", 415},
        {"null", "it is no JSON object", 415},
        {"\"tenant_added\"", "it is no JSON object", 415},
        {"{\"uuid\": \"\xff\"}", "it is no JSON object", 415},
        {"{\"uuid\": ", "it is no JSON object", 415},
        {"{\"uuid\": \"u\", \"then\": \"refuse\"}", "Input Error - no such band", 400},
        {"{\"uuid\": \"u\", \"then\": \"sql\"}", "no such table: nowhere", 500},
        {"{\"uuid\": \"u\", \"then\": \"busy\"}", "Device or resource busy", 503},
        {"{\"uuid\": \"u\", \"then\": \"outcome\"}", "Invalid argument", 500},
};

START_TEST(events_that_fail) {
        ck_assert_uint_eq(testing_event(t, "tenant_added", bad_events[_i].body), bad_events[_i].status);
        ck_assert_msg(strncmp(strempty(t->reply.body), bad_events[_i].text, strlen(bad_events[_i].text)) == 0, "%s",
                      strempty(t->reply.body));
        expect_sql("SELECT COUNT(*) FROM musician", "0");
}
END_TEST

static int host_of(const char *slice, char *error, size_t size) {
        struct wazo_host *host = NULL;
        int r = wazo_host_new(&(const struct wazo_host_setup) {.plugin = &wazo_plugin,
                                                               .slice = slice,
                                                               .slice_size = strlen(slice)},
                              &host, error, size);

        wazo_host_free(host);
        return r;
}

START_TEST(settings_are_checked) {
        char error[256];

        ck_assert_int_eq(host_of("{\"config\": {\"size\": 4}}", error, sizeof(error)), 0);
        ck_assert_int_eq(host_of("{}", error, sizeof(error)), 0);
        ck_assert_int_eq(host_of("{\"config\": {\"size\": 10}}", error, sizeof(error)), -EINVAL);
        ck_assert_str_eq(
                error,
                "setting size of plugin music: ['Must be greater than or equal to 1 and less than or equal to 9.']");
        ck_assert_int_eq(host_of("[", error, sizeof(error)), -EINVAL);
        ck_assert_int_eq(host_of("{}", NULL, 0), 0);
}
END_TEST

START_TEST(another_abi) {
        struct wazo_plugin other = wazo_plugin;
        char error[256], *text = NULL;
        struct wazo_host *host;

        other.abi = 2;
        ck_assert_int_eq(wazo_host_new(&(const struct wazo_host_setup) {.plugin = &other, .slice = "{}", .slice_size = 2}, &host, error, sizeof(error)), -ELIBBAD);
        ck_assert_ptr_nonnull(strstr(error, "version 2"));
        ck_assert_int_eq(wazo_plugin_describe(&other, "00", &text, error, sizeof(error)), -EINVAL);
}
END_TEST

START_TEST(description) {
        _wazo_unref_ json_t *d = NULL;
        char *text = NULL, error[256];
        const json_t *create, *op;

        ck_assert_msg(wazo_plugin_describe(&wazo_plugin, "0123456789012345678901234567890123456789", &text, error,
                                           sizeof(error)) == 0,
                      "%s", error);
        d = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        free(text);
        ck_assert_ptr_nonnull(d);
        create = json_array_get(json_object_get(json_array_get(json_object_get(d, "routes"), 0), "operations"), 1);
        ck_assert_str_eq(wazo_string(create, "acl"), "x.bands.create");
        ck_assert_str_eq(wazo_string(create, "class"), "import");
        ck_assert_int_eq(wazo_integer(create, "attempt"), 60);
        ck_assert_str_eq(json_string_value(json_array_get(json_object_get(create, "secrets"), 0)), "secret");
        ck_assert_str_eq(wazo_string(json_array_get(json_object_get(d, "routes"), 1), "path"), "/bands/{band_id:int_or_uuid}");
        op = json_array_get(json_object_get(json_array_get(json_object_get(d, "routes"),
                                                           json_array_size(json_object_get(d, "routes")) - 1),
                                                           "operations"), 0);
        ck_assert(json_is_null(json_object_get(op, "acl")));
        ck_assert_str_eq(wazo_string(json_array_get(json_object_get(d, "subscriptions"), 0), "event"), "tenant_added");
        ck_assert_int_eq(wazo_integer(json_array_get(json_object_get(d, "config"), 1), "max"), 9);
        ck_assert_ptr_nonnull(json_object_get(wazo_member(d, "openapi.paths"), "/bands/{band_id}"));
        ck_assert_str_eq(wazo_string(wazo_member(d, "openapi.definitions.Band.properties.uuid"), "format"), "uuid");
        ck_assert_ptr_null(wazo_member(d, "openapi.definitions.Band.properties.leader_uuid"));
}
END_TEST

static int describe_with(const struct wazo_resource *const *list, char *error, size_t size) {
        const struct wazo_plugin p = {.abi = WAZO_PLUGIN_ABI, .size = sizeof(p), .name = "bad", .resources = list};
        char *text = NULL;
        int r = wazo_plugin_describe(&p, "", &text, error, size);

        free(text);
        return r;
}

START_TEST(contradictions_are_told) {
        const struct wazo_field no_relation[] = {{"id", WAZO_INTEGER, .column = "id"}, {"x", WAZO_LIST, .relation = &(const struct wazo_relation) {.sql = "SELECT 1"}}, {}};
        const struct wazo_field bad_preset[] = {{"id", WAZO_INTEGER, .column = "id", .preset = "yes"}, {}};
        const struct wazo_model relation_model = {.name = "X", .table = "x", .fields = no_relation},
                                preset_model = {.name = "X", .table = "x", .fields = bad_preset};
        const struct wazo_service a = {.model = &relation_model}, b = {.model = &preset_model};
        const struct wazo_resource ra = {.path = "/x", .parameter = "id", .acl = "x", .service = &a};
        const struct wazo_resource rb = {.path = "/x", .parameter = "id", .acl = "x", .service = &b};
        const struct wazo_resource rc = {.path = "x", .parameter = "id", .acl = "x", .service = &band_service};
        char error[256];

        ck_assert_int_eq(describe_with((const struct wazo_resource *[]) {&ra, NULL}, error, sizeof(error)), -EINVAL);
        ck_assert_str_eq(error, "plugin bad: field x: its relation's statement has no %s");
        ck_assert_int_eq(describe_with((const struct wazo_resource *[]) {&rb, NULL}, error, sizeof(error)), -EINVAL);
        ck_assert_str_eq(error, "plugin bad: field id: .preset is no JSON: yes");
        ck_assert_int_eq(describe_with((const struct wazo_resource *[]) {&rc, NULL}, error, sizeof(error)), -EINVAL);
        ck_assert_str_eq(error, "plugin bad: path x does not begin with /");
}
END_TEST

/* An index from the description of the plugin's other version, while it is being replaced. */
START_TEST(operations_of_another_version) {
        static const struct {
                const char *method, *path;
                unsigned operation;
                bool fits;
        } cases[] = {
                {"GET", "/bands", WAZO_LIST_ALL, true},       {"GET", "/bands/7", WAZO_GET, true},
                {"GET", "/bands", WAZO_GET, false},           {"DELETE", "/bands/7", WAZO_EDIT, false},
                {"GET", "/musicians", WAZO_LIST_ALL, false},  {"GET", "/bands/7/leaders", WAZO_GET, false},
                {"GET", "/bandsaw/7", WAZO_GET, false},       {"GET", "/bands", 9999, false},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const struct request request = {
                        .operation = cases[i].operation, .method = cases[i].method, .path = cases[i].path, .body_fd = -1,
                };
                struct operation op;
                int r = operation_at(t->plugin, request.operation, &op);

                ck_assert_msg((r >= 0 && operation_fits(&op, &request)) == cases[i].fits, "case %zu", i);
                if (cases[i].fits)
                        continue;
                reply_done(&t->reply);
                ck_assert_int_eq(wazo_plugin_run(t->host, &request, &t->reply), 0);
                ck_assert_uint_eq(t->reply.status, 503);
                ck_assert_uint_eq(t->reply.retry_after, 1);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("kit-plugin");
        TCase *tc = tcase_create("plugin");

        tcase_add_checked_fixture(tc, setup, teardown);
        tcase_add_test(tc, fields_of_all_kinds);
        tcase_add_test(tc, rules_run_in_order);
        tcase_add_test(tc, reload_only_on_change);
        tcase_add_test(tc, held_by_a_column);
        tcase_add_test(tc, different_tenants);
        tcase_add_test(tc, rows_with_columns_of_their_own);
        tcase_add_test(tc, ordered_lists);
        tcase_add_test(tc, a_service_calls_another);
        tcase_add_test(tc, a_dao_without_sql);
        tcase_add_test(tc, other_bodies);
        tcase_add_test(tc, timed_jobs);
        tcase_add_test(tc, events_of_others);
        tcase_add_loop_test(tc, events_that_fail, 0, ELEMENTSOF(bad_events));
        tcase_add_test(tc, settings_are_checked);
        tcase_add_test(tc, another_abi);
        tcase_add_test(tc, description);
        tcase_add_test(tc, contradictions_are_told);
        tcase_add_test(tc, operations_of_another_version);
        suite_add_tcase(suite, tc);
        return check_run(suite);
}
