/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Policy: every decision about the life of workers, and nothing else. An event and the time go in; states change and
 * actions come out. No clock is read, no process is touched, nothing is logged: what it decides is tested over years of
 * a fake clock without forking once.
 *
 * A slot is a worker's place. At most one of its processes is the one that serves ("main"); while a replacement is on
 * its way there is a second ("next"), and up to POLICY_OLD_MAX more are on their way out ("old"). Each process has a
 * generation, which never comes back; an event of a generation that is gone is ignored.
 */
#pragma once

#include "lib/backoff.h"
#include "lib/wire.h"

#define POLICY_OLD_MAX 2
#define POLICY_REQUIRES_MAX 16

/* What the plan says of a slot. */
struct policy_rules {
        uint32_t kind;            /* enum wire_kind */
        bool on_demand, critical;
        bool drains;              /* knows the message DRAIN */
        bool ready_at_once;       /* ready when it was executed */
        uint64_t start_msec, ping_msec, drain_msec, term_msec, abort_msec, kill_msec, healthy_msec, window_msec;
        struct backoff backoff;
};

enum policy_phase {
        PHASE_NONE,
        PHASE_SPAWNING, /* asked for; there is no process yet */
        PHASE_STARTING,
        PHASE_READY,
        PHASE_DRAINING, /* asked by message to finish */
        PHASE_TERM,     /* ... by SIGTERM */
        PHASE_ABORT,    /* ... by SIGABRT */
        PHASE_KILL,     /* ... by SIGKILL */
        PHASE_UNDEAD,   /* ... in vain */
};

struct policy_process {
        enum policy_phase phase;
        uint32_t generation;
        enum wire_cause ending;   /* why we end it; WIRE_CAUSE_NONE while we do not */
        uint64_t spawned_at, ready_at;
        uint64_t deadline;        /* of the phase; NSEC_NEVER */
        uint64_t ping_at;         /* when the next ping is due, or, while one is unanswered, its answer; NSEC_NEVER */
        bool pinged;
};

struct policy_slot {
        struct policy_rules rules;
        uint32_t requires[POLICY_REQUIRES_MAX];
        uint32_t n_requires;
        char name[WIRE_NAME_MAX];

        /* The invariants, which policy_check() checks: unless it is being ended, next is there only while main is, and
         * there is a place in old for main; a slot with retry_at has no main; a held slot has no retry_at. */
        struct policy_process main, next, old[POLICY_OLD_MAX];
        enum wire_state state;
        enum wire_cause cause;    /* of the last failure; NONE once healthy */
        int32_t exit_status;
        uint64_t since;           /* of the state */
        uint64_t retry_at;        /* of the next start; NSEC_NEVER */
        uint64_t healthy_at;      /* when the failures are forgotten; NSEC_NEVER */
        uint64_t window_start;    /* of the failures counted */
        uint64_t ready_nsec;      /* from spawn to ready, the last time */
        uint32_t failures;        /* in a row, within the window */
        uint32_t restarts;
        uint32_t deaths[WIRE_CAUSE_MAX];
        bool used, held, removed, wanted, replace_again;
        bool gone;                /* ACTION_GONE was said */
        bool changed;             /* ACTION_CHANGED was said and not yet taken */
        bool required;            /* others require it */
        bool slow;                /* was given up: until it is healthy, each failure leads to the slow lane again */
        char reason[WIRE_TEXT_MAX]; /* for people: what it waits for, or why it failed */
        const char *detail;         /* of the death that is being dealt with: EVENT_DIED's text */
        char death[WIRE_TEXT_MAX];  /* ... and how the process ended that ACTION_RECORD is about */
};

enum policy_event_type {
        EVENT_START,        /* the service is to run; later, slots added since are */
        EVENT_SPAWNED,      /* slot, generation: there is a process */
        EVENT_SPAWN_FAILED, /* ...: there is none; cause, exit_status (an errno), text */
        EVENT_READY,
        EVENT_FAILED,       /* the worker says that it cannot go on; cause, text. Only CONFIG and MISMATCH are believed */
        EVENT_PONG,
        EVENT_STALLED,      /* it owes an answer for too long; text */
        EVENT_BROKE,        /* it broke the protocol; text */
        EVENT_DIED,         /* cause, exit_status; text: of SANDBOX, what was forbidden. KILLED, of one that served, is no failure
                             * and is never given up */
        EVENT_WANT,         /* slot: a request waits for it */
        EVENT_RESTART,      /* slot: stop, then start */
        EVENT_REPLACE,      /* slot: new before old */
        EVENT_HOLD,
        EVENT_RESET,        /* forget failures and holds, start now */
        EVENT_REMOVE,       /* stop for good */
        EVENT_TICK,         /* time has passed */
        EVENT_STOP,         /* the service is to end: discovery, so that nobody is sent here any more; then the gateways; then
                             * the rest, which works for them until then */
};

