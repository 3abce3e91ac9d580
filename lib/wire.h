/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The catalogue of messages between the processes of a service: one table with each message's number, channel, direction,
 * size and descriptors. Whatever is not in the table, or not of the size it gives, is refused before anybody looks at it,
 * and whoever sent it is killed.
 *
 * One message is one packet of a SOCK_SEQPACKET socket: a header, then a fixed structure, or packed bytes (lib/pack.h)
 * where the table says VARIABLE. Every channel begins with HELLO. A minor version only appends messages or fields; with
 * another major version nothing is exchanged.
 */
#pragma once

#include "lib/util.h"

#define WIRE_MAJOR 1U
#define WIRE_MINOR 2U

/* A packet is never larger: past it, content travels in a sealed memory file. (wmem_default holds some 90 of these.) */
#define WIRE_INLINE_MAX 8192
#define WIRE_FDS_MAX 24
#define WIRE_NAME_MAX 64
#define WIRE_TEXT_MAX 224
#define WIRE_FIGURES_MAX 4

struct wire_header {
        uint16_t type; /* enum wire_type */
        uint16_t fds;  /* how many descriptors come with it */
        uint32_t size; /* of what follows the header */
        uint64_t id;   /* of a request, repeated by its answer; 0 where nothing is answered */
};

/* Who may send a message. */
enum wire_direction {
        WIRE_UP = 1 << 0,   /* a worker to the supervisor */
        WIRE_DOWN = 1 << 1, /* the supervisor to a worker */
        WIRE_ASK = 1 << 2,  /* who asks to who serves: a gateway to a plugin, control or relay; control to relay; relay to a plugin */
        WIRE_TELL = 1 << 3, /* who serves to who asks */
};

#define WIRE_VARIABLE SIZE_MAX

/*   name           number  direction           body                          descriptors */
#define WIRE_MESSAGES(X)                                                                        \
        X(HELLO,         1, WIRE_UP,            sizeof(struct wire_hello),       0)             \
        X(SETUP,         2, WIRE_DOWN,          sizeof(struct wire_setup),       WIRE_FDS_MAX)  \
        X(READY,         3, WIRE_UP,            0,                               0)             \
        X(FAILED,        4, WIRE_UP,            sizeof(struct wire_failed),      0)             \
        X(NOTE,          5, WIRE_UP,            sizeof(struct wire_note),        0)             \
        X(PING,          6, WIRE_DOWN,          0,                               0)             \
        X(PONG,          7, WIRE_UP,            0,                               0)             \
        X(DRAIN,         8, WIRE_DOWN,          sizeof(struct wire_drain),       0)             \
        X(LOG_LEVEL,     9, WIRE_DOWN,          sizeof(struct wire_log_level),   0)             \
        X(PEER,         10, WIRE_DOWN,          sizeof(struct wire_peer),        1)             \
        X(SLOT,         11, WIRE_DOWN,          sizeof(struct wire_slot),        0)             \
        X(SLOT_GONE,    12, WIRE_DOWN,          sizeof(struct wire_slot_gone),   0)             \
        X(SERVICE,      13, WIRE_DOWN,          sizeof(struct wire_service),     0)             \
        X(WANT,         14, WIRE_UP,            sizeof(struct wire_want),        0)             \
        X(STALLED,      15, WIRE_UP,            sizeof(struct wire_stalled),     0)             \
        X(INFLIGHT,     16, WIRE_UP,            sizeof(struct wire_inflight),    0)             \
        X(DEATH,        17, WIRE_DOWN,          sizeof(struct wire_death),       1)             \
        X(COMMAND,      18, WIRE_UP,            sizeof(struct wire_command),     0)             \
        X(RESULT,       19, WIRE_DOWN,          sizeof(struct wire_result),      1)             \
        X(DEPLOY,       20, WIRE_UP,            0,                               2)             \
        X(FIGURES,      21, WIRE_UP,            sizeof(struct wire_figures),     0)             \
        X(FORK,         32, WIRE_DOWN,          sizeof(struct wire_fork),        4)             \
        X(FORKED,       33, WIRE_UP,            sizeof(struct wire_forked),      1)             \
        X(CONFINE,      34, WIRE_DOWN,          0,                               1)             \
        X(REQUEST,      48, WIRE_ASK,           WIRE_VARIABLE,                   1)             \
        X(REPLY,        49, WIRE_TELL,          WIRE_VARIABLE,                   1)             \
        X(NUDGE,        50, WIRE_TELL,          0,                               0)

