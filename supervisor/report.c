/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/report.h"

#include "supervisor/feed.h"

void report_to_log(struct service *s) {
        log_info("status: %s", s->status);
        for (size_t i = 0; i < s->policy.n_slots; i++) {
                struct wire_slot slot;

                if (!policy_slot(&s->policy, (uint32_t) i))
                        continue;
                feed_describe_slot(s, (uint32_t) i, &slot);
                log_info("status: %s (%s) %s, pid %d, generation %u, restarts %u, last cause %s%s%s", slot.name,
                         wire_kind_to_string(slot.kind), wire_state_to_string(slot.state), slot.pid, slot.generation, slot.restarts,
                         wire_cause_to_string(slot.cause), slot.reason[0] ? ": " : "", slot.reason);
        }
}
