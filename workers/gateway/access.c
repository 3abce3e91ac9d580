/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/access.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>

/* Where in the access right the part of the pattern that is already matched may end. */
struct ends {
        bool at[ACCESS_RIGHT_MAX + 1];
};

/* Each function takes the pattern one step on; no ends left means no match. The work is at most the product of the lengths. */

static void step_literal(struct ends *ends, const char *right, size_t length, const char *word, size_t size) {
        for (size_t i = length + 1; i-- > 0;) {
                bool fits = i >= size && ends->at[i - size] && memcmp(right + i - size, word, size) == 0;

                ends->at[i] = fits;
        }
}

static void step_star(struct ends *ends, const char *right, size_t length) {
        for (size_t i = 1; i <= length; i++)
                if (ends->at[i - 1] && right[i - 1] != '.' && right[i - 1] != '#')
                        ends->at[i] = true;
}

static void step_hash(struct ends *ends, size_t length) {
        for (size_t i = 1; i <= length; i++)
                if (ends->at[i - 1])
                        ends->at[i] = true;
}

static void step_either(struct ends *ends, const char *right, size_t length, const char *word, size_t size, const char *other) {
        struct ends more = *ends;

        step_literal(ends, right, length, word, size);
        step_literal(&more, right, length, other, strlen(other));
        for (size_t i = 0; i <= length; i++)
                ends->at[i] |= more.at[i];
}

/* What a whole word of a pattern stands for besides itself, or NULL. */
static const char *synonym(const char *word, size_t size, const char *auth_id, const char *session_uuid) {
        const struct {
                const char *word, *other;
        } synonyms[] = {{"me", auth_id}, {"my_session", session_uuid}, {"edit", "update"}};

        for (size_t i = 0; i < ELEMENTSOF(synonyms); i++)
                if (strlen(synonyms[i].word) == size && memcmp(synonyms[i].word, word, size) == 0)
                        return synonyms[i].other;
        return NULL;
}

bool access_match(const char *pattern, const char *right, const char *auth_id, const char *session_uuid) {
        size_t length = strlen(right);
        struct ends ends;

        if (streq(pattern, "#"))
                return true;
        if (length > ACCESS_RIGHT_MAX)
                return false;
        memset(&ends, 0, length + 1);
        ends.at[0] = true;

        for (const char *p = pattern; *p;) {
                size_t size = strcspn(p, ".*#");
                bool whole_word = (p == pattern || p[-1] == '.') && (p[size] == '.' || p[size] == 0);
                const char *other = size > 0 && whole_word ? synonym(p, size, auth_id, session_uuid) : NULL;

                if (other)
                        step_either(&ends, right, length, p, size, other);
                else if (size > 0)
                        step_literal(&ends, right, length, p, size);
                else if (*p == '*')
                        step_star(&ends, right, length);
                else if (*p == '#')
                        step_hash(&ends, length);
                else
                        step_literal(&ends, right, length, ".", 1);
                p += MAX(size, (size_t) 1);
        }
        return ends.at[length];
}

bool token_allows(const struct token *token, const char *right) {
        bool allowed = false;

        for (size_t i = 0; i < token->n_acl; i++) {
                const char *pattern = token->acl[i];

                if (*pattern == '!') {
                        if (access_match(pattern + 1, right, token->auth_id, token->session_uuid))
                                return false;
                } else
                        allowed = allowed || access_match(pattern, right, token->auth_id, token->session_uuid);
        }
        return allowed;
}

static int compare(const void *a, const void *b) {
        return memcmp(((const struct token *) a)->sha256, ((const struct token *) b)->sha256, sizeof(((struct token *) 0)->sha256));
}

const struct token *tokens_find(const struct tokens *t, const char *text, uint64_t now) {
        struct token key;
        const struct token *found;

        if (t->n == 0 || gnutls_hash_fast(GNUTLS_DIG_SHA256, text, strlen(text), key.sha256) < 0)
                return NULL;
        found = bsearch(&key, t->tokens, t->n, sizeof(*t->tokens), compare);
        return found && (found->expires_at == 0 || now < found->expires_at) ? found : NULL;
}

