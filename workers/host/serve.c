/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/host/serve.h"

#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include "workers/host/answer.h"
#include "workers/host/memory.h"

/* Without a request for this long, what is free of the memory is given back, and later databases are closed. The first takes
 * some 100 us, at a time when nobody waits. */
#define TRIM_AFTER (10 * NSEC_PER_MSEC)
#define REST_AFTER (10 * NSEC_PER_SEC)

/* A request is looked for this long behind another, and so many before the supervisor is heard again. */
#define LINGER_NSEC (50 * NSEC_PER_USEC)
#define LINGER_REQUESTS 64

/* Outcomes of handling one message of the supervisor. */
enum { GO_ON, GONE };

int serve_init(struct serve *s, struct worker *worker, const struct wazo_plugin *plugin, struct wazo_host *host) {
        uint64_t now = now_monotonic();

        *s = (struct serve) {
                .worker = worker,
                .host = host,
                .trimmed = true, /* not rested: what the start took can go, too, when nobody comes */
                .last_request = now,
                .leave_deadline = NSEC_NEVER,
        };
        return jobs_init(&s->jobs, plugin, &worker->setup, now);
}

void serve_done(struct serve *s) {
        for (size_t i = 0; i < s->n_channels; i++)
                s->channels[i].fd = fd_close(s->channels[i].fd);
        s->n_channels = 0;
        jobs_done(&s->jobs);
}

/* ---- channels of those who ask ---- */

static void channel_remove(struct serve *s, size_t i) {
        (void) close(s->channels[i].fd);
        s->channels[i] = s->channels[--s->n_channels];
}

static void leave(struct serve *s, uint64_t deadline) {
        s->leaving = true;
        s->leave_deadline = MIN(s->leave_deadline, deadline);
        for (size_t i = 0; i < s->n_channels; i++)
                (void) shutdown(s->channels[i].fd, SHUT_RD);
}

/* At most one request: each has its turn. Returns whether there was one. */
static bool serve_channel(struct serve *s, size_t i) {
        struct serve_channel *c = &s->channels[i];
        struct channel_message m;
        int r;

        r = channel_receive(c->fd, WIRE_ASK, &m);
        if (r == -EAGAIN)
                return false;
        if (r > 0) {
                r = c->kind == WIRE_KIND_RELAY ? answer_event(s->host, c->fd, &m) : answer_request(s->host, c->fd, &m);
                channel_message_done(&m);
                s->last_request = now_monotonic();
                s->trimmed = s->rested = false;
                if (r >= 0)
                        return true;
        }
        if (r == -EPIPE || r == -ECONNRESET)
                log_debug("%s is gone", c->name);
        else if (r < 0)
                log_error("the channel of %s is closed: %s", c->name,
                          r == -EBADMSG ? "it sent what is no request" :
                          r == -ETIMEDOUT ? "it did not take an answer in time" : strerror(-r));
        channel_remove(s, i);
        return false;
}

/*
 * Under load the next request is on its way when an answer leaves: to be woken for it would cost more than the request.
 * So we look for it a moment longer, and let everybody else have the processor meanwhile.
 */
static void linger(struct serve *s) {
        for (unsigned done = 0; done < LINGER_REQUESTS && now_monotonic() < s->last_request + LINGER_NSEC;) {
                unsigned before = done;

                for (size_t i = s->n_channels; i > 0; i--)
                        while (done < LINGER_REQUESTS && serve_channel(s, i - 1))
                                done++;
                if (done == before)
                        (void) sched_yield();
        }
}

/* ---- messages of the supervisor ---- */

static int on_ping(struct serve *s, struct channel_message *m) {
        return channel_send(s->worker->channel, WIRE_PONG, m->header.id, NULL, 0, NULL, 0);
}

static int on_drain(struct serve *s, struct channel_message *m) {
        leave(s, ((const struct wire_drain *) m->body)->deadline);
        return GO_ON;
}

static int on_log_level(struct serve *s, struct channel_message *m) {
        uint32_t level = ((const struct wire_log_level *) m->body)->level;

        if (level < LOG_LEVEL_MAX)
                log_set_level((enum log_level) level);
        return GO_ON;
}

static int on_peer(struct serve *s, struct channel_message *m) {
        const struct wire_peer *peer = m->body;
        struct serve_channel *c = &s->channels[s->n_channels];

        if (m->n_fds != 1 || !wire_string_valid(peer->name))
                return -EBADMSG;
        if (s->n_channels == SERVE_CHANNELS_MAX) {
                log_warning("%s is refused: there are %d channels", peer->name, SERVE_CHANNELS_MAX);
                return GO_ON;
        }
        c->fd = channel_message_take_fd(m, 0);
        c->kind = peer->kind;
        (void) strcopy(c->name, sizeof(c->name), peer->name);
        s->n_channels++;
        s->had_gateway |= peer->kind == WIRE_KIND_GATEWAY;
        /* Whatever lies in it was sent before the supervisor knew that we leave, and is answered. */
        if (s->leaving)
                (void) shutdown(c->fd, SHUT_RD);
        return GO_ON;
}

