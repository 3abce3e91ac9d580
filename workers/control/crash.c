/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/crash.h"

#include <stdio.h>

#include "workers/control/answers.h"
#include "workers/control/text.h"

#define RECORD_VERSION 1

int crash_check(const struct wire_death *d) {
        if (d->kind >= WIRE_KIND_MAX || d->cause >= WIRE_CAUSE_MAX || !wire_string_valid(d->name) ||
            !wire_string_valid(d->reason) || !wire_string_valid(d->inflight.request_id) ||
            !wire_string_valid(d->inflight.method) || !wire_string_valid(d->inflight.route))
                return -EBADMSG;
        return 0;
}

/* What exit_status is, by cause. */
static bool is_signal(unsigned cause) {
        switch (cause) {
        case WIRE_CAUSE_SIGNAL:
        case WIRE_CAUSE_DEADLINE:
        case WIRE_CAUSE_OOM:
        case WIRE_CAUSE_SANDBOX:
        case WIRE_CAUSE_PROTOCOL:
        case WIRE_CAUSE_KILLED:
                return true;
        default:
                return false;
        }
}

static bool is_exit_code(unsigned cause) {
        return cause == WIRE_CAUSE_EXIT || cause == WIRE_CAUSE_CONFIG || cause == WIRE_CAUSE_MISMATCH;
}

static int set_status(json_t *record, const struct wire_death *d) {
        json_t *signal;
        char name[32];
        int r = 0;

        if (is_exit_code(d->cause))
                return answers_set(record, "exit_code", json_integer(d->exit_status));
        if (!is_signal(d->cause) || d->exit_status <= 0)
                return 0;
        text_signal_name(d->exit_status, name, sizeof(name));
        signal = json_object();
        r |= answers_set(signal, "number", json_integer(d->exit_status));
        r |= answers_set(signal, "name", json_string(name));
        return r | answers_set(record, "signal", signal);
}

static json_t *usage_of(const struct wire_death *d) {
        json_t *usage = json_object();
        int r = 0;

        r |= answers_set(usage, "user_ms", answers_integer(d->user_usec / 1000));
        r |= answers_set(usage, "system_ms", answers_integer(d->system_usec / 1000));
        r |= answers_set(usage, "max_rss_kib", answers_integer(d->max_rss_kib));
        return answers_finish(usage, r);
}

static json_t *request_of(const struct wire_inflight *i) {
        json_t *request = json_object();
        int r = 0;

        r |= answers_set(request, "id", text_json(i->request_id));
        r |= answers_set(request, "method", text_json(i->method));
        r |= answers_set(request, "route", text_json(i->route));
        r |= answers_set(request, "age_ms", text_json_msec(i->age_nsec));
        return answers_finish(request, r);
}

static json_t *next_of(const struct wire_death *d) {
        json_t *next = json_object();
        char text[64];
        int r = 0;

        if (d->restart_nsec == NSEC_NEVER)
                return answers_finish(next, answers_set(next, "text", json_string("not started again")));
        if (d->restart_nsec == 0)
                (void) strcopy(text, sizeof(text), "started again at once");
        else
                (void) snprintf(text, sizeof(text), "started again after %.2f s",
                                (double) d->restart_nsec / (double) NSEC_PER_SEC);
        r |= answers_set(next, "restart_in_ms", text_json_msec(d->restart_nsec));
        r |= answers_set(next, "text", json_string(text));
        return answers_finish(next, r);
}

json_t *crash_record(const struct model *m, const struct wire_death *d, const char *log) {
        const struct wire_slot *slot = model_find(m, d->name);
        json_t *record = json_object();
        int r = 0;

        r |= answers_set(record, "version", json_integer(RECORD_VERSION));
        r |= answers_set(record, "service", text_json(m->service.name));
        r |= answers_set(record, "service_version", text_json(m->service.version));
        r |= answers_set(record, "worker", text_json(d->name));
        if (slot && slot->plugin[0])
                r |= answers_set(record, "plugin", text_json(slot->plugin));
        if (slot && slot->class[0])
                r |= answers_set(record, "class", text_json(slot->class));
        r |= answers_set(record, "kind", json_string(wire_kind_to_string(d->kind)));
        r |= answers_set(record, "at", text_json_time(d->at_wall));
        r |= answers_set(record, "cause", json_string(wire_cause_to_string(d->cause)));
        r |= answers_set(record, "reason", text_json(d->reason));
        r |= set_status(record, d);
        r |= answers_set(record, "was_ready", json_boolean(d->was_ready));
        r |= answers_set(record, "uptime_ms", text_json_msec(d->uptime_nsec));
        r |= answers_set(record, "generation", json_integer(d->generation));
        r |= answers_set(record, "pid", json_integer(d->pid));
        r |= answers_set(record, "usage", usage_of(d));
        if (d->inflight.request_id[0])
                r |= answers_set(record, "request", request_of(&d->inflight));
        r |= answers_set(record, "log", answers_lines(strempty(log)));
        r |= answers_set(record, "next", next_of(d));
        return answers_finish(record, r);
}
