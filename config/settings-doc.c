/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints docs/configuration.md. */
#include "config/child.h"

int main(void) {
        config_document(stdout);
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
