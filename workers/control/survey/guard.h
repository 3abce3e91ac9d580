/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may read the page's data: who has the token; or, where there is none, who is on this host and came by no proxy and by no name
 * that somebody else's page could have in its links.
 */
#pragma once

#include "lib/util.h"

#define GUARD_TOKEN_MIN 16
#define GUARD_TOKEN_MAX 256

struct guard {
        char token[GUARD_TOKEN_MAX]; /* "": there is none */
};

enum guard_answer { GUARD_LET_IN, GUARD_TOKEN, GUARD_STRANGER };

/* Reads the first line of a file. -EINVAL: too short or too long; -EPERM: others may read it. */
int guard_read_token(struct guard *guard, const char *path) _must_check_;

/* @token, @host: what the request has of X-Auth-Token and Host, or NULL; @forwarded: it has a header that proxies add. */
enum guard_answer guard_ask(const struct guard *guard, const char *token, const char *host, bool forwarded);

/* Whether a numeric address is of the loopback. */
bool guard_is_loopback(const char *address);
