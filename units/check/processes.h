/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The processes of a unit, and the sockets that they listen on.
 */
#pragma once

#include <sys/types.h>

#include "config/facts.h"

#define CHECK_PROCESSES_MAX 4096
#define CHECK_SOCKETS_MAX 256

struct check_process {
        pid_t pid;
        uid_t uids[4];
        uint64_t capabilities; /* effective */
};

struct check_socket {
        int64_t port, protocol; /* enum facts_protocol */
        char address[64];
};

struct check_processes {
        struct check_process *list;
        size_t n;
        struct check_socket sockets[CHECK_SOCKETS_MAX];
        size_t n_sockets;
        bool sockets_known; /* all of its descriptors could be looked at */
};

/* Those of the control group and all below it; without a group, @main alone. -ENOENT: there is none. */
int check_processes_read(const char *root, const char *control_group, pid_t main,
                         struct check_processes *ret) _must_check_;
void check_processes_done(struct check_processes *p);
