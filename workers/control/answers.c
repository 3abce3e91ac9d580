/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/answers.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/log.h"
#include "workers/control/text.h"

#define LINES_MAX 2000

int answers_set(json_t *object, const char *name, json_t *value) {
        return json_object_set_new(object, name, value);
}

json_t *answers_integer(uint64_t value) {
        return json_integer((json_int_t) MIN(value, (uint64_t) INT64_MAX));
}

json_t *answers_finish(json_t *value, int r) {
        if (r == 0)
                return value;
        json_decref(value);
        return NULL;
}

static uint64_t elapsed(uint64_t from, uint64_t now) {
        return now > from ? now - from : 0;
}

static json_t *deaths_of(const struct wire_slot *slot) {
        json_t *deaths = json_object();
        int r = 0;

        for (unsigned cause = 0; cause < WIRE_CAUSE_MAX; cause++)
                if (slot->deaths[cause] > 0)
                        r |= answers_set(deaths, wire_cause_to_string(cause), answers_integer(slot->deaths[cause]));
        return answers_finish(deaths, r);
}

json_t *answers_worker(const struct wire_slot *slot, uint64_t now) {
        json_t *worker = json_object();
        int r = 0;

        r |= answers_set(worker, "name", text_json(slot->name));
        r |= answers_set(worker, "kind", json_string(wire_kind_to_string(slot->kind)));
        if (slot->plugin[0])
                r |= answers_set(worker, "plugin", text_json(slot->plugin));
        if (slot->class[0])
                r |= answers_set(worker, "class", text_json(slot->class));
        r |= answers_set(worker, "state", json_string(wire_state_to_string(slot->state)));
        r |= answers_set(worker, "cause", json_string(wire_cause_to_string(slot->cause)));
        r |= answers_set(worker, "reason", text_json(slot->reason));
        if (slot->pid > 0)
                r |= answers_set(worker, "pid", json_integer(slot->pid));
        r |= answers_set(worker, "generation", answers_integer(slot->generation));
        r |= answers_set(worker, "since", text_json_time(slot->since_wall));
        r |= answers_set(worker, "since_ms", text_json_msec(elapsed(slot->since, now)));
        r |= answers_set(worker, "restarts", answers_integer(slot->restarts));
        r |= answers_set(worker, "failures", answers_integer(slot->failures));
        r |= answers_set(worker, "draining", answers_integer(slot->draining));
        r |= answers_set(worker, "deaths", deaths_of(slot));
        if (slot->retry_at > 0 && slot->retry_at != NSEC_NEVER)
                r |= answers_set(worker, "retry_in_ms", text_json_msec(elapsed(now, slot->retry_at)));
        if (slot->ready_nsec > 0)
                r |= answers_set(worker, "ready_ms", text_json_msec(slot->ready_nsec));
        r |= answers_set(worker, "hardening", text_json(slot->hardening));
        if (slot->note[0])
                r |= answers_set(worker, "note", text_json(slot->note));
        return answers_finish(worker, r);
}

/* Where it listens, as URLs; a socket of another kind by its path. */
static json_t *listeners_of(const struct plan *plan) {
        json_t *listeners = json_array();
        int r = listeners ? 0 : -1;

        for (size_t i = 0; i < plan->n_listeners; i++) {
                const struct plan_listener *l = &plan->listeners[i];
                bool six = strchr(l->address, ':');
                char url[256];

                if (l->address[0] == '/')
                        (void) snprintf(url, sizeof(url), "unix:%s", l->address);
                else
                        (void) snprintf(url, sizeof(url), "%s://%s%s%s:%" PRIu32, l->tls_cert[0] ? "https" : "http",
                                        six ? "[" : "", l->address, six ? "]" : "", l->port);
                r |= json_array_append_new(listeners, text_json(url));
        }
        return answers_finish(listeners, r);
}

