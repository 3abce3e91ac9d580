/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/nursery.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "lib/memfd.h"
#include "supervisor/orphans.h"
#include "supervisor/process.h"
#include "supervisor/setup.h"
#include "supervisor/watch.h"

#define RENEW_NSEC (600 * NSEC_PER_SEC)
/* A spare is forked so long after the last birth: when many are wanted at once, or the machine is busy with one that begins,
 * they go first. One that died of itself is given more time. */
#define SPARE_NSEC (20 * NSEC_PER_MSEC)
#define SPARE_AGAIN_NSEC (60 * NSEC_PER_SEC)

struct birth {
        struct birth *next;
        uint32_t slot, generation;
};

struct nursery {
        uint32_t slot;
        uint32_t generation;          /* the one that serves; 0: none */
        struct birth *first, **last;  /* those that wait; the first is asked for while outstanding is a worker */
        struct process *outstanding;  /* a worker, or the next spare */
        uint32_t asked;               /* the generation that was asked for the outstanding one: it may be replaced meanwhile */
        struct process *spare;        /* of the one that serves: the next birth is done already */
        uint8_t *sandbox;             /* that the spare has applied: it can become a worker with the same */
        size_t sandbox_size;
        sd_event_source *spare_timer; /* when there should be one */
        uint64_t renewed;
};

static const struct plan_timing default_timing = {
        .start_msec = 10000, .term_msec = 2000, .kill_msec = 5000, .backoff_base_msec = 100, .backoff_cap_msec = 30000,
        .healthy_msec = 60000, .intensity = 5, .window_msec = 30000, .slow_msec = 300000,
};

bool nursery_is(struct service *s, uint32_t slot) {
        return s->nursery && s->nursery->slot == slot;
}

static int on_spare(sd_event_source *source, uint64_t usec, void *userdata);

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
        return watch_timer(s->event, &s->nursery->spare_timer, on_spare, s);
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
        (void) sd_event_source_disable_unref(s->nursery->spare_timer);
        free(s->nursery->sandbox);
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
        struct wire_fork fork = {.slot = birth->slot, .generation = birth->generation};
        int ends[3] = {-1, -1, -1}, fds[4], r;

        /* Without a plan it is a spare, which gets its limits when it becomes a worker. */
        if (worker) {
                fork.core = worker->core;
                fork.memory_max = process_data_max(s, worker);
                fork.files_max = worker->files_max;
                fork.processes_max = worker->processes_max;
        }
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

/* ---- the spare ---- */

static void drop_spare(struct nursery *n) {
        if (n->spare)
                process_signal(n->spare, SIGKILL); /* and freed, at its death */
        n->spare = NULL;
}

static void spare_in(struct service *s, uint64_t nsec) {
        (void) watch_timer_set(s->nursery->spare_timer, now_monotonic() + nsec);
}

static bool same_sandbox(const struct plan_worker *a, const uint8_t *sandbox, size_t size) {
        return a->sandbox_size == size && memcmp(a->sandbox, sandbox, size) == 0;
}

/* A worker with the sandbox that most of those have that are forked; any when there is no such one; NULL when none is forked. */
static const struct plan_worker *usual_worker(const struct plan *plan) {
        const struct plan_worker *usual = NULL;
        size_t votes = 0;

        for (size_t i = 0; i < plan->n_workers; i++) {
                const struct plan_worker *worker = &plan->workers[i];

                if (!worker->nursery || worker->kind != WIRE_KIND_PLUGIN)
                        continue;
                if (votes == 0)
                        usual = worker;
                if (same_sandbox(worker, usual->sandbox, usual->sandbox_size))
                        votes++;
                else
                        votes--;
        }
        return usual;
}

/* Applying it takes a fifth of a restart: the spare does it while nobody waits. */
static int confine_spare(struct service *s) {
        const struct plan_worker *usual = usual_worker(&s->plan);
        struct nursery *n = s->nursery;
        _cleanup_close_ int fd = -1;
        uint8_t *copy;

        if (!usual || usual->sandbox_size == 0)
                return -ENOENT;
        fd = memfd_sealed("sandbox", usual->sandbox, usual->sandbox_size);
        if (fd < 0)
                return fd;
        copy = malloc(usual->sandbox_size);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, usual->sandbox, usual->sandbox_size);
        free(n->sandbox);
        n->sandbox = copy;
        n->sandbox_size = usual->sandbox_size;
        n->spare->confined = true;
        process_send(n->spare, WIRE_CONFINE, 0, NULL, 0, &fd, 1);
        return 0;
}

