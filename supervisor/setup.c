/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/setup.h"

#include <fcntl.h>

#include "lib/memfd.h"
#include "supervisor/feed.h"
#include "supervisor/introduce.h"
#include "supervisor/process.h"

struct bundle {
        struct wire_setup setup;
        int fds[WIRE_FDS_MAX];
        bool owned[WIRE_FDS_MAX];
        size_t n;
};

static void add(struct bundle *b, enum wire_fd_role role, int fd, bool owned) {
        if (fd < 0 || b->n == WIRE_FDS_MAX)
                return;
        b->setup.fd_roles[b->n] = (uint8_t) role;
        b->owned[b->n] = owned;
        b->fds[b->n++] = fd;
}

static void bundle_done(struct bundle *b) {
        for (size_t i = 0; i < b->n; i++)
                if (b->owned[i])
                        (void) close(b->fds[i]);
}

static void add_gateway(struct bundle *b, struct service *s) {
        add(b, WIRE_FD_DESCRIPTIONS, s->descriptions_fd, false);
        for (size_t i = 0; i < s->n_listeners; i++)
                add(b, WIRE_FD_LISTENER, s->listeners[i].fd, false);
        for (size_t i = 0; i < s->n_listeners; i++) {
                add(b, WIRE_FD_TLS_CERT, s->listeners[i].tls_cert, false);
                add(b, WIRE_FD_TLS_KEY, s->listeners[i].tls_key, false);
        }
}

static void add_control(struct bundle *b, struct service *s) {
        add(b, WIRE_FD_DESCRIPTIONS, s->descriptions_fd, false);
        add(b, WIRE_FD_PLAN, s->plan_fd, false);
        add(b, WIRE_FD_CONTROL, s->control_fd, false);
}

void setup_send(struct process *p) {
        struct service *s = p->service;
        const struct plan_worker *worker = service_unit(s, p->slot)->plan;
        struct bundle b = {.setup = {
                .slot = p->slot,
                .generation = p->generation,
                .kind = p->kind,
                .log_level = s->log_level,
        }};

        (void) strcopy(b.setup.service, sizeof(b.setup.service), s->plan.service);
        (void) strcopy(b.setup.name, sizeof(b.setup.name), policy_slot(&s->policy, p->slot)->name);
        if (worker) {
                int slice = memfd_sealed("slice", worker->slice, worker->slice_size);

                if (slice < 0) {
                        process_broke(p, "cannot be given its configuration: out of memory");
                        return;
                }
                add(&b, WIRE_FD_SLICE, slice, true);
                if (worker->sandbox_size > 0 && !p->confined) {
                        int sandbox = memfd_sealed("sandbox", worker->sandbox, worker->sandbox_size);

                        if (sandbox < 0) {
                                process_broke(p, "cannot be given its sandbox: out of memory");
                                bundle_done(&b);
                                return;
                        }
                        add(&b, WIRE_FD_SANDBOX, sandbox, true);
                }
                b.setup.idle_nsec = worker->on_demand ? worker->idle_msec * NSEC_PER_MSEC : 0;
                (void) strcopy(b.setup.plugin, sizeof(b.setup.plugin), worker->plugin);
                (void) strcopy(b.setup.class, sizeof(b.setup.class), worker->class);
                (void) strcopy(b.setup.plugin_path, sizeof(b.setup.plugin_path), worker->plugin_path);
                memcpy(b.setup.plugin_build_id, worker->plugin_build_id, sizeof(b.setup.plugin_build_id));
        }

        switch (p->kind) {
        case WIRE_KIND_GATEWAY:
                add_gateway(&b, s);
                break;
        case WIRE_KIND_CONTROL:
                add_control(&b, s);
                break;
        case WIRE_KIND_PLUGIN:
                /* A file that cannot be opened is the worker's to report: it has the path. */
                add(&b, WIRE_FD_PLUGIN, open(worker->plugin_path, O_RDONLY | O_CLOEXEC), true);
                break;
        default:
                break;
        }

        p->set_up = true;
        process_send(p, WIRE_SETUP, 0, &b.setup, sizeof(b.setup), b.fds, b.n);
        bundle_done(&b);
        if (p->kind == WIRE_KIND_GATEWAY || p->kind == WIRE_KIND_CONTROL || p->kind == WIRE_KIND_RELAY ||
            p->kind == WIRE_KIND_DISCOVERY)
                feed_subscribe(p);
        introduce_asker(p);
}
