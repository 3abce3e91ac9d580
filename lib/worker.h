/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The contract between the supervisor and a worker, from the worker's side, whole on one page.
 *
 * A worker is born with these descriptors and no others, an environment of its own, and working directory /:
 *
 *   0      /dev/null
 *   1, 2   a pipe: its lines are logged in the worker's name, at most a few a second, and kept in its ring
 *   3      the channel to the supervisor (lib/channel.h)
 *   4      the service's log file, opened for appending
 *   5      its ring (lib/ring.h)
 *
 * It says HELLO, waits for SETUP, which brings every other descriptor, initialises, and says READY; or FAILED, and exits
 * with the code below. After that it answers PING, obeys DRAIN (finish what is there, then exit 0), takes PEERs (data
 * channels) and LOG_LEVEL, and exits when the channel ends: then the supervisor is gone.
 *
 * What an operator reads of a worker in `wazo-suite status` it says in NOTEs: worker_note().
 */
#pragma once

#include "lib/channel.h"
#include "lib/log.h"
#include "lib/ring.h"

enum { WORKER_FD_CHANNEL = 3, WORKER_FD_LOG = 4, WORKER_FD_RING = 5 };

/* sysexits.h's EX_CONFIG: what systemd, too, takes for a configuration error. */
enum { WORKER_EXIT_CONFIG = 78 };

struct worker {
        int channel;
        struct wire_setup setup;
        int fds[WIRE_FDS_MAX]; /* those that SETUP brought, by setup.fd_roles; -1 once taken */
        size_t n_fds;
        struct ring *ring;
        char logger[WIRE_NAME_MAX * 2]; /* wazo_confd.user */
};

/*
 * Says HELLO as @kind, waits for SETUP, sets up logging and the handlers of fatal signals, which write a backtrace
 * into the ring, and applies the sandbox that SETUP brought: from then on the process can do what its kind and its
 * plugin's description allow (config/sandbox.c), and no more; a sandbox that cannot be applied ends it. Signals that
 * end a process politely are left as they are. An error means that there is no supervisor (or one of another
 * version): the caller exits.
 */
int worker_begin(struct worker *w, enum wire_kind kind) _must_check_;

/* The same for a child of the nursery, whose channel is @channel: its descriptors are already in place. */
int worker_begin_forked(struct worker *w, enum wire_kind kind) _must_check_;

/* The @i-th descriptor of a role, now owned by the caller; -ENOENT when there is none. */
int worker_take_fd(struct worker *w, enum wire_fd_role role, size_t i);

/* The worker's configuration: JSON text with a NUL behind it, freed by the caller. */
int worker_read_slice(struct worker *w, char **ret_json, size_t *ret_size) _must_check_;

int worker_ready(struct worker *w) _must_check_;
int worker_note(struct worker *w, const char *key, const char *format, ...) _printf_(3, 4);

/* Logs, says FAILED with @cause (WIRE_CAUSE_CONFIG, _MISMATCH or _EXIT), and exits: 78 for the first two, 1 otherwise. */
_noreturn_ void worker_fail(struct worker *w, enum wire_cause cause, const char *format, ...) _printf_(3, 4);

/* Handlers for SEGV, BUS, ILL, FPE, ABRT and SYS that write the signal and a backtrace to the ring and die of it. */
int worker_install_crash_handlers(struct ring *ring) _must_check_;
