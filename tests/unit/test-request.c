/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>

#include "lib/memfd.h"
#include "lib/request.h"
#include "tests/unit/run.h"

static const char *tenants[] = {"2f4b0000-0000-4000-8000-000000000001", "2f4b0000-0000-4000-8000-000000000002"};

static struct request sample(void) {
        return (struct request) {
                .operation = 7,
                .retry = true,
                .master_tenant = true,
                .deadline = 1234567890123,
                .id = "0123456789abcdef0123456789abcdef",
                .method = "PUT",
                .path = "/users/7",
                .base_url = "https://pbx.example/api/confd/1.1",
                .script_name = "/api/confd",
                .tenant = tenants[0],
                .auth_id = "me",
                .accept = "*/*",
                .content_type = "application/json",
                .idempotency_key = "",
                .tenants = tenants,
                .n_tenants = 2,
                .params = {{"user_id", "7"}},
                .n_params = 1,
                .query = {{"search", "é"}, {"search", "second"}, {"recurse", ""}},
                .n_query = 3,
                .body = "{\0}",
                .body_size = 3,
                .body_fd = -1,
        };
}

static void check_same(const struct request *a, const struct request *b) {
        ck_assert_uint_eq(a->operation, b->operation);
        ck_assert(a->head == b->head && a->retry == b->retry && a->master_tenant == b->master_tenant);
        ck_assert_uint_eq(a->deadline, b->deadline);
        ck_assert_str_eq(a->id, b->id);
        ck_assert_str_eq(a->path, b->path);
        ck_assert_str_eq(a->base_url, b->base_url);
        ck_assert_str_eq(a->idempotency_key, b->idempotency_key);
        ck_assert_uint_eq(a->n_tenants, b->n_tenants);
        for (size_t i = 0; i < a->n_tenants; i++)
                ck_assert_str_eq(a->tenants[i], b->tenants[i]);
        ck_assert_str_eq(request_param(a, "user_id"), "7");
        ck_assert_str_eq(request_query(a, "search"), "é");
        ck_assert_ptr_null(request_query(a, "limit"));
        ck_assert_uint_eq(a->body_size, b->body_size);
}

START_TEST(test_inline) {
        struct request r = sample(), back;
        struct pack p = PACK_NULL;

        ck_assert_int_eq(request_encode(&r, &p), 0);
        ck_assert_int_eq(request_decode(p.data, p.size, -1, &back), 0);
        check_same(&back, &r);
        ck_assert_mem_eq(back.body, r.body, 3);
        ck_assert_int_eq(back.body_fd, -1);
        request_done(&back);

        /* A descriptor that nobody announced, and none where one was. */
        ck_assert_int_eq(request_decode(p.data, p.size, 0, &back), -EBADMSG);
        pack_done(&p);
}
END_TEST

START_TEST(test_memfd) {
        struct request r = sample(), back;
        struct pack p = PACK_NULL;

        r.body_fd = memfd_sealed("body", "12345", 5);
        r.body_size = 5;
        ck_assert_int_ge(r.body_fd, 0);
        ck_assert_int_eq(request_encode(&r, &p), 0);
        ck_assert_int_eq(request_decode(p.data, p.size, r.body_fd, &back), 0);
        check_same(&back, &r);
        ck_assert_ptr_null(back.body);
        ck_assert_int_eq(back.body_fd, r.body_fd);
        request_done(&back);
        ck_assert_int_eq(request_decode(p.data, p.size, -1, &back), -EBADMSG);
        ck_assert_int_eq(request_decode(p.data, p.size, STDIN_FILENO, &back), -EBADMSG);
        (void) close(r.body_fd);
        pack_done(&p);
}
END_TEST

START_TEST(test_split) {
        struct request r = sample(), back;
        struct pack p = PACK_NULL, tail = PACK_NULL;
        int fd = memfd_open("body");

        ck_assert_int_eq(request_encode_split(&r, &p, &tail), 0);
        ck_assert_int_eq(write_all(fd, r.body, r.body_size), 0);
        ck_assert_int_eq(write_all(fd, tail.data, tail.size), 0);
        ck_assert_int_eq(request_decode(p.data, p.size, fd, &back), -EBADMSG);
        ck_assert_int_eq(memfd_seal(fd), 0);
        ck_assert_int_eq(request_decode(p.data, p.size, fd, &back), 0);
        check_same(&back, &r);
        ck_assert_mem_eq(back.body, r.body, 3);
        request_done(&back);
        (void) close(fd);
        pack_done(&p);
        pack_done(&tail);
}
END_TEST

/* Whatever is cut off, or changed in one byte, is refused or harmless, never read past. */
START_TEST(test_malformed) {
        struct request r = sample(), back;
        struct pack p = PACK_NULL;
        uint8_t *copy;

        ck_assert_int_eq(request_encode(&r, &p), 0);
        for (size_t size = 0; size < p.size; size++) {
                copy = malloc(size + 1);
                memcpy(copy, p.data, size);
                ck_assert_int_eq(request_decode(copy, size, -1, &back), -EBADMSG);
                free(copy);
        }
        for (size_t i = 0; i < p.size; i++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        copy = malloc(p.size);
                        memcpy(copy, p.data, p.size);
                        copy[i] ^= (uint8_t) (1U << bit);
                        if (request_decode(copy, p.size, -1, &back) == 0)
                                request_done(&back);
                        free(copy);
                }
        pack_done(&p);
}
END_TEST

START_TEST(test_reply) {
        struct reply r = {.status = 201, .location = (char *) "http://x/1.1/users/1", .body = (char *) "{}", .body_size = 2,
                          .body_fd = -1, .retry_after = 3}, back;
        struct pack p = PACK_NULL;

        ck_assert_int_eq(reply_encode(&r, &p), 0);
        ck_assert_int_eq(reply_decode(p.data, p.size, -1, &back), 0);
        ck_assert_uint_eq(back.status, 201);
        ck_assert_uint_eq(back.retry_after, 3);
        ck_assert_ptr_null(back.content_type);
        ck_assert_str_eq(back.location, r.location);
        ck_assert_mem_eq(back.body, "{}", 2);
        reply_done(&back);
        for (size_t size = 0; size < p.size; size++)
                ck_assert_int_eq(reply_decode(p.data, size, -1, &back), -EBADMSG);
        pack_done(&p);
}
END_TEST

START_TEST(test_reply_refused) {
        static const struct reply bad[] = {
                {.status = 199, .body_fd = -1},
                {.status = 600, .body_fd = -1},
                {.status = 200, .location = (char *) "x\r\nSet-Cookie: a", .body_fd = -1},
                {.status = 200, .content_type = (char *) "text/plain\n", .body_fd = -1},
        };
        struct pack p = PACK_NULL;
        struct reply back;

        p.size = 0;
        ck_assert_int_eq(reply_encode(&bad[_i], &p), 0);
        ck_assert_int_eq(reply_decode(p.data, p.size, -1, &back), -EBADMSG);
        pack_done(&p);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("request");
        TCase *tcase = tcase_create("request");

        tcase_add_test(tcase, test_inline);
        tcase_add_test(tcase, test_memfd);
        tcase_add_test(tcase, test_split);
        tcase_add_test(tcase, test_malformed);
        tcase_add_test(tcase, test_reply);
        tcase_add_loop_test(tcase, test_reply_refused, 0, 4);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
