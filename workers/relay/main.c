/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-relay: the worker through which a service speaks to the outside: events to RabbitMQ and from it, requests to sysconfd.
 * It owns nothing that may be lost: what is owed is in the outbox, and leaves it when it has arrived.
 */
#include <malloc.h>
#include <signal.h>

#include "lib/pages.h"
#include "workers/relay/relay.h"

static int run(struct relay *r) {
        int e;

        e = sd_event_default(&r->event);
        if (e < 0)
                return e;
        e = settings_read_slice(r);
        if (e < 0)
                worker_fail(&r->worker, WIRE_CAUSE_CONFIG, "the relay's configuration cannot be read: %s", strerror(-e));
        e = relay_link(r);
        if (e >= 0)
                e = relay_start(r);
        if (e >= 0)
                e = worker_ready(&r->worker);
        pages_give_back();
        if (e >= 0)
                e = sd_event_loop(r->event);
        return e;
}

int main(void) {
        /* Large only by its parts; a process is one worker. */
        static struct relay r = {.lead = {.fd = -1}};
        int e;

        /* OpenSSL writes to sockets by write(). */
        (void) signal(SIGPIPE, SIG_IGN);
        /* The thread that looks up names needs no heap of its own. */
        (void) mallopt(M_ARENA_MAX, 1);
        json_object_seed(0);
        if (worker_begin(&r.worker, WIRE_KIND_RELAY) < 0)
                return EXIT_FAILURE;
        e = run(&r);
        if (e < 0)
                log_error("relay ended: %s", strerror(-e));
        relay_done(&r);
        return e < 0 ? EXIT_FAILURE : e;
}
