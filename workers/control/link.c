/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The line to the supervisor: its feed, its deaths and its answers come in; commands and pongs go out.
 */
#include "lib/memfd.h"
#include "workers/control/control.h"

/* Of a reload's findings. */
#define LINES_MAX (1024U * 1024)
/* Then clients are let in, complete or not. */
#define PATIENCE_USEC (500U * 1000)

int control_send_command(void *userdata, uint64_t id, const struct wire_command *command) {
        struct control *c = userdata;

        return c->draining ? -EAGAIN : uplink_send(&c->uplink, WIRE_COMMAND, id, command, sizeof(*command));
}

/* Also after a reload, when the plan has changed and we have not. */
static int on_setup(void *userdata, struct channel_message *m) {
        struct control *c = userdata;
        const struct wire_setup *setup = m->body;

        for (size_t i = 0; i < m->n_fds && i < ELEMENTSOF(setup->fd_roles); i++)
                if (setup->fd_roles[i] == WIRE_FD_PLAN) {
                        int r = model_take_plan(&c->model, m->fds[i]);

                        if (r < 0)
                                log_warning("the new plan cannot be read: %s", strerror(-r));
                }
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

/* What is asked is answered; then, or at the deadline, the loop ends (see main.c). */
static int on_drain(void *userdata, struct channel_message *m) {
        struct control *c = userdata;
        const struct wire_drain *drain = m->body;

        if (c->draining)
                return 0;
        c->draining = true;
        server_drain(&c->server);
        return sd_event_add_time(c->event, &c->deadline, CLOCK_MONOTONIC, drain->deadline / NSEC_PER_USEC, 0, on_deadline, c);
}

/* Gateways ask us, and we ask the relay. */
static int on_peer(void *userdata, struct channel_message *m) {
        struct control *c = userdata;
        const struct wire_peer *peer = m->body;
        int fd = channel_message_take_fd(m, 0), r;

        if (fd < 0)
                return -EBADMSG;
        if (!wire_string_valid(peer->name)) {
                (void) fd_close(fd);
                return -EBADMSG;
        }
        r = peer->kind == WIRE_KIND_RELAY ? relay_introduce(&c->relay, peer, fd) : gateways_add(&c->gateways, peer, fd);
        if (r < 0)
                log_warning("cannot take one more channel, to %s: %s", peer->name, strerror(-r));
        return 0;
}

/* Who was waiting is not told half of it: clients are let in when every worker of the plan has been heard of. */
static int feed_changed(struct control *c) {
        server_changed(&c->server);
        return model_is_complete(&c->model) ? server_open(&c->server) : 0;
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata) {
        struct control *c = userdata;

        return server_open(&c->server);
}

static int on_slot(void *userdata, struct channel_message *m) {
        struct control *c = userdata;
        int r;

        r = model_take_slot(&c->model, m->body);
        return r < 0 ? r : feed_changed(c);
}

static int on_slot_gone(void *userdata, struct channel_message *m) {
        struct control *c = userdata;
        const struct wire_slot_gone *gone = m->body;

        model_drop_slot(&c->model, gone->slot);
        server_changed(&c->server);
        return 0;
}

static int on_service(void *userdata, struct channel_message *m) {
        struct control *c = userdata;
        int r;

        r = model_take_service(&c->model, m->body);
        return r < 0 ? r : feed_changed(c);
}

/* A record that cannot be written is said once, in the log and in status. */
static void tell_crashes(struct control *c, int r) {
        if ((r < 0) == c->crashes_failing)
                return;
        c->crashes_failing = r < 0;
        if (r < 0)
                log_warning("cannot write crash records: %s", strerror(-r));
        (void) worker_note(&c->worker, "crashes", "%s%s", r < 0 ? "records cannot be written: " : "",
                           r < 0 ? strerror(-r) : "records are written again");
}

static int on_death(void *userdata, struct channel_message *m) {
        struct control *c = userdata;
        const struct wire_death *death = m->body;
        _cleanup_free_ char *log = NULL;
        json_t *record;
        int r;

        r = crash_check(death);
        if (r < 0)
                return r;
        if (m->n_fds > 0 && ring_read(m->fds[0], &log) < 0)
                log_warning("the last log lines of %s cannot be read", death->name);
        record = crash_record(&c->model, death, log);
        r = record ? crash_store_write(&c->crashes, death, record) : -ENOMEM;
        json_decref(record);
        tell_crashes(c, r);
        return 0;
}

static int on_result(void *userdata, struct channel_message *m) {
        struct control *c = userdata;
        const struct wire_result *result = m->body;
        _cleanup_free_ char *lines = NULL;
        size_t size;

        if (!wire_string_valid(result->text))
                return -EBADMSG;
        if (m->n_fds > 0 && memfd_read(m->fds[0], LINES_MAX, &lines, &size) < 0)
                log_warning("the supervisor's findings cannot be read");
        server_result(&c->server, m->header.id, result->error, result->text, lines);
        return 0;
}

int control_link(struct control *c) {
        static const struct uplink_handler handlers[] = {
                {WIRE_SETUP, on_setup}, {WIRE_DRAIN, on_drain}, {WIRE_PEER, on_peer}, {WIRE_SLOT, on_slot},
                {WIRE_SLOT_GONE, on_slot_gone}, {WIRE_SERVICE, on_service}, {WIRE_DEATH, on_death}, {WIRE_RESULT, on_result},
        };
        int r;

        r = uplink_open(&c->uplink, c->event, c->worker.channel, CONTROL_QUEUE_MAX, handlers, ELEMENTSOF(handlers), NULL, c);
        if (r < 0)
                return r;
        return sd_event_add_time_relative(c->event, &c->patience, CLOCK_MONOTONIC, PATIENCE_USEC, PATIENCE_USEC / 10,
                                          on_patience, c);
}
