/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The status feed: what gateways, control and relay are told about slots and about the whole. It coalesces: whoever reads
 * slowly misses the steps in between and never the last one, and nothing piles up.
 */
#pragma once

#include "supervisor/service.h"

int feed_init(struct service *s) _must_check_;
/* From now on it gets everything, beginning with all there is. */
void feed_subscribe(struct process *p);
void feed_unsubscribe(struct process *p);
void feed_slot_changed(struct service *s, uint32_t slot);
void feed_slot_gone(struct service *s, uint32_t slot);
void feed_service_changed(struct service *s);
/* One slot as it is now; also what is written to the log on SIGUSR1. */
void feed_describe_slot(struct service *s, uint32_t slot, struct wire_slot *ret);
