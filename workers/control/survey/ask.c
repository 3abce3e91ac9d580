/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/survey/ask.h"

#include <math.h>
#include <stdio.h>

#include "units/check/http.h"
#include "workers/control/client/call.h"
#include "workers/control/client/format.h"

#define ANSWER_NSEC (1500 * NSEC_PER_MSEC)
#define HISTORY_LIMIT 12

/* One method; its answer's parameters, or NULL. */
static json_t *ask(struct call *c, const char *method, json_t *parameters, int *ret_error) {
        uint64_t deadline = now_monotonic() + ANSWER_NSEC;
        json_t *message, *answer;
        const char *error;
        int r;

        r = call_send(c, method, parameters, false, deadline);
        if (r >= 0)
                r = call_receive(c, deadline, &message, &error, &answer);
        if (r < 0) {
                *ret_error = r;
                return NULL;
        }
        *ret_error = *error ? -EACCES : 0;
        answer = *error ? NULL : json_incref(answer);
        json_decref(message);
        return answer;
}

static void copy(json_t *to, const char *name, const json_t *from, const char *member) {
        json_t *value = json_object_get(from, member);

        if (value)
                (void) json_object_set(to, name, value);
}

/* ----- status ----- */

static const char *state_of(const json_t *service) {
        if (get_bool(service, "stopping"))
                return "stopping";
        if (!get_bool(service, "ready"))
                return "starting";
        return get_bool(service, "degraded") ? "degraded" : "ready";
}

static void take_workers(json_t *entry, const json_t *workers) {
        static const char *const members[] = {"name", "kind",     "plugin",   "state",      "reason",
                                              "pid",  "since_ms", "restarts", "retry_in_ms"};
        json_t *list = json_array();
        json_int_t restarts = 0;
        const json_t *worker;
        size_t i;

        json_array_foreach(workers, i, worker) {
                json_t *one = json_object();

                for (unsigned k = 0; k < ELEMENTSOF(members); k++)
                        copy(one, members[k], worker, members[k]);
                restarts += get_int(worker, "restarts");
                (void) json_array_append_new(list, one);
        }
        (void) json_object_set_new(entry, "restarts", json_integer(restarts));
        (void) json_object_set_new(entry, "workers", list);
}

static void take_status(json_t *entry, const json_t *status) {
        static const char *const members[] = {"name", "version", "pid", "uptime_ms", "listeners"};
        const json_t *service = json_object_get(status, "service");

        for (unsigned i = 0; i < ELEMENTSOF(members); i++)
                copy(entry, members[i], service, members[i]);
        (void) json_object_set_new(entry, "state", json_string(state_of(service)));
        copy(entry, "text", service, "status");
        copy(entry, "problems", status, "problems");
        copy(entry, "relay", status, "relay");
        take_workers(entry, json_object_get(status, "workers"));
}

/* ----- history ----- */

static void take_events(json_t *entry, const json_t *answer) {
        const json_t *event;
        json_t *list = json_array();
        size_t i;

        json_array_foreach(json_object_get(answer, "events"), i, event) {
                json_t *one = json_object();

                copy(one, "id", event, "id");
                copy(one, "at", event, "created_at");
                copy(one, "name", event, "name");
                copy(one, "resource", event, "resource");
                (void) json_object_set_new(one, "sent", json_boolean(json_is_string(json_object_get(event, "published_at"))));
                (void) json_array_append_new(list, one);
        }
        (void) json_object_set_new(entry, "events", list);
}

static void take_crashes(json_t *entry, const json_t *answer) {
        static const char *const members[] = {"at", "worker", "cause", "reason"};
        const json_t *record;
        json_t *list = json_array();
        size_t i;

        json_array_foreach(json_object_get(answer, "records"), i, record) {
                json_t *one = json_object();

                for (unsigned k = 0; k < ELEMENTSOF(members); k++)
                        copy(one, members[k], record, members[k]);
                (void) json_array_append_new(list, one);
        }
        (void) json_object_set_new(entry, "crashes", list);
}

static void ask_history(struct call *c, json_t *entry) {
        json_t *answer;
        int error;

        answer = ask(c, "io.wazo.suite.Why", json_pack("{s:i}", "limit", HISTORY_LIMIT), &error);
        if (answer)
                take_crashes(entry, answer);
        json_decref(answer);
        if (error < 0 && error != -EACCES)
                return;
        /* A service without a relay has none. */
        answer = ask(c, "io.wazo.suite.Events", json_pack("{s:i}", "limit", HISTORY_LIMIT), &error);
        if (answer)
                take_events(entry, answer);
        json_decref(answer);
}

