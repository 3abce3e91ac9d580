/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text that grows: SQL, JSON, messages. The first failure sticks and is asked for once, at the end. */
#pragma once

#include "lib/util.h"

struct text {
        char *data; /* NUL-terminated once anything was added */
        size_t size, allocated;
        bool failed;
};

#define TEXT_NULL ((struct text) {0})

void text_add(struct text *t, const char *s);
void text_add_bytes(struct text *t, const char *s, size_t size);
void text_add_char(struct text *t, char c);
void text_addf(struct text *t, const char *format, ...) _printf_(2, 3);
/* 0, or -ENOMEM when any call before failed. An empty text has data "". */
int text_end(struct text *t) _must_check_;
void text_done(struct text *t);

#define _cleanup_text_ _cleanup_(text_done)
