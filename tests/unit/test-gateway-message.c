/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is read of a message, and what is written into an answer: URIs, headers, links, CORS, error bodies, traces. */
#include <check.h>
#include <stdio.h>

#include "tests/unit/run.h"
#include "workers/gateway/cors.h"
#include "workers/gateway/errors.h"
#include "workers/gateway/ids.h"
#include "workers/gateway/links.h"
#include "workers/gateway/text.h"
#include "workers/gateway/uri.h"
#include "workers/gateway/waiting.h"
#include "workers/gateway/yaml-write.h"

/* --- URIs --- */

static const struct {
        const char *raw;
        int result;
        const char *path;
} uris[] = {
        {"/1.1/users", 0, "/1.1/users"},
        {"/a%20b+c", 0, "/a b+c"},
        {"/%C3%A9", 0, "/é"},
        {"/a%", 0, "/a%"},
        {"/a%2", 0, "/a%2"},
        {"/a%zz", 0, "/a%zz"},
        {"/a%252F", 0, "/a%2F"},
        {"/a%2Fb", URI_UNROUTABLE, NULL},
        {"/a%2fb", URI_UNROUTABLE, NULL},
        {"/a%00b", URI_UNROUTABLE, NULL},
        {"/%ff", URI_UNROUTABLE, NULL},
        {"/%C0%80", URI_UNROUTABLE, NULL},
        {"/%ED%A0%80", URI_UNROUTABLE, NULL},
        {"//host/a", URI_DOUBLE_SLASH, NULL},
        {"a", URI_NOT_A_PATH, NULL},
        {"", URI_NOT_A_PATH, NULL},
        {"*", 0, "*"},
        {"http://x:8/a?b", 0, "/a"},
        {"HTTPS://x", 0, "/"},
        {"http://x?b=1", 0, "/"},
        {"/a#b?c", 0, "/a"},
        {"/a?b=%00", URI_BAD_QUERY, NULL},
        {"/a?%ff=1", URI_BAD_QUERY, NULL},
};

START_TEST(test_uris) {
        struct request_pair query[REQUEST_PAIRS_MAX];
        struct uri u = {.query = query};
        char *raw = strdup(uris[_i].raw);
        int r = uri_parse(raw, &u);

        ck_assert_msg(r == uris[_i].result, "%s: %d", uris[_i].raw, r);
        if (r == 0)
                ck_assert_str_eq(u.path, uris[_i].path);
        free(raw);
}
END_TEST

START_TEST(test_query) {
        struct request_pair query[REQUEST_PAIRS_MAX];
        struct uri u = {.query = query};
        char raw[] = "/a?search=a+b%26c&&x&y=1=2&=z", many[400] = "/?";

        ck_assert_int_eq(uri_parse(raw, &u), 0);
        ck_assert_uint_eq(u.n_query, 4);
        ck_assert_str_eq(query[0].value, "a b&c");
        ck_assert_str_eq(query[1].name, "x");
        ck_assert_str_eq(query[1].value, "");
        ck_assert_str_eq(query[2].value, "1=2");
        ck_assert_str_eq(query[3].name, "");
        for (unsigned i = 0; i <= REQUEST_PAIRS_MAX; i++)
                strcat(many, "a=1&");
        ck_assert_int_eq(uri_parse(many, &u), URI_BAD_QUERY);
}
END_TEST

/* --- headers --- */

static struct headers make_headers(const char *const *pairs) {
        struct headers h = {0};

        for (; *pairs; pairs += 2)
                headers_add(&h, pairs[0], strlen(pairs[0]), pairs[1], strlen(pairs[1]));
        return h;
}

#define HEADERS(...) make_headers((const char *const[]) {__VA_ARGS__, NULL})

