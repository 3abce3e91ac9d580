/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The lines about requests, as wazo-confd writes them, in the log file only: gathered, and written once a turn of the loop.
 */
#pragma once

#include "workers/gateway/text.h"

struct exchange;
struct gateway;

struct requestlog {
        int fd;           /* of the log file, or -1 */
        char logger[64];  /* wazo_confd */
        struct text text;
        time_t second;    /* that stamp is about */
        char stamp[32], behind[128]; /* what stands before and behind the milliseconds */
        uint64_t lost;    /* lines that could not be written */
};

void requestlog_setup(struct requestlog *l, int fd, const char *service);
/* "request: METHOD URL {headers} [with data BODY] [span_id=…]". Once for an exchange. */
void requestlog_request(struct exchange *ex);
/* "response to REMOTE in 0.01s: METHOD URL STATUS [span_id=…]" */
void requestlog_response(struct exchange *ex);
void requestlog_flush(struct requestlog *l);
void requestlog_done(struct requestlog *l);

/* A header's value as it may be logged, in Python's notation. */
void requestlog_add_header(struct text *t, const char *name, const char *value);