static const struct {
        enum wire_type type;
        int (*handle)(struct serve *s, struct channel_message *m);
} handlers[] = {
        {WIRE_PING, on_ping},
        {WIRE_DRAIN, on_drain},
        {WIRE_LOG_LEVEL, on_log_level},
        {WIRE_PEER, on_peer},
};

static int serve_supervisor(struct serve *s) {
        for (;;) {
                struct channel_message m;
                int r;

                r = channel_receive(s->worker->channel, WIRE_DOWN, &m);
                if (r == -EAGAIN)
                        return GO_ON;
                if (r <= 0)
                        return r < 0 ? r : GONE;
                r = -EBADMSG;
                for (size_t i = 0; i < ELEMENTSOF(handlers); i++)
                        if (handlers[i].type == m.header.type)
                                r = handlers[i].handle(s, &m);
                channel_message_done(&m);
                if (r < 0)
                        return r == -EPIPE || r == -ECONNRESET ? GONE : r;
        }
}

/* ---- when nothing comes ---- */

static uint64_t idle_deadline(const struct serve *s) {
        /* A worker with jobs has something to do without a request. */
        if (s->worker->setup.idle_nsec == 0 || s->jobs.n > 0 || s->leaving)
                return NSEC_NEVER;
        return s->last_request + s->worker->setup.idle_nsec;
}

static uint64_t trim_deadline(const struct serve *s) {
        return s->trimmed ? NSEC_NEVER : s->last_request + TRIM_AFTER;
}

static uint64_t rest_deadline(const struct serve *s) {
        return s->rested ? NSEC_NEVER : s->last_request + REST_AFTER;
}

static uint64_t next_deadline(const struct serve *s) {
        uint64_t next = MIN(idle_deadline(s), rest_deadline(s));

        next = MIN(next, trim_deadline(s));
        return MIN(next, s->leaving ? s->leave_deadline : jobs_next(&s->jobs));
}

static void on_nothing(struct serve *s) {
        uint64_t now = now_monotonic();

        if (rest_deadline(s) <= now) {
                wazo_host_idle(s->host);
                memory_give_back();
                s->trimmed = s->rested = true;
        }
        if (trim_deadline(s) <= now) {
                wazo_host_trim(s->host);
                memory_give_back();
                s->trimmed = true;
        }
        if (idle_deadline(s) <= now)
                leave(s, NSEC_NEVER);
        if (!s->leaving && jobs_next(&s->jobs) <= now) {
                jobs_run_one(&s->jobs, s->host, now);
                /* It may have opened the database. */
                s->trimmed = s->rested = false;
                s->last_request = MAX(s->last_request, now_monotonic());
        }
}

/* On demand: every gateway has let go of us. Relay holds on to everybody, and asks for us again when it needs us. */
static bool is_abandoned(const struct serve *s) {
        if (s->worker->setup.idle_nsec == 0 || !s->had_gateway)
                return false;
        for (size_t i = 0; i < s->n_channels; i++)
                if (s->channels[i].kind == WIRE_KIND_GATEWAY)
                        return false;
        return true;
}

static bool is_over(struct serve *s) {
        if (!s->leaving && is_abandoned(s))
                leave(s, NSEC_NEVER);
        return s->leaving && (s->n_channels == 0 || s->leave_deadline <= now_monotonic());
}

static int wait(const struct serve *s, struct pollfd *fds) {
        uint64_t deadline = next_deadline(s), now, left;
        struct timespec timeout;
        int r;

        fds[0] = (struct pollfd) {.fd = s->worker->channel, .events = POLLIN};
        for (size_t i = 0; i < s->n_channels; i++)
                fds[i + 1] = (struct pollfd) {.fd = s->channels[i].fd, .events = POLLIN};
        if (deadline == NSEC_NEVER)
                r = ppoll(fds, s->n_channels + 1, NULL, NULL);
        else {
                now = now_monotonic();
                left = deadline > now ? deadline - now : 0;
                timeout = (struct timespec) {.tv_sec = (time_t) (left / NSEC_PER_SEC), .tv_nsec = (long) (left % NSEC_PER_SEC)};
                r = ppoll(fds, s->n_channels + 1, &timeout, NULL);
        }
        return r < 0 ? -errno : r;
}

void serve_nudge(const struct serve *s) {
        for (size_t i = 0; i < s->n_channels; i++)
                if (s->channels[i].kind == WIRE_KIND_RELAY)
                        (void) channel_send(s->channels[i].fd, WIRE_NUDGE, 0, NULL, 0, NULL, 0);
}

int serve_run(struct serve *s) {
        while (!is_over(s)) {
                struct pollfd fds[SERVE_CHANNELS_MAX + 1];
                int n, r = GO_ON;

                n = wait(s, fds);
                if (n < 0 && n != -EINTR)
                        return n;
                if (n == 0)
                        on_nothing(s);
                if (n <= 0)
                        continue;
                /* From the last to the first: one that is removed has its place taken by one that was served. New ones
                 * come behind, and have not been polled. */
                for (size_t i = s->n_channels; i > 0; i--)
                        if (fds[i].revents)
                                serve_channel(s, i - 1);
                if (fds[0].revents)
                        r = serve_supervisor(s);
                if (r != GO_ON)
                        return r < 0 ? r : 0;
                linger(s);
        }
        return 0;
}
