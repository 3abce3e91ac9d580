/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/syscall-names.h"

#include "lib/util.h"

static size_t put_number(char *to, size_t size, unsigned number) {
        char digits[12];
        size_t n = 0, used = 0;

        do
                digits[n++] = (char) ('0' + number % 10);
        while ((number /= 10) > 0 && n < sizeof(digits));
        while (n > 0 && used + 1 < size)
                to[used++] = digits[--n];
        return used;
}

void syscall_name(int number, char *to, unsigned long size) {
        char wanted[16];
        size_t n = put_number(wanted, sizeof(wanted), (unsigned) number);

        wanted[n++] = ' ';
        for (const char *line = syscall_table; *line; line += strcspn(line, "\n") + 1)
                if (strncmp(line, wanted, n) == 0) {
                        size_t length = MIN(strcspn(line + n, "\n"), size - 1);

                        memcpy(to, line + n, length);
                        to[length] = 0;
                        return;
                }
        wanted[n - 1] = 0;
        (void) strcopy(to, size, "system call ");
        (void) strcopy(to + strlen(to), size - strlen(to), wanted);
}
