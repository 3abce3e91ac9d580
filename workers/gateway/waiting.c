/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/waiting.h"

#define RETRY_MAX_SECONDS 3600

unsigned waiting_retry_after(const struct slot_view *slots, size_t n, uint64_t now) {
        uint64_t earliest = NSEC_NEVER, seconds;

        for (size_t i = 0; i < n; i++)
                if (slots[i].retry_at > 0 && slots[i].retry_at < earliest)
                        earliest = slots[i].retry_at;
        if (earliest == NSEC_NEVER || earliest <= now)
                return 1;
        seconds = (earliest - now + NSEC_PER_SEC - 1) / NSEC_PER_SEC;
        return (unsigned) MIN(seconds, (uint64_t) RETRY_MAX_SECONDS);
}

/* Whether a worker may be in this slot before the deadline. */
static bool may_serve(const struct slot_view *slot, uint64_t deadline) {
        switch (slot->state) {
        case WIRE_STATE_BACKOFF:
                return slot->retry_at < deadline;
        case WIRE_STATE_FAILED:
        case WIRE_STATE_HELD:
        case WIRE_STATE_UNDEAD:
        case WIRE_STATE_DONE:
                return false;
        default:
                return true;
        }
}

enum waiting waiting_decide(const struct slot_view *slots, size_t n, size_t queued, size_t max, uint64_t now,
                            uint64_t queue_deadline, unsigned *ret_retry_after, size_t *ret_culprit) {
        bool any = n == 0, planned = false;

        for (size_t i = 0; i < n; i++) {
                any = any || may_serve(&slots[i], queue_deadline);
                planned = planned || slots[i].retry_at > now;
        }
        *ret_culprit = n;
        if (!any) {
                *ret_culprit = 0;
                *ret_retry_after = planned ? waiting_retry_after(slots, n, now) : WAITING_RETRY_LATER;
                return WAITING_REFUSE;
        }
        if (queued >= max) {
                *ret_retry_after = waiting_retry_after(slots, n, now);
                return WAITING_FULL;
        }
        return WAITING_QUEUE;
}
