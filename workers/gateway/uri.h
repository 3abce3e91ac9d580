/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the client asked for, taken apart and decoded once.
 */
#pragma once

#include "lib/request.h"

/* Outcomes of uri_parse() besides 0. */
enum uri_problem {
        URI_DOUBLE_SLASH = 1, /* begins with two slashes: a name of a host, not a path */
        URI_NOT_A_PATH,       /* neither a path nor an absolute URL */
        URI_UNROUTABLE,       /* an encoded slash or NUL, or bytes that are no UTF-8, in the path */
        URI_BAD_QUERY,        /* NUL, no UTF-8, or too many parameters in the query */
};

struct uri {
        char *path;          /* decoded */
        const char *authority; /* of an absolute URL, raw; or NULL */
        size_t authority_size;
        struct request_pair *query; /* the caller's array of REQUEST_PAIRS_MAX */
        size_t n_query;
};

/* Decodes @raw in place. @u->query is set before by the caller; everything else of @u is set. "*", of OPTIONS, is a path. */
int uri_parse(char *raw, struct uri *u) _must_check_;

/* For a log line: all of @raw percent-decoded into @out, which has room for strlen(raw) + 1. */
void uri_decode_all(const char *raw, char *out);
