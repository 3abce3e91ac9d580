/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a plan: refused, or something that can be packed again to the same bytes.
 */
#include <signal.h>

#include "config/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(plan_done) struct plan plan = {0};
        _cleanup_(pack_done) struct pack again = PACK_NULL;

        if (plan_decode(data, size, &plan) < 0)
                return 0;
        if (plan_encode(&plan, &again) < 0 || again.size != size || memcmp(again.data, data, size) != 0)
                (void) raise(SIGABRT);
        return 0;
}
