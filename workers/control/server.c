/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "lib/log.h"
#include "workers/control/server-client.h"

/* A stream's answers are at least this far apart. */
#define STREAM_USEC (100U * 1000)
/* How often the relay is asked for those who follow events. */
#define TICK_USEC (500U * 1000)

static int on_listener(sd_event_source *source, int listener, uint32_t events, void *userdata) {
        _cleanup_close_ int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct server *s = userdata;
        enum access access;

        /* Anything else than a client that has gone again is for the next round of the loop. */
        if (fd < 0)
                return 0;
        access = access_of_peer(&s->rules, fd);
        if (s->n_clients >= SERVER_CLIENTS_MAX || (access != ACCESS_COMMAND && s->n_readers >= SERVER_READERS_MAX)) {
                log_warning("too many clients at the control socket, one refused");
                return 0;
        }
        if (client_new(s, fd, access) >= 0)
                (void) fd_steal(&fd);
        return 0;
}

static bool is_followed(const struct server *s, enum method_stream stream) {
        for (const struct client *c = s->clients; c; c = c->next)
                if (c->streaming && c->wish.stream == stream)
                        return true;
        return false;
}

static void tell_followers(struct server *s, enum method_stream stream) {
        for (struct client *c = s->clients, *next; c; c = next) {
                next = c->next;
                if (!c->streaming || c->wish.stream != stream)
                        continue;
                c->stale = true;
                client_work(c);
        }
}

static int on_changed(sd_event_source *source, uint64_t usec, void *userdata) {
        tell_followers(userdata, STREAM_STATUS);
        return 0;
}

int server_tick(struct server *s) {
        int r = sd_event_source_set_time_relative(s->tick, TICK_USEC);

        return r < 0 ? r : sd_event_source_set_enabled(s->tick, SD_EVENT_ONESHOT);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        struct server *s = userdata;

        tell_followers(s, STREAM_EVENTS);
        return is_followed(s, STREAM_EVENTS) ? server_tick(s) : 0;
}

static int add_timer(struct server *s, sd_event_source **ret, uint64_t usec, sd_event_time_handler_t handler) {
        int r = sd_event_add_time(s->event, ret, CLOCK_MONOTONIC, 0, usec / 10, handler, s);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int server_start(struct server *s, int listener) {
        int r;

        r = add_timer(s, &s->changed, STREAM_USEC, on_changed);
        if (r >= 0)
                r = add_timer(s, &s->tick, TICK_USEC, on_tick);
        if (r < 0)
                return r;
        r = fcntl(listener, F_SETFL, O_NONBLOCK | fcntl(listener, F_GETFL));
        if (r < 0)
                return -errno;
        r = sd_event_add_io(s->event, &s->listener, listener, EPOLLIN, on_listener, s);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(s->listener, SD_EVENT_OFF);
        return r < 0 ? r : sd_event_source_set_io_fd_own(s->listener, true);
}

int server_open(struct server *s) {
        return s->listener ? sd_event_source_set_enabled(s->listener, SD_EVENT_ON) : 0;
}

void server_done(struct server *s) {
        while (s->clients)
                client_free(s->clients);
        s->listener = sd_event_source_disable_unref(s->listener);
        s->changed = sd_event_source_disable_unref(s->changed);
        s->tick = sd_event_source_disable_unref(s->tick);
}

void server_changed(struct server *s) {
        int enabled;

        if (!is_followed(s, STREAM_STATUS) || sd_event_source_get_enabled(s->changed, &enabled) != 0)
                return;
        if (sd_event_source_set_time_relative(s->changed, STREAM_USEC) >= 0)
                (void) sd_event_source_set_enabled(s->changed, SD_EVENT_ONESHOT);
}

void server_result(struct server *s, uint64_t id, int error, const char *text, const char *lines) {
        struct client *c;

        for (c = s->clients; c && c->command_id != id; c = c->next)
                ;
        /* Else it did not wait, or is gone. */
        if (c)
                client_result(c, error, text, lines);
}

void server_drain(struct server *s) {
        s->listener = sd_event_source_disable_unref(s->listener);
        for (struct client *c = s->clients, *next; c; c = next) {
                next = c->next;
                client_drain(c);
        }
}
