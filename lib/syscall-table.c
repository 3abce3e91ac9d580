/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Run at build: writes the table of lib/syscall-names.c, as libseccomp knows the machine's calls. */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBERS 1024

int main(void) {
        for (int number = 0; number < NUMBERS; number++) {
                char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

                if (name)
                        (void) printf("\"%d %s\\n\"\n", number, name);
                free(name);
        }
        return 0;
}
