/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a survey reads out of /metrics, and who may read the page. */
#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/unit/run.h"
#include "workers/control/survey/figures.h"
#include "workers/control/survey/guard.h"

static const char metrics[] =
        "# HELP wazo_gateway_requests_total Answered requests.\n"
        "wazo_gateway_requests_total{plugin=\"user\",route=\"/users\",method=\"GET\",status=\"2xx\"} 7\n"
        "wazo_gateway_requests_total{plugin=\"user\",route=\"/users/{id}\",method=\"PUT\",status=\"5xx\"} 2\n"
        "wazo_gateway_requests_total{plugin=\"line\",route=\"/lines\",method=\"GET\",status=\"4xx\"} 1\n"
        "wazo_gateway_request_seconds_bucket{le=\"0.001\"} 4\n"
        "wazo_gateway_request_seconds_bucket{le=\"0.01\"} 8\n"
        "wazo_gateway_request_seconds_bucket{le=\"+Inf\"} 10\n"
        "wazo_gateway_request_seconds_sum 0.5\n"
        "wazo_gateway_queue_seconds_bucket{le=\"0.001\"} 3\n"
        "wazo_gateway_queue_seconds_bucket{le=\"+Inf\"} 3\n"
        "wazo_gateway_connections 5\n"
        "wazo_gateway_connections_accepted_total 9\n"
        "wazo_gateway_requests_executing 1\n"
        "wazo_gateway_requests_refused_total 6\n";

static struct figures read_text(const char *text) {
        struct figures f;

        ck_assert(figures_read(text, &f));
        return f;
}

START_TEST(metrics_are_read) {
        struct figures f = read_text(metrics);

        ck_assert_uint_eq(histogram_count(&f.took), 10);
        ck_assert_uint_eq(histogram_count(&f.waited), 3);
        ck_assert_uint_eq(f.connections, 5);
        ck_assert_uint_eq(f.executing, 1);
        ck_assert_uint_eq(f.refused, 6);
        ck_assert_uint_eq(f.n_plugins, 2);
        ck_assert_uint_eq(figures_plugin(&f, "user")->requests, 9);
        ck_assert_uint_eq(figures_plugin(&f, "user")->errors, 2);
        ck_assert_uint_eq(figures_plugin(&f, "line")->errors, 0);
        ck_assert_ptr_null(figures_plugin(&f, "voicemail"));
}
END_TEST

START_TEST(what_is_no_gateway_s_is_told) {
        struct figures f;

        ck_assert(!figures_read("", &f));
        ck_assert(!figures_read("wazo_suite_service_ready{service=\"x\"} 1\n", &f));
        ck_assert(!figures_read("wazo_gateway_request_seconds_bucket{le=\"0.001\"} 4\n", &f));
        ck_assert(!figures_read("wazo_gateway_request_seconds_bucket{le=\"0.001} 4\n\n \n{}\nx", &f));
}
END_TEST

START_TEST(quantiles_lie_in_their_bucket) {
        struct figures f = read_text(metrics);

        ck_assert_double_eq_tol(histogram_quantile(&f.took, 0.2), 0.5, 0.001);
        ck_assert_double_eq_tol(histogram_quantile(&f.took, 0.4), 1, 0.001);
        ck_assert_double_eq_tol(histogram_quantile(&f.took, 0.6), 5.5, 0.001);
        /* Above the last bound there is only that to tell. */
        ck_assert_double_eq_tol(histogram_quantile(&f.took, 0.99), 10, 0.001);
        f.took = (struct histogram) {0};
        ck_assert_double_lt(histogram_quantile(&f.took, 0.5), 0);
}
END_TEST

START_TEST(only_what_came_since_counts) {
        struct figures before = read_text(metrics), now = before, since;

        now.took.counts[1] += 2;
        now.took.counts[2] += 2;
        now.plugins[0].requests += 2;
        figures_since(&now, &before, &since);
        ck_assert_uint_eq(histogram_count(&since.took), 2);
        ck_assert_double_gt(histogram_quantile(&since.took, 0.5), 1);
        ck_assert_uint_eq(figures_plugin(&since, "user")->requests, 2);
        ck_assert_uint_eq(since.refused, 0);

        /* A new gateway begins anew, and so do we. */
        figures_since(&before, &now, &since);
        ck_assert_uint_eq(histogram_count(&since.took), 10);
        figures_since(&now, NULL, &since);
        ck_assert_uint_eq(histogram_count(&since.took), 12);
}
END_TEST

