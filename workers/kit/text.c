/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/kit/text.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX (256U * 1024 * 1024)

static bool reserve(struct text *t, size_t more) {
        size_t wanted = t->size + more + 1, allocated = MAX(t->allocated, (size_t) 128);
        char *data;

        if (t->failed)
                return false;
        if (wanted <= t->allocated)
                return true;
        while (allocated < wanted)
                allocated *= 2;
        data = wanted <= TEXT_MAX ? realloc(t->data, allocated) : NULL;
        if (!data) {
                t->failed = true;
                return false;
        }
        t->data = data;
        t->allocated = allocated;
        return true;
}

void text_add_bytes(struct text *t, const char *s, size_t size) {
        if (!reserve(t, size))
                return;
        memcpy(t->data + t->size, s, size);
        t->size += size;
        t->data[t->size] = 0;
}

void text_add(struct text *t, const char *s) {
        text_add_bytes(t, s, strlen(s));
}

void text_add_char(struct text *t, char c) {
        text_add_bytes(t, &c, 1);
}

void text_addf(struct text *t, const char *format, ...) {
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(NULL, 0, format, ap);
        va_end(ap);
        if (n < 0)
                t->failed = true;
        if (n < 0 || !reserve(t, (size_t) n))
                return;
        va_start(ap, format);
        (void) vsnprintf(t->data + t->size, (size_t) n + 1, format, ap);
        va_end(ap);
        t->size += (size_t) n;
}

int text_end(struct text *t) {
        text_add_bytes(t, "", 0);
        return t->failed ? -ENOMEM : 0;
}

void text_done(struct text *t) {
        free(t->data);
        *t = TEXT_NULL;
}
