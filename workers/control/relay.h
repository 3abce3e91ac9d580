/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What control asks the relay (docs/relay.md): its channels, as the supervisor introduces them, and the questions that
 * are on their way. A question has an answer, or an error, or is forgotten by who asked; never does anybody wait for it.
 */
#pragma once

#include <jansson.h>
#include <systemd/sd-event.h>

#include "lib/wire.h"
#include "workers/control/model.h"

/* Questions on their way, all clients' together. */
#define RELAY_ASKS_MAX 64

struct relay_question {
        const char *method; /* GET, POST, DELETE; a constant */
        char path[64];
        struct {
                const char *name; /* a constant */
                char value[32];
        } query[3];
        size_t n_query;
};

/* Adds an argument; there is room for three. */
void relay_query(struct relay_question *q, const char *name, const char *format, ...) _printf_(3, 4);

struct relay_result {
        int error;       /* 0, or a negative errno: then there is nothing else but the text. -ENOENT: the service has no relay */
        const char *text; /* for people: what became of the question */
        unsigned status;
        json_t *body;    /* borrowed; NULL when there is none */
};

typedef void (*relay_answered)(void *userdata, const struct relay_result *result);

struct relay_ask;
struct relay_peer;

struct relay {
        sd_event *event;           /* borrowed */
        const struct model *model; /* borrowed */
        struct relay_peer *peers;  /* the newest first: it is asked */
        struct relay_ask *asks;
        unsigned n_asks;
        sd_event_source *timer;
        uint64_t last_id;
};

/* An introduction. Takes @fd over, whatever it returns. */
int relay_introduce(struct relay *relay, const struct wire_peer *peer, int fd) _must_check_;
void relay_done(struct relay *relay);

/*
 * Asks. 0: @answered will be called, once, later (it may be NULL), unless relay_forget() comes first. Otherwise a negative
 * errno and the reason in *ret_text, which lives until the next call, and @answered is not called: -ENOENT without a relay
 * in this service, -EAGAIN when it cannot be asked now.
 */
int relay_ask(struct relay *relay, const struct relay_question *q, uint64_t nsec, relay_answered answered, void *userdata,
              struct relay_ask **ret, const char **ret_text) _must_check_;

/* Accepts NULL. Returns NULL. */
struct relay_ask *relay_forget(struct relay_ask *ask);
