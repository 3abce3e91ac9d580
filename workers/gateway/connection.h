/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clients' connections, and the deadlines of those that are slow to say what they want.
 *
 * libmicrohttpd's own time-out is about silence: whoever sends a byte now and then never meets it. Here the request line,
 * the headers and the body have absolute times. They are looked at every few seconds while there are connections at all.
 */
#pragma once

#include <microhttpd.h>
#include <systemd/sd-event.h>

#include "lib/util.h"

struct gateway;
struct listener;

enum connection_state {
        CONNECTION_IDLE,    /* between requests, or in the middle of a request line */
        CONNECTION_HEADERS, /* the request line is there */
        CONNECTION_BODY,
        CONNECTION_BUSY,    /* the next move is ours */
        CONNECTION_SENDING,
};

struct connection {
        struct connection *previous, *next;
        struct listener *listener;
        int fd;
        enum connection_state state;
        bool loopback;
        uint64_t deadline;    /* in HEADERS and BODY */
        uint32_t requests;    /* that it made */
        uint32_t seen_requests;
        uint64_t seen_bytes;  /* that it had sent when it was looked at last */
        uint64_t drain_bytes; /* that it had sent when idle ones were looked for last */
        uint64_t dribbling;   /* since when bytes come that make no request line; 0 */
        bool over;            /* the client will send no more, when it was looked at last */
        char peer[48];        /* the address, for the log */
};

struct connections {
        struct connection *first;
        size_t n;
        uint64_t accepted, timed_out;
        sd_event_source *timer;
        bool armed;
};

int connections_start(struct gateway *g) _must_check_;
struct connection *connection_new(struct gateway *g, struct listener *l, int fd, const struct sockaddr *address) _must_check_;
void connection_free(struct gateway *g, struct connection *c);
void connection_set_state(struct gateway *g, struct connection *c, enum connection_state state);
/* Ends it under libmicrohttpd, which notices and cleans up. @answer: sent before where that can be, or NULL. */
void connection_kill(struct connection *c, const char *answer);
/* Whether the client has gone or half-closed. */
bool connection_gone(const struct connection *c);
/* Those between requests, or before the end of a request's headers. Returns how many of them have sent something since the
 * last look, or since connections_look(), and are left to their deadlines; with @all, none is. */
size_t connections_kill_idle(struct gateway *g, bool all);
void connections_look(struct gateway *g);