static int parse_hex(const char *s, uint8_t *ret, size_t size) {
        if (strlen(s) != size * 2 || strspn(s, "0123456789abcdefABCDEF") != size * 2)
                return -EINVAL;
        for (size_t i = 0; i < size; i++) {
                unsigned byte;

                if (sscanf(s + i * 2, "%2x", &byte) != 1)
                        return -EINVAL;
                ret[i] = (uint8_t) byte;
        }
        return 0;
}

/* "2026-01-02T03:04:05", UTC, whatever follows the seconds. */
static int parse_time(const char *s, uint64_t *ret) {
        struct tm tm = {0};
        time_t when;

        if (!strptime(s, "%Y-%m-%dT%H:%M:%S", &tm))
                return -EINVAL;
        when = timegm(&tm);
        if (when <= 0)
                return -EINVAL;
        *ret = (uint64_t) when;
        return 0;
}

static int copy_member(const json_t *object, const char *name, bool required, char **ret) {
        const json_t *value = json_object_get(object, name);

        if (!json_is_string(value))
                return required || (value && !json_is_null(value)) ? -EINVAL : 0;
        *ret = strdup(json_string_value(value));
        return *ret ? 0 : -ENOMEM;
}

static int load_acl(struct token *token, const json_t *array) {
        json_t *pattern;
        size_t i;

        if (!json_is_array(array))
                return -EINVAL;
        token->acl = calloc(json_array_size(array) + 1, sizeof(*token->acl));
        if (!token->acl)
                return -ENOMEM;
        json_array_foreach((json_t *) array, i, pattern) {
                if (!json_is_string(pattern))
                        return -EINVAL;
                token->acl[i] = strdup(json_string_value(pattern));
                if (!token->acl[i])
                        return -ENOMEM;
                token->n_acl++;
        }
        return 0;
}

static int load_token(struct token *token, const json_t *object) {
        const char *digest = json_string_value(json_object_get(object, "sha256"));
        const json_t *expires = json_object_get(object, "expires_at");
        int r;

        if (!digest || parse_hex(digest, token->sha256, sizeof(token->sha256)) < 0)
                return -EINVAL;
        if (expires && !json_is_null(expires) &&
            (!json_is_string(expires) || parse_time(json_string_value(expires), &token->expires_at) < 0))
                return -EINVAL;
        r = copy_member(object, "auth_id", true, &token->auth_id);
        if (r < 0)
                return r;
        r = copy_member(object, "session_uuid", false, &token->session_uuid);
        if (r < 0)
                return r;
        r = copy_member(object, "tenant_uuid", true, &token->tenant_uuid);
        if (r < 0)
                return r;
        return load_acl(token, json_object_get(object, "acl"));
}

int tokens_load(struct tokens *t, const json_t *array, size_t *ret_index) {
        json_t *object;
        size_t i;
        int r;

        t->tokens = calloc(json_array_size(array) + 1, sizeof(*t->tokens));
        if (!t->tokens)
                return -ENOMEM;
        json_array_foreach((json_t *) array, i, object) {
                t->n++;
                r = load_token(&t->tokens[i], object);
                if (r < 0) {
                        *ret_index = i;
                        return r;
                }
        }
        qsort(t->tokens, t->n, sizeof(*t->tokens), compare);
        return 0;
}

void tokens_done(struct tokens *t) {
        for (size_t i = 0; i < t->n; i++) {
                struct token *token = &t->tokens[i];

                for (size_t k = 0; k < token->n_acl; k++)
                        free(token->acl[k]);
                free(token->acl);
                free(token->auth_id);
                free(token->session_uuid);
                free(token->tenant_uuid);
        }
        free(t->tokens);
        *t = (struct tokens) {0};
}
