/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/wazo-service/actions.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>

#include "units/wazo-service/firewall.h"
#include "units/wazo-service/run.h"

#define MONIT "monit"

/* The services of one action, and what became of them. */
struct batch {
        struct target *targets;
        struct run_result *results;
        size_t n;
};

static void batch_done(struct batch *b) {
        free(b->targets);
        free(b->results);
}
#define _cleanup_batch_ _cleanup_(batch_done)

static int batch_open(struct batch *b, struct host *h, const struct action_options *options) {
        int r;

        r = host_targets(h, options->filter, false, &b->targets, &b->n);
        if (r < 0)
                return r;
        b->results = calloc(MAX(b->n, (size_t) 1), sizeof(*b->results));
        return b->results ? 0 : -ENOMEM;
}

static void say(const struct action_options *options, const char *line) {
        if (options->json)
                return;
        (void) puts(line);
        (void) fflush(stdout);
}

static int complain(const char *what, int r) {
        (void) fprintf(stderr, "wazo-service: %s: %s\n", what, strerror(-r));
        return r;
}

/* ---- around the services ---- */

static int open_port(const struct action_options *options) {
        int r;

        say(options, "Opening port 5060.");
        r = firewall_open();
        return r < 0 ? complain("the SIP port is not open", r) : 0;
}

static int close_port(const struct action_options *options) {
        int r;

        say(options, "Closing port 5060.");
        r = firewall_close();
        return r < 0 ? complain("the SIP port is not closed", r) : 0;
}

/* While services are stopped and started, nobody else is to start them. Where there is no monit, there is nothing to do. */
static int set_monit(struct host *h, bool run) {
        const struct run_options quietly = {.quiet = true};
        struct run_result result;
        struct target t = {.manifest = suite_find(&h->suite, MONIT), .name = MONIT};
        const char *name;
        int r;

        if (!t.manifest)
                return 0;
        name = t.manifest->facts.unit.name;
        r = systemd_units(h->bus, &name, 1, &t.unit);
        if (r < 0)
                return complain(MONIT, r);
        if (!streq(t.unit.load, "loaded"))
                return 0;
        return run ? run_start(h, &t, 1, &quietly, &result) : run_stop(h, &t, 1, &quietly, &result);
}

/* ---- what would be done, and what was ---- */

static void print_dry_run(struct host *h, const struct batch *b, bool stop) {
        for (size_t k = 0; k < b->n; k++) {
                size_t i = stop ? b->n - 1 - k : k;
                const struct target *t = &b->targets[i];
                bool would = stop ? run_would_stop(t) : run_would_start(h, t);
                const char *separator = ", when done: ";

                printf("\t%s %s %s", would ? "would" : "would not", stop ? "stop" : "start", t->name);
                for (size_t j = 0; would && j < b->n; j++)
                        if (stop ? suite_waits_for(b->targets[j].manifest, t->manifest) && run_would_stop(&b->targets[j])
                                 : suite_waits_for(t->manifest, b->targets[j].manifest) && run_would_start(h, &b->targets[j])) {
                                printf("%s%s", separator, b->targets[j].name);
                                separator = ", ";
                        }
                if (!would && !stop)
                        printf(": it %s", host_is_disabled(h, t) ? "is disabled" : "runs");
                putchar('\n');
        }
}

static json_t *result_json(const struct target *t, const struct run_result *result) {
        return json_pack("{s:s,s:s,s:s,s:f,s:s*}", "name", t->name, "unit", t->unit.name, "outcome",
                         outcome_to_string(result->outcome), "seconds", (double) result->nsec / (double) NSEC_PER_SEC,
                         "why", *result->why ? result->why : NULL);
}

static json_t *batch_json(const char *action, const struct batch *b, int code) {
        json_t *list = json_array();

        for (size_t i = 0; i < b->n; i++)
                (void) json_array_append_new(list, result_json(&b->targets[i], &b->results[i]));
        return json_pack("{s:s,s:o,s:i}", "action", action, "services", list, "exit", code);
}

/* Takes @root. */
static void print_json(json_t *root) {
        if (!root || json_dumpf(root, stdout, JSON_INDENT(1)) < 0)
                (void) complain("cannot print the answer", -ENOMEM);
        putchar('\n');
        json_decref(root);
}

/* ---- start, stop ---- */

static int start(struct host *h, const struct action_options *options, struct batch *b) {
        const struct run_options run = {.quiet = options->json, .seconds = options->seconds};
        int r, port;

        say(options, "Waiting for services to start successfully...");
        r = run_start(h, b->targets, b->n, &run, b->results);
        if (r < 0 && r != -EIO)
                (void) complain("cannot start the services", r);
        /* monit would start what was kept down on purpose. */
        if (r == 0 && options->monit && !h->disabled)
                r = set_monit(h, true);
        port = open_port(options);
        if (r < 0 || port < 0)
                return EXIT_FAILURE;
        say(options, "Wazo fully booted");
        return EXIT_SUCCESS;
}

