/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/mask.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

char *mask_token(const char *token) {
        size_t length = strlen(token);
        char *masked = strdup(token);

        if (!masked)
                return NULL;
        for (size_t i = 0; i + 8 < length; i++)
                if (masked[i] != '-')
                        masked[i] = 'X';
        /* Of a token this short, the last 8 characters would be all of it. */
        if (length <= 8)
                memset(masked, 'X', length);
        return masked;
}

#define HIDDEN "<hidden>"
#define TOKEN_LENGTH_MIN 16

/* How a value behind a word is treated. */
enum treatment { HIDE, MASK };

static const struct {
        const char *word;
        enum treatment treatment;
} secret_words[] = {
        {"password", HIDE}, {"passwd", HIDE}, {"passphrase", HIDE}, {"secret", HIDE}, {"authorization", HIDE},
        {"api_key", HIDE}, {"apikey", HIDE}, {"private_key", HIDE}, {"token", MASK},
};

/* What stands for no value, or for one that is masked already. */
static const char *const harmless_values[] = {"null", "none", "true", "false", HIDDEN, "***"};

/* A position in one line of text. */
struct cursor {
        const char *at, *end;
        bool token_seen;
};

static bool is_key_char(char c) {
        return isalnum((unsigned char) c) || c == '_' || c == '-';
}

static bool is_quote(char c) {
        return c == '"' || c == '\'';
}

static bool ends_value(char c) {
        return isspace((unsigned char) c) || strchr(",;&)]}\"'<>", c) != NULL;
}

static size_t span_token(const char *s, const char *end) {
        const char *at = s;

        while (at < end && (isxdigit((unsigned char) *at) || *at == '-'))
                at++;
        return (size_t) (at - s);
}

/* Hexadecimal digits and dashes, as long as a token is at least. */
static bool looks_like_token(const char *s, size_t size) {
        return size >= TOKEN_LENGTH_MIN && span_token(s, s + size) == size;
}

static bool is_harmless(const char *s, size_t size) {
        for (unsigned i = 0; i < ELEMENTSOF(harmless_values); i++)
                if (size == strlen(harmless_values[i]) && strncasecmp(s, harmless_values[i], size) == 0)
                        return true;
        return size == 0;
}

/* Masking goes by bytes: only here is each of them a character. */
static bool is_ascii(const char *s, size_t size) {
        for (size_t i = 0; i < size; i++)
                if ((unsigned char) s[i] >= 0x80)
                        return false;
        return true;
}

static void put_masked(FILE *out, const char *s, size_t size, enum treatment treatment) {
        if (is_harmless(s, size))
                (void) fwrite(s, 1, size, out);
        else if (treatment == HIDE || !is_ascii(s, size))
                (void) fputs(HIDDEN, out);
        else {
                _cleanup_free_ char *token = strndup(s, size), *masked = token ? mask_token(token) : NULL;

                (void) fputs(masked ?: HIDDEN, out);
        }
}

static const char *skip_scheme(const char *s, const char *end) {
        static const char *const schemes[] = {"bearer ", "basic ", "digest "};

        for (unsigned i = 0; i < ELEMENTSOF(schemes); i++) {
                size_t size = strlen(schemes[i]);

                if ((size_t) (end - s) > size && strncasecmp(s, schemes[i], size) == 0)
                        return s + size;
        }
        return s;
}

/* Where a quoted value ends. A quote that was itself escaped ({\"password\": \"x\"}) is closed by an escaped one. */
static const char *find_closing(const char *s, const char *end, char quote, bool escaped) {
        for (; s < end; s++) {
                if (*s != '\\') {
                        if (*s == quote)
                                return s;
                        continue;
                }
                if (escaped && s + 1 < end && s[1] == quote)
                        return s;
                if (s + 1 < end)
                        s++;
        }
        return end;
}

/* Behind a key: copies what separates it from its value, then the value masked. */
static void put_value(FILE *out, struct cursor *c, enum treatment treatment) {
        const char *s = c->at, *value, *value_end;
        bool quoted_key = false, assigned = false, escaped = false;
        char quote = 0;

        for (; s < c->end && (*s == '\\' || is_quote(*s)); s++)
                quoted_key |= is_quote(*s);
        while (s < c->end && isspace((unsigned char) *s))
                s++;
        if (s < c->end && (*s == ':' || *s == '=' || (*s == ',' && quoted_key))) {
                assigned = true;
                s++;
                while (s < c->end && isspace((unsigned char) *s))
                        s++;
        }
        if (s < c->end && *s == '\\') {
                escaped = true;
                s++;
        }
        if (s < c->end && is_quote(*s))
                quote = *s++;
        value = skip_scheme(s, c->end);

        if (quote)
                value_end = find_closing(value, c->end, quote, escaped);
        else
                for (value_end = value; value_end < c->end && !ends_value(*value_end); value_end++)
                        ;
        /* "token expired" is a sentence, "token 5d2e…" is not. */
        if (!assigned && !looks_like_token(value, (size_t) (value_end - value)))
                return;
        (void) fwrite(c->at, 1, (size_t) (value - c->at), out);
        put_masked(out, value, (size_t) (value_end - value), treatment);
        c->at = value_end;
}