START_TEST(many_plugins_and_buckets_are_bounded) {
        char *text = NULL;
        size_t size;
        FILE *to = open_memstream(&text, &size);
        struct figures f;

        for (unsigned i = 0; i < 1000; i++)
                (void) fprintf(to, "wazo_gateway_requests_total{plugin=\"p%u\",status=\"2xx\"} 1\nwazo_gateway_request_seconds_bucket{le=\"%u\"} 1\n", i, i);
        (void) fclose(to);
        ck_assert(!figures_read(text, &f));
        ck_assert_uint_eq(f.n_plugins, FIGURES_PLUGINS_MAX);
        ck_assert_uint_eq(f.took.n, FIGURES_BUCKETS_MAX);
        free(text);
}
END_TEST

START_TEST(without_a_token_only_this_host) {
        static const char *const here[] = {"localhost", "LOCALHOST:80", "127.0.0.1:9480", "127.9.9.9", "[::1]", "[::1]:80"};
        static const char *const elsewhere[] = {"",      ":80", "example.com", "127.0.0.1.example.com",
                                                "[::2]", "[]",  "10.0.0.1",    "localhost."};
        const struct guard guard = {0};

        for (unsigned i = 0; i < ELEMENTSOF(here); i++) {
                ck_assert_int_eq(guard_ask(&guard, NULL, here[i], false), GUARD_LET_IN);
                ck_assert_int_eq(guard_ask(&guard, NULL, here[i], true), GUARD_STRANGER);
        }
        for (unsigned i = 0; i < ELEMENTSOF(elsewhere); i++)
                ck_assert_int_eq(guard_ask(&guard, "x", elsewhere[i], false), GUARD_STRANGER);
        ck_assert_int_eq(guard_ask(&guard, NULL, NULL, false), GUARD_STRANGER);
}
END_TEST

START_TEST(a_token_is_wanted_whole) {
        static const char *const wrong[] = {"", "0123456789abcde", "0123456789abcdeF", "0123456789abcdef0",
                                            "0123456789abcdef0123456789abcdef"};
        const struct guard guard = {.token = "0123456789abcdef"};

        ck_assert_int_eq(guard_ask(&guard, "0123456789abcdef", "example.com", true), GUARD_LET_IN);
        ck_assert_int_eq(guard_ask(&guard, NULL, "localhost", false), GUARD_TOKEN);
        for (unsigned i = 0; i < ELEMENTSOF(wrong); i++)
                ck_assert_int_eq(guard_ask(&guard, wrong[i], "localhost", false), GUARD_TOKEN);
}
END_TEST

static int read_token(const char *text, mode_t mode) {
        char path[] = "/tmp/test-survey-XXXXXX";
        struct guard guard = {0};
        int fd = mkstemp(path), r;

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        ck_assert_int_eq(fchmod(fd, mode), 0);
        (void) close(fd);
        r = guard_read_token(&guard, path);
        (void) unlink(path);
        ck_assert(r == 0 ? streq(guard.token, "0123456789abcdef") : guard.token[0] == 0);
        return r;
}

START_TEST(a_token_s_file_is_looked_at) {
        char *long_one = calloc(1, GUARD_TOKEN_MAX + 8);

        memset(long_one, 'x', GUARD_TOKEN_MAX + 4);
        ck_assert_int_eq(read_token("0123456789abcdef", 0600), 0);
        ck_assert_int_eq(read_token("0123456789abcdef\nmore\n", 0640), 0);
        ck_assert_int_eq(read_token("0123456789abcdef\r\n", 0600), 0);
        ck_assert_int_eq(read_token("0123456789abcdef\n", 0644), -EPERM);
        ck_assert_int_eq(read_token("short\n", 0600), -EINVAL);
        ck_assert_int_eq(read_token("", 0600), -EINVAL);
        ck_assert_int_eq(read_token(long_one, 0600), -EINVAL);
        free(long_one);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("survey");
        TCase *figures = tcase_create("figures"), *guard = tcase_create("guard");

        tcase_add_test(figures, metrics_are_read);
        tcase_add_test(figures, what_is_no_gateway_s_is_told);
        tcase_add_test(figures, quantiles_lie_in_their_bucket);
        tcase_add_test(figures, only_what_came_since_counts);
        tcase_add_test(figures, many_plugins_and_buckets_are_bounded);
        tcase_add_test(guard, without_a_token_only_this_host);
        tcase_add_test(guard, a_token_is_wanted_whole);
        tcase_add_test(guard, a_token_s_file_is_looked_at);
        suite_add_tcase(suite, figures);
        suite_add_tcase(suite, guard);
        return check_run(suite);
}
