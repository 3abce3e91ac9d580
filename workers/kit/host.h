/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Executing a plugin's operations: what the plugin host (workers/host) and tests call. The same call serves both; it knows
 * nothing of channels and processes.
 */
#pragma once

#include "lib/request.h"
#include "workers/kit/describe.h"
#include "workers/kit/wazo-plugin.h"

#pragma GCC visibility push(default)

struct wazo_host;

/* Where the write lock of the database is. */
enum wazo_lock { WAZO_LOCK_NONE, WAZO_LOCK_WAITING, WAZO_LOCK_HELD };

struct wazo_host_setup {
        const struct wazo_plugin *plugin; /* borrowed for the host's life */
        const char *slice;                /* the worker's JSON (docs/slices.md); copied */
        size_t slice_size;
        uint64_t attempt;                 /* nsec a request may take; a lock is waited for a quarter of it. 0: 10 s */
        void *userdata;

        /* One log line, already formatted. NULL: standard error. @level is enum log_level. */
        void (*log)(void *userdata, unsigned level, const char *line);
        /* The write lock was asked for, had, given back: for the gateway, which kills only who holds it. May be NULL. */
        void (*lock)(void *userdata, enum wazo_lock lock);
        /* Something was written to the outbox and committed: a nudge for relay. May be NULL. */
        void (*outbox)(void *userdata);
        /* Carries wazo_call(). NULL: -ENOTCONN. */
        int (*call)(void *userdata, uint64_t deadline, const struct wazo_call *call, struct wazo_answer *ret);
};

/* Checks the plugin's ABI and its settings, and calls its init. Opens no database. On failure @error, if not NULL, gets a
 * sentence for people: -EINVAL a bad configuration, -ELIBBAD a plugin that does not fit this kit. */
int wazo_host_new(const struct wazo_host_setup *setup, struct wazo_host **ret, char *error, size_t error_size) _must_check_;
struct wazo_host *wazo_host_free(struct wazo_host *host);

/* Runs one operation and fills the reply, errors included: a negative errno is only returned when there is no reply at all
 * (out of memory). reply_done() frees it. */
int wazo_plugin_run(struct wazo_host *host, const struct request *request, struct reply *reply) _must_check_;

/* One timed job, in a transaction of its own. -ENOENT for an unknown name. */
int wazo_plugin_job(struct wazo_host *host, const char *name) _must_check_;

/*
 * The handler of one event of another daemon, in a transaction of its own that sees all tenants. Of @event are read: .path, the
 * event's name; .body or .body_fd, its JSON object; .deadline. *reply says how it went, its body why, as plain text: 204
 * committed; 4xx it will never be (415: no JSON object, 404: nobody subscribed, or what the handler refused with); 503 the
 * database was busy, 5xx anything else, which another time may be better. A negative errno only when there is no reply at all.
 */
int wazo_plugin_event(struct wazo_host *host, const struct request *event, struct reply *reply) _must_check_;

/* Nothing to do for a moment: lets go of what is kept only to be quicker. */
void wazo_host_trim(struct wazo_host *host);

/* Nothing to do for a while: closes the database and gives memory back. The next request opens it again. */
void wazo_host_idle(struct wazo_host *host);

#pragma GCC visibility pop
