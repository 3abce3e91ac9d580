/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How each program of check's ends. */
#pragma once

#include <check.h>
#include <stdlib.h>

/* Runs a suite, told as much of as CK_VERBOSITY says, and frees it. Returns what main() returns. */
static inline int check_run(Suite *suite) {
        SRunner *runner = srunner_create(suite);
        int failed;

        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