/* A sandbox cannot be left: a worker with another one, or with none, is forked for itself. */
static bool spare_fits(struct service *s, const struct birth *birth) {
        const struct plan_worker *worker = service_unit(s, birth->slot)->plan;
        struct nursery *n = s->nursery;

        if (!n->spare || !n->spare->confined)
                return n->spare != NULL;
        return same_sandbox(worker, n->sandbox, n->sandbox_size);
}

/* After a reload the usual sandbox may be another. */
static bool spare_is_stale(struct service *s) {
        const struct plan_worker *usual = usual_worker(&s->plan);
        const struct nursery *n = s->nursery;

        return n->spare && n->spare->confined && usual && !same_sandbox(usual, n->sandbox, n->sandbox_size);
}

static int on_spare(sd_event_source *source, uint64_t usec, void *userdata) {
        struct service *s = userdata;
        struct nursery *n = s->nursery;
        struct process *nursery = n->generation > 0 ? service_process(s, n->slot, n->generation) : NULL;

        /* Who is in our way sets the timer when it is done. */
        if (!nursery || n->spare || n->outstanding || s->stopping)
                return 0;
        if (ask(s, nursery, &(const struct birth) {.slot = n->slot}) < 0)
                n->outstanding = process_free(n->outstanding);
        return 0;
}

/* Begins the worker: everybody is told, and it gets its configuration. */
static void begin(struct process *p) {
        service_event(p->service, .type = EVENT_SPAWNED, .slot = p->slot, .generation = p->generation);
        /* It runs the nursery's program, whose HELLO was heard: its own need not be waited for. */
        setup_send(p);
}

/* The spare becomes the worker. False when it cannot be one: it is killed, and nothing has happened. */
static bool take_spare(struct service *s, const struct birth *birth) {
        struct process *p = s->nursery->spare;
        int r;

        s->nursery->spare = NULL;
        r = process_adopt(p, birth->slot, birth->generation);
        if (r < 0) {
                log_warning("the nursery's spare cannot become worker '%s': %s", policy_slot(&s->policy, birth->slot)->name,
                            strerror(-r));
                process_signal(p, SIGKILL);
                return false;
        }
        begin(p);
        spare_in(s, SPARE_NSEC);
        return true;
}

void nursery_spare_died(struct process *spare) {
        struct service *s = spare->service;

        if (!s->nursery || s->nursery->spare != spare)
                return;
        log_warning("the nursery's spare (pid %d) ended before it was needed", (int) spare->pid);
        s->nursery->spare = NULL;
        spare_in(s, SPARE_AGAIN_NSEC);
}

/* ---- births ---- */

static void next(struct service *s) {
        struct nursery *n = s->nursery;
        struct process *nursery;

        while (n->first && !n->outstanding) {
                struct birth birth = *n->first;
                int r;

                if (spare_fits(s, &birth)) {
                        if (take_spare(s, &birth))
                                pop(n);
                        continue;
                }
                if (spare_is_stale(s)) {
                        drop_spare(n);
                        spare_in(s, SPARE_NSEC);
                }
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
        struct process *p = n ? n->outstanding : NULL;
        uint32_t slot = forked->slot, generation = forked->generation;
        int pidfd, r;

        if (!p || nursery->generation != n->asked || slot != p->slot || generation != p->generation ||
            (forked->error == 0) != (m->n_fds == 1)) {
                process_broke(nursery, "told of a birth that nobody asked for");
                return;
        }
        n->outstanding = NULL;
        if (!process_is_spare(p))
                pop(n);

        r = forked->error;
        if (r == 0) {
                pidfd = channel_message_take_fd(m, 0);
                r = process_born(p, forked->pid, pidfd);
                if (r < 0)
                        process_signal(p, SIGKILL);
        }
        if (r != 0) {
                bool spare = process_is_spare(p);

                (void) process_free(p);
                if (!spare)
                        failed(s, slot, generation, r);
        } else if (process_is_spare(p)) {
                n->spare = p;
                if (n->asked != n->generation || s->stopping)
                        drop_spare(n);
                else
                        (void) confine_spare(s); /* or it is given its sandbox with its SETUP */
        } else
                begin(p);
        if (!n->spare)
                spare_in(s, r == 0 ? SPARE_NSEC : SPARE_AGAIN_NSEC);
        next(s);
        if (!nursery_busy(s))
                orphans_look(s);
}

void nursery_ready(struct service *s, uint32_t generation) {
        drop_spare(s->nursery);
        s->nursery->generation = generation;
        spare_in(s, SPARE_NSEC);
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
        if (n->generation == generation) {
                n->generation = 0;
                drop_spare(n);
        }
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
        log_info("the nursery is replaced: a worker's death by SIG%s may have been a probe of memory",
                 strempty(sigabbrev_np(signo)));
        service_event(s, .type = EVENT_REPLACE, .slot = n->slot);
}