static json_t *service_of(const struct model *m, uint64_t now) {
        const struct wire_service *s = &m->service;
        json_t *service = json_object();
        int r = 0;

        r |= answers_set(service, "name", text_json(s->name));
        r |= answers_set(service, "version", text_json(s->version));
        r |= answers_set(service, "pid", json_integer(s->pid));
        r |= answers_set(service, "ready", json_boolean(s->ready));
        r |= answers_set(service, "degraded", json_boolean(model_is_degraded(m)));
        r |= answers_set(service, "stopping", json_boolean(s->stopping));
        r |= answers_set(service, "status", text_json(s->status));
        r |= answers_set(service, "started", text_json_time(s->started_wall));
        r |= answers_set(service, "uptime_ms", text_json_msec(s->started > 0 ? elapsed(s->started, now) : 0));
        r |= answers_set(service, "log_level", json_string(log_level_to_string(s->log_level)));
        r |= answers_set(service, "plan_serial", answers_integer(s->plan_serial));
        r |= answers_set(service, "uuid_source", text_json(s->uuid_source));
        r |= answers_set(service, "last_reload", text_json(s->reload));
        r |= answers_set(service, "listeners", listeners_of(&m->plan));
        return answers_finish(service, r);
}

static json_t *versioned(void) {
        json_t *answer = json_object();

        return answers_finish(answer, answers_set(answer, "version", json_integer(ANSWERS_VERSION)));
}

/* As the configuration child told them, our texts made safe like all others. */
static json_t *problems_of(const struct model *m) {
        json_t *problems = json_array(), *given;
        int r = problems ? 0 : -1;
        size_t i;

        json_array_foreach(m->problems, i, given) {
                json_t *problem = json_object();

                r |= answers_set(problem, "plugin", text_json(strempty(json_string_value(json_object_get(given, "plugin")))));
                r |= answers_set(problem, "text", text_json(strempty(json_string_value(json_object_get(given, "text")))));
                r |= json_array_append_new(problems, problem);
        }
        return answers_finish(problems, r);
}

json_t *answers_status(const struct model *m, uint64_t now) {
        json_t *answer = versioned(), *workers = json_array();
        int r = 0;

        for (size_t i = 0; i < m->n_slots; i++)
                r |= json_array_append_new(workers, answers_worker(m->slots[i], now));
        r |= answers_set(answer, "service", service_of(m, now));
        r |= answers_set(answer, "workers", workers);
        r |= answers_set(answer, "problems", problems_of(m));
        return answers_finish(answer, r);
}

json_t *answers_workers(const struct model *m, const char *name, uint64_t now) {
        json_t *workers = json_array();
        int r = workers ? 0 : -1;

        for (size_t i = 0; i < m->n_slots; i++)
                if (name ? model_matches(m->slots[i], name) : !model_is_well(m->slots[i]))
                        r |= json_array_append_new(workers, answers_worker(m->slots[i], now));
        return answers_finish(workers, r);
}

json_t *answers_lines(const char *text) {
        json_t *lines = json_array();
        int r = lines ? 0 : -1;

        for (size_t n = 0; *text && n < LINES_MAX; n++) {
                size_t size = strcspn(text, "\n");

                r |= json_array_append_new(lines, text_json_n(text, size));
                text += size + (text[size] == '\n');
        }
        return answers_finish(lines, r);
}

json_t *answers_command(const char *text, const char *lines) {
        json_t *answer = versioned();
        int r = answers_set(answer, "text", text_json(text));

        if (lines)
                r |= answers_set(answer, "lines", answers_lines(lines));
        return answers_finish(answer, r);
}

json_t *answers_command_failed(int error, const char *text, const char *lines) {
        const char *name = strerrorname_np(error < 0 ? -error : error);
        json_t *answer = json_object();
        int r = 0;

        r |= answers_set(answer, "errno", json_integer(error < 0 ? -error : error));
        r |= answers_set(answer, "name", json_string(name ?: "unknown"));
        r |= answers_set(answer, "text", text[0] ? text_json(text) : json_string(strerror(error < 0 ? -error : error)));
        r |= answers_set(answer, "lines", answers_lines(strempty(lines)));
        return answers_finish(answer, r);
}

json_t *answers_no_such_worker(const struct model *m, const char *name) {
        json_t *answer = json_object(), *near = json_array();
        const char *names[MODEL_NEAR_MAX];
        size_t n = model_near(m, name, names);
        int r = 0;

        for (size_t i = 0; i < n; i++)
                r |= json_array_append_new(near, text_json(names[i]));
        r |= answers_set(answer, "worker", text_json_n(name, strnlen(name, 256)));
        r |= answers_set(answer, "near", near);
        return answers_finish(answer, r);
}
