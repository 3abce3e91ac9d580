/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket's clients. Each has one buffer for what it says and one for what it is told, both bounded; is answered
 * in order, one call at a time; and is dropped when it takes too long for anything. Nothing blocks.
 */
#pragma once

#include <systemd/sd-event.h>

#include "workers/control/access.h"
#include "workers/control/methods.h"

#define SERVER_CLIENTS_MAX 32
/* Who may only read never takes the places that an operator needs. */
#define SERVER_READERS_MAX 16

struct client;

struct server {
        sd_event *event; /* borrowed */
        const struct methods *methods;
        struct relay *relay; /* borrowed */
        struct access_rules rules;
        sd_event_source *listener;
        sd_event_source *changed; /* a stream of the status is due */
        sd_event_source *tick;    /* those of events are */
        struct client *clients; /* newest first */
        unsigned n_clients, n_readers;
        uint64_t command_id;

        /* Passes a command to the supervisor. An error: it takes none now. */
        int (*send)(void *userdata, uint64_t id, const struct wire_command *command);
        void *userdata;
};

/* Takes @listener over, and lets clients wait at it. The other members are set before. */
int server_start(struct server *s, int listener) _must_check_;
/* From now on clients are accepted. */
int server_open(struct server *s);
void server_done(struct server *s);

/* The model has changed: who follows it is told, soon. */
void server_changed(struct server *s);

/* The supervisor has answered the command @id. */
void server_result(struct server *s, uint64_t id, int error, const char *text, const char *lines);

/* No new clients; drops those that wait for nothing. */
void server_drain(struct server *s);
