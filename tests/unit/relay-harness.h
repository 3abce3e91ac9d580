/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A database with an outbox, and a publisher whose broker the test plays; whatever goes wrong fails the test. */
#pragma once

#include "workers/relay/publisher.h"

/* What the broker was told, and what it says. */
struct played {
        char published[1024]; /* ids since they were looked at */
        size_t room;
        enum broker_state state;
        unsigned reconnects;
        int result; /* of publishing, for the id */
        const char *refused_id;
};

extern struct played played;
extern sd_event *event;
extern struct store store;
extern struct publisher publisher;

/* The fixture: an empty outbox, a window of 4, 2 tries, 100 ms for a confirm, 3 events kept. */
void begin(void);
void end(void);

struct db *db(void);
void sql(const char *text);
/* All values of all rows. */
const char *query(const char *text);
/* An event of this resource. */
void insert(const char *resource);

void turn(void);
void turn_for(unsigned msec);
/* Until the values of a query are these. */
void turn_until(const char *text, const char *wanted);

/* So many events, and a broker that is there. */
void open_with(unsigned rows);
/* What was published since the last look. */
const char *published(void);
void confirm(uint64_t tag, bool multiple, bool ok);
