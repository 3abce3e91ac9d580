/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A supervisor just large enough for the control worker: starts it as the real one does, feeds it, answers its commands,
 * and calls its socket. Every step fails the test when it takes longer than a few seconds.
 */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "config/plan.h"
#include "lib/channel.h"

struct harness {
        pid_t pid;
        int channel;   /* to the worker */
        int log;       /* what it logs */
        char dir[64];  /* everything is in here */
        char socket[108], crashes[96];
};

/* Starts wazo-control (of $WAZO_CONTROL) and waits for READY. @extra goes into the slice: ", \"member\": value", or "". */
void harness_start(struct harness *h, const struct plan *plan, const char *extra);
/* Ends the channel, waits for the worker's end, removes the folder. Returns its wait status. */
int harness_stop(struct harness *h);

void harness_send(struct harness *h, enum wire_type type, uint64_t id, const void *body, size_t size, const int *fds, size_t n_fds);
/* The next message of the worker but a NOTE; it must be of this type. */
void harness_expect(struct harness *h, enum wire_type type, struct channel_message *m);
/* When this comes back, what was sent before has been handled. */
void harness_sync(struct harness *h);

/* A slot with the usual values. */
struct wire_slot harness_slot(uint32_t number, const char *name, unsigned kind, unsigned state);
struct wire_service harness_service(void);

/* A connection to the control socket. */
int harness_connect(struct harness *h);
void harness_write(int fd, const void *data, size_t size);
/* The next message, up to its NUL; NULL at the end of the connection. Freed by the caller. */
char *harness_read(int fd);
/* Calls @method with @parameters (JSON text) on a connection of its own. */
json_t *harness_call(struct harness *h, const char *method, const char *parameters);
/* The worker's log so far, freed by the caller. */
char *harness_log(struct harness *h);
