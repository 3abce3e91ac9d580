/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A plugin worker's loop: the supervisor's channel, the channels of gateways and relay, and what is to be done when nothing
 * comes.
 *
 * It leaves without losing a request: it shuts its receiving sides, so that a gateway's next send fails there and then
 * (-EPIPE: nobody has got it), answers what had been delivered before, and is done when every channel is at its end.
 */
#pragma once

#include "lib/worker.h"
#include "workers/host/jobs.h"

#define SERVE_CHANNELS_MAX 64

struct serve_channel {
        int fd;
        uint32_t kind;            /* enum wire_kind, of who asks: a gateway for a client, relay with events */
        char name[WIRE_NAME_MAX]; /* of the peer, for messages */
};

struct serve {
        struct worker *worker;
        struct wazo_host *host;
        struct jobs jobs;
        struct serve_channel channels[SERVE_CHANNELS_MAX];
        size_t n_channels;
        bool had_gateway;
        bool trimmed, rested;    /* done since the last request: memory given back; the kit told that there is nothing to do */
        uint64_t last_request;   /* its end, or our start */
        bool leaving;
        uint64_t leave_deadline; /* NSEC_NEVER */
};

/* @host stays the caller's. */
int serve_init(struct serve *s, struct worker *worker, const struct wazo_plugin *plugin, struct wazo_host *host) _must_check_;
void serve_done(struct serve *s);

/* The outbox has new rows: relay is nudged. What does not fit into its buffer is no loss. */
void serve_nudge(const struct serve *s);

/* Until the supervisor asks to drain or is gone, or nobody needs an on-demand worker any more: 0. An error is one of the
 * supervisor's channel. */
int serve_run(struct serve *s) _must_check_;
