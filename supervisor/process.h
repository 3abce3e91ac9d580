/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One child process, from its birth to the account of its death.
 */
#pragma once

#include "supervisor/service.h"

/* Begins a process of the slot: by the nursery where the plan says so and there is one, else by exec. The outcome is an
 * event of the policy, at once or later. */
void process_spawn(struct service *s, uint32_t slot, uint32_t generation);

/* Its process has ended: reads what it still said, and does what follows from it. What reaper_init() is given. */
void process_ended(struct process *p);

/*
 * The parts that both ways of birth share: the process object with its channel, standard error and ring; the child's ends
 * are returned in @ret_ends (channel, standard error, ring), owned by the caller. -ENOMEM or what the kernel said.
 */
int process_new(struct service *s, uint32_t slot, uint32_t generation, enum wire_kind kind, int ret_ends[3],
                struct process **ret) _must_check_;
/* There is a child now: watches it. Takes @pidfd over. Of a spare only the end is watched: it has nothing to say. */
int process_born(struct process *p, pid_t pid, int pidfd) _must_check_;

/* The RLIMIT_DATA of a worker; 0: none, since its cgroup counts what it really uses. */
uint64_t process_data_max(const struct service *s, const struct plan_worker *worker);

/* Generation 0, in the nursery's slot: a process that waits for its SETUP, and that the policy does not know. */
static inline bool process_is_spare(const struct process *p) {
        return p->generation == 0;
}

/* Makes a spare a worker, with the limits of its plan. An error leaves a spare that is good for nothing. */
int process_adopt(struct process *p, uint32_t slot, uint32_t generation) _must_check_;
struct process *process_free(struct process *p);

/* Queues a message; a process that does not read is killed for it. */
void process_send(struct process *p, enum wire_type type, uint64_t id, const void *body, size_t size, const int *fds, size_t n_fds);
void process_signal(struct process *p, int signo);
/* Reads what its channel still holds, with @budget messages at the most. */
void process_read(struct process *p, unsigned budget);
/* It broke the rules of its channel: told and killed. */
void process_broke(struct process *p, const char *text);
