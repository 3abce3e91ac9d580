/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/introduce.h"

#include "supervisor/process.h"

static void send_peer(struct process *to, const struct process *about, int fd) {
        struct wire_peer peer = {.slot = about->slot, .generation = about->generation, .kind = about->kind};

        (void) strcopy(peer.name, sizeof(peer.name), policy_slot(&to->service->policy, about->slot)->name);
        process_send(to, WIRE_PEER, 0, &peer, sizeof(peer), &fd, 1);
}

static void introduce(struct process *asker, struct process *worker) {
        int ends[2], r;

        r = channel_pair(ends);
        if (r < 0) {
                /* The next generation of either gets its chance; until then requests get 503, and events wait. */
                log_error("cannot introduce pid %d to pid %d: %s", (int) worker->pid, (int) asker->pid, strerror(-r));
                return;
        }
        send_peer(worker, asker, ends[1]);
        send_peer(asker, worker, ends[0]);
        (void) close(ends[0]);
        (void) close(ends[1]);
}

bool introduce_asks(enum wire_kind asker, enum wire_kind worker) {
        static const unsigned asked[WIRE_KIND_MAX] = {
                [WIRE_KIND_GATEWAY] = 1U << WIRE_KIND_PLUGIN | 1U << WIRE_KIND_CONTROL | 1U << WIRE_KIND_RELAY,
                [WIRE_KIND_CONTROL] = 1U << WIRE_KIND_RELAY,
                [WIRE_KIND_RELAY] = 1U << WIRE_KIND_PLUGIN,
        };

        return asked[asker] & 1U << worker;
}

void introduce_asker(struct process *asker) {
        struct service *s = asker->service;

        for (size_t i = 0; i < s->n_units; i++)
                for (struct process *p = s->units[i].processes; p; p = p->next)
                        if (p->serving && p->channel >= 0 && introduce_asks(asker->kind, p->kind))
                                introduce(asker, p);
}

void introduce_worker(struct process *worker) {
        struct service *s = worker->service;

        if (!worker->serving || worker->channel < 0)
                return;
        for (size_t i = 0; i < s->n_units; i++)
                for (struct process *p = s->units[i].processes; p; p = p->next)
                        /* One that drains, too: it has requests, and connections on which more may come. */
                        if (p->greeted && introduce_asks(p->kind, worker->kind))
                                introduce(p, worker);
}
