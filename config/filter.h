/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The seccomp program of a worker: which system calls it may make. Compiled here, in the configuration child, so that
 * libseccomp is in no worker.
 *
 * A call that no worker has any business with (executing, tracing, mounting, another family of sockets, a signal to
 * somebody else) is answered by SIGSYS: the worker dies, and its record says of which call. What libraries merely try
 * is refused by an errno. A call that is newer than libseccomp's tables does not exist (ENOSYS), so that libc falls
 * back.
 */
#pragma once

#include "lib/util.h"

/* Beyond what every worker may. */
enum filter_needs {
        FILTER_UNIX = 1 << 0,      /* open Unix sockets, and connect them */
        FILTER_TCP = 1 << 1,       /* likewise for IPv4 and IPv6 */
        FILTER_RESOLVE = 1 << 2,   /* ask name servers: UDP, and netlink for which addresses there are */
        FILTER_PROCESSES = 1 << 3, /* have children */
        FILTER_EXECUTE = 1 << 4,   /* that are other programs */
        FILTER_LOG = 1 << 5,       /* the kernel logs what would have been refused, and nothing is */
        FILTER_ADDRESSES = 1 << 6, /* see which addresses this host has */
};

/* *ret: struct sock_filter, as in memory, for the machine that it is compiled on; to be freed. SANDBOX_PID_MARK in it
 * stands for the worker's pid. A negative errno is libseccomp's. */
int filter_compile(unsigned needs, uint8_t **ret, size_t *ret_size) _must_check_;
