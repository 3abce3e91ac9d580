/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/plugin-harness.h"

#include <stdio.h>

/* Each plugin's wazo_plugin, renamed when it is compiled for tests (tests/unit/meson.build). */
#define PLUGINS(X)                                                                                               \
        X(context) X(endpoint_sip) X(extension) X(info) X(line) X(line_endpoint) X(line_extension) X(tenant) X(user)    \
        X(user_line) X(user_voicemail) X(voicemail)
#define DECLARE(name) extern const struct wazo_plugin wazo_plugin_##name;
#define ENTRY(name) {#name, &wazo_plugin_##name, NULL},
PLUGINS(DECLARE)

/* One database, and each plugin that was called so far. "info" owns the database's file. */
static struct {
        const char *name;
        const struct wazo_plugin *plugin;
        struct testing *testing;
} plugins[] = {PLUGINS(ENTRY)};
static struct testing *owner;

static char tenant[40];
static struct testing *last;
static json_t *last_json;
static int64_t outbox_seen;
/* The uuids that the test met in it, by their numbers. */
static char uuids[64][WAZO_UUID_SIZE];
static size_t n_uuids;

/* Texts handed out live until the next test. */
static char *texts[4096];
static size_t n_texts;

static const char *keep(char *text) {
        ck_assert_ptr_nonnull(text);
        ck_assert_uint_lt(n_texts, ELEMENTSOF(texts));
        return texts[n_texts++] = text;
}

static void forget(void) {
        json_decref(last_json);
        last_json = NULL;
}

static struct testing *plugin_named(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(plugins); i++) {
                if (!streq(plugins[i].name, name))
                        continue;
                if (!plugins[i].testing)
                        plugins[i].testing = testing_new(plugins[i].plugin, owner);
                return plugins[i].testing;
        }
        ck_abort_msg("there is no plugin %s", name);
        return NULL;
}

void harness_begin(void) {
        (void) strcopy(tenant, sizeof(tenant), TENANT);
        outbox_seen = 0;
        n_uuids = 0;
        owner = plugin_named("info");
}

void harness_end(void) {
        forget();
        for (size_t i = 0; i < ELEMENTSOF(plugins); i++)
                if (plugins[i].testing != owner)
                        plugins[i].testing = testing_free(plugins[i].testing);
        testing_free(owner);
        for (size_t i = 0; i < ELEMENTSOF(plugins); i++)
                plugins[i].testing = NULL;
        while (n_texts > 0)
                free(texts[--n_texts]);
        owner = last = NULL;
}

void as_tenant(const char *uuid) {
        (void) strcopy(tenant, sizeof(tenant), uuid);
}

/* ----- requests ----- */

static char *swap_quotes(const char *text) {
        char *copy = strdup(text);

        ck_assert_ptr_nonnull(copy);
        for (char *c = copy; *c; c++)
                if (*c == '\'')
                        *c = '"';
                else if (*c == '"')
                        *c = '\'';
        return copy;
}

unsigned ask(const char *plugin, const char *method, const char *path, const char *body) {
        struct testing *t = plugin_named(plugin);
        char *json = body ? swap_quotes(body) : NULL;
        unsigned status;

        forget();
        last = t;
        (void) strcopy(t->tenant, sizeof(t->tenant), tenant);
        status = testing_request(t, method, path, json, json ? strlen(json) : 0);
        free(json);
        return status;
}

void call_at(const char *file, int line, const char *plugin, const char *method, const char *path, const char *body,
             unsigned status) {
        unsigned got = ask(plugin, method, path, body);

        if (got != status)
                ck_abort_msg("%s:%d: %s %s: %u instead of %u: %s", file, line, method, path, got, status, reply_text());
        last_json = testing_json(last);
}

void hear_at(const char *file, int line, const char *plugin, const char *event, const char *body, unsigned status) {
        struct testing *t = plugin_named(plugin);
        char *json = swap_quotes(body);
        unsigned got;

        forget();
        last = t;
        got = testing_event(t, event, json);
        free(json);
        if (got != status)
                ck_abort_msg("%s:%d: event %s: %u instead of %u: %s", file, line, event, got, status, reply_text());
}

