/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the hook was told, in files: DIR/state/SERVICE.json, the last change of each service, and DIR/spool, the messages that no
 * broker has confirmed yet, in their order.
 */
#pragma once

#include <jansson.h>

#include "monit/state.h"

/* Below the directory of monit's own: Debian 13 lets it write nowhere else. */
#define RECORD_DIR "/var/lib/monit/wazo-suite"
#define RECORD_CHECK_PREFIX "suite-" /* before the service, in the names of our checks */

/* With more, the oldest goes for each that comes. */
#define RECORD_SPOOL_MAX 1000

struct change {
        const char *service, *text, *host;
        enum monit_state state;
        const char *uuid; /* of the server, or NULL */
};

struct record {
        int fd, state_fd, spool_fd;
};

#define RECORD_NULL ((struct record) {.fd = -1, .state_fd = -1, .spool_fd = -1})

/* The state of the last record of @service under ROOT; a negative errno: there is none. */
int record_last(const char *root, const char *service) _must_check_;

/* Makes the directories as need be. */
int record_open(struct record *r, const char *dir) _must_check_;
void record_done(struct record *r);

/* Is on the disk when it returns 0. 1: the last record of the service has the same state, and nothing was written. */
int record_write(const struct record *r, const struct change *c) _must_check_;

/* The names of the messages in the spool, sorted: free(), each and all. Their number, or a negative errno. */
int record_list(const struct record *r, char ***ret) _must_check_;
void record_list_free(char **names, int n);

/* -ENOENT: it has gone meanwhile. One that is broken is dropped: -EBADMSG. */
int record_read(const struct record *r, const char *name, json_t **ret) _must_check_;
int record_drop(const struct record *r, const char *name) _must_check_;
