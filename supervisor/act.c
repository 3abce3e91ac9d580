/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/act.h"

#include <stdio.h>

#include <signal.h>

#include "lib/worker.h"
#include "supervisor/deaths.h"
#include "supervisor/feed.h"
#include "supervisor/former.h"
#include "supervisor/introduce.h"
#include "supervisor/notify.h"
#include "supervisor/nursery.h"
#include "supervisor/process.h"

static void act_spawn(struct service *s, const struct policy_action *a) {
        process_spawn(s, a->slot, a->generation);
}

static void act_drain(struct service *s, const struct policy_action *a) {
        struct process *p = service_process(s, a->slot, a->generation);
        const struct policy_slot *slot = policy_slot(&s->policy, a->slot);
        struct wire_drain drain = {.deadline = a->deadline, .idle = a->deadline};

        if (!p)
                return;
        /* Clients come back to a gateway's successor, or to another gateway, and may take their time; when there is none, they are
         * not waited for. Others are told in the same way that nobody comes after them. */
        if (s->stopping || (p->kind != WIRE_KIND_GATEWAY && (slot->removed || slot->held)))
                drain.idle = MIN(now_monotonic() + STOP_IDLE_NSEC, a->deadline);
        p->serving = false;
        process_send(p, WIRE_DRAIN, 0, &drain, sizeof(drain), NULL, 0);
}

static void act_signal(struct service *s, const struct policy_action *a) {
        struct process *p = service_process(s, a->slot, a->generation);
        struct policy_slot *slot = policy_slot(&s->policy, a->slot);
        const struct policy_process *known = policy_process(slot, a->generation);
        const char *why = "it did not end when it was asked to";

        if (!p)
                return;
        p->serving = false;
        if (slot->reason[0])
                why = slot->reason;
        else if (known && known->ending == WIRE_CAUSE_DEADLINE && !p->was_ready)
                why = "was not ready in time";
        if (a->signo == SIGABRT || a->signo == SIGKILL)
                log_warning("worker '%s' (pid %d) gets SIG%s: %s", slot->name, (int) p->pid, strempty(sigabbrev_np(a->signo)), why);
        process_signal(p, a->signo);
}

static void act_ping(struct service *s, const struct policy_action *a) {
        struct process *p = service_process(s, a->slot, a->generation);

        if (p)
                process_send(p, WIRE_PING, 0, NULL, 0, NULL, 0);
}

static void act_serve(struct service *s, const struct policy_action *a) {
        struct process *p = service_process(s, a->slot, a->generation);

        if (!p)
                return;
        p->was_ready = true;
        p->serving = true;
        if (nursery_is(s, a->slot))
                nursery_ready(s, a->generation);
        else
                introduce_worker(p);
        if (p->kind == WIRE_KIND_CONTROL)
                deaths_flush(s);
}

static void act_unserve(struct service *s, const struct policy_action *a) {
        for (struct process *p = service_unit(s, a->slot)->processes; p; p = p->next)
                if (a->generation == 0 || p->generation == a->generation)
                        p->serving = false;
}

static void act_record(struct service *s, const struct policy_action *a) {
        deaths_record(s, a);
        nursery_suspect(s, a->cause, a->exit_status);
}

static void act_changed(struct service *s, const struct policy_action *a) {
        service_unit(s, a->slot)->since_wall = now_realtime() - (now_monotonic() - policy_slot(&s->policy, a->slot)->since);
        feed_slot_changed(s, a->slot);
}

static void act_service_ready(struct service *s, const struct policy_action *a) {
        log_info("%s is ready, %.0f ms after its start", s->plan.service,
                 (double) (now_monotonic() - s->started) / (double) NSEC_PER_MSEC);
        notify_ready(s);
        former_drain(s, UINT64_MAX);
        feed_service_changed(s);
}

static void end_service(struct service *s, int exit_code) {
        if (s->exit_code == 0)
                s->exit_code = exit_code;
        service_stop(s);
}

/* The status line outlives the service: it is to name the cause, not the end. */
static void keep_reason(struct service *s, const struct policy_slot *slot) {
        if (!s->end_reason[0])
                (void) snprintf(s->end_reason, sizeof(s->end_reason), "%s: %.120s", slot->name, slot->reason);
}

static void act_misconfigured(struct service *s, const struct policy_action *a) {
        log_critical("nothing of %s can run, because its configuration is wrong: see the errors above", s->plan.service);
        for (uint32_t i = 0; i < s->policy.n_slots; i++) {
                const struct policy_slot *slot = policy_slot(&s->policy, i);

                if (slot && (slot->cause == WIRE_CAUSE_CONFIG || slot->cause == WIRE_CAUSE_EXEC) && slot->reason[0])
                        keep_reason(s, slot);
        }
        end_service(s, WORKER_EXIT_CONFIG);
}

static void act_given_up(struct service *s, const struct policy_action *a) {
        log_critical("worker '%s' is critical and was given up: %s: the service ends", policy_slot(&s->policy, a->slot)->name,
                     policy_slot(&s->policy, a->slot)->reason);
        keep_reason(s, policy_slot(&s->policy, a->slot));
        end_service(s, a->cause == WIRE_CAUSE_EXIT && a->exit_status > 0 ? a->exit_status : EXIT_FAILURE);
}

static void act_gone(struct service *s, const struct policy_action *a) {
        service_unit(s, a->slot)->plan = NULL;
        feed_slot_gone(s, a->slot);
}

static void act_finished(struct service *s, const struct policy_action *a) {
        /* Old gateways may still be answering. */
        if (s->formers)
                s->end_waits = true;
        else
                (void) sd_event_exit(s->event, s->exit_code);
}

void act_on(struct service *s, const struct policy_action *action) {
        static void (*const handlers[])(struct service *s, const struct policy_action *a) = {
                [ACTION_SPAWN] = act_spawn,
                [ACTION_DRAIN] = act_drain,
                [ACTION_SIGNAL] = act_signal,
                [ACTION_PING] = act_ping,
                [ACTION_SERVE] = act_serve,
                [ACTION_UNSERVE] = act_unserve,
                [ACTION_RECORD] = act_record,
                [ACTION_CHANGED] = act_changed,
                [ACTION_SERVICE_READY] = act_service_ready,
                [ACTION_MISCONFIGURED] = act_misconfigured,
                [ACTION_GIVEN_UP] = act_given_up,
                [ACTION_GONE] = act_gone,
                [ACTION_FINISHED] = act_finished,
        };

        handlers[action->type](s, action);
}