enum wire_type {
#define X(name, number, direction, body, fds) WIRE_##name = (number),
        WIRE_MESSAGES(X)
#undef X
};

/* The kinds of worker, as the manifest and every report name them. */
#define WIRE_KINDS(X) X(GATEWAY, "gateway") X(CONTROL, "control") X(PLUGIN, "plugin") X(ONCE, "once") X(EXEC, "exec") \
        X(NURSERY, "nursery") X(RELAY, "relay") X(AUTH, "auth") X(DISCOVERY, "discovery")

enum wire_kind {
#define X(name, text) WIRE_KIND_##name,
        WIRE_KINDS(X)
#undef X
        WIRE_KIND_MAX
};

/* The states of a slot: the same words in status, JSON, metrics, logs and monit. */
#define WIRE_STATES(X) X(STOPPED, "stopped") X(BLOCKED, "blocked") X(STARTING, "starting") X(READY, "ready")      \
        X(DRAINING, "draining") X(STOPPING, "stopping") X(BACKOFF, "backoff") X(FAILED, "failed") X(RESTING, "resting") \
        X(HELD, "held") X(UNDEAD, "undead") X(DONE, "done")

enum wire_state {
#define X(name, text) WIRE_STATE_##name,
        WIRE_STATES(X)
#undef X
        WIRE_STATE_MAX
};

/* Why a process ended, or why a slot has none. */
#define WIRE_CAUSES(X) X(NONE, "none") X(EXEC, "exec") X(CONFIG, "config") X(MISMATCH, "mismatch") X(EXIT, "exit")   \
        X(SIGNAL, "signal") X(DEADLINE, "deadline") X(OOM, "oom") X(SANDBOX, "sandbox") X(PROTOCOL, "protocol")      \
        X(KILLED, "killed") X(STOPPED, "stopped") X(REPLACED, "replaced")

enum wire_cause {
#define X(name, text) WIRE_CAUSE_##name,
        WIRE_CAUSES(X)
#undef X
        WIRE_CAUSE_MAX
};

/* What each descriptor of SETUP is. */
enum wire_fd_role {
        WIRE_FD_NONE,
        WIRE_FD_SLICE,        /* sealed JSON: the worker's own configuration */
        WIRE_FD_DESCRIPTIONS, /* sealed JSON: what the enabled plugins offer (gateway, control) */
        WIRE_FD_PLAN,         /* sealed, packed: the whole plan (control) */
        WIRE_FD_LISTENER,     /* a listening socket; in the order of the slice's "listeners" (gateway) */
        WIRE_FD_TLS_CERT,     /* (gateway) */
        WIRE_FD_TLS_KEY,      /* (gateway) */
        WIRE_FD_CONTROL,      /* the listening control socket (control) */
        WIRE_FD_PLUGIN,       /* the plugin's shared object, opened (plugin) */
        WIRE_FD_SANDBOX,      /* sealed, packed: what the worker may do (lib/sandbox.h), which it applies to itself at once */
        WIRE_FD_MAX
};

struct wire_hello {
        uint16_t major, minor;
        uint32_t kind;        /* enum wire_kind, what this binary is */
        uint8_t build_id[20]; /* of the executable; zero where it has none */
};

struct wire_setup {
        uint32_t slot, generation;
        uint32_t kind;
        uint32_t log_level;           /* enum log_level */
        uint64_t idle_nsec;           /* on demand: exit after this long without a request; 0: never */
        char service[WIRE_NAME_MAX];  /* wazo-confd */
        char name[WIRE_NAME_MAX];     /* of the slot: user, or user#2 */
        char plugin[WIRE_NAME_MAX];   /* of the plugin, for kind plugin */
        char class[WIRE_NAME_MAX];    /* of instances, for kind plugin: default, import, ... */
        char plugin_path[512];        /* where the shared object is, for messages and for dlopen */
        uint8_t plugin_build_id[20];  /* as in its description: another one is not loaded */
        uint8_t fd_roles[WIRE_FDS_MAX]; /* enum wire_fd_role, one a descriptor */
};