/* True when a secret's name began here and was copied with its value. */
static bool put_secret(FILE *out, struct cursor *c) {
        for (unsigned i = 0; i < ELEMENTSOF(secret_words); i++) {
                size_t size = strlen(secret_words[i].word);
                const char *key = c->at;

                if ((size_t) (c->end - c->at) < size || strncasecmp(c->at, secret_words[i].word, size) != 0)
                        continue;
                for (c->at += size; c->at < c->end && is_key_char(*c->at);)
                        c->at++;
                (void) fwrite(key, 1, (size_t) (c->at - key), out);
                c->token_seen |= secret_words[i].treatment == MASK;
                put_value(out, c, secret_words[i].treatment);
                return true;
        }
        return false;
}

/* scheme://user:password@host */
static bool put_userinfo(FILE *out, struct cursor *c) {
        const char *colon = NULL, *at;

        if (c->end - c->at < 3 || strncmp(c->at, "://", 3) != 0)
                return false;
        for (at = c->at + 3; at < c->end && *at != '@'; at++) {
                if (*at == '/' || ends_value(*at))
                        return false;
                if (*at == ':' && !colon)
                        colon = at;
        }
        if (at == c->end || !colon)
                return false;
        (void) fwrite(c->at, 1, (size_t) (colon + 1 - c->at), out);
        (void) fputs(HIDDEN, out);
        c->at = at;
        return true;
}

/* After the word token, anywhere on the line. */
static bool put_stray_token(FILE *out, struct cursor *c, const char *begin) {
        size_t size;

        if (!c->token_seen || (c->at > begin && is_key_char(c->at[-1])))
                return false;
        size = span_token(c->at, c->end);
        if (size < TOKEN_LENGTH_MIN || (c->at + size < c->end && is_key_char(c->at[size])))
                return false;
        put_masked(out, c->at, size, MASK);
        c->at += size;
        return true;
}

/* The length of the well-formed UTF-8 sequence at @s, 0 for none. */
static size_t utf8_length(const unsigned char *s, size_t size) {
        static const struct {
                unsigned char mask, lead;
                size_t length;
                uint32_t min;
        } forms[] = {{0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};

        for (unsigned i = 0; i < ELEMENTSOF(forms); i++) {
                uint32_t c = s[0] & (unsigned char) ~forms[i].mask;

                if ((s[0] & forms[i].mask) != forms[i].lead)
                        continue;
                if (forms[i].length > size)
                        return 0;
                for (size_t j = 1; j < forms[i].length; j++) {
                        if ((s[j] & 0xc0) != 0x80)
                                return 0;
                        c = c << 6 | (s[j] & 0x3f);
                }
                return c < forms[i].min || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : forms[i].length;
        }
        return 0;
}

static void replace_bad_bytes(char *s, size_t size) {
        for (size_t i = 0, n; i < size; i += n) {
                n = utf8_length((const unsigned char *) s + i, size - i);
                if (n == 0 || (unsigned char) s[i] < ' ' || s[i] == 0x7f) {
                        s[i] = s[i] == '\t' ? ' ' : '?';
                        n = 1;
                } else if (n == 2 && (unsigned char) s[i] == 0xc2 && (unsigned char) s[i + 1] < 0xa0)
                        /* The C1 control characters, of which terminals obey some. */
                        s[i] = s[i + 1] = '?';
        }
}

char *mask_line(const char *s, size_t size) {
        _cleanup_free_ char *copy = malloc(size + 1);
        struct cursor c;
        char *cleaned = NULL;
        size_t cleaned_size;
        FILE *out;

        if (!copy)
                return NULL;
        memcpy(copy, s, size);
        copy[size] = 0;
        replace_bad_bytes(copy, size);

        out = open_memstream(&cleaned, &cleaned_size);
        if (!out)
                return NULL;
        c = (struct cursor) {.at = copy, .end = copy + size};
        while (c.at < c.end)
                if (!put_secret(out, &c) && !put_userinfo(out, &c) && !put_stray_token(out, &c, copy))
                        (void) fputc(*c.at++, out);
        if (ferror(out) | (fclose(out) != 0)) {
                free(cleaned);
                return NULL;
        }
        return cleaned;
}
