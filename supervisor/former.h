/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Workers of the supervisor that was this process before (supervisor/handover.h). They know their work; what is left
 * to do is to end them: the gateways when ours are ready, the others behind the last gateway, whose requests they
 * answer.
 */
#pragma once

#include "supervisor/service.h"

struct former {
        struct former *next;
        struct service *service;
        sd_event_source *ended_source, *channel_source, *stderr_source;
        enum wire_kind kind;
        pid_t pid;
        int pidfd, channel, stderr_fd;
        unsigned lines; /* that it printed since */
        char name[WIRE_NAME_MAX], cgroup[WIRE_NAME_MAX + 16];
};

/* A worker that was left to us; takes the descriptors over. */
int former_add(struct service *s, const struct former *former) _must_check_;
/* Watches them; when the loop is there. */
int former_init(struct service *s) _must_check_;
void former_done(struct service *s);
/* We serve: the old gateways drain. With @idle_nsec for clients that say nothing: UINT64_MAX, as long as for all others. */
void former_drain(struct service *s, uint64_t idle_nsec);
bool former_is(const struct service *s, pid_t pid);
