/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/server-client.h"

#include <malloc.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "lib/log.h"

#define READ_SIZE 4096
#define IN_MAX (VARLINK_CALL_MAX + 1)
/* Calls of one client before others have their turn. */
#define CALLS_AT_ONCE 8
#define ACCURACY_USEC (100U * 1000)
#define PATIENCE_ENDLESS UINT64_MAX

/* How long a client may take, in seconds. */
enum {
        SECONDS_IDLE = 60,     /* between calls */
        SECONDS_CALL = 10,     /* for one call to arrive */
        SECONDS_READ = 10,     /* to read anything of its answer */
        SECONDS_COMMAND = 150, /* the supervisor, for a command */
};

void client_free(struct client *c) {
        struct server *s = c->server;

        *c->link = c->next;
        if (c->next)
                c->next->link = c->link;
        s->n_clients--;
        if (c->access != ACCESS_COMMAND)
                s->n_readers--;
        (void) sd_event_source_disable_unref(c->io);
        (void) sd_event_source_disable_unref(c->timer);
        (void) relay_forget(c->ask);
        (void) fd_close(c->fd);
        free(c->in);
        free(c->out);
        free(c);
        /* What a large answer took is given back before a long sleep. */
        if (s->n_clients == 0)
                (void) malloc_trim(0);
}

static bool has_call(const struct client *c) {
        return c->in_size > 0 && memchr(c->in, 0, c->in_size) != NULL;
}

static bool is_busy(const struct client *c) {
        return c->out || c->command_id != 0 || c->ask;
}

static bool waits(const struct client *c) {
        return c->command_id != 0 || c->ask;
}

/* 0, or an error: then the client is to be dropped. */
static int flush(struct client *c) {
        while (c->out_at < c->out_size) {
                ssize_t n = send(c->fd, c->out + c->out_at, c->out_size - c->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0)
                        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
                c->out_at += (size_t) n;
        }
        free(c->out);
        c->out = NULL;
        c->out_size = c->out_at = 0;
        return 0;
}

static int answer(struct client *c, struct varlink_answer *a) {
        int r;

        c->progress = true;
        r = varlink_answer_encode(a, &c->out, &c->out_size);
        varlink_answer_done(a);
        return r < 0 ? r : flush(c);
}

/* What the relay said, or why it did not. */
static int relayed(struct client *c, const struct relay_result *result) {
        struct varlink_answer a = VARLINK_ANSWER_NULL;
        int r;

        r = methods_relayed(c->server->methods, &c->wish, result, &a);
        if (r != 0) {
                varlink_answer_done(&a);
                return r < 0 ? r : 0;
        }
        /* An error ends a stream that has not begun. */
        if (a.error)
                c->streaming = false;
        return answer(c, &a);
}

static void on_relay(void *userdata, const struct relay_result *result) {
        struct client *c = userdata;

        c->ask = NULL;
        if (relayed(c, result) < 0)
                client_free(c);
        else
                client_work(c);
}

/* Asks the relay. When it cannot be asked, that is the result. */
static int ask_relay(struct client *c) {
        struct relay_result none = {0};

        c->stale = false;
        none.error = relay_ask(c->server->relay, &c->wish.question, c->wish.nsec, on_relay, c, &c->ask, &none.text);
        return none.error < 0 ? relayed(c, &none) : 0;
}

/* Nobody waits for what comes of it. */
static int ask_relay_oneway(struct client *c) {
        const char *ignored;

        (void) relay_ask(c->server->relay, &c->wish.question, c->wish.nsec, NULL, NULL, NULL, &ignored);
        return 0;
}

/* It has said what it wants; nothing that it still says is looked at. */
static int begin_stream(struct client *c) {
        c->streaming = true;
        c->in_size = 0;
        return c->wish.stream == STREAM_EVENTS ? server_tick(c->server) : 0;
}

/* Asks the supervisor. The answer comes with server_result(). */
static int command(struct client *c, const struct varlink_call *call) {
        struct server *s = c->server;
        struct varlink_answer a = VARLINK_ANSWER_NULL;
        uint64_t id = ++s->command_id;
        int r;

        r = s->send(s->userdata, id, &c->wish.command);
        if (call->oneway)
                return 0;
        if (r < 0) {
                varlink_answer_error(&a, VARLINK_SUPERVISOR_BUSY, "text", "the supervisor takes no command now");
                return answer(c, &a);
        }
        c->command_id = id;
        return 0;
}

static int handle(struct client *c, const struct varlink_call *call) {
        struct varlink_answer a = VARLINK_ANSWER_NULL;
        int r;

        c->wish = (struct method_wish) {0};
        r = methods_call(c->server->methods, c->access, call, &a, &c->wish);
        if (r < 0 || (r == METHOD_ANSWERED && call->oneway)) {
                varlink_answer_done(&a);
                return r < 0 ? r : 0;
        }
        if (r == METHOD_COMMAND)
                return command(c, call);
        if (r != METHOD_RELAY)
                return answer(c, &a);
        if (call->oneway)
                return ask_relay_oneway(c);
        r = c->wish.stream != STREAM_NONE ? begin_stream(c) : 0;
        return r < 0 ? r : ask_relay(c);
}

/* Takes the first call out of the buffer. 1: handled; 0: there is none. */
static int handle_next(struct client *c) {
        char *end = c->in_size > 0 ? memchr(c->in, 0, c->in_size) : NULL;
        struct varlink_call call;
        int r;

        if (!end)
                return 0;
        r = varlink_call_decode(c->in, (size_t) (end - c->in), &call);
        if (r < 0)
                return r;
        c->progress = c->called = true;
        c->in_size -= (size_t) (end + 1 - c->in);
        memmove(c->in, end + 1, c->in_size);
        if (c->in_size == 0) {
                free(c->in);
                c->in = NULL;
                c->in_allocated = 0;
        }
        r = handle(c, &call);
        varlink_call_done(&call);
        return r < 0 ? r : 1;
}

