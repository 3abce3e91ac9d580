/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/client/follow.h"

#include <stdio.h>

#include "workers/control/client/call.h"
#include "workers/control/client/format.h"
#include "workers/control/client/show.h"

#define PATIENCE_NSEC (10 * NSEC_PER_SEC)

static int begin(const struct follow *f, struct call *c) {
        json_t *parameters = f->last > 0 ? json_pack("{s:I}", "after", f->last)
                                         : json_pack("{s:I}", "limit", (json_int_t) f->limit);
        int r;

        r = call_open(c, f->path);
        if (r < 0) {
                json_decref(parameters);
                return r;
        }
        return call_send(c, "io.wazo.suite.Events", parameters, true, now_monotonic() + PATIENCE_NSEC);
}

static int print_events(struct follow *f, json_t *parameters) {
        json_t *events = json_object_get(parameters, "events"), *event;
        size_t i;

        json_array_foreach(events, i, event) {
                f->last = get_int(event, "id");
                if (f->json)
                        (void) json_dumpf(event, stdout, JSON_COMPACT);
                else {
                        format_harmless(event);
                        show_event(event);
                }
                if (f->json)
                        (void) putchar('\n');
        }
        return fflush(stdout) == 0 ? 0 : -errno;
}

/* One connection, until it ends. */
static int follow_once(struct follow *f, json_t **ret_message, const char **ret_error, json_t **ret_parameters, bool *began) {
        _cleanup_(call_done) struct call c = CALL_NULL;
        json_t *message, *parameters;
        const char *error;
        int r;

        r = begin(f, &c);
        while (r >= 0) {
                r = call_receive(&c, NSEC_NEVER, &message, &error, &parameters);
                if (r < 0)
                        return r;
                if (*error) {
                        *ret_message = message;
                        *ret_error = error;
                        *ret_parameters = parameters;
                        return 1;
                }
                *began = true;
                r = print_events(f, parameters);
                json_decref(message);
        }
        return r;
}

/* The relay, or control itself, is being replaced. */
static bool may_pass(int r, const char *error) {
        static const int errors[] = {-ECONNRESET, -EPIPE, -ECONNREFUSED, -ENOENT};

        if (r > 0)
                return streq(error, "io.wazo.suite.RelayUnavailable");
        for (unsigned i = 0; i < ELEMENTSOF(errors); i++)
                if (r == errors[i])
                        return true;
        return false;
}

int follow_events(struct follow *f, json_t **ret_message, const char **ret_error, json_t **ret_parameters) {
        const struct timespec pause = {.tv_nsec = 200000000};
        bool ever = false, began;
        uint64_t deadline = 0;
        int r;

        for (;;) {
                began = false;
                r = follow_once(f, ret_message, ret_error, ret_parameters, &began);
                if (began)
                        deadline = now_monotonic() + PATIENCE_NSEC;
                ever |= began;
                if (!ever || !may_pass(r, r > 0 ? *ret_error : "") || now_monotonic() > deadline)
                        return r;
                if (r > 0)
                        json_decref(*ret_message);
                (void) nanosleep(&pause, NULL);
        }
}
