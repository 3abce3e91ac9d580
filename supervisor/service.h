/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The supervisor of one service: what it holds. Each part has a file of its own that says what it does with it:
 *
 *   policy     decides                          stderr     relays what workers print
 *   process    one child: its birth, messages,  introduce  makes the data channels between workers
 *              and death                        feed       tells gateways and control what is going on
 *   nursery    births without exec              deaths     hands crash records to control
 *   cgroup     one for each process, where there can be
 *   reaper     hears of the ends of children
 *   act        carries the decisions out        reload     works out a new plan and applies what differs
 *   notify     speaks to systemd                command    obeys operators
 *   handover   a new version takes over         former     ends the workers of the one before
 *   init       in a container, of several services
 */
#pragma once

#include <systemd/sd-event.h>

#include "config/options.h"
#include "config/plan.h"
#include "lib/channel.h"
#include "lib/log.h"
#include "lib/paths.h"
#include "supervisor/policy.h"

/* Workers of the supervisor before us: they serve, the gateways drain, the others go. */
enum former_step { FORMER_SERVING, FORMER_DRAINING, FORMER_RELEASED };

/* A client whose request crosses the end of its connection has this long to have sent it before. */
#define STOP_IDLE_NSEC (500 * NSEC_PER_MSEC)
#define UNIT_NOTES_MAX 4
#define BINARIES_MAX 8

struct process;
struct former;

/* A slot, from the side of what is real. Its index is the policy's. */
struct unit {
        const struct plan_worker *plan;   /* in the current plan; NULL for the nursery and for a removed one */
        struct process *processes;        /* all generations of it, newest first */
        uint64_t since_wall;
        char hardening[WIRE_TEXT_MAX], note[WIRE_TEXT_MAX];
        struct wire_figures figures;
        bool fork_failed;                 /* the nursery could not: exec this one */
};

/* Who gets the status feed, and what of it is still to be sent. */
struct subscriber {
        struct process *process;
        struct subscriber *next;
        uint64_t *dirty;                  /* a bit a slot */
        size_t n_words;
        bool service_dirty;
};

struct process {
        struct service *service;
        struct process *next;             /* of its unit */
        uint32_t slot, generation;
        enum wire_kind kind;
        pid_t pid;
        int pidfd, channel, stderr_fd, ring, notify_fd;
        sd_event_source *channel_source, *stderr_source, *notify_source, *leaderless_source;
        struct channel_queue queue;
        struct subscriber *subscriber;    /* gateways, control, relay and discovery */
        struct stderr_lines *lines;       /* once it printed anything */
        struct wire_inflight *inflight;   /* what the gateway said of its last request */
        bool greeted;                     /* HELLO came */
        bool set_up;                      /* SETUP went */
        bool was_ready;
        bool serving;                     /* requests are for it */
        bool confined;                    /* it had its sandbox before its SETUP */
        bool dead;                        /* its end is being dealt with */
        char cgroup[WIRE_NAME_MAX + 16];  /* its name in our own; "" without one */
        char violation[40];               /* the system call that its sandbox refused */
        uint64_t spawned_at;
        uint64_t oom_kills_before;        /* the machine's count when it was born */
};

/* A program of ours, opened while it was sure to be the one that belongs to us. */
struct binary {
        char name[WIRE_NAME_MAX];
        int fd;
        uint64_t device, inode, changed;  /* to know a new one by */
};

struct listener {
        char name[WIRE_NAME_MAX];
        char address[128];
        uint32_t port;
        int fd, tls_cert, tls_key;
        bool passed;                      /* by a socket unit, whose it stays */
};

struct service {
        const struct options *options;
        struct paths paths;
        sd_event *event;
        struct policy policy;
        struct unit *units;
        size_t n_units;

        struct plan plan;
        char *plan_data;                  /* what the plan points into */
        size_t plan_size;
        int plan_fd, descriptions_fd;
        uint64_t plan_serial;

        struct listener listeners[PLAN_LISTENERS_MAX];
        size_t n_listeners;
        int log_fd, control_fd, null_fd;
        struct binary binaries[BINARIES_MAX];
        size_t n_binaries;
        char **environment;

        struct subscriber *subscribers;
        struct nursery *nursery;
        struct cgroups *cgroups;
        struct deaths *deaths;
        struct orphans *orphans;
        struct reaper *reaper;
        struct reload *reload;
        pid_t reload_child;               /* the configuration child, while there is one */

        sd_event_source *timer, *feed_source, *watchdog_source;
        uint64_t timer_at;                /* what the timer is set to */
        bool acting;                      /* actions are being carried out: no second loop of them */

        enum log_level log_level;
        bool ready_said, stopping, uuid_known;
        char status[WIRE_TEXT_MAX], uuid_source[WIRE_TEXT_MAX], reload_outcome[WIRE_TEXT_MAX];
        struct former *formers;
        enum former_step former_step;
        sd_event_source *former_timer;
        uint32_t first_generation, first_spare; /* numbers up to them are formers' */
        char (*held)[WIRE_NAME_MAX];      /* by an operator, under the supervisor before us */
        size_t n_held;
        int cgroups_fd;                   /* that a supervisor before us used; -1 */
        bool taken_over;                  /* from a supervisor before us */
        bool end_waits;                   /* for formers alone */
        char end_reason[200];             /* why the service ends by itself; "" */
        char socket_note[160];            /* a socket of systemd's that is not used; "" */
        uint64_t started, started_wall;
        uint64_t watchdog_usec;
        int exit_code;
};

/* ---- service.c ---- */

/* Runs until the service has ended. Returns the exit code, or a negative errno when it could not begin. */
int service_run(struct service *s);
/* Gives the policy an event and carries out what it decides. */
void service_step(struct service *s, const struct policy_event *event);
struct unit *service_unit(struct service *s, uint32_t slot);
struct process *service_process(struct service *s, uint32_t slot, uint32_t generation);
/* Adds or updates the unit of a plan's worker; the policy's rules come from it. */
int service_add_unit(struct service *s, const struct plan_worker *worker, uint32_t *ret_slot) _must_check_;
/* The slot of a name; UINT32_MAX. */
uint32_t service_find_slot(struct service *s, const char *name);
/* Translates the names that a worker requires. */
void service_link_unit(struct service *s, uint32_t slot);

/* Begins the end: drain, then the ladder; the loop ends when all are gone. */
void service_stop(struct service *s);

#define service_event(s, ...) service_step((s), &(const struct policy_event) {__VA_ARGS__})