START_TEST(test_headers) {
        struct headers h = HEADERS("host", "x", "X-AUTH-TOKEN", "t", "x-auth-token", "u", "Content-Length", "12");

        ck_assert_ptr_null(headers_refuse(&h, true));
        ck_assert_str_eq(header_get(&h, HEADER_TOKEN), "t");
        ck_assert_str_eq(header_get(&h, HEADER_TENANT), "");
        h = HEADERS("Host", "x", "Content-Length", "12", "content-length", "12");
        ck_assert_ptr_nonnull(headers_refuse(&h, true));
        h = HEADERS("Host", "x", "Content-Length", "12", "Transfer-Encoding", "chunked");
        ck_assert_ptr_nonnull(headers_refuse(&h, true));
        h = HEADERS("Host", "x", "Transfer-Encoding", "Chunked");
        ck_assert_ptr_null(headers_refuse(&h, true));
        ck_assert_ptr_nonnull(headers_refuse(&h, false));
        h = HEADERS("Host", "x", "Transfer-Encoding", "chunked, gzip");
        ck_assert_ptr_nonnull(headers_refuse(&h, true));
        h = HEADERS("Host", "x", "Content-Length", " 12");
        ck_assert_ptr_nonnull(headers_refuse(&h, true));
        h = HEADERS("Host", "x", "Content-Length", "");
        ck_assert_ptr_nonnull(headers_refuse(&h, true));
        h = HEADERS("Host", "x", "Accept ", "a");
        ck_assert_ptr_nonnull(headers_refuse(&h, true));
        h = HEADERS("Host", "x", "Accept", "a\nb");
        ck_assert_ptr_nonnull(headers_refuse(&h, true));
        h = HEADERS("Accept", "x");
        ck_assert_ptr_nonnull(headers_refuse(&h, true));
        ck_assert_ptr_null(headers_refuse(&h, false));
        for (unsigned i = 0; i < 300; i++)
                headers_add(&h, "Host", 4, "x", 1);
        ck_assert_ptr_nonnull(headers_refuse(&h, true));
}
END_TEST

/* --- links --- */

static const char *base(struct headers h, bool tls) {
        static struct links links;

        return links_make(&h, tls, NULL, 0, "127.0.0.1:9486", "/1.1", &links) < 0 ? NULL : links.base_url;
}

START_TEST(test_links) {
        ck_assert_str_eq(base(HEADERS("Host", "pbx"), false), "http://pbx/1.1");
        ck_assert_str_eq(base(HEADERS("Host", "pbx:8443"), true), "https://pbx:8443/1.1");
        ck_assert_str_eq(base(HEADERS("Host", "pbx:443"), true), "https://pbx/1.1");
        ck_assert_str_eq(base(HEADERS("Host", "pbx:80"), false), "http://pbx/1.1");
        ck_assert_str_eq(base(HEADERS("Host", "[::1]:9486"), false), "http://[::1]:9486/1.1");
        ck_assert_str_eq(base(HEADERS("Accept", "x"), false), "http://127.0.0.1:9486/1.1");
        ck_assert_str_eq(base(HEADERS("Host", "pbx", "X-Forwarded-Proto", "http, https"), false), "https://pbx/1.1");
        ck_assert_str_eq(base(HEADERS("Host", "pbx", "X-Forwarded-Proto", "javascript"), false), "http://pbx/1.1");
        ck_assert_str_eq(base(HEADERS("Host", "pbx", "X-Script-Name", "/api/confd/"), false), "http://pbx/api/confd/1.1");
        ck_assert_str_eq(base(HEADERS("Host", "pbx", "X-Script-Name", "//evil"), false), "http://pbx/1.1");
        ck_assert_str_eq(base(HEADERS("Host", "pbx", "X-Script-Name", "/a\"b"), false), "http://pbx/1.1");
        ck_assert_str_eq(base(HEADERS("Host", "pbx", "X-Forwarded-Host", "evil"), false), "http://pbx/1.1");
        ck_assert_ptr_null(base(HEADERS("Host", "a/b"), false));
        ck_assert_ptr_null(base(HEADERS("Host", "a@b"), false));
}
END_TEST

