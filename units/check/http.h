/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One request, with its answer.
 */
#pragma once

#include "lib/util.h"

struct http_answer {
        long status;
        char *body; /* at most 8 MiB, with a NUL behind it */
        size_t size;
        char allow_origin[256], allow_headers[1024];
};

#define HTTP_ANSWER_NULL ((struct http_answer) {0})

/* @headers is NULL-terminated, or NULL. The certificate of a server on this host is not looked at. -ECONNREFUSED,
 * -ETIMEDOUT, -EIO. */
int http_ask(const char *method, const char *url, const char *const *headers, struct http_answer *ret) _must_check_;
void http_answer_done(struct http_answer *a);
