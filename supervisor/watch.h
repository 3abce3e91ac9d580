/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Event sources as this project makes them: owned by a variable, with a priority, and never silently disabled. A callback
 * that returned an error would be; ours handle theirs and return 0.
 */
#pragma once

#include <systemd/sd-event.h>

#include "lib/util.h"

static inline int watch_fd(sd_event *event, sd_event_source **ret, int fd, uint32_t events, sd_event_io_handler_t handler,
                           void *userdata, int64_t priority) {
        int r = sd_event_add_io(event, ret, fd, events, handler, userdata);

        return r < 0 ? r : sd_event_source_set_priority(*ret, priority);
}

/* A timer that is off until watch_timer_set(). Accuracy is a millisecond: the default of 250 is made for batteries. */
static inline int watch_timer(sd_event *event, sd_event_source **ret, sd_event_time_handler_t handler, void *userdata) {
        int r = sd_event_add_time(event, ret, CLOCK_MONOTONIC, UINT64_MAX, 1000, handler, userdata);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

/* @at: CLOCK_MONOTONIC nanoseconds; NSEC_NEVER turns it off. */
static inline int watch_timer_set(sd_event_source *timer, uint64_t at) {
        int r;

        if (at == NSEC_NEVER)
                return sd_event_source_set_enabled(timer, SD_EVENT_OFF);
        r = sd_event_source_set_time(timer, (at + NSEC_PER_USEC - 1) / NSEC_PER_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}