START_TEST(test_remote) {
        char remote[64];
        struct headers h = HEADERS("X-Forwarded-For", "1.2.3.4 , 10.0.0.1 ");

        links_remote(&h, "127.0.0.1", remote, sizeof(remote));
        ck_assert_str_eq(remote, "10.0.0.1");
        h = HEADERS("X-Forwarded-For", "a b");
        links_remote(&h, "127.0.0.1", remote, sizeof(remote));
        ck_assert_str_eq(remote, "127.0.0.1");
}
END_TEST

/* --- CORS --- */

START_TEST(test_cors) {
        char *allowed[] = {(char *) "Content-Type", (char *) "X-Auth-Token", NULL}, value[64];
        struct cors c = {.enabled = true, .allow_headers = allowed};

        ck_assert_uint_gt(cors_allowed_headers(&c, "content-TYPE,x-evil , X-Auth-Token", value, sizeof(value)), 0);
        ck_assert_str_eq(value, "content-TYPE, X-Auth-Token");
        ck_assert_uint_eq(cors_allowed_headers(&c, ", ,,", value, sizeof(value)), 0);
        ck_assert_uint_eq(cors_allowed_headers(&c, "Content-Type", value, 8), 0);
}
END_TEST

/* --- error bodies --- */

static void check_body(struct error_body body, const char *expected) {
        ck_assert_ptr_nonnull(body.data);
        ck_assert_str_eq(body.data, expected);
        ck_assert_uint_eq(body.size, strlen(expected));
        free(body.data);
}

START_TEST(test_errors) {
        check_body(error_token("", "confd.users.read"), "[\"('', 'confd.users.read')\"]\n");
        check_body(error_access("abc", "confd.users.read", ""), "[\"('abc', 'confd.users.read', None)\"]\n");
        check_body(error_access("abc", "", "t"), "[\"('abc', None, 't')\"]\n");
        check_body(error_token("it's", "a"), "[\"(\\\"it's\\\", 'a')\"]\n");
        check_body(error_token("'\"", "a"), "[\"('\\\\'\\\"', 'a')\"]\n");
        check_body(error_token("\xff\n", "a"), "[\"('\\\\xff\\\\n', 'a')\"]\n");
        check_body(error_token("é", "a"), "[\"('\\u00e9', 'a')\"]\n");
        check_body(error_master_only("abc"), "[\"abc\"]\n");
        check_body(error_list("a\"b\\\x01\t😀"), "[\"a\\\"b\\\\\\u0001\\t\\ud83d\\ude00\"]\n");
        check_body(error_unavailable("user", "failed", ""), "[\"Service Unavailable - plugin 'user' is failed\"]\n");
        check_body(error_unavailable("user", "failed", "exit 3"), "[\"Service Unavailable - plugin 'user' is failed: exit 3\"]\n");
        check_body(error_method(), "{\"message\": \"The method is not allowed for the requested URL.\"}\n");
}
END_TEST

/* --- traces --- */

START_TEST(test_traces) {
        char id[33], span[17], other[33], trace[33], parent[17];

        ids_make(id, span);
        ids_make(other, span);
        ck_assert_uint_eq(strspn(id, "0123456789abcdef"), 32);
        ck_assert_str_ne(id, other);
        ids_trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", id, trace, parent);
        ck_assert_str_eq(trace, "0af7651916cd43dd8448eb211c80319c");
        ck_assert_str_eq(parent, "b7ad6b7169203331");
        ids_trace("00-00000000000000000000000000000000-b7ad6b7169203331-01", id, trace, parent);
        ck_assert_str_eq(trace, id);
        ck_assert_str_eq(parent, "-");
        ids_trace("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", id, trace, parent);
        ck_assert_str_eq(trace, id);
        ids_trace("", id, trace, parent);
        ck_assert_str_eq(parent, "-");
}
END_TEST

/* --- waiting, with a fake clock --- */

#define NOW (UINT64_C(1000) * NSEC_PER_SEC)

