/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Run at build: writes the table of lib/syscall-names.h, as libseccomp knows the machine's calls. */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBERS 1024

int main(void) {
        (void) printf("#include \"lib/syscall-names.h\"\n\nconst char syscall_table[] =\n");
        for (int number = 0; number < NUMBERS; number++) {
                char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

                if (name)
                        (void) printf("\"%d %s\\n\"\n", number, name);
                free(name);
        }
        (void) printf("\"\";\n");
        return 0;
}
