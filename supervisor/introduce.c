/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/introduce.h"

#include "supervisor/process.h"

static void send_peer(struct process *to, const struct process *about, int fd) {
        struct wire_peer peer = {.slot = about->slot, .generation = about->generation};

        (void) strcopy(peer.name, sizeof(peer.name), policy_slot(&to->service->policy, about->slot)->name);
        process_send(to, WIRE_PEER, 0, &peer, sizeof(peer), &fd, 1);
}

static void introduce(struct process *gateway, struct process *worker) {
        int ends[2], r;

        r = channel_pair(ends);
        if (r < 0) {
                /* The next generation of either gets its chance; until then requests get 503. */
                log_error("cannot introduce pid %d to pid %d: %s", (int) worker->pid, (int) gateway->pid, strerror(-r));
                return;
        }
        send_peer(worker, gateway, ends[1]);
        send_peer(gateway, worker, ends[0]);
        (void) close(ends[0]);
        (void) close(ends[1]);
}

static bool serves_gateways(const struct process *p) {
        return p->serving && p->channel >= 0 && (p->kind == WIRE_KIND_PLUGIN || p->kind == WIRE_KIND_CONTROL);
}

void introduce_gateway(struct process *gateway) {
        struct service *s = gateway->service;

        for (size_t i = 0; i < s->n_units; i++)
                for (struct process *p = s->units[i].processes; p; p = p->next)
                        if (serves_gateways(p))
                                introduce(gateway, p);
}

void introduce_worker(struct process *worker) {
        struct service *s = worker->service;

        if (!serves_gateways(worker))
                return;
        for (size_t i = 0; i < s->n_units; i++)
                for (struct process *p = s->units[i].processes; p; p = p->next)
                        /* One that drains, too: it has requests, and connections on which more may come. */
                        if (p->kind == WIRE_KIND_GATEWAY && p->greeted)
                                introduce(p, worker);
}
