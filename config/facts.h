/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the rest of the suite has to know about a service, whoever runs it: its unit, ports, place in wazo-service,
 * what monit, nginx, consul, cron and the backup have to do with it. Part of a manifest, and said nowhere else.
 */
#pragma once

#include "config/keyword.h"

/* Who starts and stops it, as the filters of wazo-service have it: each contains those before it. */
enum facts_filter {
        FACTS_FILTER_WAZO, /* telephony: held back while /var/lib/wazo/disabled exists, by its unit's condition too */
        FACTS_FILTER_DEFAULT, /* the other daemons of the suite */
        FACTS_FILTER_ALL, /* what they stand on: database, broker, web server */
        FACTS_FILTER_NONE, /* not in wazo-service */
};

enum facts_unit_type {
        FACTS_UNIT_SIMPLE,
        FACTS_UNIT_EXEC,
        FACTS_UNIT_FORKING,
        FACTS_UNIT_NOTIFY,
        FACTS_UNIT_ONESHOT
};
enum facts_restart { FACTS_RESTART_NO, FACTS_RESTART_ON_FAILURE, FACTS_RESTART_ALWAYS };
enum facts_protocol { FACTS_TCP, FACTS_UDP };

struct facts_unit {
        /* "wazo-calld.service". One '*' may stand in it ("postgresql@*-main.service"): of the units that match, the
         * one of the highest version is meant. Never NULL, but for a manifest of kind other. */
        const char *name;
        const char *replaces; /* the unit whose place it takes: where that one is active or enabled, that one is
                                 meant; or NULL */
        int64_t type;         /* enum facts_unit_type */
        int64_t restart;      /* enum facts_restart: no means that somebody else (monit) has to start it again */
        int64_t start;        /* milliseconds: how long a start may take until it serves */
        const char *pid_file; /* or NULL */
        bool wanted;          /* it is to be enabled, so that it starts with the host */
};

struct facts_order {
        int64_t filter;               /* enum facts_filter: of start, stop, restart */
        int64_t status_filter; /* enum facts_filter: in which filter "status" shows it, today another for some */
        int64_t start, status;        /* its positions: smaller is earlier */
        const struct yaml_node
                *independent; /* a map of earlier services, or "*", to the reason why it need not wait for them */
};

struct facts_port {
        struct place place;
        int64_t port, protocol; /* enum facts_protocol */
        const char *address;    /* numeric; "0.0.0.0" and "::" are everybody */
        const char *purpose;
        bool optional;          /* it is open only where it is configured */
        bool rest;              /* made from the manifest's "port" */
};

struct facts_location {
        struct place place;
        const char *path;  /* below /api/NAME: "/1.1/guests", "/" */
        const char *to;    /* path at the service; as "path" when it says nothing */
        int64_t timeout;   /* milliseconds without a byte from the service; 0: nginx's own 60 s */
        bool no_auth;      /* it answers without a token, so that its rate is limited */
        bool websocket;
};

struct facts_nginx {
        bool enabled;      /* it has a location */
        const char *body;  /* "16m", or NULL */
        const char *powered_by;
        int64_t port;      /* where nginx finds it, when that is not the REST port; 0 */
        struct facts_location *locations; /* at least one, when it is enabled */
        size_t n_locations;
        const struct yaml_node *location_list;
};

struct facts_monit {
        bool check;        /* there is a check of ours */
        const char *theirs; /* the check that wazo-monitoring installs of it, or NULL */
};

enum facts_discovery_by { FACTS_DISCOVERY_NONE, FACTS_DISCOVERY_OWN, FACTS_DISCOVERY_SUITE };

struct facts_discovery {
        int64_t by; /* enum facts_discovery_by: who registers it with consul: nobody, itself, wazo-suite-discovery */
};

struct facts_reach {
        const char *method, *path; /* a request that answers something else than 404, through nginx as at its port;
                                      path may be NULL */
};

struct facts_database {
        struct place place;
        const char *postgresql; /* a database's name ... */
        const char *sqlite;     /* ... or a file's path: exactly one of both */
        const struct yaml_node *without; /* postgresql: tables of which the data is left out; a list, or NULL */
};

struct facts_backup {
        const struct yaml_node *more;    /* paths, besides those that follow from the other facts */
        const struct yaml_node *exclude; /* patterns (fnmatch, absolute, '*' does not stop at a '/'), or NULL */
        const struct yaml_node *limited; /* directories of sounds: files and directories over XIVO_BACKUP_MAX_... are
                                            left out; or NULL */
        struct facts_database *databases;
        size_t n_databases;
        const struct yaml_node *database_list;
        /* All of its paths, sorted, without a slash at the end; '*' and '?' may stand in them. With its
         * configuration, state and key. */
        const char **paths;
        size_t n_paths;
};

struct facts_key {
        const struct yaml_node *acl; /* the rights of its internal user, or NULL: then it has no key */
        const char *file;            /* /var/lib/wazo-auth-keys/NAME-key.yml, or NULL */
};

struct facts_job {
        struct place place;
        const char *at;      /* "24 3 * * *" */
        const char *user, *command, *purpose;
};

struct facts {
        const char *package; /* Debian's name of it */
        const char *api;     /* NAME of /api/NAME: "confd"; never NULL, but for a manifest of kind other */
        const char *purpose; /* a few sentences for the documentation, or NULL */
        const char *listen;  /* address of "port" */
        const char *home;    /* of its user; or NULL */
        const char *root;    /* why its user is root, or NULL */
        const struct yaml_node *groups;        /* in which its user is, besides its own; or NULL */
        const struct yaml_node *after, *before; /* services, or units of others ("network-online.target"); or NULL */
        const struct yaml_node *needs;         /* services without which it is of no use; or NULL */
        struct facts_unit unit;
        struct facts_order order;
        struct facts_nginx nginx;
        struct facts_monit monit;
        struct facts_discovery discovery;
        struct facts_reach reach;
        struct facts_backup backup;
        struct facts_key key;
        struct facts_port *ports; /* the REST port first */
        size_t n_ports;
        struct facts_job *jobs;
        size_t n_jobs;
        const struct yaml_node *port_list, *job_list;
        char **owned; /* texts that were put together from others */
        size_t n_owned;
};

struct manifest;

/* facts-keys.c; for the tables of manifest.c. */
extern const struct keyword facts_unit_keys[], facts_order_keys[], facts_port_keys[], facts_nginx_keys[],
        facts_monit_keys[], facts_discovery_keys[], facts_reach_keys[], facts_backup_keys[], facts_key_keys[],
        facts_job_keys[];
/* Of lists within them. */
extern const struct keyword facts_location_keys[], facts_database_keys[];

/* After the tables have been read: lists become arrays, what was not said is derived from what was, and what is wrong
 * becomes a finding. -ENOMEM. */
int facts_finish(struct manifest *m, struct findings *findings) _must_check_;
void facts_done(struct facts *f);

/* How much of a configuration file's path is saved: its directory; or the file alone where it lies beside others', as
 * /etc/acme.conf does. */
int facts_config_saved(const char *config);

/* telephony, default ... as manifests have them. */
const char *facts_filter_to_string(int64_t filter);
const char *facts_unit_type_to_string(int64_t type);
const char *facts_restart_to_string(int64_t restart);
const char *facts_protocol_to_string(int64_t protocol);
