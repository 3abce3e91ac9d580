/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One client of the control socket: its buffers, its patience, and the call that it waits for. server.c accepts clients and
 * tells all of them; server-client.c does what one of them asks.
 */
#pragma once

#include "workers/control/server.h"
#include "workers/control/varlink.h"

struct client {
        struct server *server;
        struct client *next, **link;
        sd_event_source *io, *timer;
        int fd;
        enum access access;

        char *in;
        size_t in_size, in_allocated;
        char *out;
        size_t out_size, out_at;

        uint64_t command_id;   /* of the command that it waits for, or 0 */
        struct relay_ask *ask; /* what it waits for from the relay, or NULL */
        struct method_wish wish; /* of either; and of a stream */
        bool streaming, stale; /* is told what is new; and has not been told the newest */
        bool end;              /* it will say no more */
        bool called;           /* something, ever */
        bool draining;

        uint64_t patience; /* seconds, as the timer was set */
        bool progress;     /* since then */
};

/* Takes @fd over on success. */
int client_new(struct server *s, int fd, enum access access) _must_check_;
void client_free(struct client *c);

/* Does what can be done now. An error, or the end of everything, frees the client. */
void client_work(struct client *c);

/* Answers what has been asked and ends it; one that has just come may still ask once. Frees it, perhaps. */
void client_drain(struct client *c);

/* server.c: from now on those who follow events are told of new ones. */
int server_tick(struct server *s) _must_check_;

/* The answer to its command has come. Frees the client on an error. */
void client_result(struct client *c, int error, const char *text, const char *lines);
