/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plugin context over SQLite, in this process: the whole kit from request to outbox. */
#include <check.h>
#include <stdio.h>

#include "lib/util.h"
#include "tests/unit/run.h"
#include "workers/kit/internal.h"
#include "workers/kit/testing.h"

static struct testing *t;

static void setup(void) {
        t = testing_new(&wazo_plugin, NULL);
}

static void teardown(void) {
        t = testing_free(t);
}

static void expect(const char *method, const char *path, const char *body, unsigned status, const char *answer) {
        ck_assert_str_eq(testing_run(t, method, path, body, status), answer);
}

static void expect_sql(const char *sql, const char *value) {
        _cleanup_free_ char *got = testing_sql(t, sql);

        ck_assert_ptr_nonnull(got);
        ck_assert_str_eq(got, value);
}

static int64_t create(const char *body) {
        _wazo_unref_ json_t *context = NULL;

        (void) testing_run(t, "POST", "/contexts", body, 201);
        context = testing_json(t);
        return wazo_integer(context, "id");
}

START_TEST(create_answers_the_whole_object) {
        _wazo_unref_ json_t *context = NULL;
        char name[128], whole[2048];
        const char *uuid;

        (void) testing_run(t, "POST", "/contexts",
                           "{\"label\": \"Int\\u00e9rieur\", \"unknown\": 1, \"id\": 77, \"tenant_uuid\": \"x\", \"user_ranges\": "
                           "[{\"start\": \"1000\", \"end\": \"1999\"}, {\"start\": \"5000\"}]}",
                           201);
        ck_assert_str_eq(t->reply.location, "http://localhost:9486/1.1/contexts/1");
        context = testing_json(t);
        uuid = wazo_string(context, "uuid");
        (void) snprintf(name, sizeof(name), "ctx-None-internal-%s", uuid);
        ck_assert_str_eq(wazo_string(context, "name"), name);
        (void) snprintf(whole, sizeof(whole),
                        "{\"id\": 1, \"uuid\": \"%s\", \"tenant_uuid\": \"" TESTING_TENANT "\", \"name\": \"%s\", "
                        "\"label\": \"Int\\u00e9rieur\", \"type\": \"internal\", \"user_ranges\": [{\"start\": \"1000\", \"end\": \"1999\"}, "
                        "{\"start\": \"5000\", \"end\": \"5000\"}], \"group_ranges\": [], \"queue_ranges\": [], "
                        "\"conference_room_ranges\": [], \"incall_ranges\": [], \"description\": null, \"enabled\": true, \"links\": "
                        "[{\"rel\": \"contexts\", \"href\": \"http://localhost:9486/1.1/contexts/1\"}], \"contexts\": []}\n",
                        uuid, name);
        ck_assert_str_eq(t->reply.body, whole);
        expect("GET", "/contexts/1", NULL, 200, whole);
        expect_sql("SELECT commented FROM context", "0");
        expect_sql("SELECT COUNT(*) FROM tenant WHERE uuid = '" TESTING_TENANT "'", "1");
}
END_TEST

