/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/survey/process.h"

#include <fcntl.h>
#include <stdio.h>

/* A small file of /proc/PID, with a NUL behind it. */
static int read_file(pid_t pid, const char *name, char *to, size_t size) {
        _cleanup_close_ int fd = -1;
        char path[64];
        ssize_t n;

        (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        n = read(fd, to, size - 1);
        if (n < 0)
                return -errno;
        to[n] = 0;
        return 0;
}

/* "Pss:       123 kB" */
static bool take_number(const char *text, const char *name, uint64_t *ret) {
        const char *at = strstr(text, name);

        if (!at)
                return false;
        *ret = strtoull(at + strlen(name), NULL, 10);
        return true;
}

/* Behind the name, which may hold anything but is in brackets: user and system time are the 12th and 13th. */
static uint64_t cpu_of(const char *stat) {
        const char *at = strrchr(stat, ')');
        unsigned long long user = 0, system = 0;

        if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
                return 0;
        return (user + system) * (NSEC_PER_SEC / (uint64_t) sysconf(_SC_CLK_TCK));
}

int process_usage(pid_t pid, struct process_usage *ret) {
        struct process_usage usage = {0};
        char text[4096];
        int r;

        r = read_file(pid, "stat", text, sizeof(text));
        if (r < 0)
                return r;
        usage.cpu_nsec = cpu_of(text);
        if (read_file(pid, "smaps_rollup", text, sizeof(text)) >= 0 && take_number(text, "\nPss:", &usage.memory_kib))
                usage.shared_once = true;
        else if (read_file(pid, "status", text, sizeof(text)) < 0 || !take_number(text, "\nVmRSS:", &usage.memory_kib))
                usage.memory_kib = 0;
        *ret = usage;
        return 0;
}
