/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The few things that every file uses: cleanup attributes, descriptors that close themselves, clocks.
 *
 * Return values throughout the project: below zero is a negative errno, handed on unchanged; zero is success;
 * above zero is an outcome that the function's comment names. A ret_x parameter is written on success only.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((__cleanup__(f)))
/* Only clang lets a result be ignored on purpose, by a cast to void; its builds are the ones that enforce this. */
#ifdef __clang__
#  define _must_check_ __attribute__((__warn_unused_result__))
#else
#  define _must_check_
#endif
#define _printf_(a, b) __attribute__((__format__(__printf__, a, b)))
#define _noreturn_ __attribute__((__noreturn__))
#define _unused_ __attribute__((__unused__))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_SEC UINT64_C(1000000000)
#define NSEC_NEVER UINT64_MAX

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

static inline const char *strempty(const char *s) {
        return s ? s : "";
}

/* Copies as much of @from as fits and always ends @to with a NUL. Returns whether all of it fitted. */
static inline bool strcopy(char *to, size_t size, const char *from) {
        size_t length = strlen(from);
        bool whole = length < size;

        if (!whole)
                length = size - 1;
        memcpy(to, from, length);
        to[length] = 0;
        return whole;
}

static inline void freep(void *p) {
        free(*(void **) p);
}
#define _cleanup_free_ _cleanup_(freep)

/* Closes @fd unless it is negative; keeps errno. Returns -1, so that "fd = fd_close(fd)" forgets it. */
static inline int fd_close(int fd) {
        int saved = errno;

        if (fd >= 0)
                (void) close(fd);
        errno = saved;
        return -1;
}

static inline void fd_closep(int *fd) {
        *fd = fd_close(*fd);
}
#define _cleanup_close_ _cleanup_(fd_closep)

/* Takes a descriptor out of a variable, so that its cleanup leaves it open. */
static inline int fd_steal(int *fd) {
        int taken = *fd;

        *fd = -1;
        return taken;
}

static inline void *steal_pointer_internal(void *p) {
        void **where = p, *taken = *where;

        *where = NULL;
        return taken;
}
#define STEAL(p) ((__typeof__(p)) steal_pointer_internal(&(p)))

/* Nanoseconds of CLOCK_MONOTONIC: what every deadline of the project is in. */
static inline uint64_t now_monotonic(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * NSEC_PER_SEC + (uint64_t) ts.tv_nsec;
}

/* Nanoseconds since the epoch: for log lines and records only. */
static inline uint64_t now_realtime(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        return (uint64_t) ts.tv_sec * NSEC_PER_SEC + (uint64_t) ts.tv_nsec;
}
