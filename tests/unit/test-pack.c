/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>

#include "lib/pack.h"
#include "tests/unit/run.h"

static void fill(struct pack *p) {
        pack_u8(p, 0xab);
        pack_u32(p, 0x01020304);
        pack_u64(p, UINT64_C(0x0102030405060708));
        pack_bytes(p, "a\0b", 3);
        pack_string(p, "text");
        pack_string(p, NULL);
        pack_bytes(p, NULL, 0);
        ck_assert_int_eq(pack_end(p), 0);
}

static int read_all(const void *data, size_t size) {
        struct unpack u = unpack_begin(data, size);
        const char *text, *empty;
        const uint8_t *bytes;
        size_t n, none;
        uint8_t u8 = unpack_u8(&u);
        uint32_t u32 = unpack_u32(&u);
        uint64_t u64 = unpack_u64(&u);

        bytes = unpack_bytes(&u, &n);
        text = unpack_string(&u);
        empty = unpack_string(&u);
        (void) unpack_bytes(&u, &none);
        if (unpack_end(&u) < 0) {
                /* Whatever failed: nothing dangles. */
                ck_assert(bytes || n == 0);
                ck_assert_ptr_nonnull(text);
                ck_assert_ptr_nonnull(empty);
                return -EBADMSG;
        }
        ck_assert_uint_eq(u8, 0xab);
        ck_assert_uint_eq(u32, 0x01020304);
        ck_assert_uint_eq(u64, UINT64_C(0x0102030405060708));
        ck_assert_uint_eq(n, 3);
        ck_assert_mem_eq(bytes, "a\0b", 3);
        ck_assert_str_eq(text, "text");
        ck_assert_str_eq(empty, "");
        ck_assert_uint_eq(none, 0);
        return 0;
}

START_TEST(everything_comes_back) {
        _cleanup_(pack_done) struct pack p = PACK_NULL;

        fill(&p);
        ck_assert_int_eq(read_all(p.data, p.size), 0);
}
END_TEST

START_TEST(integers_are_little_endian) {
        _cleanup_(pack_done) struct pack p = PACK_NULL;

        pack_u32(&p, 0x01020304);
        pack_u64(&p, 0x05);
        ck_assert_mem_eq(p.data, "\x04\x03\x02\x01\x05\0\0\0\0\0\0\0", 12);
}
END_TEST

/* In memory of exactly that size, so that a sanitizer sees a read past it. */
START_TEST(every_truncation_is_refused) {
        _cleanup_(pack_done) struct pack p = PACK_NULL;

        fill(&p);
        for (size_t size = 0; size < p.size; size++) {
                _cleanup_free_ uint8_t *cut = malloc(MAX(size, (size_t) 1));

                memcpy(cut, p.data, size);
                ck_assert_int_eq(read_all(cut, size), -EBADMSG);
        }
}
END_TEST

START_TEST(what_nobody_read_is_refused) {
        _cleanup_(pack_done) struct pack p = PACK_NULL;

        fill(&p);
        pack_u8(&p, 0);
        ck_assert_int_eq(read_all(p.data, p.size), -EBADMSG);
}
END_TEST

START_TEST(strings_that_are_none) {
        static const struct {
                const char *bytes;
                size_t size;
        } bad[] = {
                {"\0\0\0\0", 4},             /* without its NUL */
                {"\3\0\0\0abc", 7},          /* the same */
                {"\4\0\0\0a\0b\0", 8},       /* with another */
                {"\2\0\0\0\0\0", 6},
                {"\377\377\377\377a\0", 6},  /* longer than there is */
                {"\1\0\0", 3},
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct unpack u = unpack_begin(bad[i].bytes, bad[i].size);

                ck_assert_str_eq(unpack_string(&u), "");
                ck_assert_int_eq(unpack_end(&u), -EBADMSG);
        }
}
END_TEST

START_TEST(the_first_error_sticks) {
        struct unpack u = unpack_begin("\1", 1);
        size_t n;

        ck_assert(unpack_more(&u));
        ck_assert_uint_eq(unpack_u32(&u), 0);
        ck_assert(!unpack_more(&u));
        ck_assert_uint_eq(unpack_u8(&u), 0);
        ck_assert_ptr_null(unpack_bytes(&u, &n));
        ck_assert_uint_eq(n, 0);
        ck_assert_int_eq(unpack_end(&u), -EBADMSG);
}
END_TEST

START_TEST(more_than_the_limit) {
        _cleanup_(pack_done) struct pack p = PACK_NULL;
        _cleanup_free_ uint8_t *large = calloc(1, PACK_MAX / 2);

        ck_assert_ptr_nonnull(large);
        pack_bytes(&p, large, PACK_MAX / 2);
        ck_assert_int_eq(pack_end(&p), 0);
        pack_bytes(&p, large, PACK_MAX / 2);
        ck_assert_int_eq(pack_end(&p), -ENOMEM);
        pack_u8(&p, 1); /* and it stays so */
        ck_assert_int_eq(pack_end(&p), -ENOMEM);
        ck_assert_uint_le(p.size, PACK_MAX);
}
END_TEST

START_TEST(a_size_that_would_wrap) {
        _cleanup_(pack_done) struct pack p = PACK_NULL;

        pack_bytes(&p, "x", SIZE_MAX);
        ck_assert_int_eq(pack_end(&p), -ENOMEM);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("pack");
        TCase *tcase = tcase_create("pack");

        tcase_add_test(tcase, everything_comes_back);
        tcase_add_test(tcase, integers_are_little_endian);
        tcase_add_test(tcase, every_truncation_is_refused);
        tcase_add_test(tcase, what_nobody_read_is_refused);
        tcase_add_test(tcase, strings_that_are_none);
        tcase_add_test(tcase, the_first_error_sticks);
        tcase_add_test(tcase, more_than_the_limit);
        tcase_add_test(tcase, a_size_that_would_wrap);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
