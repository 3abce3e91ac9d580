/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/wazo-service/lines.h"

#include <stdarg.h>
#include <stdio.h>

void lines_init(struct lines *l, size_t n, bool reverse, bool quiet) {
        *l = (struct lines) {.n = n, .reverse = reverse, .quiet = quiet, .terminal = !quiet && isatty(STDOUT_FILENO)};
}

static void clear_progress(struct lines *l) {
        if (l->progress)
                (void) fputs("\r\033[K", stdout);
        l->progress = false;
}

/* The next in order, or with @gaps whoever has one. */
static void print(struct lines *l, bool gaps) {
        if (l->quiet)
                return;
        clear_progress(l);
        for (; l->printed < l->n; l->printed++) {
                const char *text = l->texts[l->reverse ? l->n - 1 - l->printed : l->printed];

                if (*text)
                        (void) puts(text);
                else if (!gaps)
                        break;
        }
        (void) fflush(stdout);
}

void lines_set(struct lines *l, size_t i, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(l->texts[i], sizeof(l->texts[i]), format, ap);
        va_end(ap);
        print(l, false);
}

void lines_progress(struct lines *l, const char *text) {
        if (!l->terminal)
                return;
        clear_progress(l);
        (void) printf("%.78s", text);
        (void) fflush(stdout);
        l->progress = true;
}

void lines_finish(struct lines *l) {
        print(l, true);
}
