/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one process uses, as the kernel tells it.
 */
#pragma once

#include <sys/types.h>

#include "lib/util.h"

struct process_usage {
        uint64_t memory_kib;
        bool shared_once;    /* memory that several processes share is divided among them (PSS); else it counts whole (RSS) */
        uint64_t cpu_nsec;   /* since it began */
};

/* -ESRCH: there is none. */
int process_usage(pid_t pid, struct process_usage *ret) _must_check_;
