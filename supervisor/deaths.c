/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/deaths.h"

#include <fcntl.h>
#include <stdio.h>

#include "supervisor/process.h"
#include "supervisor/watch.h"

/* How long a record waits for the gateway's word, and how many wait for control: the oldest are dropped, and told. */
#define WORD_NSEC (100 * NSEC_PER_MSEC)
#define WAITING_MAX 64

struct record {
        struct record *next;
        struct wire_death death;
        int ring;
        uint64_t due;
};

struct deaths {
        struct record *first, **last;
        size_t n;
        sd_event_source *timer;
        /* Between deaths_begin() and deaths_end(). */
        struct process *process;
        siginfo_t info;
        struct rusage usage;
};

static void record_free(struct record *record) {
        (void) fd_close(record->ring);
        free(record);
}

static void pop(struct deaths *d) {
        struct record *record = d->first;

        d->first = record->next;
        if (!d->first)
                d->last = &d->first;
        d->n--;
        record_free(record);
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata) {
        deaths_flush(userdata);
        return 0;
}

int deaths_init(struct service *s) {
        struct deaths *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->last = &d->first;
        s->deaths = d;
        return watch_timer(s->event, &d->timer, on_due, s);
}

void deaths_done(struct service *s) {
        struct deaths *d = s->deaths;

        if (!d)
                return;
        while (d->first)
                pop(d);
        (void) sd_event_source_disable_unref(d->timer);
        free(d);
        s->deaths = NULL;
}

void deaths_begin(struct service *s, struct process *p, const siginfo_t *info, const struct rusage *usage) {
        s->deaths->process = p;
        s->deaths->info = *info;
        s->deaths->usage = *usage;
}

void deaths_end(struct service *s) {
        s->deaths->process = NULL;
}

static uint64_t to_usec(struct timeval t) {
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_usec;
}

static void describe(struct service *s, const struct policy_action *action, struct wire_death *ret) {
        const struct policy_slot *slot = policy_slot(&s->policy, action->slot);
        const struct deaths *d = s->deaths;

        *ret = (struct wire_death) {
                .slot = action->slot,
                .generation = action->generation,
                .kind = slot->rules.kind,
                .cause = action->cause,
                .exit_status = action->exit_status,
                .at_wall = now_realtime(),
                .restart_nsec = action->restart,
        };
        (void) strcopy(ret->name, sizeof(ret->name), slot->name);
        (void) strcopy(ret->reason, sizeof(ret->reason), slot->death);
        if (!d->process)
                return;
        ret->pid = (int32_t) d->process->pid;
        ret->was_ready = d->process->was_ready;
        ret->exit_status = d->info.si_status;
        ret->uptime_nsec = now_monotonic() - d->process->spawned_at;
        ret->user_usec = to_usec(d->usage.ru_utime);
        ret->system_usec = to_usec(d->usage.ru_stime);
        ret->max_rss_kib = (uint64_t) d->usage.ru_maxrss;
        if (d->process->inflight)
                ret->inflight = *d->process->inflight;
}

/* In the journal, lines about a worker and its request can be asked for like those that it writes itself. */
static void log_about(const struct wire_death *death) {
        log_set_plugin(death && death->kind == WIRE_KIND_PLUGIN ? death->name : NULL);
        log_set_request(death && death->inflight.request_id[0] ? death->inflight.request_id : NULL);
}

static void log_death(const struct wire_death *death, uint64_t restart) {
        char next[64];

        if (restart == NSEC_NEVER)
                (void) strcopy(next, sizeof(next), "it is not started again by itself");
        else if (restart == 0)
                (void) strcopy(next, sizeof(next), "it is started again at once");
        else
                (void) snprintf(next, sizeof(next), "it is started again in %.1f s", (double) restart / (double) NSEC_PER_SEC);
        log_about(death);
        log_warning("worker '%s' (pid %d) ended after %.1f s: %s: %s; %s", death->name, (int) death->pid,
                    (double) death->uptime_nsec / (double) NSEC_PER_SEC, wire_cause_to_string(death->cause), death->reason, next);
        log_about(NULL);
}

void deaths_record(struct service *s, const struct policy_action *action) {
        struct deaths *d = s->deaths;
        struct record *record = calloc(1, sizeof(*record));

        if (!record) {
                log_error("no memory for the record of a death in slot %u", action->slot);
                return;
        }
        record->ring = -1;
        describe(s, action, &record->death);
        log_death(&record->death, action->restart);
        if (d->process && d->process->ring >= 0)
                record->ring = fcntl(d->process->ring, F_DUPFD_CLOEXEC, 3);
        record->due = now_monotonic() + (record->death.kind == WIRE_KIND_PLUGIN ? WORD_NSEC : 0);

        if (d->n >= WAITING_MAX) {
                log_warning("control is away: the record of an older death, of worker '%s', is dropped", d->first->death.name);
                pop(d);
        }
        *d->last = record;
        d->last = &record->next;
        d->n++;
        (void) watch_timer_set(d->timer, record->due);
}

void deaths_inflight(struct service *s, const struct wire_inflight *inflight) {
        struct process *p;

        for (struct record *record = s->deaths->first; record; record = record->next)
                if (record->death.slot == inflight->slot && record->death.generation == inflight->generation) {
                        record->death.inflight = *inflight;
                        log_about(&record->death);
                        log_warning("worker '%s' had a request when it ended: %s %s", record->death.name,
                                    inflight->method, inflight->route);
                        log_about(NULL);
                        return;
                }
        /* The gateway may notice before we do. */
        p = service_process(s, inflight->slot, inflight->generation);
        if (!p)
                return;
        if (!p->inflight)
                p->inflight = malloc(sizeof(*p->inflight));
        if (p->inflight)
                *p->inflight = *inflight;
}

static struct process *control_of(struct service *s) {
        for (struct subscriber *subscriber = s->subscribers; subscriber; subscriber = subscriber->next)
                if (subscriber->process->kind == WIRE_KIND_CONTROL && subscriber->process->serving)
                        return subscriber->process;
        return NULL;
}

void deaths_flush(struct service *s) {
        struct process *control = control_of(s);
        struct deaths *d = s->deaths;
        uint64_t now = now_monotonic();

        while (control && control->channel >= 0 && d->first && d->first->due <= now) {
                struct record *record = d->first;

                process_send(control, WIRE_DEATH, 0, &record->death, sizeof(record->death), &record->ring, record->ring >= 0);
                pop(d);
        }
        if (control && d->first)
                (void) watch_timer_set(d->timer, d->first->due);
}
