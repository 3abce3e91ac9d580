/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What was published and not confirmed yet: a row of at most so many messages, in the order of their tags. Pure.
 *
 * When the server refuses one, the later ones of the same resource that are on their way are to be sent again behind it,
 * whatever becomes of them: the last word about a resource must be its last event.
 */
#pragma once

#include "lib/util.h"

#define WINDOW_MAX 4096

struct window_entry {
        int64_t id;        /* in the outbox */
        uint64_t resource; /* a digest of it */
        uint64_t sent;     /* CLOCK_MONOTONIC nsec */
        unsigned tries;    /* before this one */
        bool settled;      /* confirmed or refused; it leaves with those before it */
        bool again;        /* a confirm of it is worth nothing */
};

struct window {
        struct window_entry *entries; /* a ring of @max */
        size_t max, first, n, settled;
        uint64_t first_tag;           /* of entries[first] */
};

int window_init(struct window *w, size_t max) _must_check_;
void window_done(struct window *w);

/* The tags begin at 1 again. */
void window_reset(struct window *w);

static inline bool window_full(const struct window *w) {
        return w->n == w->max;
}

/* How many are without a confirm. */
static inline size_t window_waiting(const struct window *w) {
        return w->n - w->settled;
}

/* Gives it the next tag. Not when it is full. */
void window_add(struct window *w, int64_t id, uint64_t resource, unsigned tries, uint64_t now);

/*
 * The server has spoken about @tag, and with @multiple about all before it: @settle is called once for each of those that
 * waited, in order. -EBADMSG for a tag that is not on its way.
 */
int window_settle(struct window *w, uint64_t tag, bool multiple, bool ok,
                  void (*settle)(void *userdata, const struct window_entry *entry, bool ok), void *userdata) _must_check_;

/* Whether the row @id waits for its confirm. */
bool window_has(const struct window *w, int64_t id);

/* The oldest that waits; NULL when none does. */
const struct window_entry *window_oldest(const struct window *w);
/* The highest id that waits; 0 when none does. */
int64_t window_highest(const struct window *w);

/* FNV-1a: of a resource's name. */
uint64_t window_digest(const char *resource);