/* A cron job calls it every minute on a slave: when all are down, nothing is touched. */
static int stop(struct host *h, const struct action_options *options, struct batch *b) {
        const struct run_options run = {.quiet = options->json, .seconds = options->seconds};
        bool any = false;
        int r = 0, k;

        for (size_t i = 0; i < b->n; i++)
                any |= run_would_stop(&b->targets[i]);
        if (any)
                r = close_port(options);
        if (options->monit) {
                k = set_monit(h, false);
                r = r < 0 ? r : k;
        }
        say(options, "Waiting for services to stop successfully...");
        k = run_stop(h, b->targets, b->n, &run, b->results);
        if (k < 0 && k != -EIO)
                (void) complain("cannot stop the services", k);
        return r < 0 || k < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* *ret_done is what became of it, for --json. */
static int act(struct host *h, const struct action_options *options, const char *name, bool stopping,
               int (*run)(struct host *h, const struct action_options *options, struct batch *b), json_t **ret_done) {
        _cleanup_batch_ struct batch b = {0};
        int code;

        if (batch_open(&b, h, options) < 0)
                return EXIT_FAILURE;
        if (options->dry_run) {
                print_dry_run(h, &b, stopping);
                return EXIT_SUCCESS;
        }
        code = run(h, options, &b);
        if (options->json)
                *ret_done = batch_json(name, &b, code);
        return code;
}

int action_start(struct host *h, const struct action_options *options) {
        json_t *done = NULL;
        int code = act(h, options, "start", false, start, &done);

        if (done)
                print_json(done);
        return code;
}

int action_stop(struct host *h, const struct action_options *options) {
        json_t *done = NULL;
        int code = act(h, options, "stop", true, stop, &done);

        if (done)
                print_json(done);
        return code;
}

int action_restart(struct host *h, const struct action_options *options) {
        json_t *stopped = NULL, *started = NULL;
        int code, last;

        code = act(h, options, "stop", true, stop, &stopped);
        last = act(h, options, "start", false, start, &started);
        if (code == EXIT_SUCCESS)
                code = last;
        if (stopped || started)
                print_json(json_pack("{s:s,s:o*,s:o*,s:i}", "action", "restart", "stop", stopped, "start", started, "exit", code));
        return code;
}

/* ---- enable, disable ---- */

/* Only where it is otherwise: each change makes systemd read all of its units again. */
static int enable_monit(struct host *h, bool enable) {
        const struct manifest *m = suite_find(&h->suite, MONIT);
        char state[32];
        int r;

        if (!m)
                return 0;
        r = systemd_file_state(h->bus, m->facts.unit.name, state, sizeof(state));
        if (r == -ENOENT || (r >= 0 && streq(state, "enabled") == enable))
                return 0;
        return r < 0 ? r : systemd_enable(h->bus, m->facts.unit.name, enable);
}

/* The file that keeps telephony down. */
static int set_disabled_file(bool there) {
        int fd;

        if (!there)
                return unlink(HOST_DISABLED_FILE) < 0 && errno != ENOENT ? -errno : 0;
        fd = open(HOST_DISABLED_FILE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0644);
        if (fd < 0)
                return -errno;
        (void) fd_close(fd);
        return 0;
}

static int set_enabled(struct host *h, const struct action_options *options, bool enabled) {
        int r;

        if (options->dry_run) {
                printf("\twould %s %s, and have monit start with the host%s\n", enabled ? "remove" : "make", HOST_DISABLED_FILE,
                       enabled ? "" : " no more");
                return EXIT_SUCCESS;
        }
        say(options, enabled ? "Enabling Wazo services..." : "Disabling Wazo services...");
        r = set_disabled_file(!enabled);
        if (r < 0)
                (void) complain(HOST_DISABLED_FILE, r);
        else {
                r = enable_monit(h, enabled);
                if (r < 0)
                        (void) complain(enabled ? "cannot enable monit" : "cannot disable monit", r);
        }
        if (options->json)
                print_json(json_pack("{s:s,s:i}", "action", enabled ? "enable" : "disable", "exit",
                                     r < 0 ? EXIT_FAILURE : EXIT_SUCCESS));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int action_enable(struct host *h, const struct action_options *options) {
        return set_enabled(h, options, true);
}

int action_disable(struct host *h, const struct action_options *options) {
        return set_enabled(h, options, false);
}
