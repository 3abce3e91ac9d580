/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/check/report.h"

static const char *const outcomes[] = {
        [CHECK_PASS] = "pass",
        [CHECK_FAIL] = "fail",
        [CHECK_UNDECIDED] = "undecided",
        [CHECK_NOT_APPLICABLE] = "not applicable",
};

struct check_counts check_count(const struct check_result *results, size_t n) {
        struct check_counts counts = {0};

        for (size_t i = 0; i < n; i++) {
                size_t *const which[] = {[CHECK_PASS] = &counts.pass,
                                         [CHECK_FAIL] = &counts.fail,
                                         [CHECK_UNDECIDED] = &counts.undecided,
                                         [CHECK_NOT_APPLICABLE] = &counts.not_applicable};

                (*which[results[i].outcome])++;
        }
        return counts;
}

void check_print(const struct check_result *results, size_t n, bool all, FILE *to) {
        const struct manifest *service = NULL;
        struct check_counts counts = check_count(results, n);

        for (size_t i = 0; i < n; i++) {
                const struct check_result *r = &results[i];

                if (!all && r->outcome != CHECK_FAIL && r->outcome != CHECK_UNDECIDED)
                        continue;
                if (r->service != service)
                        (void) fprintf(to, "%s%s\n", service ? "\n" : "", r->service->service);
                service = r->service;
                (void) fprintf(to, "  %-14s %-4s %s\n", outcomes[r->outcome], r->row->id, r->row->what);
                if (*r->found)
                        (void) fprintf(to, "                      found: %s\n", r->found);
                if (r->outcome == CHECK_FAIL && *r->remedy)
                        (void) fprintf(to, "                      mend:  %s\n", r->remedy);
        }
        (void) fprintf(to, "%s%zu passed, %zu failed, %zu undecided, %zu not applicable\n", service ? "\n" : "",
                       counts.pass, counts.fail, counts.undecided, counts.not_applicable);
}

int check_print_json(const struct check_result *results, size_t n, FILE *to) {
        struct check_counts counts = check_count(results, n);
        json_t *list = json_array(), *whole;
        int r = list ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < n; i++)
                r = json_array_append_new(list,
                                          json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "service",
                                                    results[i].service->service, "id", results[i].row->id, "what",
                                                    results[i].row->what, "how", results[i].row->how, "result",
                                                    outcomes[results[i].outcome], "found", results[i].found, "remedy",
                                                    results[i].outcome == CHECK_FAIL ? results[i].remedy : "")) < 0 ?
                            -ENOMEM :
                            0;
        whole = json_pack("{s:o,s:{s:I,s:I,s:I,s:I}}", "rows", list, "counts", "pass", (json_int_t) counts.pass,
                          "fail", (json_int_t) counts.fail, "undecided", (json_int_t) counts.undecided,
                          "not applicable", (json_int_t) counts.not_applicable);
        if (!whole)
                return -ENOMEM;
        if (r == 0 && json_dumpf(whole, to, JSON_INDENT(2)) < 0)
                r = -EIO;
        (void) fputc('\n', to);
        json_decref(whole);
        return r;
}
