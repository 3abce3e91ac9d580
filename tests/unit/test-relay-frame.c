/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames and tables of AMQP, there and back, and what is none. */
#include <check.h>
#include <stdio.h>

#include "tests/unit/run.h"
#include "workers/relay/amqp/frame.h"
#include "workers/relay/amqp/table.h"

static struct buffer out;
static amqp_pool_t pool;

static void begin(void) {
        init_amqp_pool(&pool, 4096);
}

static void end(void) {
        buffer_done(&out);
        empty_amqp_pool(&pool);
}

static struct frame next(void) {
        struct frame f;
        size_t used;

        ck_assert_int_eq(frame_parse(buffer_data(&out), buffer_size(&out), FRAME_SIZE_MAX, &f, &used), 1);
        /* Its bytes stay where they are until something is added. */
        out.begin += used;
        return f;
}

static int parse(const void *data, size_t size) {
        struct frame f;
        size_t used;

        return frame_parse(data, size, FRAME_SIZE_MAX, &f, &used);
}

START_TEST(methods) {
        amqp_basic_publish_t publish = {.exchange = codec_string("wazo-headers"),
                                        .routing_key = codec_string("config.user.created")};
        amqp_basic_publish_t *decoded;
        amqp_method_number_t number;
        void *method;
        struct frame f;

        ck_assert_int_eq(frame_add_method(&out, 1, FRAME_SIZE_MAX, AMQP_BASIC_PUBLISH_METHOD, &publish), 0);
        ck_assert_int_eq(frame_add_heartbeat(&out), 0);
        f = next();
        ck_assert_uint_eq(f.type, AMQP_FRAME_METHOD);
        ck_assert_uint_eq(f.channel, 1);
        ck_assert_int_eq(frame_decode_method(&f, &pool, &number, &method), 0);
        ck_assert_uint_eq(number, AMQP_BASIC_PUBLISH_METHOD);
        decoded = method;
        ck_assert_uint_eq(decoded->routing_key.len, strlen("config.user.created"));
        f = next();
        ck_assert_uint_eq(f.type, AMQP_FRAME_HEARTBEAT);
        ck_assert_uint_eq(buffer_size(&out), 0);
}
END_TEST

static amqp_basic_properties_t properties_of(const json_t *headers) {
        amqp_basic_properties_t properties = {
                ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | AMQP_BASIC_HEADERS_FLAG,
                .content_type = codec_string("application/json"),
                .content_encoding = codec_string("utf-8"),
        };

        ck_assert_int_eq(table_from_json(headers, &pool, &properties.headers), 0);
        return properties;
}

START_TEST(contents) {
        json_t *headers = json_pack("{s:s, s:b, s:i, s:I, s:f, s:n, s:{s:[i,s]}}", "name", "user_created",
                                    "user_uuid:*", 1, "small", -7, "large", (json_int_t) 1 << 40, "real", 1.5,
                                    "nothing", "nested", "list", 1, "é"),
               *back;
        amqp_basic_properties_t properties = properties_of(headers);
        static char body[10000];
        struct frame_content content;
        size_t got = 0;
        struct frame f;

        memset(body, 'x', sizeof(body));
        ck_assert_int_eq(frame_add_content(&out, 2, FRAME_SIZE_LEAST, &properties, body, sizeof(body)), 0);
        f = next();
        ck_assert_uint_eq(f.type, AMQP_FRAME_HEADER);
        ck_assert_int_eq(frame_decode_content(&f, &pool, &content), 0);
        ck_assert_uint_eq(content.body_size, sizeof(body));
        back = table_to_json(&content.properties->headers);
        ck_assert_int_eq(json_equal(back, headers), 1);
        while (buffer_size(&out) > 0) {
                f = next();
                ck_assert_uint_eq(f.type, AMQP_FRAME_BODY);
                ck_assert_uint_le(f.size, FRAME_SIZE_LEAST - FRAME_OVERHEAD);
                got += f.size;
        }
        ck_assert_uint_eq(got, sizeof(body));
        json_decref(back);
        json_decref(headers);
}
END_TEST

START_TEST(headers_larger_than_a_frame) {
        static char text[8000];
        amqp_basic_properties_t properties;
        json_t *headers;

        memset(text, 'a', sizeof(text) - 1);
        headers = json_pack("{s:s}", "text", text);
        properties = properties_of(headers);
        ck_assert_int_eq(frame_add_content(&out, 1, FRAME_SIZE_LEAST, &properties, "{}", 2), -E2BIG);
        ck_assert_uint_eq(buffer_size(&out), 0);
        ck_assert_int_eq(frame_add_content(&out, 1, FRAME_SIZE_MAX, &properties, "{}", 2), 0);
        json_decref(headers);
}
END_TEST

