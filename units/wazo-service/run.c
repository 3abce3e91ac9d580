/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/wazo-service/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "units/wazo-service/lines.h"
#include "units/wazo-service/order.h"
#include "units/wazo-service/probe.h"

/* systemd's own limits of a stop are below it, if only somewhat: DefaultTimeoutStopSec is 90 s, then SIGKILL as long again. */
#define STOP_SECONDS 200U
/* Of a start, besides what the manifest gives it: systemd may have to start others first. */
#define START_GRACE_MSEC 30000
#define LOOK_USEC 50000U
#define JOB_MAX 64

enum step { STEP_NONE, STEP_JOB, STEP_PROBE };

struct run;

struct one {
        struct run *run;
        size_t index;
        enum step step;
        uint64_t began, deadline; /* CLOCK_MONOTONIC nsec */
        char job[JOB_MAX * 2];
        const struct facts_port *closed; /* the last that did not answer */
};

struct run {
        struct host *host;
        struct target *targets;
        size_t n, done;
        bool stopping, failed;
        const struct run_options *options;
        struct run_result *results;
        struct order order;
        struct lines lines;
        struct one ones[ORDER_MAX];
        sd_event *event;
        int error;
};

static const char *const outcomes[] = {
        [OUTCOME_NONE] = "not begun", [OUTCOME_OK] = "ok", [OUTCOME_NOK] = "failed",
        [OUTCOME_DISABLED] = "disabled", [OUTCOME_IGNORED] = "ignored",
};

const char *outcome_to_string(enum outcome outcome) {
        return outcomes[outcome];
}

bool run_would_start(const struct host *h, const struct target *t) {
        return !host_is_disabled(h, t) && !target_runs(t);
}

bool run_would_stop(const struct target *t) {
        return streq(t->unit.load, "loaded") && !target_is(t, "inactive") && !target_is(t, "failed");
}

static bool waits_for(const void *targets, size_t later, size_t earlier) {
        const struct target *list = targets;

        return suite_waits_for(list[later].manifest, list[earlier].manifest);
}

/* ---- one is done ---- */

static void show_progress(struct run *run) {
        char text[512];
        int used = snprintf(text, sizeof(text), "[%zu/%zu] %s", run->done, run->n, run->stopping ? "stopping" : "starting");

        for (size_t i = 0; i < run->n && used < (int) sizeof(text); i++)
                if (run->ones[i].step != STEP_NONE)
                        used += snprintf(text + used, sizeof(text) - (size_t) used, " %s", run->targets[i].name);
        lines_progress(&run->lines, text);
}

static void finish(struct one *one, enum outcome outcome) {
        static const char *const words[] = {[OUTCOME_OK] = "OK", [OUTCOME_NOK] = "NOK", [OUTCOME_IGNORED] = "ignored"};
        struct run *run = one->run;
        struct run_result *result = &run->results[one->index];

        result->outcome = outcome;
        result->nsec = one->began ? now_monotonic() - one->began : 0;
        run->failed |= outcome == OUTCOME_NOK;
        one->step = STEP_NONE;
        order_done(&run->order, one->index);
        run->done++;
        if (outcome == OUTCOME_DISABLED)
                lines_set(&run->lines, one->index, "\t%s is disabled", run->targets[one->index].name);
        else
                lines_set(&run->lines, one->index, "\t%s %s ... %s", run->stopping ? "stopping" : "starting",
                          run->targets[one->index].name, words[outcome]);
}

/* @what, and what its unit says of itself: what cannot be asked any more is left out of the sentence. */
static void fail(struct one *one, const char *what) {
        struct run *run = one->run;
        struct target *t = &run->targets[one->index];
        struct run_result *result = &run->results[one->index];
        const char *name = t->unit.name;
        struct systemd_details d = {0};

        if (streq(t->unit.load, "not-found"))
                (void) snprintf(result->why, sizeof(result->why), "%s", what);
        else {
                (void) systemd_units(run->host->bus, &name, 1, &t->unit);
                (void) systemd_details(run->host->bus, name, &d);
                (void) snprintf(result->why, sizeof(result->why),
                                "%s; it is %s (%s%s%s)%s%s; see: systemctl status %s", what, t->unit.active,
                                t->unit.sub, *d.result ? ", result " : "", d.result, *d.status ? ": " : "", d.status,
                                name);
        }
        finish(one, OUTCOME_NOK);
}

/* ---- its way ---- */

static void look_whether_it_serves(struct one *one) {
        if (probe(one->run->targets[one->index].manifest, &one->closed) == 0)
                finish(one, OUTCOME_OK);
}

static void started(struct one *one) {
        struct run *run = one->run;
        struct target *t = &run->targets[one->index];
        const char *name = t->unit.name;
        struct systemd_details d;
        int r;

        r = systemd_units(run->host->bus, &name, 1, &t->unit);
        if (r >= 0 && !target_runs(t))
                r = systemd_details(run->host->bus, name, &d);
        if (r < 0)
                fail(one, strerror(-r));
        else if (target_runs(t)) {
                one->step = STEP_PROBE;
                look_whether_it_serves(one);
        } else if (!d.condition)
                finish(one, OUTCOME_IGNORED);
        else
                fail(one, "it ended at once");
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *job, *result;
        struct run *run = userdata;
        char what[64];
        int r;

        r = sd_bus_message_read(m, "uoss", NULL, &job, NULL, &result);
        if (r < 0)
                return r;
        for (size_t i = 0; i < run->n; i++) {
                struct one *one = &run->ones[i];

                if (one->step != STEP_JOB || !streq(one->job, job))
                        continue;
                if (!streq(result, "done") && !streq(result, "skipped")) {
                        (void) snprintf(what, sizeof(what), "systemd's job ended with \"%s\"", result);
                        fail(one, what);
                } else if (run->stopping)
                        finish(one, OUTCOME_OK);
                else
                        started(one);
        }
        return 0;
}

