/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/messages.h"

#include <stdio.h>

#include "supervisor/cgroup.h"
#include "supervisor/command.h"
#include "supervisor/deaths.h"
#include "supervisor/feed.h"
#include "supervisor/introduce.h"
#include "supervisor/nursery.h"
#include "supervisor/process.h"
#include "supervisor/setup.h"

static void on_hello(struct process *p, struct channel_message *m) {
        const struct wire_hello *hello = m->body;

        if (p->greeted) {
                process_broke(p, "said HELLO twice");
                return;
        }
        if (hello->major != WIRE_MAJOR) {
                char text[WIRE_TEXT_MAX];

                (void) snprintf(text, sizeof(text), "its program speaks protocol %u, this supervisor %u: restart needed",
                                hello->major, WIRE_MAJOR);
                service_event(p->service, .type = EVENT_FAILED, .slot = p->slot, .generation = p->generation,
                              .cause = WIRE_CAUSE_MISMATCH, .text = text);
                return;
        }
        if (hello->kind != (uint32_t) p->kind) {
                process_broke(p, "is of another kind than it was started for");
                return;
        }
        p->greeted = true;
        /* What another process said of itself was of another. */
        service_unit(p->service, p->slot)->note[0] = 0;
        service_unit(p->service, p->slot)->figures = (struct wire_figures) {0};
        if (!p->set_up)
                setup_send(p);
}

static void on_ready(struct process *p, struct channel_message *m) {
        service_event(p->service, .type = EVENT_READY, .slot = p->slot, .generation = p->generation);
}

static void on_failed(struct process *p, struct channel_message *m) {
        const struct wire_failed *failed = m->body;

        if (!wire_string_valid(failed->text) ||
            (failed->cause != WIRE_CAUSE_CONFIG && failed->cause != WIRE_CAUSE_MISMATCH && failed->cause != WIRE_CAUSE_EXIT)) {
                process_broke(p, "sent a malformed FAILED");
                return;
        }
        service_event(p->service, .type = EVENT_FAILED, .slot = p->slot, .generation = p->generation,
                      .cause = (enum wire_cause) failed->cause, .text = failed->text);
}

static void on_note(struct process *p, struct channel_message *m) {
        struct unit *unit = service_unit(p->service, p->slot);
        const struct wire_note *note = m->body;

        if (!wire_string_valid(note->key) || !wire_string_valid(note->text)) {
                process_broke(p, "sent a malformed NOTE");
                return;
        }
        if (streq(note->key, "hardening")) {
                char limits[96];

                cgroups_say(p->service, limits, sizeof(limits));
                (void) snprintf(unit->hardening, sizeof(unit->hardening), "%s; %s", note->text, limits);
                feed_slot_changed(p->service, p->slot);
        } else if (streq(note->key, "work")) {
                (void) strcopy(unit->note, sizeof(unit->note), note->text);
                feed_slot_changed(p->service, p->slot);
        } else if (streq(note->key, "violation")) {
                /* Its last words. */
                (void) strcopy(p->violation, sizeof(p->violation), note->text);
        } else if (streq(note->key, "uuid")) {
                (void) strcopy(p->service->uuid_source, sizeof(p->service->uuid_source), note->text);
                feed_service_changed(p->service);
        }
        /* Keys of a newer minor version are for newer supervisors. */
}

static void on_figures(struct process *p, struct channel_message *m) {
        const struct wire_figures *figures = m->body;

        service_unit(p->service, p->slot)->figures = *figures;
        feed_slot_changed(p->service, p->slot);
}

static void on_pong(struct process *p, struct channel_message *m) {
        service_event(p->service, .type = EVENT_PONG, .slot = p->slot, .generation = p->generation);
}

/* Only who asks plugins knows of their requests. */
static bool from_asker(struct process *p, const char *what) {
        char text[WIRE_TEXT_MAX];

        if (introduce_asks(p->kind, WIRE_KIND_PLUGIN))
                return true;
        (void) snprintf(text, sizeof(text), "sent %s, which only a gateway or relay may", what);
        process_broke(p, text);
        return false;
}

static void on_want(struct process *p, struct channel_message *m) {
        const struct wire_want *want = m->body;

        if (from_asker(p, "WANT"))
                service_event(p->service, .type = EVENT_WANT, .slot = want->slot);
}

static void on_stalled(struct process *p, struct channel_message *m) {
        const struct wire_stalled *stalled = m->body;
        struct process *worker;

        if (!from_asker(p, "STALLED"))
                return;
        worker = service_process(p->service, stalled->slot, stalled->generation);
        if (stalled->cause != WIRE_CAUSE_DEADLINE && stalled->cause != WIRE_CAUSE_PROTOCOL) {
                process_broke(p, "sent a malformed STALLED");
                return;
        }
        /* It may only speak of those that serve it. */
        if (!worker || !introduce_asks(p->kind, worker->kind))
                return;
        if (stalled->cause == WIRE_CAUSE_PROTOCOL)
                service_event(p->service, .type = EVENT_BROKE, .slot = stalled->slot, .generation = stalled->generation,
                              .text = "sent what is no reply");
        else
                service_event(p->service, .type = EVENT_STALLED, .slot = stalled->slot, .generation = stalled->generation,
                              .text = "owed an answer for too long");
}

static void on_inflight(struct process *p, struct channel_message *m) {
        const struct wire_inflight *inflight = m->body;

        if (!from_asker(p, "INFLIGHT"))
                return;
        if (!wire_string_valid(inflight->request_id) || !wire_string_valid(inflight->method) ||
            !wire_string_valid(inflight->route)) {
                process_broke(p, "sent a malformed INFLIGHT");
                return;
        }
        deaths_inflight(p->service, inflight);
}

static void on_command(struct process *p, struct channel_message *m) {
        const struct wire_command *command = m->body;

        if (p->kind != WIRE_KIND_CONTROL) {
                process_broke(p, "sent COMMAND, which only control may");
                return;
        }
        if (!wire_string_valid(command->worker) || command->verb >= WIRE_VERB_MAX) {
                process_broke(p, "sent a malformed COMMAND");
                return;
        }
        command_run(p, m->header.id, command);
}

static void on_forked(struct process *p, struct channel_message *m) {
        if (p->kind != WIRE_KIND_NURSERY) {
                process_broke(p, "sent FORKED, which only a nursery may");
                return;
        }
        nursery_forked(p, m);
}

void messages_handle(struct process *p, struct channel_message *m) {
        static const struct {
                enum wire_type type;
                void (*handle)(struct process *p, struct channel_message *m);
        } handlers[] = {
                {WIRE_HELLO, on_hello},       {WIRE_READY, on_ready},     {WIRE_FAILED, on_failed},
                {WIRE_NOTE, on_note},         {WIRE_PONG, on_pong},       {WIRE_WANT, on_want},
                {WIRE_FIGURES, on_figures},
                {WIRE_STALLED, on_stalled},   {WIRE_INFLIGHT, on_inflight}, {WIRE_COMMAND, on_command},
                {WIRE_FORKED, on_forked},
        };

        if (!p->greeted && m->header.type != WIRE_HELLO) {
                process_broke(p, "did not begin with HELLO");
                return;
        }
        for (unsigned i = 0; i < ELEMENTSOF(handlers); i++)
                if (handlers[i].type == m->header.type) {
                        handlers[i].handle(p, m);
                        return;
                }
        process_broke(p, "sent a message that is not for the supervisor");
}
