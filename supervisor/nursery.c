/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/nursery.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "supervisor/orphans.h"
#include "supervisor/process.h"
#include "supervisor/setup.h"

#define RENEW_NSEC (600 * NSEC_PER_SEC)

struct birth {
        struct birth *next;
        uint32_t slot, generation;
};

struct nursery {
        uint32_t slot;
        uint32_t generation;          /* the one that serves; 0: none */
        struct birth *first, **last;  /* those that wait; the first is asked for while outstanding is set */
        struct process *outstanding;
        uint32_t asked;               /* the generation that was asked for the outstanding one: it may be replaced meanwhile */
        uint64_t renewed;
};

static const struct plan_timing default_timing = {
        .start_msec = 10000, .term_msec = 2000, .kill_msec = 5000, .backoff_base_msec = 100, .backoff_cap_msec = 30000,
        .healthy_msec = 60000, .intensity = 5, .window_msec = 30000, .slow_msec = 300000,
};

bool nursery_is(struct service *s, uint32_t slot) {
        return s->nursery && s->nursery->slot == slot;
}

int nursery_init(struct service *s) {
        static const struct plan_worker worker = {.name = NURSERY_NAME, .kind = WIRE_KIND_NURSERY};
        struct plan_worker with_timing = worker;
        bool wanted = false;
        uint32_t slot;
        int r;

        for (size_t i = 0; i < s->plan.n_workers; i++)
                wanted = wanted || s->plan.workers[i].nursery;
        if (!wanted || s->nursery)
                return 0;
        with_timing.timing = default_timing;
        r = service_add_unit(s, &with_timing, &slot);
        if (r < 0)
                return r;
        service_unit(s, slot)->plan = NULL;
        s->nursery = calloc(1, sizeof(*s->nursery));
        if (!s->nursery)
                return -ENOMEM;
        s->nursery->slot = slot;
        s->nursery->last = &s->nursery->first;
        return 0;
}

static void pop(struct nursery *n) {
        struct birth *birth = n->first;

        n->first = birth->next;
        if (!n->first)
                n->last = &n->first;
        free(birth);
}

void nursery_done(struct service *s) {
        if (!s->nursery)
                return;
        while (s->nursery->first)
                pop(s->nursery);
        free(s->nursery);
        s->nursery = NULL;
}

static void failed(struct service *s, uint32_t slot, uint32_t generation, int error) {
        char text[WIRE_TEXT_MAX];

        /* The other way of birth always works: the next try is by exec. */
        service_unit(s, slot)->fork_failed = true;
        (void) snprintf(text, sizeof(text), "the nursery cannot fork it: %s", strerror(-error));
        log_warning("worker '%s': %s: it is executed instead", policy_slot(&s->policy, slot)->name, text);
        process_spawn(s, slot, generation);
}


static int ask(struct service *s, struct process *nursery, const struct birth *birth) {
        const struct plan_worker *worker = service_unit(s, birth->slot)->plan;
        struct wire_fork fork = {
                .slot = birth->slot,
                .generation = birth->generation,
                .core = worker->core,
                .memory_max = worker->memory_max,
                .files_max = worker->files_max,
                .processes_max = worker->processes_max,
        };
        int ends[3] = {-1, -1, -1}, fds[4], r;

        r = process_new(s, birth->slot, birth->generation, WIRE_KIND_PLUGIN, ends, &s->nursery->outstanding);
        if (r < 0)
                return r;
        s->nursery->asked = nursery->generation;
        fds[0] = ends[0];
        fds[1] = ends[1];
        fds[2] = s->log_fd;
        fds[3] = ends[2];
        process_send(nursery, WIRE_FORK, 0, &fork, sizeof(fork), fds, ELEMENTSOF(fds));
        (void) close(ends[0]);
        (void) close(ends[1]);
        return 0;
}