START_TEST(tables_that_cannot_be) {
        json_t *deep = json_object(), *list = json_array(), *named = json_object();
        amqp_table_t table;
        char name[300];

        for (unsigned i = 0; i < FRAME_TABLE_DEPTH_MAX; i++)
                deep = json_pack("{s:o}", "a", deep);
        ck_assert_int_eq(table_from_json(deep, &pool, &table), -EINVAL);
        ck_assert_int_eq(table_from_json(list, &pool, &table), -EINVAL);
        memset(name, 'n', sizeof(name));
        name[TABLE_NAME_MAX + 1] = 0;
        ck_assert_int_eq(json_object_set_new(named, name, json_null()), 0);
        ck_assert_int_eq(table_from_json(named, &pool, &table), -ENAMETOOLONG);
        json_decref(deep);
        json_decref(list);
        json_decref(named);
}
END_TEST

START_TEST(a_piece_at_a_time) {
        amqp_channel_open_ok_t ok = {0};

        ck_assert_int_eq(frame_add_method(&out, 1, FRAME_SIZE_MAX, AMQP_CHANNEL_OPEN_OK_METHOD, &ok), 0);
        for (size_t i = 0; i < buffer_size(&out); i++)
                ck_assert_int_eq(parse(buffer_data(&out), i), 0);
        ck_assert_int_eq(parse(buffer_data(&out), buffer_size(&out)), 1);
}
END_TEST

START_TEST(what_is_no_frame) {
        uint8_t heartbeat[] = {8, 0, 0, 0, 0, 0, 0, 0xce};

        ck_assert_int_eq(parse("HTTP/1.1 400 Bad Request\r\n", 26), -EBADMSG);
        ck_assert_int_eq(parse("SSH-", 1), -EBADMSG);
        ck_assert_int_eq(parse("AMQP", 4), 0);
        ck_assert_int_eq(parse("AMQP\0\0\x09\x01", 8), -EPROTONOSUPPORT);
        ck_assert_int_eq(parse("AMQX", 4), -EBADMSG);
        ck_assert_int_eq(parse(heartbeat, sizeof(heartbeat)), 1);
        heartbeat[7] = 0;
        ck_assert_int_eq(parse(heartbeat, sizeof(heartbeat)), -EBADMSG);
        ck_assert_int_eq(parse("\x01\0\0\xff\xff\xff\xff", 7), -EMSGSIZE);
}
END_TEST

/* {"a": {"a": ... }}, @depth tables. */
static size_t nest(uint8_t *to, unsigned depth) {
        size_t n = 4;

        if (depth > 1) {
                memcpy(to + n, "\1aF", 3);
                n += 3 + nest(to + n + 3, depth - 1);
        }
        to[0] = to[1] = 0;
        to[2] = (uint8_t) ((n - 4) >> 8);
        to[3] = (uint8_t) (n - 4);
        return n;
}

START_TEST(the_depth_of_tables) {
        static uint8_t table[4096];
        size_t n = nest(table, FRAME_TABLE_DEPTH_MAX);

        ck_assert_int_eq(frame_check_table(table, n), (ssize_t) n);
        ck_assert_int_eq(frame_check_table(table, n - 1), -EBADMSG);
        n = nest(table, FRAME_TABLE_DEPTH_MAX + 1);
        ck_assert_int_eq(frame_check_table(table, n), -EBADMSG);
        ck_assert_int_eq(frame_check_table((const uint8_t *) "\0\0\0\3\1aV", 7), 7);
        ck_assert_int_eq(frame_check_table((const uint8_t *) "\0\0\0\3\1aQ", 7), -EBADMSG);
        ck_assert_int_eq(frame_check_table((const uint8_t *) "\0\0\0\2\1a", 6), -EBADMSG);
        ck_assert_int_eq(frame_check_table((const uint8_t *) "\0\0\0\6\1aI\0\0\0", 10), -EBADMSG);
}
END_TEST

START_TEST(the_buffer) {
        struct buffer b = {0};
        uint8_t *at;

        for (unsigned round = 0; round < 3; round++) {
                for (unsigned i = 0; i < 1000; i++) {
                        at = buffer_reserve(&b, 300);
                        ck_assert_ptr_nonnull(at);
                        memset(at, (int) (i & 0xff), 300);
                        buffer_added(&b, 300);
                        if (i % 3 == 2)
                                buffer_take(&b, 450);
                        ck_assert_uint_eq(buffer_data(&b)[buffer_size(&b) - 1], i & 0xff);
                }
                buffer_take(&b, buffer_size(&b));
                ck_assert_ptr_null(b.data);
        }
        buffer_done(&b);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("relay-frame");
        TCase *tcase = tcase_create("frame");

        tcase_add_checked_fixture(tcase, begin, end);
        tcase_add_test(tcase, methods);
        tcase_add_test(tcase, contents);
        tcase_add_test(tcase, headers_larger_than_a_frame);
        tcase_add_test(tcase, tables_that_cannot_be);
        tcase_add_test(tcase, a_piece_at_a_time);
        tcase_add_test(tcase, what_is_no_frame);
        tcase_add_test(tcase, the_depth_of_tables);
        tcase_add_test(tcase, the_buffer);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
