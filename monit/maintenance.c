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

/* Of the process that holds it, or 0. */
static int find_holder(const struct stat *st) {
        char line[256], wanted[64];
        int holder = 0, pid;
        FILE *locks;

        (void) snprintf(wanted, sizeof(wanted), " %02x:%02x:%" PRIuMAX " ", major(st->st_dev), minor(st->st_dev),
                        (uintmax_t) st->st_ino);
        locks = fopen("/proc/locks", "re");
        if (!locks)
                return 0;
        while (holder == 0 && fgets(line, sizeof(line), locks))
                if (strstr(line, wanted) && sscanf(line, "%*d: FLOCK %*s %*s %d", &pid) == 1)
                        holder = pid;
        (void) fclose(locks);
        return holder;
}

static bool begins_with(const char *path, const char *prefix, const char *within) {
        char line[256] = "";
        FILE *file = fopen(path, "re");

        if (!file)
                return false;
        (void) fgets(line, sizeof(line), file);
        (void) fclose(file);
        return strncmp(line, prefix, strlen(prefix)) == 0 && strstr(line, within);
}

/* It writes its text into the lock when it has it, and then becomes systemctl. The text may be an earlier one's: it
 * names the process. */
static bool is_monits(const char *path, int holder) {
        char comm[64], pid[32];

        (void) snprintf(comm, sizeof(comm), "/proc/%d/comm", holder);
        (void) snprintf(pid, sizeof(pid), "(pid %d)", holder);
        return begins_with(comm, "wazo-monit-", "") || begins_with(path, MAINTENANCE_OURS, pid);
}

bool maintenance_is_on(const char *root) {
        char path[512];
        struct stat st;
        int holder;

        if (snprintf(path, sizeof(path), "%s" LOCK_PATH, root) >= (int) sizeof(path) || stat(path, &st) < 0)
                return false;
        holder = find_holder(&st);
        return holder != 0 && !is_monits(path, holder);
}