/* What the client waits for, or we for it, and how long. */
static uint64_t patience(const struct client *c) {
        if (c->out)
                return SECONDS_READ;
        if (waits(c))
                return SECONDS_COMMAND;
        if (c->streaming)
                return PATIENCE_ENDLESS;
        return c->in_size > 0 || c->draining ? SECONDS_CALL : SECONDS_IDLE;
}

static int arm(struct client *c) {
        uint64_t seconds = patience(c), now;
        uint32_t events = 0;
        int r;

        /* With a call left over, being writable only means to be called again. */
        if (c->out || (!waits(c) && has_call(c)))
                events |= EPOLLOUT;
        else if (!waits(c) && !c->end)
                events |= EPOLLIN;
        r = sd_event_source_set_io_events(c->io, events);
        if (r < 0)
                return r;

        /* A byte now and then is no reason to wait longer for the rest. */
        if (seconds == c->patience && !c->progress)
                return 0;
        c->patience = seconds;
        c->progress = false;
        if (seconds == PATIENCE_ENDLESS)
                return sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
        r = sd_event_now(c->server->event, CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;
        r = sd_event_source_set_time(c->timer, now + seconds * 1000000);
        return r < 0 ? r : sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

void client_work(struct client *c) {
        int r = 0;

        for (unsigned n = 0; n < CALLS_AT_ONCE && !is_busy(c); n++) {
                if (c->streaming && c->stale) {
                        r = ask_relay(c);
                        if (r < 0)
                                break;
                        continue;
                }
                /* Who follows has said what he wants. */
                if (c->streaming)
                        break;
                r = handle_next(c);
                if (r <= 0)
                        break;
        }
        if (r >= 0 && !is_busy(c) && ((c->draining && c->called) || (c->end && !c->streaming && !has_call(c))))
                r = -ESHUTDOWN;
        if (r >= 0)
                r = arm(c);
        if (r < 0) {
                if (r == -EBADMSG)
                        log_info("a client of the control socket sent no Varlink call, disconnected");
                client_free(c);
        }
}

/* 0, or an error. What a follower still says is read only to learn of its end. */
static int receive(struct client *c) {
        ssize_t n;

        if (c->in_size == IN_MAX)
                return -EBADMSG;
        if (c->in_size == c->in_allocated) {
                size_t size = MIN(MAX(c->in_allocated * 2, (size_t) READ_SIZE), (size_t) IN_MAX);
                char *bigger = realloc(c->in, size);

                if (!bigger)
                        return -ENOMEM;
                c->in = bigger;
                c->in_allocated = size;
        }
        n = recv(c->fd, c->in + c->in_size, c->in_allocated - c->in_size, MSG_DONTWAIT);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                c->end = true;
        c->in_size += (size_t) n;
        if (c->streaming)
                c->in_size = 0;
        return 0;
}

void client_drain(struct client *c) {
        c->draining = true;
        if (!c->streaming && !is_busy(c) && !has_call(c) && receive(c) < 0)
                client_free(c);
        else
                client_work(c);
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct client *c = userdata;
        int r = 0;

        if (events & EPOLLIN)
                r = receive(c);
        if (r >= 0 && (events & EPOLLOUT) && c->out)
                r = flush(c);
        /* Reported whether wanted or not: the peer is gone, and nobody reads what it asked for. */
        if (r >= 0 && (events & (EPOLLHUP | EPOLLERR)) && !(events & EPOLLIN) && (is_busy(c) || !has_call(c)))
                r = -ECONNRESET;
        if (r < 0) {
                client_free(c);
                return 0;
        }
        client_work(c);
        return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        struct client *c = userdata;

        if (c->command_id != 0 && !c->out) {
                struct varlink_answer a = VARLINK_ANSWER_NULL;

                c->command_id = 0;
                varlink_answer_error(&a, VARLINK_SUPERVISOR_BUSY, "text", "the supervisor did not answer in time");
                if (answer(c, &a) >= 0) {
                        client_work(c);
                        return 0;
                }
        }
        client_free(c);
        return 0;
}

int client_new(struct server *s, int fd, enum access access) {
        struct client *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        *c = (struct client) {.server = s, .fd = fd, .access = access, .next = s->clients, .link = &s->clients};
        r = sd_event_add_io(s->event, &c->io, fd, EPOLLIN, on_client, c);
        if (r >= 0)
                r = sd_event_add_time_relative(s->event, &c->timer, CLOCK_MONOTONIC, SECONDS_IDLE * UINT64_C(1000000),
                                               ACCURACY_USEC, on_timeout, c);
        if (r < 0) {
                (void) sd_event_source_disable_unref(c->io);
                free(c);
                return r;
        }
        if (c->next)
                c->next->link = &c->next;
        s->clients = c;
        s->n_clients++;
        if (access != ACCESS_COMMAND)
                s->n_readers++;
        return 0;
}

void client_result(struct client *c, int error, const char *text, const char *lines) {
        struct varlink_answer a = VARLINK_ANSWER_NULL;

        c->command_id = 0;
        if (methods_result(c->wish.command.verb, error, text, lines, &a) < 0 || answer(c, &a) < 0) {
                varlink_answer_done(&a);
                client_free(c);
                return;
        }
        client_work(c);
}