static void next(struct service *s) {
        struct nursery *n = s->nursery;
        struct process *nursery;

        while (n->first && !n->outstanding) {
                struct birth birth = *n->first;
                int r;

                nursery = n->generation > 0 ? service_process(s, n->slot, n->generation) : NULL;
                if (!nursery)
                        return;
                r = ask(s, nursery, &birth);
                if (r >= 0)
                        return;
                pop(n);
                n->outstanding = process_free(n->outstanding);
                failed(s, birth.slot, birth.generation, r);
        }
}

/* Whether one is there, or will be in a moment. */
static bool expected(struct service *s) {
        switch (policy_slot(&s->policy, s->nursery->slot)->state) {
        case WIRE_STATE_STARTING:
        case WIRE_STATE_READY:
        case WIRE_STATE_BACKOFF:
                return true;
        default:
                return false;
        }
}

bool nursery_spawn(struct service *s, uint32_t slot, uint32_t generation) {
        struct nursery *n = s->nursery;
        struct birth *birth;

        if (!n || !expected(s))
                return false;
        birth = calloc(1, sizeof(*birth));
        if (!birth)
                return false;
        birth->slot = slot;
        birth->generation = generation;
        *n->last = birth;
        n->last = &birth->next;
        next(s);
        return true;
}

bool nursery_busy(const struct service *s) {
        return s->nursery && s->nursery->outstanding;
}

void nursery_forked(struct process *nursery, struct channel_message *m) {
        const struct wire_forked *forked = m->body;
        struct service *s = nursery->service;
        struct nursery *n = s->nursery;
        struct birth birth;
        struct process *p;
        int pidfd, r;

        if (!n || nursery->generation != n->asked || !n->first || !n->outstanding || forked->slot != n->first->slot ||
            forked->generation != n->first->generation || (forked->error == 0) != (m->n_fds == 1)) {
                process_broke(nursery, "told of a birth that nobody asked for");
                return;
        }
        birth = *n->first;
        p = n->outstanding;
        n->outstanding = NULL;
        pop(n);

        r = forked->error;
        if (r == 0) {
                pidfd = channel_message_take_fd(m, 0);
                r = process_born(p, forked->pid, pidfd);
                if (r < 0)
                        process_signal(p, SIGKILL);
        }
        if (r != 0) {
                (void) process_free(p);
                failed(s, birth.slot, birth.generation, r);
        } else {
                service_event(s, .type = EVENT_SPAWNED, .slot = birth.slot, .generation = birth.generation);
                /* It runs the nursery's program, whose HELLO was heard: its own need not be waited for. */
                setup_send(p);
        }
        next(s);
        if (!nursery_busy(s))
                orphans_look(s);
}

void nursery_ready(struct service *s, uint32_t generation) {
        s->nursery->generation = generation;
        next(s);
}

void nursery_died(struct service *s, uint32_t generation) {
        struct nursery *n = s->nursery;

        if (!n)
                return;
        orphans_look(s);
        if (n->outstanding && n->asked == generation)
                /* Its channel was read dry before: if there is a child, nobody knows it, and the orphans' sweep ends it. */
                n->outstanding = process_free(n->outstanding);
        if (n->generation == generation)
                n->generation = 0;
        if (n->generation > 0 || expected(s)) {
                next(s); /* or the births wait for its successor */
                return;
        }
        while (n->first) {
                struct birth birth = *n->first;

                pop(n);
                process_spawn(s, birth.slot, birth.generation);
        }
}

void nursery_suspect(struct service *s, enum wire_cause cause, int32_t signo) {
        struct nursery *n = s->nursery;
        uint64_t now = now_monotonic();

        if (!n || cause != WIRE_CAUSE_SIGNAL || (signo != SIGSEGV && signo != SIGBUS && signo != SIGILL && signo != SIGABRT))
                return;
        if (n->renewed > 0 && now - n->renewed < RENEW_NSEC)
                return;
        n->renewed = now;
        log_info("the nursery is replaced: a worker's death by SIG%s may have been a probe of memory", strempty(sigabbrev_np(signo)));
        service_event(s, .type = EVENT_REPLACE, .slot = n->slot);
}
