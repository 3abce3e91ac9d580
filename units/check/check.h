/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-suite check: whether a host agrees with the manifests. Each row of the checklist is a function that looks at
 * one service and says what it found, and how to mend it. What could not be looked at is undecided and passes
 * nowhere.
 */
#pragma once

#include <stdio.h>

#include "config/suite.h"

#define CHECK_TEXT_MAX 600
#define CHECK_PATH_MAX 1024

enum check_outcome { CHECK_PASS, CHECK_FAIL, CHECK_UNDECIDED, CHECK_NOT_APPLICABLE };

struct check_result {
        const struct manifest *service;
        const struct check_row *row;
        enum check_outcome outcome;
        char found[CHECK_TEXT_MAX];
        char remedy[CHECK_TEXT_MAX]; /* of a failure: what to do; of an undecided one: how to find out */
};

struct check_processes;
struct check_unit;

/* What is known of the host, and of the service that is being looked at. */
struct check {
        const struct suite *suite;
        const char *root;      /* "" for this host; else a directory that holds one's files */
        bool live;             /* this host, as it runs: programs and requests tell about it */
        const char *nginx_url; /* "https://127.0.0.1" */
        struct check_units *units;

        const struct manifest *service;
        const struct check_unit *unit;            /* of the service; NULL when nobody knows its state */
        const struct check_processes *processes;  /* of the service */
        bool held_back;                           /* telephony, and /var/lib/wazo/disabled is there */
        struct check_result *result;
};

struct check_row {
        const char *id;   /* as in the checklist; M: the manifest against the host */
        const char *what;
        const char *how;  /* what is looked at */
        void (*look)(struct check *c, const struct manifest *m);
};

extern const struct check_row check_rows[]; /* up to one without an id */

/* The four ways in which a row ends; the last one said holds. @remedy may not be NULL, and may have no format. */
void check_pass(struct check *c, const char *found, ...) _printf_(2, 3);
void check_skip(struct check *c, const char *why, ...) _printf_(2, 3);
void check_fail(struct check *c, const char *found, ...) _printf_(2, 3);
void check_undecided(struct check *c, const char *why, ...) _printf_(2, 3);
void check_remedy(struct check *c, const char *remedy, ...) _printf_(2, 3);

/* "ROOT/path"; false, and the row undecided, when that is too long. */
bool check_path(struct check *c, const char *path, char to[CHECK_PATH_MAX]);

/* Whether the unit runs. When it does not, the row has been ended as it must be: not applicable when it is held back,
 * else undecided. */
bool check_runs(struct check *c);

/* Whether the unit is started after a service that wazo-service does not start before it; then the row has failed. row-unit.c */
bool check_order_differs(struct check *c, const struct manifest *m);

/* Rows, by file. */
void check_row_user(struct check *c, const struct manifest *m);         /* row-user.c */
void check_row_capabilities(struct check *c, const struct manifest *m);
void check_row_shell(struct check *c, const struct manifest *m);
void check_row_home(struct check *c, const struct manifest *m);
void check_row_account(struct check *c, const struct manifest *m);
void check_row_groups(struct check *c, const struct manifest *m);
void check_row_log(struct check *c, const struct manifest *m);          /* row-files.c */
void check_row_rotation(struct check *c, const struct manifest *m);
void check_row_pid_file(struct check *c, const struct manifest *m);
void check_row_state(struct check *c, const struct manifest *m);
void check_row_key(struct check *c, const struct manifest *m);
void check_row_config(struct check *c, const struct manifest *m);
void check_row_unit(struct check *c, const struct manifest *m);         /* row-unit.c */
void check_row_installed(struct check *c, const struct manifest *m);
void check_row_boot(struct check *c, const struct manifest *m);
void check_row_start_limit(struct check *c, const struct manifest *m);
void check_row_disabled(struct check *c, const struct manifest *m);
void check_row_service_list(struct check *c, const struct manifest *m); /* row-tools.c */
void check_row_order(struct check *c, const struct manifest *m);
void check_row_monit(struct check *c, const struct manifest *m);
void check_row_monit_update(struct check *c, const struct manifest *m);
void check_row_backup(struct check *c, const struct manifest *m);
void check_row_backup_data(struct check *c, const struct manifest *m);
void check_row_consul_token(struct check *c, const struct manifest *m); /* row-consul.c */
void check_row_consul(struct check *c, const struct manifest *m);
void check_row_ports(struct check *c, const struct manifest *m);        /* row-network.c */
void check_row_openapi(struct check *c, const struct manifest *m);
void check_row_nginx(struct check *c, const struct manifest *m);
void check_row_cors(struct check *c, const struct manifest *m);
