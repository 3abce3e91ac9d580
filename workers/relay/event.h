/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "lib/util.h"

#define EVENT_ID_SIZE 17

/* An event of another daemon, held until every plugin that wants it is done with it. */
struct event {
        char *name, *message_id, *routing_key, *headers; /* headers: JSON text */
        char *payload;          /* as it came, with a NUL behind it */
        size_t size;
        char id[EVENT_ID_SIZE]; /* of its content, for logs and records */
        unsigned pending;       /* plugins that are not done */
        bool rejected;          /* one of them said that it is no event */

        /* Where it came from: the broker, or (not 0) a row of inbox_parked. */
        unsigned epoch;
        uint64_t tag;
        int64_t parked_id;
};

/* Copies all of it. *ret has nothing pending. */
int event_new(const char *name, const char *message_id, const char *routing_key, const char *headers,
              const char *payload, size_t size, struct event **ret) _must_check_;
/* Accepts NULL and returns NULL. */
struct event *event_free(struct event *e);
