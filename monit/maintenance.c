/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Taking wazo-service's lock, even for a moment, would make it wait and say so: who holds it stands in /proc/locks.
 */
#include "monit/maintenance.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "units/wazo-service/lock.h"

bool maintenance_is_on(const char *root) {
        char path[512], line[256], wanted[64];
        struct stat st;
        bool found = false;
        FILE *locks;

        if (snprintf(path, sizeof(path), "%s" LOCK_PATH, root) >= (int) sizeof(path) || stat(path, &st) < 0)
                return false;
        (void) snprintf(wanted, sizeof(wanted), " %02x:%02x:%" PRIuMAX " ", major(st.st_dev), minor(st.st_dev), (uintmax_t) st.st_ino);
        locks = fopen("/proc/locks", "re");
        if (!locks)
                return false;
        while (!found && fgets(line, sizeof(line), locks))
                found = strstr(line, " FLOCK ") && !strstr(line, "->") && strstr(line, wanted);
        (void) fclose(locks);
        return found;
}
