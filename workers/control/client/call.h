/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A Varlink client for one socket, with a deadline for everything.
 */
#pragma once

#include <jansson.h>

#include "lib/util.h"

struct call {
        int fd;
        char *buffer;
        size_t size, allocated;
};

#define CALL_NULL ((struct call) {.fd = -1})

/* Connects to a Unix socket. A negative errno. */
int call_open(struct call *c, const char *path) _must_check_;
void call_done(struct call *c);

/* Sends a call; takes @parameters over (NULL: none). @more asks for a stream of answers. */
int call_send(struct call *c, const char *method, json_t *parameters, bool more, uint64_t deadline) _must_check_;

/*
 * The next answer: *ret_error is the error's full name, or "" for none, within *ret_message, which the caller drops.
 * *ret_parameters is borrowed from it too. -ETIMEDOUT past @deadline (CLOCK_MONOTONIC nsec), -ECONNRESET at the end of the
 * connection, -EBADMSG when it is no Varlink answer.
 */
int call_receive(struct call *c, uint64_t deadline, json_t **ret_message, const char **ret_error,
                 json_t **ret_parameters) _must_check_;
