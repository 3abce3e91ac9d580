/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/complain.h"

#include <stdarg.h>
#include <stdio.h>

int complain(const char *program, int code, const char *format, ...) {
        va_list ap;

        (void) fprintf(stderr, "%s: ", program);
        va_start(ap, format);
        (void) vfprintf(stderr, format, ap);
        va_end(ap);
        (void) fputc('\n', stderr);
        return code;
}