static const struct {
        struct slot_view slots[2];
        size_t n, queued;
        enum waiting waiting;
        unsigned retry_after;
} rules[] = {
        {.n = 0, .waiting = WAITING_QUEUE},
        {{{.state = WIRE_STATE_READY}}, 1, 0, WAITING_QUEUE, 0},
        {{{.state = WIRE_STATE_STARTING}}, 1, 3, WAITING_QUEUE, 0},
        {{{.state = WIRE_STATE_RESTING}}, 1, 0, WAITING_QUEUE, 0},
        {{{.state = WIRE_STATE_BLOCKED}}, 1, 0, WAITING_QUEUE, 0},
        {{{.state = WIRE_STATE_STARTING}}, 1, 4, WAITING_FULL, 1},
        {{{.state = WIRE_STATE_HELD}}, 1, 0, WAITING_REFUSE, 30},
        {{{.state = WIRE_STATE_FAILED, .retry_at = NOW + 90 * NSEC_PER_SEC + 1}}, 1, 0, WAITING_REFUSE, 91},
        {{{.state = WIRE_STATE_FAILED, .retry_at = NOW + 1}}, 1, 0, WAITING_REFUSE, 1},
        {{{.state = WIRE_STATE_BACKOFF, .retry_at = NOW + NSEC_PER_SEC}}, 1, 0, WAITING_QUEUE, 0},
        {{{.state = WIRE_STATE_BACKOFF, .retry_at = NOW + 5 * NSEC_PER_SEC}}, 1, 0, WAITING_REFUSE, 5},
        {{{.state = WIRE_STATE_FAILED}, {.state = WIRE_STATE_READY}}, 2, 0, WAITING_QUEUE, 0},
        {{{.state = WIRE_STATE_FAILED, .retry_at = NOW + 9 * NSEC_PER_SEC}, {.state = WIRE_STATE_HELD}}, 2, 0, WAITING_REFUSE, 9},
        {{{.state = WIRE_STATE_UNDEAD, .retry_at = NOW + 100000 * NSEC_PER_SEC}}, 1, 0, WAITING_REFUSE, 3600},
};

START_TEST(test_waiting) {
        unsigned retry_after = 0;
        size_t culprit;

        ck_assert_int_eq(waiting_decide(rules[_i].slots, rules[_i].n, rules[_i].queued, 4, NOW, NOW + 2 * NSEC_PER_SEC,
                                        &retry_after, &culprit), rules[_i].waiting);
        ck_assert_uint_eq(retry_after, rules[_i].retry_after);
        ck_assert((culprit < rules[_i].n) == (rules[_i].waiting == WAITING_REFUSE));
}
END_TEST

/* --- YAML --- */

START_TEST(test_yaml) {
        json_t *value = json_loads(
                "{\"a b\": [1, 2.5, true, null, \"no\", \"7\", \"x: y\", \"é\", \"\", \"- a\", \"~\"], \"b\": {}, \"c\": []}",
                0, NULL);
        struct text t = TEXT_NULL;

        ck_assert_int_eq(yaml_write(value, &t), 0);
        text_add(&t, "", 1);
        ck_assert_str_eq(t.data, "a b:\n- 1\n- 2.5\n- true\n- null\n- \"no\"\n- \"7\"\n- \"x: y\"\n- \"é\"\n- \"\"\n- \"- a\"\n- \"~\"\nb: {}\nc: []\n");
        text_done(&t);
        json_decref(value);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("gateway-message");
        TCase *tcase = tcase_create("message");

        tcase_add_loop_test(tcase, test_uris, 0, (int) ELEMENTSOF(uris));
        tcase_add_test(tcase, test_query);
        tcase_add_test(tcase, test_headers);
        tcase_add_test(tcase, test_links);
        tcase_add_test(tcase, test_remote);
        tcase_add_test(tcase, test_cors);
        tcase_add_test(tcase, test_errors);
        tcase_add_test(tcase, test_traces);
        tcase_add_loop_test(tcase, test_waiting, 0, (int) ELEMENTSOF(rules));
        tcase_add_test(tcase, test_yaml);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