/* The worker cannot start and says why; it exits right behind. */
struct wire_failed {
        uint32_t cause; /* WIRE_CAUSE_CONFIG, WIRE_CAUSE_MISMATCH, or WIRE_CAUSE_EXIT for anything that a retry may mend */
        char text[WIRE_TEXT_MAX];
};

/* One thing that status shows about this worker, e.g. "uuid", "from table infos". The newest text of a key counts. */
struct wire_note {
        char key[32];
        char text[WIRE_TEXT_MAX];
};

/* What the numbers of FIGURES are, by the kind of who tells them. */
enum wire_figure_of_discovery {
        WIRE_FIGURE_REGISTERED,    /* 1: consul knows the service */
        WIRE_FIGURE_REGISTRATIONS, /* how often it was registered */
        WIRE_FIGURE_REFUSALS,      /* requests to consul without a good answer */
};

/* Numbers about this worker, for metrics, whenever one of them is worth telling. */
struct wire_figures {
        uint64_t values[WIRE_FIGURES_MAX];
};

struct wire_drain {
        uint64_t deadline; /* CLOCK_MONOTONIC nsec: what is not done by then is lost */
        uint64_t idle;     /* ... when a gateway closes connections that ask nothing; 0: at the deadline. To others: before the
                            * deadline when nobody comes after them */
};

struct wire_log_level {
        uint32_t level;
};

/* An introduction: the descriptor is this worker's end of a data channel to the named one. The channel is the
 * generation: what was introduced before is drained by its new owner's predecessor and ends by itself. The kinds of
 * both say who asks: see supervisor/introduce.h. */
struct wire_peer {
        uint32_t slot, generation;
        char name[WIRE_NAME_MAX];
        uint32_t kind; /* enum wire_kind, of the named one */
};

/* The status feed, to gateways, control, relay and discovery: everything about one slot. Coalesced: only the newest is sent. */
struct wire_slot {
        uint32_t slot;
        uint32_t kind, state, cause;
        uint32_t generation;
        int32_t pid;           /* of the process that serves, or is starting; 0 */
        int32_t exit_status;   /* exit code, or signal number, by cause */
        uint32_t restarts;     /* since the service started */
        uint32_t failures;     /* within the intensity window */
        uint32_t draining;     /* processes on their way out */
        uint32_t deaths[WIRE_CAUSE_MAX];
        uint64_t since;        /* CLOCK_MONOTONIC nsec of the last change of state */
        uint64_t since_wall;   /* the same in CLOCK_REALTIME */
        uint64_t retry_at;     /* CLOCK_MONOTONIC nsec; 0 when no restart is planned */
        uint64_t ready_nsec;   /* from spawn to ready, the last time */
        char name[WIRE_NAME_MAX];
        char plugin[WIRE_NAME_MAX];
        char class[WIRE_NAME_MAX];
        char reason[WIRE_TEXT_MAX];  /* for people: what it waits for, or why it failed */
        char hardening[WIRE_TEXT_MAX]; /* what is in force, as its worker said (key "hardening" of NOTE) */
        char note[WIRE_TEXT_MAX];      /* how its work goes (key "work" of NOTE) */
        uint64_t figures[WIRE_FIGURES_MAX];
};

struct wire_slot_gone {
        uint32_t slot;
};

/* The status feed, about the whole. */
struct wire_service {
        char name[WIRE_NAME_MAX];
        char version[32];
        char status[WIRE_TEXT_MAX]; /* the line that systemd was told */
        uint32_t ready;             /* READY was said */
        uint32_t degraded;
        uint32_t stopping;
        uint32_t log_level;
        int32_t pid;
        uint64_t started_wall, started;
        uint64_t plan_serial;       /* grows with each reload that was applied */
        char uuid_source[WIRE_TEXT_MAX];
        char reload[WIRE_TEXT_MAX]; /* the outcome of the last reload */
};

/* A gateway has a request, or relay an event, for a slot without a worker (on demand). */
struct wire_want {
        uint32_t slot;
};

/* Who asks it (a gateway, relay) has given this generation up: it is to be aborted, and another started. */
struct wire_stalled {
        uint32_t slot, generation;
        uint32_t cause; /* WIRE_CAUSE_DEADLINE: it owes an answer past the attempt's deadline; WIRE_CAUSE_PROTOCOL: it sent garbage */
};

/* What a worker had been asked when its channel ended: for the crash record. Relay's method is "EVENT", its route the
 * event's name. */
