/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What control knows of its service: the newest of each message of the supervisor's feed, and the plan.
 */
#pragma once

#include <jansson.h>

#include "config/plan.h"
#include "lib/wire.h"

#define MODEL_SLOTS_MAX (PLAN_WORKERS_MAX + 64)
#define MODEL_NEAR_MAX 4

struct model {
        struct wire_service service;
        struct wire_slot **slots; /* sorted by number */
        size_t n_slots, allocated;

        struct plan plan;
        void *plan_data; /* mapped */
        size_t plan_size;
        bool has_plan;
        json_t *problems; /* plugins that cannot run: [{"plugin", "text"}]; NULL: unknown */

        /* Seen since this process began. */
        bool has_service;
        uint64_t reloads_applied, reloads_refused;
};

void model_done(struct model *m);

/* Copies of the feed's messages. -EBADMSG for one that breaks the contract, -ENOBUFS past MODEL_SLOTS_MAX, -ENOMEM. */
int model_take_slot(struct model *m, const struct wire_slot *slot) _must_check_;
int model_take_service(struct model *m, const struct wire_service *service) _must_check_;
void model_drop_slot(struct model *m, uint32_t number);
/* Reads the sealed plan in @fd, which stays the caller's. On an error the plan before stays. */
int model_take_plan(struct model *m, int fd) _must_check_;

/* Reads which plugins cannot run from the sealed descriptions in @fd, which stays the caller's. */
int model_take_problems(struct model *m, int fd) _must_check_;

/* Whether the service and every worker of the plan have been heard of. */
bool model_is_complete(const struct model *m);

/* Less than whole: the supervisor says so, or a plugin that is wanted cannot run. */
bool model_is_degraded(const struct model *m);

/* The slot of this name, or NULL. */
const struct wire_slot *model_find(const struct model *m, const char *name);

/* Whether @name is the slot's own or its plugin's. */
bool model_matches(const struct wire_slot *slot, const char *name);

/* Whether any slot matches. */
bool model_knows(const struct model *m, const char *name);

/* Names like @name, the likeliest first: at most MODEL_NEAR_MAX, which point into the model. Returns their number. */
size_t model_near(const struct model *m, const char *name, const char *ret[MODEL_NEAR_MAX]);

/* Nothing is amiss with it that an operator should see. */
bool model_is_well(const struct wire_slot *slot);
