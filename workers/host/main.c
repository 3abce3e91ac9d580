/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-host [SLOT]: a plugin worker. wazo-host --nursery: the process that plugin workers are forked from. Both are started by
 * the supervisor, with the descriptors of lib/worker.h.
 */
#include <malloc.h>
#include <stdio.h>

#include "workers/host/nursery.h"
#include "workers/host/plugin-worker.h"
#include "workers/host/title.h"

#define TUNABLES "GLIBC_TUNABLES"
#define NO_TCACHE "glibc.malloc.tcache_count=0"

/*
 * The allocator's per-thread cache keeps chunks all over the heap for good: 120 KiB a worker with an open database, 220 once
 * it is closed (measured). Only the environment turns it off, and only at exec: the nursery, whose workers inherit that, is
 * executed once more when the supervisor has not seen to it. What goes wrong here costs memory and nothing else.
 */
static void turn_off_cache(char **argv) {
        if (getenv(TUNABLES) || setenv(TUNABLES, NO_TCACHE, 1) < 0)
                return;
        (void) execv("/proc/self/exe", argv);
}

/* A large body is given back at once, and the heap does not keep what one request needed. Said here, the limits stay: glibc
 * otherwise raises them with use. */
static void set_up_memory(void) {
        (void) mallopt(M_MMAP_THRESHOLD, 128 * 1024);
        (void) mallopt(M_TRIM_THRESHOLD, 64 * 1024);
        (void) mallopt(M_TOP_PAD, 16 * 1024);
        (void) mallopt(M_ARENA_MAX, 1);
}

int main(int argc, char **argv) {
        bool nursery = argc > 1 && streq(argv[1], "--nursery");
        struct worker w;
        int r;

        if (nursery)
                turn_off_cache(argv);
        title_begin(argc, argv);
        (void) unsetenv(TUNABLES); /* it is for this program, not for what a plugin may start */
        set_up_memory();
        r = worker_begin(&w, nursery ? WIRE_KIND_NURSERY : WIRE_KIND_PLUGIN);
        if (r < 0) {
                (void) fprintf(stderr, "wazo-host is started by wazo-supervisord, not by hand: %s\n", strerror(-r));
                return EXIT_FAILURE;
        }
        return nursery ? nursery_run(&w) : plugin_worker_run(&w);
}