START_TEST(refusals) {
        static const struct {
                const char *body, *answer;
        } cases[] = {
                {"", "[\"The browser (or proxy) sent a request that this server could not understand.\"]\n"},
                {"{", "[\"The browser (or proxy) sent a request that this server could not understand.\"]\n"},
                {"a=b", "[\"The browser (or proxy) sent a request that this server could not understand.\"]\n"},
                {"{\"label\": \"a\\u0000b\"}",
                 "[\"The browser (or proxy) sent a request that this server could not understand.\"]\n"},
                {"{\"label\": \"a\xff\"}",
                 "[\"The browser (or proxy) sent a request that this server could not understand.\"]\n"},
                {"[1]", "[\"Input Error - _schema: ['Invalid input type.']\"]\n"},
                {"null", "[\"Input Error - _schema: ['Invalid input type.']\"]\n"},
                {"[]", "[\"Input Error - label: ['Missing data for required field.']\"]\n"},
                {"{\"label\": null, \"enabled\": 1}",
                 "[\"Input Error - label: ['Field may not be null.']\", \"Input Error - enabled: ['Not a valid boolean.']\"]\n"},
                {"{\"label\": \"\", \"type\": \"x\"}",
                 "[\"Input Error - label: ['Length must be between 1 and 128.']\", "
                 "\"Input Error - type: ['Must be one of: internal, incall, outcall, services, others.']\"]\n"},
                {"{\"label\": \"a\", \"user_ranges\": 1}", "[\"Input Error - user_ranges: ['Invalid type.']\"]\n"},
                {"{\"label\": \"a\", \"user_ranges\": [1]}",
                 "[\"Input Error - user_ranges: {0: {'_schema': ['Invalid input type.']}}\"]\n"},
                {"{\"label\": \"a\", \"user_ranges\": [{\"start\": \"1\"}, {}]}",
                 "[\"Input Error - user_ranges: {1: {'start': ['Missing data for required field.']}}\"]\n"},
                {"{\"label\": \"a\", \"user_ranges\": [{\"start\": \"x\", \"end\": \"12345678901234567\"}]}",
                 "[\"Input Error - user_ranges: {0: {'start': ['Invalid input.'], 'end': ['Longer than maximum length 16.']}}\"]\n"},
                {"{\"label\": \"a\", \"user_ranges\": [{\"start\": \"20\", \"end\": \"100\"}]}",
                 "[\"Input Error - user_ranges: {0: {'_schema': ['Start and end must be of the same length']}}\"]\n"},
                {"{\"label\": \"a\", \"user_ranges\": [{\"start\": \"200\", \"end\": \"100\"}]}",
                 "[\"Input Error - user_ranges: {0: {'_schema': ['Start of range must be lower than or equal to the end']}}\"]\n"},
                {"{\"label\": \"a\", \"incall_ranges\": [{\"start\": \"1\", \"did_length\": -1}]}",
                 "[\"Input Error - incall_ranges: {0: {'did_length': ['Must be greater than or equal to 0.']}}\"]\n"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                expect("POST", "/contexts", cases[i].body, 400, cases[i].answer);
        /* What is wrong with a body alone never takes the write lock. */
        ck_assert_uint_eq(t->locks, 0);
        expect_sql("SELECT COUNT(*) FROM context", "0");
        expect("GET", "/contexts/99999", NULL, 404, "[\"Resource Not Found - Context was not found ('id': 99999)\"]\n");
        expect("GET", "/contexts/99999999999", NULL, 404, "[\"Resource Not Found - Context was not found ('id': 99999999999)\"]\n");
        expect("DELETE", "/contexts/3", NULL, 404, "[\"Resource Not Found - Context was not found ('id': 3)\"]\n");
}
END_TEST

START_TEST(edit_is_partial) {
        (void) create("{\"label\": \"a\", \"description\": \"d\", \"user_ranges\": [{\"start\": \"10\", \"end\": \"19\"}], "
                      "\"group_ranges\": [{\"start\": \"20\", \"end\": \"29\"}], \"enabled\": false}");
        expect_sql("SELECT commented FROM context", "1");
        expect("PUT", "/contexts/1", "{\"type\": \"incall\", \"user_ranges\": [{\"start\": \"30\"}]}", 204, "");
        expect_sql("SELECT group_concat(type || numberbeg || '-' || numberend) FROM (SELECT * FROM contextnumbers ORDER BY type)",
                   "group20-29,user30-30");
        expect_sql("SELECT contexttype || description || commented FROM context", "incalld1");
        ck_assert_ptr_nonnull(strstr(testing_run(t, "GET", "/contexts/1", NULL, 200), "\"name\": \"ctx-None-internal-"));
        expect("PUT", "/contexts/1", "{\"description\": null}", 204, "");
        expect_sql("SELECT COALESCE(description, 'NULL') FROM context", "NULL");
        /* The legacy empty list is an empty object, and an empty edit is told all the same. */
        expect_sql("DELETE FROM outbox RETURNING 1", "1");
        expect("PUT", "/contexts/1", "[]", 204, "");
        expect_sql("SELECT COUNT(*) FROM outbox WHERE name = 'context_edited'", "1");
        expect("PUT", "/contexts/1", "{\"label\": null}", 400, "[\"Input Error - label: ['Field may not be null.']\"]\n");
}
END_TEST

START_TEST(the_old_name_is_the_label) {
        (void) create("{\"name\": \"from-name\"}");
        expect_sql("SELECT displayname FROM context", "from-name");
}
END_TEST

START_TEST(events_and_reload) {
        (void) create("{\"label\": \"a\"}");
        expect_sql("SELECT group_concat(kind || ':' || name || ':' || substr(resource, 1, 8) || ':' || routing_key, ' ') FROM (SELECT * FROM outbox ORDER BY id)",
                   "sysconfd:/exec_request_handlers:sysconfd: event:context_created:context/:config.contexts.created");
        expect_sql("SELECT payload FROM outbox WHERE kind = 'sysconfd'", "{\"ipbx\": [\"dialplan reload\"]}");
        expect_sql("SELECT json_extract(payload, '$.data.type') || json_extract(payload, '$.data.id') || "
                   "json_extract(payload, '$.data.tenant_uuid') || json_extract(payload, '$.\"user_uuid:*\"') FROM outbox WHERE kind = 'event'",
                   "internal1" TESTING_TENANT "1");
        expect_sql("SELECT json_extract(headers, '$.required_acl') || ' ' || json_extract(headers, '$.required_access') || ' ' || "
                   "json_extract(headers, '$.origin_uuid') FROM outbox WHERE kind = 'event'",
                   "events.config.contexts.created event.context_created 50000000-0000-4000-8000-000000000005");
        ck_assert_uint_eq(t->nudges, 1);
        (void) testing_sql(t, "DELETE FROM outbox");
        (void) testing_sql(t, "UPDATE infos SET live_reload_enabled = false");
        expect("DELETE", "/contexts/1", NULL, 204, "");
        expect_sql("SELECT group_concat(name) FROM outbox", "context_deleted");
}
END_TEST

START_TEST(delete_rules) {
        (void) create("{\"label\": \"a\", \"user_ranges\": [{\"start\": \"1\"}]}");
        (void) testing_sql(t, "INSERT INTO extensions (context, exten, type) SELECT name, '1', 'user' FROM context");
        (void) testing_sql(t, "INSERT INTO voicemail (context, mailbox) SELECT name, '1' FROM context");
        expect("DELETE", "/contexts/1", NULL, 400,
               "[\"Resource Error - Context is associated with a Extension ('context_id': 1, 'extension_id': 1)\"]\n");
        (void) testing_sql(t, "DELETE FROM extensions");
        expect("DELETE", "/contexts/1", NULL, 400,
               "[\"Resource Error - Context is associated with a Voicemail ('context_id': 1, 'voicemail_id': 1)\"]\n");
        (void) testing_sql(t, "DELETE FROM voicemail");
        expect("DELETE", "/contexts/1", NULL, 204, "");
        expect_sql("SELECT COUNT(*) FROM contextnumbers", "0");
        /* Numbers are never given twice. */
        ck_assert_int_eq(create("{\"label\": \"b\"}"), 2);
}
END_TEST

static void expect_list(const char *query, int64_t total, const char *labels) {
        _wazo_unref_ json_t *answer = NULL;
        char path[256], got[256] = "";
        const json_t *item;
        size_t i;

        (void) snprintf(path, sizeof(path), "/contexts?%s", query);
        (void) testing_run(t, "GET", path, NULL, 200);
        answer = testing_json(t);
        json_array_foreach(json_object_get(answer, "items"), i, item)
                (void) strncat(got, wazo_string(item, "label"), sizeof(got) - strlen(got) - 1);
        ck_assert_str_eq(got, labels);
        ck_assert_int_eq(wazo_integer(answer, "total"), total);
}

START_TEST(lists) {
        (void) create("{\"label\": \"b\", \"description\": \"Caf\\u00c9sho 100%\"}");
        (void) create("{\"label\": \"a\", \"type\": \"incall\"}");
        (void) create("{\"label\": \"c\", \"description\": \"x_y\"}");
        expect_list("", 3, "bac");
        expect_list("order=label", 3, "abc");
        expect_list("order=label&direction=desc", 3, "cba");
        expect_list("order=description", 3, "bca"); /* NULL last, and first the other way */
        expect_list("order=description&direction=desc", 3, "acb");
        expect_list("limit=1", 3, "b");
        expect_list("limit=1&offset=1&order=label", 3, "b");
        expect_list("offset=2", 3, "c");
        expect_list("offset=9", 3, "");
        expect_list("search=fesho", 1, "b");
        expect_list("search=F%C3%89SHO", 1, "b");
        expect_list("search=f%25ho%25100", 1, "b"); /* wildcards, as they always were */
        expect_list("search=%20_00", 1, "b");
        expect_list("search=", 3, "bac");
        expect_list("label=a", 1, "a");
        expect_list("label=a&label=b", 1, "a");
        expect_list("label=A", 0, "");
        expect_list("type=incall&search=a", 1, "a");
        expect_list("id=3", 1, "c");
        expect_list("id=x", 0, "");
        expect_list("nonsense=1", 3, "bac");
        expect("GET", "/contexts?limit=0", NULL, 400,
               "[\"Input Error - field 'limit': wrong type. Should be a positive number\"]\n");
        expect("GET", "/contexts?limit=-1", NULL, 400,
               "[\"Input Error - limit: [{'constraint_id': 'range', 'constraint': {'min': 0}, 'message': 'Must be greater than or equal to "
               "0.'}]\"]\n");
        expect("GET", "/contexts?offset=1.5", NULL, 400,
               "[\"Input Error - offset: {'message': 'Not a valid integer.', 'constraint_id': 'type', 'constraint': 'integer'}\"]\n");
        expect("GET", "/contexts?order=enabled", NULL, 400, "[\"Input Error - order: column 'enabled' was not found\"]\n");
        expect("GET", "/contexts?direction=ASC", NULL, 400, "[\"Input Error - direction: must be 'asc' or 'desc'\"]\n");
        expect("GET", "/contexts?recurse=perhaps", NULL, 400,
               "[\"Input Error - recurse: {'message': 'Not a valid boolean.', 'constraint_id': 'type', 'constraint': 'boolean'}\"]\n");
}
END_TEST

START_TEST(tenants) {
        (void) create("{\"label\": \"a\"}");
        (void) strcopy(t->tenant, sizeof(t->tenant), TESTING_CHILD);
        (void) create("{\"label\": \"b\"}");
        expect_list("", 1, "b");
        expect("GET", "/contexts/1", NULL, 404, "[\"Resource Not Found - Context was not found ('id': 1)\"]\n");
        expect("PUT", "/contexts/1", "{}", 404, "[\"Resource Not Found - Context was not found ('id': 1)\"]\n");
        (void) strcopy(t->tenant, sizeof(t->tenant), TESTING_TENANT);
        expect_list("", 1, "a");
        expect_list("recurse=true", 2, "ab");
        expect_list("recurse=Yes", 2, "ab");
        (void) testing_run(t, "GET", "/contexts/2", NULL, 200);
        expect("PUT", "/contexts/2", "{\"label\": \"B\"}", 204, "");
        expect_sql("SELECT tenant_uuid FROM context WHERE id = 2", TESTING_CHILD);
        (void) strcopy(t->tenant, sizeof(t->tenant), TESTING_STRANGER);
        expect("DELETE", "/contexts/2", NULL, 404, "[\"Resource Not Found - Context was not found ('id': 2)\"]\n");
}
END_TEST

START_TEST(includes) {
        _wazo_unref_ json_t *context = NULL;

        (void) create("{\"label\": \"a\"}");
        (void) create("{\"label\": \"b\"}");
        (void) create("{\"label\": \"c\"}");
        (void) testing_sql(t, "DELETE FROM outbox");
        expect("PUT", "/contexts/1/contexts", "{\"contexts\": [{\"id\": 3}, {\"id\": 2}]}", 204, "");
        (void) testing_run(t, "GET", "/contexts/1", NULL, 200);
        context = testing_json(t);
        ck_assert_str_eq(wazo_string(json_array_get(json_object_get(context, "contexts"), 0), "label"), "c");
        ck_assert_str_eq(wazo_string(json_array_get(json_object_get(json_array_get(json_object_get(context, "contexts"), 1), "links"), 0), "href"),
                         "http://localhost:9486/1.1/contexts/2");
        expect_sql("SELECT json_extract(payload, '$.data') FROM outbox WHERE kind = 'event'",
                   "{\"context_id\":1,\"context_ids\":[3,2]}");
        expect("PUT", "/contexts/1/contexts", "{}", 400, "[\"Input Error - contexts: ['Missing data for required field.']\"]\n");
        expect("PUT", "/contexts/1/contexts", "{\"contexts\": [{\"id\": 9}]}", 400,
               "[\"Input Error - field 'contexts': Context was not found ('id': 9)\"]\n");
        expect("PUT", "/contexts/1/contexts", "{\"contexts\": [{\"id\": 1}]}", 400,
               "[\"Resource Error - Operation not permitted. Cannot include context inside itself\"]\n");
        expect("PUT", "/contexts/1/contexts", "{\"contexts\": [{\"id\": 2}, {\"id\": 2}]}", 400,
               "[\"Resource Error - Operation not permitted. Cannot include same context more than once\"]\n");
        expect_sql("SELECT COUNT(*) FROM contextinclude", "2");
        expect("PUT", "/contexts/1/contexts", "{\"contexts\": []}", 204, "");
        expect_sql("SELECT COUNT(*) FROM contextinclude", "0");
}
END_TEST

START_TEST(ranges) {
        (void) create("{\"label\": \"a\", \"user_ranges\": [{\"start\": \"0100\", \"end\": \"0109\"}]}");
        (void) testing_sql(t, "INSERT INTO extensions (context, exten, type) SELECT name, '0103', 'user' FROM context");
        expect("GET", "/contexts/1/ranges/user", NULL, 200,
               "{\"total\": 2, \"items\": [{\"start\": \"0100\", \"end\": \"0102\"}, {\"start\": \"0104\", \"end\": \"0109\"}]}\n");
        expect("GET", "/contexts/1/ranges/user?availability=all", NULL, 200,
               "{\"total\": 1, \"items\": [{\"start\": \"0100\", \"end\": \"0109\"}]}\n");
        expect("GET", "/contexts/1/ranges/queue", NULL, 200, "{\"total\": 0, \"items\": []}\n");
}
END_TEST

START_TEST(idle_and_back) {
        (void) create("{\"label\": \"a\"}");
        wazo_host_idle(t->host);
        wazo_host_idle(t->host);
        expect_list("", 1, "a");
}
END_TEST

START_TEST(a_locked_database_is_503) {
        const struct db_driver *driver;
        char uri[128], error[256];
        struct db *db;

        (void) create("{\"label\": \"a\"}");
        (void) snprintf(uri, sizeof(uri), "sqlite://%s/test.sqlite", t->dir);
        ck_assert_int_eq(db_load(getenv("WAZO_TEST_DRIVERS"), uri, &driver, error, sizeof(error)), 0);
        ck_assert_int_eq(db_open(driver, uri, &db, error, sizeof(error)), 0);
        ck_assert_int_eq(db_begin(db, true), 0);
        t->host->setup.attempt = 400 * NSEC_PER_MSEC;
        expect("PUT", "/contexts/1", "{\"label\": \"b\"}", 503, "[\"The database is busy. Try again later.\"]\n");
        ck_assert_uint_eq(t->reply.retry_after, 1);
        expect_list("", 1, "a"); /* readers never wait */
        db_rollback(db);
        expect("PUT", "/contexts/1", "{\"label\": \"b\"}", 204, "");
        db_close(db);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("kit-context");
        TCase *tc = tcase_create("context");

        tcase_add_checked_fixture(tc, setup, teardown);
        tcase_add_test(tc, create_answers_the_whole_object);
        tcase_add_test(tc, refusals);
        tcase_add_test(tc, edit_is_partial);
        tcase_add_test(tc, the_old_name_is_the_label);
        tcase_add_test(tc, events_and_reload);
        tcase_add_test(tc, delete_rules);
        tcase_add_test(tc, lists);
        tcase_add_test(tc, tenants);
        tcase_add_test(tc, includes);
        tcase_add_test(tc, ranges);
        tcase_add_test(tc, idle_and_back);
        tcase_add_test(tc, a_locked_database_is_503);
        suite_add_tcase(suite, tc);
        return check_run(suite);
}
