/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a service is, of what the supervisor's status feed says.
 *
 *   passing    all of it serves
 *   warning    it is degraded: something of it does not
 *   critical   it cannot serve: no gateway is ready, or no plugin is
 */
#pragma once

#include "config/plan.h"
#include "workers/discovery/registrar.h"

#define HEALTH_SLOTS_MAX (PLAN_WORKERS_MAX + 64)

struct health {
        struct wire_service service;
        bool has_service;
        bool began;        /* it was ready once: before that it is not known to others */
        uint8_t *slots;    /* by number: bits of health.c */
        size_t n_slots;
        unsigned gateways, gateways_up, plugins, plugins_up;
};

void health_done(struct health *h);
/* -EBADMSG for what breaks the contract; -ENOMEM. */
int health_take_service(struct health *h, const struct wire_service *service) _must_check_;
int health_take_slot(struct health *h, const struct wire_slot *slot) _must_check_;
void health_drop_slot(struct health *h, uint32_t slot);

/* Whether others should know of it. Then how it is, and why, in a sentence for people. */
bool health_look(const struct health *h, enum registrar_health *ret, const char **ret_text);
