/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a worker may do, as data: worked out by the configuration child from the worker's kind and its plugin's description
 * (config/sandbox.h), handed to the worker with its SETUP, and applied by it to itself before it loads anything of its plugin.
 * It is two things: Landlock rules about files and TCP ports, and a compiled seccomp program about system calls.
 */
#pragma once

#include "lib/landlock.h"
#include "lib/pack.h"

#define SANDBOX_VERSION 2
#define SANDBOX_SIZE_MAX (256U * 1024)
#define SANDBOX_PATHS_MAX 128
#define SANDBOX_PORTS_MAX 32
#define SANDBOX_FILTER_MAX 4096 /* instructions: the kernel takes no more */

/* Stands in the program for the worker's own pid, which is known only when it is loaded. */
#define SANDBOX_PID_MARK 0x5e1f9d01U

#define SANDBOX_MODES(X) X(ENFORCE, "enforce") X(LOG, "log") X(OFF, "off")

enum sandbox_mode {
#define X(name, text) SANDBOX_##name,
        SANDBOX_MODES(X)
#undef X
        SANDBOX_MODE_MAX
};

struct sandbox_path {
        const char *path;
        unsigned grant; /* enum landlock_grant */
};

struct sandbox {
        uint32_t mode;                /* enum sandbox_mode */
        bool tcp, unix_sockets;       /* it may open such sockets: for what is said about it */
        struct sandbox_path paths[SANDBOX_PATHS_MAX];
        size_t n_paths;
        uint16_t ports[SANDBOX_PORTS_MAX]; /* that it may connect to */
        size_t n_ports;
        const uint8_t *filter;        /* struct sock_filter, packed as in memory */
        size_t filter_size;           /* bytes */
        const char *cores;            /* the folder for cores, which is granted, too; "" or NULL without them */
        uint64_t core_max;            /* bytes */
};

/* Packs @s. -E2BIG past a limit of this header. */
int sandbox_encode(const struct sandbox *s, struct pack *p) _must_check_;
/* Strictly unpacks; everything points into @data. -EBADMSG. */
int sandbox_decode(const void *data, size_t size, struct sandbox *ret) _must_check_;

/* What came of it, for status. */
struct sandbox_outcome {
        bool sanitizers;       /* nothing was applied: the build's sanitizers need what a sandbox forbids */
        unsigned landlock;     /* the ABI in force; 0: none */
        bool filter;           /* the kernel took the program */
        unsigned missing;      /* paths that there are none of */
};

/*
 * Applies @s to this process, for good. What the running kernel does not have is left out, and the outcome says so; an error means
 * that something which there is could not be applied, and that the worker must not go on. *ret_step names it.
 */
int sandbox_apply(const struct sandbox *s, struct sandbox_outcome *ret, const char **ret_step) _must_check_;
