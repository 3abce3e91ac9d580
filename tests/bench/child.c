/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the bench has supervised: says into a FIFO who it is and when it ran, then sleeps. Linked statically, so that its
 * own start costs little.
 *
 *     bench-child [FIFO]
 *
 * Supervisors that pass no arguments, or some of their own, pass their environment: BENCH_FIFO.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
        const char *in_environment = getenv("BENCH_FIFO"), *path = in_environment ? in_environment : argc > 1 ? argv[1] : NULL;
        struct timespec now;
        int64_t record[2];
        int fd;

        if (clock_gettime(CLOCK_MONOTONIC, &now) < 0 || !path)
                return EXIT_FAILURE;
        record[0] = getpid();
        record[1] = (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
        fd = open(path, O_WRONLY | O_CLOEXEC);
        /* Less than PIPE_BUF: records of a thousand children do not mix. */
        if (fd < 0 || write(fd, record, sizeof(record)) != sizeof(record))
                return EXIT_FAILURE;
        (void) close(fd);
        for (;;)
                (void) pause();
}
