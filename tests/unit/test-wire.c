/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdio.h>

#include "lib/wire.h"
#include "tests/unit/run.h"

#define ANYBODY (WIRE_UP | WIRE_DOWN | WIRE_ASK | WIRE_TELL)

static const unsigned types[] = {
#define X(name, number, direction, body, fds) WIRE_##name,
        WIRE_MESSAGES(X)
#undef X
};

static union {
        struct wire_header header;
        uint8_t bytes[sizeof(struct wire_header) + WIRE_INLINE_MAX + 1];
} packet;

static int check(unsigned type, size_t size, unsigned fds, unsigned n_fds, unsigned direction) {
        struct wire_header header;

        packet.header = (struct wire_header) {.type = (uint16_t) type, .fds = (uint16_t) fds, .size = (uint32_t) size, .id = 7};
        return wire_check(&packet, sizeof(struct wire_header) + size, n_fds, direction, &header);
}

static size_t some_size(const struct wire_message_info *info) {
        return info->body == WIRE_VARIABLE ? 100 : info->body;
}

START_TEST(each_message_as_the_table_says) {
        const struct wire_message_info *info = wire_message_info(types[_i]);
        size_t size = some_size(info);

        ck_assert_ptr_nonnull(info);
        ck_assert_int_eq(check(types[_i], size, 0, 0, ANYBODY), 0);
        ck_assert_int_eq(check(types[_i], size, 0, 0, info->direction), 0);
        ck_assert_int_eq(check(types[_i], size, 0, 0, ANYBODY & ~info->direction), -EBADMSG);
        ck_assert_int_eq(check(types[_i], size, info->fds_max, info->fds_max, ANYBODY), 0);
        ck_assert_int_eq(check(types[_i], size, info->fds_max + 1, info->fds_max + 1, ANYBODY), -EBADMSG);
        ck_assert_int_eq(check(types[_i], size, 1, 0, ANYBODY), -EBADMSG);
        ck_assert_int_eq(check(types[_i], size, 0, 1, ANYBODY), -EBADMSG);
        ck_assert_uint_le(info->fds_max, WIRE_FDS_MAX);
        if (info->body == WIRE_VARIABLE)
                return;
        ck_assert_uint_le(info->body, WIRE_INLINE_MAX);
        ck_assert_int_eq(check(types[_i], size + 1, 0, 0, ANYBODY), -EBADMSG);
        if (size > 0)
                ck_assert_int_eq(check(types[_i], size - 1, 0, 0, ANYBODY), -EBADMSG);
}
END_TEST

START_TEST(numbers_in_no_table) {
        static const unsigned unknown[] = {0, 22, 31, 35, 47, 51, 255, 256, 65535};

        for (size_t i = 0; i < ELEMENTSOF(unknown); i++) {
                ck_assert_ptr_null(wire_message_info(unknown[i]));
                ck_assert_int_eq(check(unknown[i], 0, 0, 0, ANYBODY), -EBADMSG);
        }
}
END_TEST

START_TEST(numbers_are_given_once) {
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                for (size_t j = 0; j < i; j++)
                        ck_assert_uint_ne(types[i], types[j]);
}
END_TEST

/* The sizes of the packet and of its header disagree, or there is no whole header. */
START_TEST(sizes_that_lie) {
        struct wire_header header = {.id = 99};

        packet.header = (struct wire_header) {.type = WIRE_REQUEST, .size = 10};
        for (size_t size = 0; size < sizeof(packet.header) + 20; size++)
                ck_assert_int_eq(wire_check(&packet, size, 0, WIRE_ASK, &header),
                                 size == sizeof(packet.header) + 10 ? 0 : -EBADMSG);
        packet.header.size = UINT32_MAX;
        ck_assert_int_eq(wire_check(&packet, sizeof(packet.header) - 1, 0, WIRE_ASK, &header), -EBADMSG);
        ck_assert_uint_eq(header.id, 0); /* of the one that was right */
}
END_TEST

START_TEST(words) {
        ck_assert_str_eq(wire_state_to_string(WIRE_STATE_BACKOFF), "backoff");
        ck_assert_str_eq(wire_state_to_string(WIRE_STATE_MAX), "unknown");
        ck_assert_str_eq(wire_cause_to_string(WIRE_CAUSE_OOM), "oom");
        ck_assert_str_eq(wire_cause_to_string(UINT32_MAX), "unknown");
        ck_assert_str_eq(wire_verb_to_string(WIRE_VERB_ROLL), "roll");
        for (int i = 0; i < WIRE_KIND_MAX; i++)
                ck_assert_int_eq(wire_kind_from_string(wire_kind_to_string((unsigned) i)), i);
        ck_assert_int_eq(wire_kind_from_string("gateways"), -EINVAL);
        ck_assert_int_eq(wire_kind_from_string(""), -EINVAL);
}
END_TEST

START_TEST(strings_end) {
        char text[4] = "abcd";

        ck_assert(!wire_string_valid(text));
        text[3] = 0;
        ck_assert(wire_string_valid(text));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("wire");
        TCase *tcase = tcase_create("wire");

        tcase_add_loop_test(tcase, each_message_as_the_table_says, 0, (int) ELEMENTSOF(types));
        tcase_add_test(tcase, numbers_in_no_table);
        tcase_add_test(tcase, numbers_are_given_once);
        tcase_add_test(tcase, sizes_that_lie);
        tcase_add_test(tcase, words);
        tcase_add_test(tcase, strings_end);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