struct policy_event {
        enum policy_event_type type;
        uint32_t slot, generation;
        enum wire_cause cause;
        int32_t exit_status;
        const char *text;
};

enum policy_action_type {
        ACTION_SPAWN,
        ACTION_DRAIN,         /* send DRAIN; deadline */
        ACTION_SIGNAL,        /* send signal, then SIGCONT */
        ACTION_PING,
        ACTION_SERVE,         /* this generation serves from now on: introduce it */
        ACTION_UNSERVE,       /* nobody serves this slot any more */
        ACTION_RECORD,        /* write a record of the death that is being told; cause, restart (nsec) */
        ACTION_CHANGED,       /* the slot's status is new: once, however much of it changed */
        ACTION_SERVICE_READY, /* everything has been decided once, and the gateways serve */
        ACTION_MISCONFIGURED, /* ... and nothing can run because the configuration is wrong */
        ACTION_GIVEN_UP,      /* a critical slot failed; exit_status */
        ACTION_GONE,          /* the slot was removed and its last process is gone; its index is free when this was taken */
        ACTION_FINISHED,      /* after EVENT_STOP: no process is left, or none that SIGKILL ends */
};

struct policy_action {
        enum policy_action_type type;
        uint32_t slot, generation;
        int32_t signo, exit_status;
        enum wire_cause cause;
        uint64_t deadline, restart;
};

struct policy {
        struct policy_slot **slots;
        uint64_t *due;            /* of each slot: no deadline of it is before that. Apart, so that time passes quickly */
        size_t n_slots, allocated;
        uint32_t generation;      /* the last one given */
        uint32_t random;          /* state of the jitter */
        uint64_t next;            /* the least of them, unless */
        bool overtaken;           /* ... what it was has come to pass: it is looked for when it is asked for */
        bool running, decided, finished;
        bool stopping;            /* discovery ends, */
        bool closing;             /* ... and when none is left, the gateways, */
        bool ending;              /* ... and when none is left, the rest */
        bool stirred;             /* who is blocked may be so no longer, or by something else */
        bool deferred;            /* some replacement waits for what its slot requires */
        size_t n_blocked;
        size_t n_decided;         /* the slots before it have been decided once */
        size_t n_finished;        /* while ending: the slots before it have no process left */
        struct policy_action *actions;
        size_t n_actions, actions_allocated, actions_taken;
        bool failed;              /* out of memory: some action is lost */
};

void policy_init(struct policy *p, uint32_t random_seed);
void policy_done(struct policy *p);

/* A new slot, stopped. Its index is stable until ACTION_GONE. @requires are indices. -ENOMEM. */
int policy_add(struct policy *p, const char *name, const struct policy_rules *rules, const uint32_t *requires, size_t n_requires,
               uint32_t *ret_slot) _must_check_;
/* What a reload may change about a slot; it takes effect with the next process. */
void policy_set_rules(struct policy *p, uint32_t slot, const struct policy_rules *rules, const uint32_t *requires,
                      size_t n_requires);

/* 0, or -ENOMEM when an action could not be noted: the caller cannot go on. */
int policy_step(struct policy *p, const struct policy_event *event, uint64_t now) _must_check_;
/* Takes the next action out; false when there is none. */
bool policy_next_action(struct policy *p, struct policy_action *ret);
/* When EVENT_TICK is due, CLOCK_MONOTONIC nanoseconds; NSEC_NEVER. */
uint64_t policy_deadline(struct policy *p);

struct policy_slot *policy_slot(struct policy *p, uint32_t slot);
struct policy_process *policy_process(struct policy_slot *s, uint32_t generation);
/* Whether the service is less than whole: some slot is failed, blocked, waiting to be started again, held or undead. */
bool policy_degraded(const struct policy *p);
/* Aborts when an invariant is broken; for tests and debug builds. */
void policy_check(const struct policy *p);