/* ----- figures ----- */

static void set_time(json_t *to, const char *name, double msec) {
        if (msec >= 0)
                (void) json_object_set_new(to, name, json_real(round(msec * 100) / 100));
}

static void set_count(json_t *to, const char *name, uint64_t n) {
        (void) json_object_set_new(to, name, json_integer((json_int_t) n));
}

/* A plugin's requests, at each of its workers' rows: they share them. */
static void take_plugins(json_t *entry, const struct figures *f) {
        json_t *worker;
        size_t i;

        json_array_foreach(json_object_get(entry, "workers"), i, worker) {
                const struct figures_plugin *plugin = figures_plugin(f, get_string(worker, "plugin"));

                if (!get_string(worker, "plugin")[0])
                        continue;
                set_count(worker, "requests", plugin ? plugin->requests : 0);
                set_count(worker, "errors", plugin ? plugin->errors : 0);
        }
}

static void take_figures(json_t *entry, const struct figures *now, struct ask_memory *memory) {
        uint64_t at = now_monotonic(), nsec = memory->has_figures ? at - memory->at : 0, errors = 0;
        struct figures since;
        json_t *requests = json_object();

        figures_since(now, memory->has_figures ? &memory->figures : NULL, &since);
        for (size_t i = 0; i < since.n_plugins; i++)
                errors += since.plugins[i].errors;
        set_count(requests, "count", histogram_count(&since.took));
        set_count(requests, "errors", errors);
        if (nsec > 0) {
                set_count(requests, "since_ms", nsec / NSEC_PER_MSEC);
                set_time(requests, "per_second", (double) histogram_count(&since.took) * 1e9 / (double) nsec);
        }
        set_time(requests, "p50_ms", histogram_quantile(&since.took, 0.5));
        set_time(requests, "p95_ms", histogram_quantile(&since.took, 0.95));
        set_time(requests, "p99_ms", histogram_quantile(&since.took, 0.99));
        set_time(requests, "waited_p95_ms", histogram_quantile(&since.waited, 0.95));
        set_count(requests, "executing", now->executing);
        set_count(requests, "connections", now->connections);
        set_count(requests, "refused", since.refused);
        (void) json_object_set_new(entry, "requests", requests);
        take_plugins(entry, &since);
        memory->figures = *now;
        memory->has_figures = true;
        memory->at = at;
}

/* "http://0.0.0.0:9486" as who is on this host reaches it. False: it is no URL. */
static bool make_url(const char *listener, char *to, size_t size) {
        static const struct {
                const char *all, *loopback;
        } addresses[] = {{"://0.0.0.0:", "://127.0.0.1:"}, {"://[::]:", "://[::1]:"}};

        if (strncmp(listener, "http", 4) != 0)
                return false;
        for (unsigned i = 0; i < ELEMENTSOF(addresses); i++) {
                const char *at = strstr(listener, addresses[i].all);

                if (at)
                        return snprintf(to, size, "%.*s%s%s/metrics", (int) (at - listener), listener, addresses[i].loopback,
                                        at + strlen(addresses[i].all)) < (int) size;
        }
        return snprintf(to, size, "%s/metrics", listener) < (int) size;
}

static void ask_gateway(json_t *entry, struct ask_memory *memory) {
        const json_t *listener;
        size_t i;

        json_array_foreach(json_object_get(entry, "listeners"), i, listener) {
                _cleanup_(http_answer_done) struct http_answer answer = HTTP_ANSWER_NULL;
                _cleanup_free_ struct figures *figures = calloc(1, sizeof(*figures));
                char url[300];

                if (!figures || !make_url(json_string_value(listener), url, sizeof(url)) || http_ask("GET", url, NULL, &answer) < 0)
                        continue;
                if (answer.status != 200 || !figures_read(strempty(answer.body), figures))
                        continue;
                take_figures(entry, figures, memory);
                return;
        }
}

int ask_service(const char *path, bool history, struct ask_memory *memory, json_t *entry) {
        _cleanup_(call_done) struct call c = CALL_NULL;
        json_t *status;
        int r, error;

        r = call_open(&c, path);
        if (r < 0)
                return r;
        status = ask(&c, "io.wazo.suite.Status", NULL, &error);
        if (!status)
                return error;
        take_status(entry, status);
        json_decref(status);
        if (history)
                ask_history(&c, entry);
        ask_gateway(entry, memory);
        return 0;
}
