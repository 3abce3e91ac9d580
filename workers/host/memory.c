/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workers/host/memory.h"

/* Of the stack below a frame: more than the frame and the calls from it use, and what a request may have touched. */
#define STACK_KEEP 1024
#define STACK_DEPTH (512U * 1024)

/*
 * Not inlined, or the frame would be the caller's: what we take for the end would be above the caller's own variables and above
 * the address that the system call returns to, and now and then both would be lost, where a page happens to end there.
 * What is further down than the stack ever was is no mapping, which is no harm.
 */
__attribute__((noinline)) void memory_give_back(void) {
        uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE), here = (uintptr_t) __builtin_frame_address(0);
        uintptr_t end = (here - STACK_KEEP) & ~(page - 1);

        (void) malloc_trim(0);
        (void) madvise((void *) (end - STACK_DEPTH), STACK_DEPTH, MADV_DONTNEED);
}
