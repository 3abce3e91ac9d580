/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text that grows: bodies of answers, log lines, metrics. Its first failure sticks, so that the caller asks once, at the end.
 */
#pragma once

#include "lib/util.h"

struct text {
        char *data; /* not NUL-terminated */
        size_t size, allocated;
        bool failed;
};

#define TEXT_NULL ((struct text) {0})

void text_add(struct text *t, const void *data, size_t size);
void text_add_string(struct text *t, const char *s);
void text_printf(struct text *t, const char *format, ...) _printf_(2, 3);
/* Decimal, with at least @digits digits: quicker than text_printf(), for what is written at each request. */
void text_add_number(struct text *t, uint64_t number, unsigned digits);
/* As it stands inside a JSON string, without the quotes: everything but ASCII becomes \uXXXX. @s: valid UTF-8, else the
 * bytes that are none become U+FFFD. */
void text_add_json(struct text *t, const char *s, size_t size);
/* As Python's repr() writes a string, quotes included. */
void text_add_repr(struct text *t, const char *s);
/* As a log line may hold it: control characters become \xNN. */
void text_add_printable(struct text *t, const char *s, size_t size);
/* The content, allocated, to be freed by the caller, with a NUL behind; NULL when something failed. @t is empty afterwards. */
char *text_steal(struct text *t, size_t *ret_size);
void text_done(struct text *t);

/* The length of the UTF-8 character at @s, of which @size bytes are there; 0 when it is none. *ret is the code point. */
size_t utf8_decode(const char *s, size_t size, uint32_t *ret);
bool utf8_valid(const char *s, size_t size);
