/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/service.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>

#include "supervisor/act.h"
#include "supervisor/deaths.h"
#include "supervisor/feed.h"
#include "supervisor/former.h"
#include "supervisor/init.h"
#include "supervisor/notify.h"
#include "supervisor/nursery.h"
#include "supervisor/orphans.h"
#include "supervisor/process.h"
#include "supervisor/reaper.h"
#include "supervisor/reload.h"
#include "supervisor/report.h"
#include "supervisor/watch.h"

/* ---- units ---- */

struct unit *service_unit(struct service *s, uint32_t slot) {
        return &s->units[slot];
}

struct process *service_process(struct service *s, uint32_t slot, uint32_t generation) {
        if (slot >= s->n_units)
                return NULL;
        for (struct process *p = s->units[slot].processes; p; p = p->next)
                if (p->generation == generation)
                        return p;
        return NULL;
}

uint32_t service_find_slot(struct service *s, const char *name) {
        for (size_t i = 0; i < s->policy.n_slots; i++) {
                const struct policy_slot *slot = policy_slot(&s->policy, (uint32_t) i);

                if (slot && !slot->removed && streq(slot->name, name))
                        return (uint32_t) i;
        }
        return UINT32_MAX;
}

static struct policy_rules rules_of(const struct service *s, const struct plan_worker *w) {
        const struct plan_timing *t = &w->timing;
        struct policy_rules rules = {
                .kind = w->kind,
                .on_demand = w->on_demand,
                .critical = w->critical,
                .drains = w->kind != WIRE_KIND_EXEC && w->kind != WIRE_KIND_NURSERY && w->kind != WIRE_KIND_ONCE,
                .ready_at_once = w->kind == WIRE_KIND_EXEC && w->ready == PLAN_READY_AT_ONCE,
                .start_msec = t->start_msec,
                .ping_msec = t->ping_msec,
                .drain_msec = t->drain_msec,
                .term_msec = t->term_msec,
                /* A record of where it hangs is of use for our own programs. */
                .abort_msec = w->kind != WIRE_KIND_EXEC ? t->abort_msec : 0,
                .kill_msec = t->kill_msec,
                .healthy_msec = t->healthy_msec,
                .window_msec = t->window_msec,
                .backoff = {
                        .base_msec = t->backoff_base_msec,
                        .cap_msec = t->backoff_cap_msec,
                        .intensity = t->intensity,
                        .slow_msec = t->slow_msec,
                },
        };

        /* The supervisor must know of a hung worker before systemd loses its patience with the supervisor. */
        if (rules.ping_msec > 0 && s->watchdog_usec > 0)
                rules.ping_msec = MIN(rules.ping_msec, MAX(s->watchdog_usec / 2000, (uint64_t) 100));
        return rules;
}

int service_add_unit(struct service *s, const struct plan_worker *worker, uint32_t *ret_slot) {
        struct policy_rules rules = rules_of(s, worker);
        uint32_t slot;
        int r;

        r = policy_add(&s->policy, worker->name, &rules, NULL, 0, &slot);
        if (r < 0)
                return r;
        if (slot >= s->n_units) {
                size_t n = MAX(s->n_units * 2, (size_t) slot + 16);
                struct unit *units = reallocarray(s->units, n, sizeof(*units));

                if (!units)
                        return -ENOMEM;
                memset(units + s->n_units, 0, (n - s->n_units) * sizeof(*units));
                s->units = units;
                s->n_units = n;
        }
        s->units[slot] = (struct unit) {.plan = worker, .since_wall = now_realtime()};
        *ret_slot = slot;
        return 0;
}

void service_link_unit(struct service *s, uint32_t slot) {
        const struct plan_worker *worker = s->units[slot].plan;
        struct policy_rules rules = rules_of(s, worker);
        uint32_t requires[POLICY_REQUIRES_MAX];
        size_t n = 0;

        for (size_t i = 0; worker->requires[i] && n < POLICY_REQUIRES_MAX; i++) {
                uint32_t required = service_find_slot(s, worker->requires[i]);

                if (required != UINT32_MAX)
                        requires[n++] = required;
        }
        policy_set_rules(&s->policy, slot, &rules, requires, n);
}

static int add_units(struct service *s) {
        uint32_t slot;
        int r;

        for (size_t i = 0; i < s->plan.n_workers; i++) {
                r = service_add_unit(s, &s->plan.workers[i], &slot);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < s->policy.n_slots; i++)
                service_link_unit(s, (uint32_t) i);
        return nursery_init(s);
}

/* ---- events and actions ---- */

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct service *s = userdata;

        s->timer_at = NSEC_NEVER;
        service_event(s, .type = EVENT_TICK);
        return 0;
}

static void set_timer(struct service *s) {
        uint64_t at = policy_deadline(&s->policy);

        if (at == s->timer_at)
                return;
        s->timer_at = at;
        (void) watch_timer_set(s->timer, at);
}

