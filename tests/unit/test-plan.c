/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdio.h>

#include "config/plan.h"
#include "tests/unit/run.h"

/* A plan that uses every field, in memory of the test. */
static struct plan_worker workers[3];
static struct plan plan;

static void make_plan(void) {
        static const uint8_t slice[] = "{\"db\": {}}";

        memset(workers, 0, sizeof(workers));
        workers[0] = (struct plan_worker) {
                .name = "migrate", .kind = WIRE_KIND_ONCE, .plugin = "", .class = "", .plugin_path = "",
                .argv = {"/libexec/wazo-migrate"}, .slice = slice, .slice_size = sizeof(slice) - 1,
        };
        workers[1] = (struct plan_worker) {
                .name = "user", .kind = WIRE_KIND_PLUGIN, .plugin = "user", .class = "default", .plugin_path = "/plugins/user.so",
                .plugin_build_id = {1, 2, 3}, .on_demand = true, .nursery = true, .idle_msec = 60000, .memory_max = 1 << 26,
                .files_max = 64, .requires = {"migrate"}, .slice = slice, .slice_size = sizeof(slice) - 1,
                .sandbox = (const uint8_t *) "sandbox", .sandbox_size = 7,
                .timing = {.start_msec = 1, .attempt_msec = 2, .ping_msec = 3, .drain_msec = 4, .term_msec = 5, .abort_msec = 6,
                           .kill_msec = 7, .backoff_base_msec = 8, .backoff_cap_msec = 9, .healthy_msec = 10, .intensity = 11,
                           .window_msec = 12, .slow_msec = 13},
        };
        workers[2] = (struct plan_worker) {
                .name = "sleeper", .kind = WIRE_KIND_EXEC, .plugin = "", .class = "", .plugin_path = "", .critical = true,
                .ready = PLAN_READY_AT_ONCE, .argv = {"/bin/sleep", "1000"}, .requires = {"migrate", "user"},
        };
        plan = (struct plan) {
                .service = "wazo-confd", .version = "26.08", .user = "", .run_dir = "/run/wazo-confd",
                .state_dir = "/var/lib/wazo-confd", .log_path = "/var/log/wazo-confd.log", .pid_path = "",
                .control_path = "/run/wazo-confd/control.sock", .control_group = "wazo-suite", .log_level = 3,
                .listeners = {{"http", "127.0.0.1", 9486, "", ""}, {"unix", "/run/x", 0, "", ""}}, .n_listeners = 2,
                .workers = workers, .n_workers = 3,
        };
}

static int decode(struct pack *p, struct plan *ret) {
        ck_assert_int_eq(plan_encode(&plan, p), 0);
        return plan_decode(p->data, p->size, ret);
}

static void refused(void) {
        _cleanup_(pack_done) struct pack p = PACK_NULL;
        struct plan out = {0};

        ck_assert_int_eq(decode(&p, &out), -EBADMSG);
        ck_assert_ptr_null(out.workers);
}

START_TEST(everything_comes_back) {
        _cleanup_(pack_done) struct pack p = PACK_NULL;
        _cleanup_(plan_done) struct plan out = {0};
        const struct plan_worker *w;

        ck_assert_int_eq(decode(&p, &out), 0);
        ck_assert_str_eq(out.service, "wazo-confd");
        ck_assert_str_eq(out.control_group, "wazo-suite");
        ck_assert_uint_eq(out.log_level, 3);
        ck_assert_uint_eq(out.n_listeners, 2);
        ck_assert_uint_eq(out.listeners[0].port, 9486);
        ck_assert_uint_eq(out.n_workers, 3);

        w = plan_find(&out, "user");
        ck_assert_ptr_nonnull(w);
        ck_assert_str_eq(w->plugin_path, "/plugins/user.so");
        ck_assert_uint_eq(w->plugin_build_id[2], 3);
        ck_assert(w->on_demand && w->nursery && !w->critical && !w->core);
        ck_assert_mem_eq(&w->timing, &workers[1].timing, sizeof(w->timing));
        ck_assert_str_eq(w->requires[0], "migrate");
        ck_assert_ptr_null(w->requires[1]);
        ck_assert_uint_eq(w->slice_size, 10);
        ck_assert_uint_eq(w->sandbox_size, 7);
        ck_assert_mem_eq(w->sandbox, "sandbox", 7);
        ck_assert_mem_eq(w->slice, "{\"db\": {}}", 10);

        w = plan_find(&out, "sleeper");
        ck_assert_str_eq(w->argv[1], "1000");
        ck_assert_ptr_null(w->argv[2]);
        ck_assert_uint_eq(w->ready, PLAN_READY_AT_ONCE);
        ck_assert_ptr_null(plan_find(&out, "nobody"));
}
END_TEST

