/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the outbox to wazo-sysconfd: one request at a time, in order. While it cannot be reached everything waits; what it
 * refuses too often is parked, and the next has its turn.
 */
#pragma once

#include "lib/backoff.h"
#include "lib/http-client.h"
#include "workers/relay/store.h"

struct outbox_row;

struct sysconfd_settings {
        const char *host; /* NULL: there is none, and nothing is done here */
        unsigned port;
        uint64_t timeout_msec;
        unsigned tries;
        const char *driver_dir;
};

struct sysconfd {
        sd_event *event;     /* borrowed */
        struct store *store; /* borrowed */
        struct sysconfd_settings settings;
        const struct http_driver *driver;
        struct http *http;

        bool sending, draining;
        bool more;           /* there may be rows */
        int64_t id;          /* of the row that is sent, or that was and is to be settled */
        unsigned id_tries;
        enum { SYSCONFD_UNSETTLED, SYSCONFD_DONE, SYSCONFD_REFUSED } outcome;
        char error[160];     /* of the row; then of the whole, for status */
        struct backoff backoff;
        uint32_t failures;   /* to reach it, in a row */
        uint64_t wait_until; /* CLOCK_MONOTONIC nsec; 0 */
        bool away;           /* it cannot be reached, and that was logged */
        uint64_t since;      /* CLOCK_REALTIME nsec of the last change of away */
        sd_event_source *work, *timer;

        uint64_t sent, retried, parked;
};

int sysconfd_init(struct sysconfd *s, sd_event *event, struct store *store, const struct sysconfd_settings *settings) _must_check_;
void sysconfd_done(struct sysconfd *s);
void sysconfd_nudge(struct sysconfd *s);
void sysconfd_drain(struct sysconfd *s);
bool sysconfd_is_idle(const struct sysconfd *s);

/*
 * What a row asks for: method, and URL with its query, newly allocated. -EINVAL when the row's headers are none.
 * http://localhost:8668/move_voicemail?old_mailbox=1000
 */
int sysconfd_request(const struct outbox_row *row, const char *host, unsigned port, char ret_method[16],
                     char **ret_url) _must_check_;