void torment(const char *plugin, const char *method, const char *path, const char *base, const char *const *members) {
        static const char *const values[] = {
                "null", "true", "-1", "0", "1.5", "1e300", "99999999999", "-9223372036854775808", "''", "'x'", "'%s%n\\u0001\\n\\\\'",
                "'\\ud83d\\ude00'", "[]", "{}", "[[]]", "[{}]", "[null]", "[['a', 'b', 'c']]", "{'a': {'b': []}}",
        };
        size_t size = 20000;
        char *body = malloc(size + 200);

        ck_assert_ptr_nonnull(body);
        for (; *members; members++)
                for (size_t i = 0; i <= ELEMENTSOF(values); i++) {
                        int n = snprintf(body, size, "{%s%s'%s': ", base, *base ? ", " : "", *members);
                        unsigned status;

                        if (i < ELEMENTSOF(values))
                                (void) snprintf(body + n, size - (size_t) n, "%s}", values[i]);
                        else {
                                body[n] = '\'';
                                (void) memset(body + n + 1, '1', 10000);
                                (void) strcpy(body + n + 10001, "'}");
                        }
                        status = ask(plugin, method, path, body);
                        ck_assert_msg(status < 500, "%s %s %.200s: %u: %s", method, path, body, status, reply_text());
                }
        free(body);
}

static char *join(const json_t *list) {
        const json_t *item;
        char *text = NULL;
        size_t i, size;
        FILE *f = open_memstream(&text, &size);

        ck_assert_ptr_nonnull(f);
        json_array_foreach(list, i, item)
                (void) fprintf(f, "%s%s", i > 0 ? "\n" : "", json_is_string(item) ? json_string_value(item) : "(not a text)");
        (void) fclose(f);
        return text;
}

void refuse_at(const char *file, int line, const char *plugin, const char *method, const char *path, const char *body,
               unsigned status, const char *expected) {
        const char *got;

        call_at(file, line, plugin, method, path, body, status);
        got = keep(join(last_json));
        if (!streq(got, expected))
                ck_abort_msg("%s:%d: %s %s: \"%s\" instead of \"%s\"", file, line, method, path, got, expected);
}

/* ----- the answer ----- */

const char *reply_text(void) {
        return last && last->reply.body ? last->reply.body : "";
}

const char *reply_location(void) {
        return last && last->reply.location ? last->reply.location : "";
}

static const json_t *step(const json_t *at, const char *word) {
        return json_is_array(at) ? json_array_get(at, strtoul(word, NULL, 10)) : json_object_get(at, word);
}

const json_t *reply_member(const char *path) {
        const json_t *at = last_json;
        char copy[256], *rest = copy, *word;

        (void) snprintf(copy, sizeof(copy), "%s", path);
        while (at && (word = strsep(&rest, ".")))
                at = step(at, word);
        if (!at)
                ck_abort_msg("there is no %s in %s", path, reply_text());
        return at;
}

const char *reply_string(const char *path) {
        const json_t *value = reply_member(path);

        ck_assert_msg(json_is_string(value), "%s is no text in %s", path, reply_text());
        return json_string_value(value);
}

int64_t reply_integer(const char *path) {
        const json_t *value = reply_member(path);

        ck_assert_msg(json_is_integer(value), "%s is no integer in %s", path, reply_text());
        return json_integer_value(value);
}

static const char *part(const json_t *value) {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII), *swapped;

        ck_assert_ptr_nonnull(text);
        swapped = swap_quotes(text);
        free(text);
        return keep(swapped);
}

const char *reply_part(const char *path) {
        return part(reply_member(path));
}

const char *reply_items(const char *member) {
        const json_t *item;
        char *text = NULL;
        size_t i, size;
        FILE *f = open_memstream(&text, &size);

        ck_assert_ptr_nonnull(f);
        json_array_foreach(reply_member("items"), i, item) {
                const json_t *value = json_object_get(item, member);

                (void) fprintf(f, "%s%s", i > 0 ? " " : "", json_is_string(value) ? json_string_value(value) : part(value));
        }
        (void) fclose(f);
        return keep(text);
}

/* ----- the database ----- */

void sql(const char *statement) {
        free(testing_sql(owner, statement));
}

const char *sql_text(const char *select) {
        char *text = testing_sql(owner, select);

        return keep(text ? text : strdup("-"));
}