START_TEST(inputs_differ_only_where_the_worker_does) {
        _cleanup_(pack_done) struct pack a = PACK_NULL, b = PACK_NULL;
        _cleanup_(plan_done) struct plan before = {0}, after = {0};

        ck_assert_int_eq(decode(&a, &before), 0);
        workers[1].files_max++;
        ck_assert_int_eq(decode(&b, &after), 0);
        ck_assert_uint_eq(before.workers[0].inputs_size, after.workers[0].inputs_size);
        ck_assert_mem_eq(before.workers[0].inputs, after.workers[0].inputs, before.workers[0].inputs_size);
        ck_assert_uint_eq(before.workers[1].inputs_size, after.workers[1].inputs_size);
        ck_assert_mem_ne(before.workers[1].inputs, after.workers[1].inputs, before.workers[1].inputs_size);
}
END_TEST

START_TEST(every_truncation_is_refused) {
        _cleanup_(pack_done) struct pack p = PACK_NULL;
        struct plan out = {0};

        ck_assert_int_eq(plan_encode(&plan, &p), 0);
        for (size_t size = 0; size < p.size; size++) {
                /* In memory of exactly this size, so that the sanitizer sees a read past it. */
                _cleanup_free_ uint8_t *cut = malloc(size + 1);

                memcpy(cut, p.data, size);
                ck_assert_int_eq(plan_decode(cut, size, &out), -EBADMSG);
        }
        pack_u8(&p, 0);
        ck_assert_int_eq(plan_decode(p.data, p.size, &out), -EBADMSG);
}
END_TEST

START_TEST(every_flipped_byte_is_survived) {
        _cleanup_(pack_done) struct pack p = PACK_NULL;

        ck_assert_int_eq(plan_encode(&plan, &p), 0);
        for (size_t i = 0; i < p.size; i++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        _cleanup_(plan_done) struct plan out = {0};

                        p.data[i] ^= (uint8_t) (1U << bit);
                        (void) !plan_decode(p.data, p.size, &out);
                        p.data[i] ^= (uint8_t) (1U << bit);
                }
}
END_TEST

START_TEST(another_version_is_refused) {
        _cleanup_(pack_done) struct pack p = PACK_NULL;
        struct plan out = {0};

        ck_assert_int_eq(plan_encode(&plan, &p), 0);
        p.data[0]++;
        ck_assert_int_eq(plan_decode(p.data, p.size, &out), -EBADMSG);
}
END_TEST

static void two_names(void) { workers[1].name = "migrate"; workers[1].requires[0] = NULL; }
static void empty_name(void) { workers[0].name = ""; }
static void long_name(void) { workers[2].name = "0123456789012345678901234567890123456789012345678901234567890123"; }
static void unknown_required(void) { workers[1].requires[0] = "nobody"; }
static void itself_required(void) { workers[1].requires[0] = "user"; }
static void later_required(void) { workers[1].requires[0] = "sleeper"; }
static void bad_kind(void) { workers[0].kind = WIRE_KIND_MAX; }
static void bad_ready(void) { workers[0].ready = 3; }
static void relative_command(void) { workers[2].argv[0] = "sleep"; }
static void no_command(void) { workers[2].argv[0] = NULL; }
static void no_plugin(void) { workers[1].plugin = ""; }
static void endless_wait(void) { workers[1].timing.slow_msec = UINT64_MAX; }
static void bad_port(void) { plan.listeners[0].port = 65536; }
static void bad_address(void) { plan.listeners[0].address = "localhost"; }
static void bad_log_level(void) { plan.log_level = 5; }

static void (*const spoil[])(void) = {
        two_names, empty_name, long_name, unknown_required, itself_required, later_required, bad_kind, bad_ready, relative_command,
        no_command, no_plugin, endless_wait, bad_port, bad_address, bad_log_level,
};

START_TEST(wrong_values_are_refused) {
        spoil[_i]();
        refused();
}
END_TEST

START_TEST(too_many_workers_are_not_packed) {
        _cleanup_(pack_done) struct pack p = PACK_NULL;

        plan.n_workers = PLAN_WORKERS_MAX + 1;
        ck_assert_int_eq(plan_encode(&plan, &p), -E2BIG);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("plan");
        TCase *tcase = tcase_create("plan");

        tcase_add_checked_fixture(tcase, make_plan, NULL);
        tcase_add_test(tcase, everything_comes_back);
        tcase_add_test(tcase, inputs_differ_only_where_the_worker_does);
        tcase_add_test(tcase, every_truncation_is_refused);
        tcase_add_test(tcase, every_flipped_byte_is_survived);
        tcase_add_test(tcase, another_version_is_refused);
        tcase_add_loop_test(tcase, wrong_values_are_refused, 0, (int) ELEMENTSOF(spoil));
        tcase_add_test(tcase, too_many_workers_are_not_packed);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
