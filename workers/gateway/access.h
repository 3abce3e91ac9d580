/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may do what: tokens, found by their SHA-256, and the patterns of access that each carries.
 *
 * A pattern is matched against an access right such as confd.users.7.read: '.' separates words, '*' is any text without
 * '.' and '#', '#' any text at all; the word `me` stands for itself and the token's auth_id, `my_session` for itself and the
 * session's uuid, `edit` for itself and `update`. One that begins with '!' refuses what it matches, whatever the others say.
 */
#pragma once

#include <jansson.h>

#include "lib/util.h"

#define ACCESS_RIGHT_MAX 1024

struct token {
        uint8_t sha256[32];
        char *auth_id, *session_uuid, *tenant_uuid; /* session_uuid may be NULL */
        char **acl;
        size_t n_acl;
        uint64_t expires_at; /* CLOCK_REALTIME, seconds; 0: never */
};

struct tokens {
        struct token *tokens; /* sorted by sha256 */
        size_t n;
};

/* From the member "tokens" of the gateway's slice; 0, -EINVAL with *ret_index the bad one, -ENOMEM. */
int tokens_load(struct tokens *t, const json_t *array, size_t *ret_index) _must_check_;
void tokens_done(struct tokens *t);

/* The valid token with this text at @now (seconds since the epoch), or NULL. */
const struct token *tokens_find(const struct tokens *t, const char *text, uint64_t now);

/* Whether @right, longer than ACCESS_RIGHT_MAX never, is granted. */
bool token_allows(const struct token *token, const char *right);

/* One pattern, without '!'. */
bool access_match(const char *pattern, const char *right, const char *auth_id, const char *session_uuid);
