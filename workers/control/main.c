/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-control: the worker that an operator talks to. It keeps the supervisor's feed, speaks Varlink at the control socket,
 * writes crash records, and renders the metrics that gateways serve. Nothing depends on it: it may die at any time.
 */
#include <jansson.h>

#include "lib/pages.h"
#include "workers/control/control.h"

static int idle(sd_event_source *source, void *userdata) {
        struct control *c = userdata;

        /* Drained: whoever waited for an answer has it. */
        if (c->draining && c->server.n_clients == 0)
                return sd_event_exit(c->event, 0);
        return 0;
}

/* The store is a service to the operator: without it everything else goes on. */
static void open_crashes(struct control *c, const json_t *crashes) {
        const char *dir = json_string_value(json_object_get(crashes, "dir"));
        const json_t *keep = json_object_get(crashes, "keep");
        json_int_t n = json_is_integer(keep) ? json_integer_value(keep) : CRASH_KEEP_DEFAULT;
        int r;

        if (!dir)
                return;
        r = crash_store_open(&c->crashes, dir, (unsigned) MAX(0, MIN(n, CRASH_KEEP_MAX)));
        if (r < 0) {
                c->crashes_failing = true;
                log_warning("cannot keep crash records in %s: %s", dir, strerror(-r));
                (void) worker_note(&c->worker, "crashes", "no records: %s: %s", dir, strerror(-r));
        }
}

static int read_slice(struct control *c, int listener) {
        _cleanup_free_ char *text = NULL;
        const json_t *gid;
        json_t *slice;
        size_t size;
        int r;

        r = worker_read_slice(&c->worker, &text, &size);
        if (r < 0)
                return r;
        slice = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(slice)) {
                json_decref(slice);
                return -EBADMSG;
        }
        open_crashes(c, json_object_get(slice, "crashes"));
        /* Null where there is no such group, which is then nobody's. */
        gid = json_object_get(slice, "gid");
        r = access_rules_init(&c->server.rules, json_is_integer(gid) ? (gid_t) json_integer_value(gid) : (gid_t) -1,
                              json_is_true(json_object_get(slice, "owner_commands")), listener);
        json_decref(slice);
        return r;
}

static int read_plan(struct control *c) {
        _cleanup_close_ int fd = worker_take_fd(&c->worker, WIRE_FD_PLAN, 0);

        return fd < 0 ? fd : model_take_plan(&c->model, fd);
}

static int read_problems(struct control *c) {
        _cleanup_close_ int fd = worker_take_fd(&c->worker, WIRE_FD_DESCRIPTIONS, 0);

        return fd < 0 ? fd : model_take_problems(&c->model, fd);
}

static void setup(struct control *c) {
        _cleanup_close_ int listener = worker_take_fd(&c->worker, WIRE_FD_CONTROL, 0);
        int r;

        if (listener < 0)
                worker_fail(&c->worker, WIRE_CAUSE_CONFIG, "no control socket was handed over");
        r = read_slice(c, listener);
        if (r < 0)
                worker_fail(&c->worker, WIRE_CAUSE_CONFIG, "the control worker's configuration cannot be read: %s", strerror(-r));
        /* It only makes Explain poorer. */
        r = read_plan(c);
        if (r < 0)
                log_warning("the plan cannot be read: %s", strerror(-r));
        r = read_problems(c);
        if (r < 0)
                log_warning("which plugins cannot run is not known: %s", strerror(-r));

        r = server_start(&c->server, fd_steal(&listener));
        if (r < 0)
                worker_fail(&c->worker, WIRE_CAUSE_EXIT, "cannot listen at the control socket: %s", strerror(-r));
}

static int run(struct control *c) {
        sd_event_source *after = NULL;
        int r;

        r = sd_event_default(&c->event);
        if (r < 0)
                return r;
        c->gateways.event = c->server.event = c->relay.event = c->event;
        setup(c);
        r = control_link(c);
        if (r >= 0)
                r = sd_event_add_post(c->event, &after, idle, c);
        if (r >= 0)
                r = worker_ready(&c->worker);
        pages_give_back();
        if (r >= 0)
                r = sd_event_loop(c->event);
        (void) sd_event_source_disable_unref(after);
        return r;
}

static void control_done(struct control *c) {
        server_done(&c->server);
        gateways_done(&c->gateways);
        relay_done(&c->relay);
        crash_store_done(&c->crashes);
        model_done(&c->model);
        uplink_close(&c->uplink);
        c->deadline = sd_event_source_disable_unref(c->deadline);
        c->patience = sd_event_source_disable_unref(c->patience);
        c->event = sd_event_unref(c->event);
}

int main(void) {
        /* Large only by its parts; a process is one worker. */
        static struct control c = {.crashes = {.dir = -1}};
        int r;

        c.methods = (struct methods) {.model = &c.model, .crashes = &c.crashes};
        c.server.methods = &c.methods;
        c.server.send = control_send_command;
        c.server.userdata = &c;
        c.gateways.model = c.relay.model = &c.model;
        c.gateways.relay = c.server.relay = &c.relay;

        /* Nobody may send members that collide. */
        json_object_seed(0);
        if (worker_begin(&c.worker, WIRE_KIND_CONTROL) < 0)
                return EXIT_FAILURE;
        r = run(&c);
        if (r < 0)
                log_error("control ended: %s", strerror(-r));
        control_done(&c);
        return r < 0 ? EXIT_FAILURE : r;
}