static void begin(struct one *one) {
        struct run *run = one->run;
        struct target *t = &run->targets[one->index];
        uint64_t msec = run->stopping ? STOP_SECONDS * 1000U : (uint64_t) t->manifest->facts.unit.start + START_GRACE_MSEC;
        int r;

        if (!run->stopping && host_is_disabled(run->host, t)) {
                finish(one, OUTCOME_DISABLED);
                return;
        }
        if (run->stopping ? !run_would_stop(t) : !run_would_start(run->host, t)) {
                finish(one, OUTCOME_IGNORED);
                return;
        }
        if (run->options->seconds > 0)
                msec = run->options->seconds * UINT64_C(1000);
        one->step = STEP_JOB;
        one->began = now_monotonic();
        one->deadline = one->began + msec * NSEC_PER_MSEC;
        r = streq(t->unit.load, "not-found") ? -ENOENT :
                systemd_queue(run->host->bus, run->stopping ? "stop" : "start", t->unit.name, one->job, sizeof(one->job));
        if (r < 0)
                fail(one, r == -ENOENT ? "it has no unit here" : strerror(-r));
}

/* Whoever may begin; after a failed start nobody. */
static void advance(struct run *run) {
        size_t i;

        while (!(run->failed && !run->stopping) && (i = order_next(&run->order)) < run->n)
                begin(&run->ones[i]);
        show_progress(run);
}

static bool is_under_way(const struct run *run) {
        for (size_t i = 0; i < run->n; i++)
                if (run->ones[i].step != STEP_NONE)
                        return true;
        return false;
}

static void on_late(struct one *one) {
        const struct facts_port *port = one->closed;
        char what[128];

        if (one->step == STEP_PROBE && port)
                (void) snprintf(what, sizeof(what), "nobody listens on %s port %d (%s) yet", port->address,
                                (int) port->port, port->purpose);
        else
                (void) snprintf(what, sizeof(what), "systemd has not %s it in time", one->run->stopping ? "stopped" : "started");
        fail(one, what);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
        struct run *run = userdata;
        uint64_t now = now_monotonic();

        for (size_t i = 0; i < run->n; i++) {
                struct one *one = &run->ones[i];

                if (one->step == STEP_PROBE)
                        look_whether_it_serves(one);
                if (one->step != STEP_NONE && now >= one->deadline)
                        on_late(one);
        }
        return sd_event_source_set_time_relative(source, LOOK_USEC);
}

/* ---- the whole ---- */

static int loop(struct run *run) {
        _cleanup_(sd_event_source_unrefp) sd_event_source *timer = NULL;
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        sd_bus *bus = run->host->bus;
        int r;

        r = sd_bus_match_signal(bus, &slot, NULL, SYSTEMD_PATH, SYSTEMD_MANAGER, "JobRemoved", on_job_removed, run);
        if (r >= 0)
                r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "Subscribe", NULL, NULL, NULL);
        if (r >= 0)
                r = sd_bus_attach_event(bus, run->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_event_add_time_relative(run->event, &timer, CLOCK_MONOTONIC, LOOK_USEC, 1000, on_look, run);
        if (r >= 0)
                r = sd_event_source_set_enabled(timer, SD_EVENT_ON);
        while (r >= 0) {
                advance(run);
                if (!is_under_way(run))
                        break;
                r = sd_event_run(run->event, UINT64_MAX);
        }
        (void) sd_bus_detach_event(bus);
        return r < 0 ? r : 0;
}

static void report(const struct run *run) {
        for (size_t i = 0; i < run->n; i++)
                if (run->results[i].outcome == OUTCOME_NOK)
                        (void) fprintf(stderr, "wazo-service: %s: %s\n", run->targets[i].name, run->results[i].why);
}

static int run_all(struct host *h, struct target *targets, size_t n, bool stopping, const struct run_options *options,
                   struct run_result *results) {
        _cleanup_free_ struct run *run = calloc(1, sizeof(*run));
        int r;

        if (!run)
                return -ENOMEM;
        if (n > ORDER_MAX)
                return -E2BIG;
        *run = (struct run) {.host = h, .targets = targets, .n = n, .stopping = stopping, .options = options, .results = results};
        for (size_t i = 0; i < n; i++) {
                run->ones[i] = (struct one) {.run = run, .index = i};
                results[i] = (struct run_result) {0};
        }
        order_init(&run->order, n, stopping, waits_for, targets);
        lines_init(&run->lines, n, stopping, options->quiet);
        r = sd_event_new(&run->event);
        if (r < 0)
                return r;
        r = loop(run);
        sd_event_unref(run->event);
        lines_finish(&run->lines);
        report(run);
        if (r < 0)
                return r;
        return run->failed ? -EIO : 0;
}

int run_start(struct host *h, struct target *targets, size_t n, const struct run_options *options, struct run_result *results) {
        return run_all(h, targets, n, false, options, results);
}

int run_stop(struct host *h, struct target *targets, size_t n, const struct run_options *options, struct run_result *results) {
        return run_all(h, targets, n, true, options, results);
}