int64_t sql_integer(const char *select) {
        return strtoll(sql_text(select), NULL, 10);
}

static void write_reload(FILE *f, const json_t *payload) {
        const json_t *command;
        size_t i;

        (void) fputs("reload:", f);
        json_array_foreach(json_object_get(payload, "ipbx"), i, command)
                (void) fprintf(f, "%s%s", i > 0 ? ", " : " ", json_string_value(command));
}

static void write_event(FILE *f, const json_t *row, const json_t *headers, const json_t *payload) {
        static const char prefix[] = "user_uuid:";

        (void) fprintf(f, "event: %s %s %s", json_string_value(json_object_get(row, "name")),
                       json_string_value(json_object_get(row, "routing_key")), part(json_object_get(payload, "data")));
        for (void *at = json_object_iter((json_t *) headers); at; at = json_object_iter_next((json_t *) headers, at))
                if (strncmp(json_object_iter_key(at), prefix, sizeof(prefix) - 1) == 0)
                        (void) fprintf(f, " %s", json_object_iter_key(at) + sizeof(prefix) - 1);
}

static void write_row(FILE *f, const json_t *row) {
        json_t *headers = json_loads(json_string_value(json_object_get(row, "headers")), 0, NULL);
        json_t *payload = json_loads(json_string_value(json_object_get(row, "payload")), 0, NULL);
        const char *name = json_string_value(json_object_get(row, "name"));

        if (streq(json_string_value(json_object_get(row, "kind")), "event"))
                write_event(f, row, headers, payload);
        else if (streq(name, "/exec_request_handlers"))
                write_reload(f, payload);
        else
                (void) fprintf(f, "call: %s %s %s", json_string_value(json_object_get(headers, "method")), name,
                               part(json_object_get(headers, "query")));
        (void) fputc('\n', f);
        json_decref(headers);
        json_decref(payload);
}

static bool generic_header(const char *name) {
        static const char *const names[] = {"name", "origin_uuid", "timestamp", "required_access", "required_acl", "tenant_uuid"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(names[i], name))
                        return true;
        return false;
}

static void check_text(const json_t *headers, const char *name, const char *prefix, const char *value) {
        char expected[256];

        (void) snprintf(expected, sizeof(expected), "%s%s", prefix, value);
        ck_assert_str_eq(json_string_value(json_object_get(headers, name)), expected);
}

/* What every message has, and what follows from the rest of it. */
static void check_event(const json_t *row, const json_t *headers, const json_t *payload) {
        const char *name = json_string_value(json_object_get(row, "name")),
                   *stamp = json_string_value(json_object_get(headers, "timestamp"));
        json_t *repeated = json_copy((json_t *) payload);
        struct tm tm;
        const char *rest;

        check_text(headers, "name", "", name);
        check_text(headers, "origin_uuid", "", "50000000-0000-4000-8000-000000000005");
        check_text(headers, "required_access", "event.", name);
        check_text(headers, "required_acl", "events.", json_string_value(json_object_get(row, "routing_key")));
        rest = strptime(stamp, "%Y-%m-%dT%H:%M:%S.", &tm);
        ck_assert_msg(rest && strspn(rest, "0123456789") == 6 && !rest[6], "timestamp %s", stamp);
        ck_assert_int_eq(json_object_del(repeated, "data"), 0);
        ck_assert(json_equal(repeated, headers));
        json_decref(repeated);
}

static void write_whole_event(FILE *f, const json_t *row, const json_t *headers, const json_t *payload) {
        static const char prefix[] = "user_uuid:";
        const char *tenant_uuid = json_string_value(json_object_get(headers, "tenant_uuid"));
        const char *name;
        const json_t *value;

        check_event(row, headers, payload);
        (void) fprintf(f, "%s %s %s %s", json_string_value(json_object_get(row, "resource")),
                       json_string_value(json_object_get(row, "name")),
                       json_string_value(json_object_get(row, "routing_key")), tenant_uuid ? tenant_uuid : "-");
        json_object_foreach((json_t *) headers, name, value)
                if (strncmp(name, prefix, sizeof(prefix) - 1) == 0) {
                        ck_assert(json_is_true(value));
                        (void) fprintf(f, " %s", name + sizeof(prefix) - 1);
                }
        (void) fprintf(f, " %s", part(json_object_get(payload, "data")));
        json_object_foreach((json_t *) headers, name, value)
                if (!generic_header(name) && strncmp(name, prefix, sizeof(prefix) - 1) != 0)
                        (void) fprintf(f, " %s=%s", name, part(value));
}

