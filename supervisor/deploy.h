/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration child: wazo-config, a short-lived process that reads the configuration and sends back a plan
 * and the plugins' descriptions, each sealed. What it prints are its findings, for people.
 */
#pragma once

#include "supervisor/service.h"

#define DEPLOY_FINDINGS_MAX 65536

struct deploy {
        pid_t pid;
        int pidfd, channel, findings_fd;
        int plan_fd, descriptions_fd;  /* once they came */
        char *findings;                /* what it printed, NUL-terminated, cut at DEPLOY_FINDINGS_MAX */
        size_t findings_size;
};

#define DEPLOY_NULL ((struct deploy) {.pidfd = -1, .channel = -1, .findings_fd = -1, .plan_fd = -1, .descriptions_fd = -1})

int deploy_begin(struct service *s, struct deploy *d) _must_check_;
/* Takes what is there without waiting. */
void deploy_read(struct deploy *d);
/* Waits for its end, until @deadline (CLOCK_MONOTONIC nsec). Its exit code; -ETIMEDOUT after killing it. */
int deploy_wait(struct deploy *d, uint64_t deadline) _must_check_;
/* Unpacks what is in the two descriptors, which stay the caller's. @ret_plan points into *ret_data. -EBADMSG, -EMSGSIZE. */
int deploy_decode(int plan_fd, int descriptions_fd, struct plan *ret_plan, char **ret_data, size_t *ret_size) _must_check_;
/* The same, and takes plan_fd and descriptions_fd. -EBADMSG when the child did not keep to the format. */
int deploy_take(struct deploy *d, struct plan *ret_plan, char **ret_data, size_t *ret_size, int *ret_plan_fd,
                int *ret_descriptions_fd) _must_check_;
void deploy_done(struct deploy *d);