struct wire_inflight {
        uint32_t slot, generation;
        uint64_t age_nsec;
        char request_id[WIRE_NAME_MAX];
        char method[16];
        char route[WIRE_TEXT_MAX]; /* the template, /users/{id}, never the path: no personal data */
};

/* A process ended otherwise than it was asked to; the descriptor is its ring of last log lines (lib/ring.h). */
struct wire_death {
        uint32_t slot, generation;
        uint32_t kind, cause;
        int32_t pid, exit_status;
        uint32_t was_ready;
        uint64_t uptime_nsec;
        uint64_t at_wall;
        uint64_t user_usec, system_usec, max_rss_kib;
        uint64_t restart_nsec; /* the wait before the next start, 0: at once; NSEC_NEVER: not by itself */
        char name[WIRE_NAME_MAX];
        char reason[WIRE_TEXT_MAX];
        struct wire_inflight inflight; /* request_id "" when there was none */
};

/* An operator's wish, by the control worker. */
#define WIRE_VERBS(X) X(RELOAD, "reload") X(RELOAD_DRY, "reload-dry-run") X(RESTART, "restart") X(ROLL, "roll") \
        X(HOLD, "hold") X(RESET, "reset") X(LOG_LEVEL, "log-level") X(STOP, "stop")

enum wire_verb {
#define X(name, text) WIRE_VERB_##name,
        WIRE_VERBS(X)
#undef X
        WIRE_VERB_MAX
};

struct wire_command {
        uint32_t verb;
        uint32_t argument;           /* LOG_LEVEL: enum log_level */
        char worker[WIRE_NAME_MAX];  /* a slot's name, a plugin's name (all its instances), or "" for the whole service */
};

/* Its answer; for RELOAD and RELOAD_DRY the descriptor is sealed text: the findings, then the plan line by line. */
struct wire_result {
        int32_t error; /* 0 or a negative errno */
        char text[WIRE_TEXT_MAX];
};

/* To the nursery: fork a worker. Descriptors: its channel, standard error, log file, ring. Of generation 0 it is a spare, which
 * waits for its SETUP with the nursery's limits. */
struct wire_fork {
        uint32_t slot, generation;
        uint32_t core; /* not 0: RLIMIT_CORE as large as the nursery may give; 0: none */
        uint64_t memory_max; /* RLIMIT_DATA, bytes; 0: none */
        uint64_t files_max;  /* RLIMIT_NOFILE; 0: as the nursery's */
        uint64_t processes_max; /* RLIMIT_NPROC; 0: as the nursery's */
};

/* Its answer; the descriptor is the worker's pidfd. */
struct wire_forked {
        uint32_t slot, generation;
        int32_t pid;
        int32_t error; /* 0, or a negative errno and no descriptor */
};

/* NUDGE has no body: a plugin tells relay that there is something new in the outbox. It is lost when relay does not keep up:
 * relay looks by itself, too. */

/* CONFINE has no body: to a spare of the nursery, before its SETUP, the sandbox that most workers have (as WIRE_FD_SANDBOX). It is
 * applied while nobody waits for it; the SETUP that follows brings none. */

/* DEPLOY has no body: the configuration child (wazo-supervisord --emit) sends the plan (config/plan.h) and the
 * descriptions, both sealed, in this order. */

struct wire_message_info {
        const char *name;
        unsigned direction;
        size_t body;
        unsigned fds_max;
};

/* NULL for a number that is in no table. */
const struct wire_message_info *wire_message_info(unsigned type);

/*
 * Checks a received packet: @size bytes at @packet, which came with @n_fds descriptors, from somebody allowed @direction.
 * 0 and *ret_header, or -EBADMSG. Strings inside fixed structures are checked with wire_string_valid() by whoever reads
 * them.
 */
int wire_check(const void *packet, size_t size, unsigned n_fds, unsigned direction, struct wire_header *ret_header) _must_check_;

/* Whether a fixed-size member holds a NUL. */
#define wire_string_valid(member) (memchr((member), 0, sizeof(member)) != NULL)

const char *wire_kind_to_string(unsigned kind);
int wire_kind_from_string(const char *s);
const char *wire_state_to_string(unsigned state);
const char *wire_cause_to_string(unsigned cause);
const char *wire_verb_to_string(unsigned verb);