void service_step(struct service *s, const struct policy_event *event) {
        struct policy_action action;

        if (policy_step(&s->policy, event, now_monotonic()) < 0) {
                /* A decision is lost: what is left cannot be trusted. systemd starts us anew. */
                log_critical("out of memory: the supervisor ends");
                s->exit_code = EXIT_FAILURE;
                (void) sd_event_exit(s->event, EXIT_FAILURE);
                return;
        }
        /* Actions may lead to further events; their actions queue behind those that are being carried out. */
        if (s->acting)
                return;
        s->acting = true;
        while (policy_next_action(&s->policy, &action))
                act_on(s, &action);
        s->acting = false;
        set_timer(s);
}

void service_stop(struct service *s) {
        if (s->stopping)
                return;
        s->stopping = true;
        reload_cancel(s);
        notify_stopping(s);
        former_drain(s, STOP_IDLE_NSEC);
        service_event(s, .type = EVENT_STOP);
}

/* ---- signals ---- */

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        struct service *s = userdata;

        log_warning("Stopping %s: SIG%s", s->plan.service, strempty(sigabbrev_np((int) info->ssi_signo)));
        service_stop(s);
        return 0;
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        init_pass_on(userdata, SIGHUP);
        reload_begin(userdata, false, NULL, 0);
        return 0;
}

static int on_report(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        struct service *s = userdata;

        init_pass_on(s, SIGUSR1);
        report_to_log(s);
        for (size_t i = 0; i < s->policy.n_slots; i++) {
                const struct policy_slot *slot = policy_slot(&s->policy, (uint32_t) i);

                if (slot && slot->rules.kind == WIRE_KIND_CONTROL)
                        service_event(s, .type = EVENT_REPLACE, .slot = (uint32_t) i);
        }
        return 0;
}

static int watch_signals(struct service *s) {
        static const struct {
                int signo;
                sd_event_signal_handler_t handler;
        } signals[] = {{SIGTERM, on_terminate}, {SIGINT, on_terminate}, {SIGHUP, on_hangup}, {SIGUSR1, on_report}};
        int r;

        for (unsigned i = 0; i < ELEMENTSOF(signals); i++) {
                r = sd_event_add_signal(s->event, NULL, signals[i].signo, signals[i].handler, s);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- the run ---- */

static void hold_again(struct service *s) {
        for (size_t i = 0; i < s->n_held; i++) {
                uint32_t slot = service_find_slot(s, s->held[i]);

                if (slot != UINT32_MAX)
                        service_event(s, .type = EVENT_HOLD, .slot = slot);
        }
        free(s->held);
        s->held = NULL;
        s->n_held = 0;
}

static int begin(struct service *s) {
        uint32_t seed;
        int r;

        if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
                seed = (uint32_t) now_monotonic();
        policy_init(&s->policy, seed);
        s->policy.generation = s->first_generation;
        s->timer_at = NSEC_NEVER;

        r = sd_event_new(&s->event);
        if (r >= 0)
                r = watch_signals(s);
        if (r >= 0)
                r = watch_timer(s->event, &s->timer, on_timer, s);
        if (r >= 0)
                r = feed_init(s);
        if (r >= 0)
                r = former_init(s);
        if (r >= 0)
                r = deaths_init(s);
        if (r >= 0)
                r = orphans_init(s);
        if (r >= 0)
                r = reaper_init(s, process_ended);
        if (r >= 0)
                r = notify_init(s);
        if (r >= 0)
                r = reload_init(s);
        if (r >= 0)
                r = add_units(s);
        if (r >= 0)
                hold_again(s);
        return r;
}

static void finish(struct service *s) {
        for (size_t i = 0; i < s->n_units; i++)
                while (s->units[i].processes)
                        (void) process_free(s->units[i].processes);
        former_done(s);
        orphans_end_all(s);
        nursery_done(s);
        deaths_done(s);
        reload_done(s);
        orphans_done(s);
        reaper_done(s);
        policy_done(&s->policy);
        (void) sd_event_source_disable_unref(s->timer);
        (void) sd_event_source_disable_unref(s->feed_source);
        (void) sd_event_source_disable_unref(s->watchdog_source);
        s->event = sd_event_unref(s->event);
        free(s->units);
}

int service_run(struct service *s) {
        int r;

        r = begin(s);
        if (r >= 0) {
                if (s->taken_over)
                        (void) strcopy(s->reload_outcome, sizeof(s->reload_outcome), "a new supervisor has taken over");
                log_info("%s starting...", s->plan.service);
                notify_starting(s);
                service_event(s, .type = EVENT_START);
                r = sd_event_loop(s->event);
        }
        if (r < 0)
                log_critical("the event loop of %s failed: %s", s->plan.service, strerror(-r));
        finish(s);
        return r < 0 ? r : s->exit_code;
}
