/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a client of the control socket may send: calls, one after the other, each ended by a NUL; decoded, checked and
 * answered over a small model. And the masking of whatever text, whose result must be valid.
 */
#include <signal.h>

#include "workers/control/methods.h"
#include "workers/control/text.h"
#include "workers/control/varlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct model model;
static struct crash_store crashes = {.dir = -1};
static const struct methods methods = {.model = &model, .crashes = &crashes};
static const struct relay_result silence = {.error = -ETIMEDOUT, .text = "the relay did not answer in time"};

static void make_model(void) {
        struct wire_slot slot = {.slot = 1, .kind = WIRE_KIND_PLUGIN, .state = WIRE_STATE_READY, .name = "user", .plugin = "user"};

        if (model.n_slots == 0 && model_take_slot(&model, &slot) < 0)
                (void) raise(SIGABRT);
}

static void answer(const char *data, size_t size) {
        struct varlink_answer a = VARLINK_ANSWER_NULL;
        _cleanup_free_ char *text = NULL;
        struct method_wish wish = {0};
        struct varlink_call call;
        size_t text_size;
        int r;

        if (varlink_call_decode(data, size, &call) < 0)
                return;
        /* Without memory only; and an answer that cannot be encoded is one that was not checked. */
        r = methods_call(&methods, ACCESS_COMMAND, &call, &a, &wish);
        if (r == METHOD_RELAY && methods_relayed(&methods, &wish, &silence, &a) < 0)
                (void) raise(SIGABRT);
        if (r < 0 || varlink_answer_encode(&a, &text, &text_size) < 0)
                (void) raise(SIGABRT);
        varlink_answer_done(&a);
        varlink_call_done(&call);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *at = (const char *) data, *end = at + size;
        json_t *text;

        make_model();
        text = text_json_n(at, size);
        if (!text)
                (void) raise(SIGABRT);
        json_decref(text);
        while (at < end) {
                const char *nul = memchr(at, 0, (size_t) (end - at));

                nul = nul ?: end;
                answer(at, (size_t) (nul - at));
                at = nul + 1;
        }
        return 0;
}