static void write_whole_request(FILE *f, const json_t *row, const json_t *headers, const json_t *payload) {
        const json_t *query = json_object_get(headers, "query");

        (void) fprintf(f, "%s %s %s", json_string_value(json_object_get(row, "resource")),
                       json_string_value(json_object_get(headers, "method")),
                       json_string_value(json_object_get(row, "name")));
        if (query)
                (void) fprintf(f, "?%s", part(query));
        if (payload)
                (void) fprintf(f, " %s", part(payload));
}

static void write_whole_row(FILE *f, const json_t *row) {
        json_t *headers = json_loads(json_string_value(json_object_get(row, "headers")), 0, NULL);
        json_t *payload = json_loads(json_string_value(json_object_get(row, "payload")), 0, NULL);

        if (streq(json_string_value(json_object_get(row, "kind")), "event"))
                write_whole_event(f, row, headers, payload);
        else
                write_whole_request(f, row, headers, payload);
        (void) fputc('\n', f);
        json_decref(headers);
        json_decref(payload);
}

static void write_uuid(FILE *f, const char *uuid) {
        static const struct {
                const char *uuid, *name;
        } known[] = {{TENANT, "T"}, {SUBTENANT, "S"}, {OTHER_TENANT, "O"}};
        size_t i;

        for (i = 0; i < ELEMENTSOF(known); i++)
                if (strncmp(known[i].uuid, uuid, WAZO_UUID_SIZE - 1) == 0) {
                        (void) fputs(known[i].name, f);
                        return;
                }
        for (i = 0; i < n_uuids && strncmp(uuids[i], uuid, WAZO_UUID_SIZE - 1) != 0; i++)
                ;
        if (i == n_uuids) {
                ck_assert_uint_lt(n_uuids, ELEMENTSOF(uuids));
                memcpy(uuids[n_uuids++], uuid, WAZO_UUID_SIZE - 1);
        }
        (void) fprintf(f, "U%zu", i + 1);
}

/* What differs from run to run, named. */
static char *normalise(const char *text) {
        char *result = NULL, copy[WAZO_UUID_SIZE];
        size_t size;
        FILE *f = open_memstream(&result, &size);

        ck_assert_ptr_nonnull(f);
        while (*text) {
                struct tm tm;
                const char *behind = strptime(text, "%Y-%m-%d %H:%M:%S.", &tm);

                (void) strcopy(copy, sizeof(copy), text);
                if (wazo_uuid_valid(copy)) {
                        write_uuid(f, copy);
                        text += WAZO_UUID_SIZE - 1;
                } else if (behind) {
                        (void) fputs("NOW", f);
                        text = behind + strspn(behind, "0123456789");
                } else
                        (void) fputc(*text++, f);
        }
        (void) fclose(f);
        return result;
}

static char *read_outbox(void (*write)(FILE *f, const json_t *row)) {
        char *text = NULL, select[512];
        size_t size;
        FILE *f = open_memstream(&text, &size);

        ck_assert_ptr_nonnull(f);
        for (;;) {
                const char *found;
                json_t *row;

                (void) snprintf(select, sizeof(select),
                                "SELECT json_object('id', id, 'kind', kind, 'resource', resource, 'name', name, 'routing_key', routing_key, "
                                "'headers', headers, 'payload', COALESCE(payload, 'null')) FROM outbox WHERE id > %lld ORDER BY id LIMIT 1",
                                (long long) outbox_seen);
                found = sql_text(select);
                if (streq(found, "-"))
                        break;
                row = json_loads(found, 0, NULL);
                ck_assert_ptr_nonnull(row);
                outbox_seen = json_integer_value(json_object_get(row, "id"));
                write(f, row);
                json_decref(row);
        }
        (void) fclose(f);
        return text;
}

const char *outbox(void) {
        return keep(read_outbox(write_row));
}

const char *outbox_whole(void) {
        char *text = read_outbox(write_whole_row);
        const char *named = keep(normalise(text));

        free(text);
        return named;
}
