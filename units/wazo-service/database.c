/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/wazo-service/database.h"

#include <stdio.h>

#include "units/wazo-service/command.h"

#define SETTINGS "/usr/share/xivo-manage-db/alembic.ini"
#define SECONDS 20

void database_print(void) {
        _cleanup_free_ char *output = NULL;
        int r;

        if (access(SETTINGS, R_OK) < 0) {
                puts("\tOK");
                return;
        }
        /* Of a database that is up to date alembic says "REVISION (head)", of another one "REVISION". */
        r = command_read((const char *const[]) {"alembic", "-c", SETTINGS, "current", NULL}, SECONDS, &output);
        if (r >= 0 && strstr(output, "(head)"))
                puts("\tOK");
        else
                printf("\tNOK (current revision is %.*s)\n",
                       r < 0 ? (int) strlen("unknown") : (int) strcspn(output, " \n"), r < 0 ? "unknown" : output);
}
